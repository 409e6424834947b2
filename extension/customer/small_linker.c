/*
 * small_linker.c: see small_linker.h.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "base/kept_plan.h"
#include "customer/number_array.h"
#include "customer/record_input.h"
#include "customer/small_linker.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

static void
free_linker(void *arg)
{
    SmallLinker *linker = arg;

    linker_free(linker->linker);
}

SmallLinker *
small_linker_open(const LinkModel *model, bool only_first)
{
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "crm small linker", ALLOCSET_SMALL_SIZES);
    SmallLinker *made = MemoryContextAllocZero(context, sizeof(SmallLinker));
    LinkerOptions options;

    made->context = context;
    made->host.context = context;
    made->at_end = (MemoryContextCallback){.func = free_linker, .arg = made};
    MemoryContextRegisterResetCallback(context, &made->at_end);
    options = link_host_options(&made->host, model);
    options.only_first = only_first;
    link_host_check(&made->host, NULL, linker_create(&options, &made->linker));
    return made;
}

void
small_linker_close(SmallLinker *linker)
{
    MemoryContextDelete(linker->context);
}

static void *
grow(const SmallLinker *linker, void *array, Size size)
{
    return array == NULL ? MemoryContextAlloc(linker->context, size * (Size) linker->room)
                         : repalloc(array, size * (Size) linker->room);
}

void
small_linker_add(SmallLinker *linker, const LinkInput *input, int64 number)
{
    if (linker->count == linker->room) {
        linker->room = Max(64, linker->room * 2);
        linker->number = grow(linker, linker->number, sizeof(int64));
        linker->kind = grow(linker, linker->kind, sizeof(LinkKind));
    }
    linker->number[linker->count] = number;
    linker->kind[linker->count++] = input->kind;
    link_host_check(&linker->host, linker->linker, linker_add(linker->linker, input));
}

void
small_linker_add_records(SmallLinker *linker, const int64 *numbers, int count)
{
    static KeptPlan plan;
    Oid type = INT8ARRAYOID;
    Datum value = PointerGetDatum(number_array_make(numbers, count, INT8OID, sizeof(int64)));
    RecordInput record = {0};

    if (!kept_plan_ready(&plan))
        kept_plan_make(&plan,
                       psprintf("SELECT %s FROM %s.record_copy r WHERE r.record_no OPERATOR(pg_catalog.=) "
                                "ANY ($1) ORDER BY r.record_no",
                                crm_record_columns(), crm_schema_quoted()),
                       1, &type);
    if (SPI_execute_plan(plan.plan, &value, NULL, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "records could not be read");
    for (uint64 i = 0; i < SPI_processed; i++) {
        record_input_read(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, &record);
        small_linker_add(linker, &record.input, record.record_no);
    }
    SPI_freetuptable(SPI_tuptable);
}

int
small_linker_keys(SmallLinker *linker, int node, LinkKey *keys)
{
    int count;

    link_host_check(&linker->host, linker->linker, linker_keys(linker->linker, (uint32) node, keys, &count));
    return count;
}
