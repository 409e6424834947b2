/*
 * linker_host.c: callbacks of the linker. See linker_host.h.
 *
 * Spilled data goes to temporary files of the server, so that temp_tablespaces, temp_file_limit and the clean-up after a crash are
 * those of every other. They belong to the session and not to a transaction: the linker outlives some. Not to a BufFile: that
 * writes once more when it is closed, which on a full disk fails again, in the midst of an abort.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "customer/linker_host.h"
#include "customer/resolve_progress.h"

#include <unistd.h>

#include "commands/tablespace.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#define SPILL_BUFFER BLCKSZ

/* Written, then rewound and read as often as wanted. */
typedef struct SpillFile {
    LinkHost *host;
    File file;
    bool complete; /* all is written */
    off_t at;      /* of the buffer's beginning in the file */
    int used;      /* of the buffer: to be written, or read already */
    int held;      /* of the buffer, while it is read */
    char buffer[SPILL_BUFFER];
} SpillFile;

/* In a PG_CATCH: keeps the error and lets the linker go on to its end. */
static void
keep_error(LinkHost *host)
{
    MemoryContextSwitchTo(host->context);
    if (host->error == NULL)
        host->error = CopyErrorData();
    FlushErrorState();
}

/* What a callback wants of Postgres. */
typedef struct SpillCall {
    SpillFile *spill;
    const void *out;
    void *in;
    size_t size;
} SpillCall;

/* Does it; false where that failed, whatever was raised being kept. */
static bool
guarded(LinkHost *host, bool (*action)(SpillCall *call), SpillCall *call)
{
    MemoryContext before = CurrentMemoryContext;
    volatile bool done = false;

    PG_TRY()
        ;
        {
            MemoryContextSwitchTo(host->context);
            done = action(call);
        }
        PG_CATCH();
        {
            keep_error(host);
        }
    PG_END_TRY();
    MemoryContextSwitchTo(before);
    return done;
}

static bool
do_open(SpillCall *call)
{
    call->spill = palloc0(sizeof(SpillFile));
    PrepareTempTablespaces();
    call->spill->file = OpenTemporaryFile(true);
    return true;
}

static void
flush(SpillFile *spill)
{
    int written;

    if (spill->used == 0)
        return;
    errno = 0;
    written = (int) FileWrite(spill->file, spill->buffer, spill->used, spill->at, WAIT_EVENT_BUFFILE_WRITE);
    if (written != spill->used)
        ereport(ERROR, (errcode_for_file_access(),
                        errmsg("could not write to file \"%s\": %m", FilePathName(spill->file))));
    spill->at += written;
    spill->used = 0;
}

static bool
do_write(SpillCall *call)
{
    SpillFile *spill = call->spill;
    const char *from = call->out;

    Assert(!spill->complete);
    for (size_t left = call->size; left > 0;) {
        size_t part = Min(left, (size_t) (SPILL_BUFFER - spill->used));

        memcpy(spill->buffer + spill->used, from, part);
        spill->used += (int) part;
        from += part;
        left -= part;
        if (spill->used == SPILL_BUFFER)
            flush(spill);
    }
    return true;
}

static bool
do_rewind(SpillCall *call)
{
    SpillFile *spill = call->spill;

    if (!spill->complete)
        flush(spill);
    spill->complete = true;
    spill->at = 0;
    spill->used = spill->held = 0;
    return true;
}

static void
fill(SpillFile *spill)
{
    spill->at += spill->held;
    spill->used = 0;
    spill->held =
        (int) FileRead(spill->file, spill->buffer, SPILL_BUFFER, spill->at, WAIT_EVENT_BUFFILE_READ);
    if (spill->held < 0)
        ereport(ERROR, (errcode_for_file_access(),
                        errmsg("could not read file \"%s\": %m", FilePathName(spill->file))));
}

static bool
do_read(SpillCall *call)
{
    SpillFile *spill = call->spill;
    char *to = call->in;

    for (size_t left = call->size; left > 0;) {
        size_t part = Min(left, (size_t) (spill->held - spill->used));

        if (part == 0) {
            fill(spill);
            if (spill->held == 0)
                return false; /* nothing more is there */
            continue;
        }
        memcpy(to, spill->buffer + spill->used, part);
        spill->used += (int) part;
        to += part;
        left -= part;
    }
    return true;
}

static void *
spill_open(void *context)
{
    SpillCall call = {0};

    if (!guarded(context, do_open, &call))
        return NULL;
    call.spill->host = context;
    return call.spill;
}

static bool
spill_write(void *file, const void *data, size_t size)
{
    SpillCall call = {.spill = file, .out = data, .size = size};

    return guarded(call.spill->host, do_write, &call);
}

static bool
spill_rewind(void *file)
{
    SpillCall call = {.spill = file};

    return guarded(call.spill->host, do_rewind, &call);
}

static bool
spill_read(void *file, void *data, size_t size)
{
    SpillCall call = {.spill = file, .in = data, .size = size};

    return guarded(call.spill->host, do_read, &call);
}

static void
spill_close(void *file)
{
    SpillFile *spill = file;

    FileClose(spill->file);
    pfree(spill);
}

static const LinkSpill spill_files = {spill_open, spill_write, spill_rewind, spill_read, spill_close};

/* Serves what can wait no longer, such as a barrier that another backend waits for; says whether to stop. */
static bool
host_interrupted(void *context)
{
    LinkHost *host = context;
    MemoryContext before = CurrentMemoryContext;

    if (!InterruptPending)
        return false;
    if (QueryCancelPending || ProcDiePending || ClientConnectionLost)
        return true;
    PG_TRY()
        ;
        {
            CHECK_FOR_INTERRUPTS();
        }
        PG_CATCH();
        {
            keep_error(host);
        }
    PG_END_TRY();
    MemoryContextSwitchTo(before);
    return host->error != NULL;
}

static void
host_progress(void *context, LinkPhase phase, uint64_t done, uint64_t total)
{
    LinkHost *host = context;

    if (host->progress != NULL)
        resolve_progress_tell(host->progress, phase, done, total);
}

int
link_host_threads(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN); /* reads a file: not while somebody waits */

    return (int) Max(1, Min(1 + (long) max_parallel_maintenance_workers, cores));
}

LinkerOptions
link_host_options(LinkHost *host, const LinkModel *model)
{
    return (LinkerOptions){.memory = (size_t) maintenance_work_mem * 1024,
                           .threads = 1,
                           .model = model,
                           .spill = &spill_files,
                           .interrupted = host_interrupted,
                           .progress = host_progress,
                           .context = host};
}

void
link_host_check(LinkHost *host, const Linker *linker, LinkStatus status)
{
    if (host->error != NULL) {
        ErrorData *error = host->error;

        host->error = NULL;
        ReThrowError(error);
    }
    switch (status) {
    case LINK_OK:
        return;
    case LINK_CANCELLED:
        CHECK_FOR_INTERRUPTS();
        ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("linking was interrupted"),
                        errhint("Call it again; the last complete result is in force.")));
        break;
    case LINK_NO_MEMORY:
        ereport(ERROR,
                (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("linking does not fit into maintenance_work_mem"),
                 errdetail("maintenance_work_mem is %d MB.", maintenance_work_mem / 1024),
                 linker == NULL || linker_needed(linker) == 0
                     ? errhint("Type SET maintenance_work_mem = '1GB' and call it again.")
                     : errhint("Type SET maintenance_work_mem = '%zu MB' and call it again.",
                               linker_needed(linker) / (1024 * 1024) + 1)));
        break;
    case LINK_SPILL:
        ereport(ERROR,
                (errcode_for_file_access(), errmsg("a temporary file of linking could not be used: %m"),
                 errhint("Free space where temp_tablespaces points, or raise maintenance_work_mem.")));
        break;
    case LINK_MODEL:
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the model in force is of another version of crm"),
                        errhint("Type CALL %s.resolve(); it fits a new one.", crm_schema_quoted())));
        break;
    }
}
