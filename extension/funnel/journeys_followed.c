/*
 * journeys_followed.c: for which funnels writers note whose journeys change.
 *
 * Read with a snapshot of its own, as the catalogues are, in every isolation level: pack_journeys waits for those who may not have seen a
 * funnel there, and a transaction with an old snapshot that begins to write after that wait must see it.
 */
#include "base/compat.h"
#include "base/schema.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(crm_journeys_followed);

Datum
crm_journeys_followed(PG_FUNCTION_ARGS)
{
    Relation states = table_open(crm_relation_oid("journey_state"), AccessShareLock);
    SysScanDesc scan = systable_beginscan(states, InvalidOid, false, NULL, 0, NULL);
    ArrayBuildState *funnels = initArrayResult(TEXTOID, CurrentMemoryContext, false);
    HeapTuple tuple;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        bool isnull;
        Datum funnel = heap_getattr(tuple, 1, RelationGetDescr(states), &isnull);

        accumArrayResult(funnels, funnel, isnull, TEXTOID, CurrentMemoryContext);
    }
    systable_endscan(scan);
    table_close(states, AccessShareLock);
    PG_RETURN_DATUM(makeArrayResult(funnels, CurrentMemoryContext));
}
