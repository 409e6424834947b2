/*
 * resolve_progress.c: see resolve_progress.h. One writer; readers may see counters of two moments, which is progress still.
 */
#include "base/compat.h"
#include "customer/resolve_progress.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(crm_resolve_progress_of);

static const char *const phases[] = {"reading", "blocking", "comparing", "fitting", "clustering", "writing"};

dsm_segment *
resolve_progress_create(void)
{
    dsm_segment *segment = dsm_create(sizeof(ResolveProgress), 0);
    ResolveProgress *progress = dsm_segment_address(segment);

    dsm_pin_mapping(segment); /* not the transaction's: the run has several */
    progress->pid = MyProcPid;
    pg_atomic_init_u32(&progress->phase, LINK_READING);
    pg_atomic_init_u64(&progress->done, 0);
    pg_atomic_init_u64(&progress->total, 0);
    pg_atomic_init_u64(&progress->phase_started, (uint64) GetCurrentTimestamp());
    pg_write_barrier();
    progress->magic = RESOLVE_PROGRESS_MAGIC;
    return segment;
}

void
resolve_progress_tell(ResolveProgress *progress, LinkPhase phase, uint64 done, uint64 total)
{
    if (pg_atomic_read_u32(&progress->phase) != (uint32) phase) {
        pg_atomic_write_u64(&progress->phase_started, (uint64) GetCurrentTimestamp());
        pg_atomic_write_u32(&progress->phase, (uint32) phase);
    }
    pg_atomic_write_u64(&progress->total, total);
    pg_atomic_write_u64(&progress->done, done);
}

/* resolve_progress_of(segment bigint, OUT pid, OUT phase, OUT done, OUT total, OUT rate); NULL where the run is over. */
Datum
crm_resolve_progress_of(PG_FUNCTION_ARGS)
{
    dsm_segment *segment = dsm_attach((dsm_handle) PG_GETARG_INT64(0));
    ResolveProgress *progress;
    TupleDesc descriptor;
    Datum values[5];
    bool nulls[5] = {false};
    uint32 phase;
    int64 done;
    int64 total;
    int32 pid;
    double seconds;

    if (segment == NULL)
        PG_RETURN_NULL();
    progress = dsm_segment_address(segment);
    if (dsm_segment_map_length(segment) < sizeof *progress || progress->magic != RESOLVE_PROGRESS_MAGIC) {
        dsm_detach(segment);
        PG_RETURN_NULL();
    }
    pid = progress->pid;
    phase = Min(pg_atomic_read_u32(&progress->phase), (uint32) lengthof(phases) - 1);
    done = (int64) pg_atomic_read_u64(&progress->done);
    total = (int64) pg_atomic_read_u64(&progress->total);
    seconds =
        (double) (GetCurrentTimestamp() - (TimestampTz) pg_atomic_read_u64(&progress->phase_started)) / 1e6;
    dsm_detach(segment);
    if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    values[0] = Int32GetDatum(pid);
    values[1] = CStringGetTextDatum(phases[phase]);
    values[2] = Int64GetDatum(done);
    values[3] = Int64GetDatum(total);
    nulls[3] = total == 0;
    values[4] = Float8GetDatum(seconds > 0 ? (double) done / seconds : 0);
    nulls[4] = seconds <= 0;
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
