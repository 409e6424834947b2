/*
 * plan_cache.c: the instances of a table, and the session's cache of plans. See plan.h.
 *
 * Instances are read with a fresh snapshot and without SPI: what counts is what is committed now, not what the
 * transaction's snapshot or its search path see.
 */
#include "base/compat.h"
#include "kpi/plan.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/schema.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "kpi/expression.h"

typedef struct CacheEntry {
    Oid relid; /* key */
    Oid table;
    bool stale;
    CrmPlan *plan;
    MemoryContext context;
} CacheEntry;

static HTAB *cache = NULL;

/* What is captured: instances that are read, and those that will be. Both have the same columns. */
static const char *const instance_tables[] = {"kpi_instance", "kpi_successor"};

/* Their columns. */
enum {
    COL_INSTANCE = 1,
    COL_RELATION,
    COL_COMPONENT,
    COL_VERSION,
    COL_ZONE,
    COL_UNDATED,
    COL_DAY,
    COL_FILTER,
    COL_SUMS
};

static void
forget_relation(Datum arg, Oid relid)
{
    HASH_SEQ_STATUS status;
    CacheEntry *entry;

    hash_seq_init(&status, cache);
    while ((entry = hash_seq_search(&status)) != NULL)
        if (!OidIsValid(relid) || entry->relid == relid || entry->table == relid)
            entry->stale = true;
}

static void
forget_function(Datum arg, int cache_id, uint32 hash_value)
{
    forget_relation(arg, InvalidOid);
}

static void
cache_start(void)
{
    HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(CacheEntry), .hcxt = TopMemoryContext};

    if (cache)
        return;
    cache = hash_create("crm capture plans", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
    CacheRegisterSyscacheCallback(PROCOID, forget_function, (Datum) 0);
}

CrmPlan *
crm_plan_find(Oid relid)
{
    CacheEntry *entry;

    cache_start();
    entry = hash_search(cache, &relid, HASH_FIND, NULL);
    return entry && !entry->stale ? entry->plan : NULL;
}

/* Of tables that are gone, such as a partition of every day: nobody asks for them again. */
static void
forget_dropped(void)
{
    HASH_SEQ_STATUS status;
    CacheEntry *entry;

    hash_seq_init(&status, cache);
    while ((entry = hash_seq_search(&status)) != NULL)
        if (entry->stale && !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(entry->relid))) {
            MemoryContextDelete(entry->context);
            hash_search(cache, &entry->relid, HASH_REMOVE, NULL);
        }
}

void
crm_plan_keep(Oid relid, CrmPlan *plan)
{
    bool found;
    MemoryContext context = GetMemoryChunkContext(plan);
    CacheEntry *entry;

    cache_start();
    if (hash_search(cache, &relid, HASH_FIND, NULL) == NULL)
        forget_dropped();
    entry = hash_search(cache, &relid, HASH_ENTER, &found);
    if (found)
        MemoryContextDelete(entry->context);
    MemoryContextSetParent(context, CacheMemoryContext);
    entry->table = crm_plan_table(plan);
    entry->stale = false;
    entry->plan = plan;
    entry->context = context;
}

static bool
has_instances_in(Oid relid, const char *table, Snapshot snapshot)
{
    Relation instances = table_open(crm_relation_oid(table), AccessShareLock);
    ScanKeyData key;
    SysScanDesc scan;
    bool found;

    ScanKeyInit(&key, COL_RELATION, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    scan = systable_beginscan(instances, InvalidOid, false, snapshot, 1, &key);
    found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    table_close(instances, AccessShareLock);
    return found;
}

/* By one snapshot, as below: a table may have nothing but a successor. */
static bool
has_instances(Oid relid)
{
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    bool found = false;

    for (int i = 0; i < (int) lengthof(instance_tables) && !found; i++)
        found = has_instances_in(relid, instance_tables[i], snapshot);
    UnregisterSnapshot(snapshot);
    return found;
}

Oid
crm_plan_root(Oid relid)
{
    List *candidates = lcons_oid(relid, get_partition_ancestors(relid));
    Oid root = InvalidOid;
    ListCell *cell;

    foreach (cell, candidates)
        if (has_instances(lfirst_oid(cell))) {
            root = lfirst_oid(cell);
            break;
        }
    return root;
}

static bool
is_broken(int32 instance, Relation broken, Snapshot snapshot)
{
    ScanKeyData key;
    SysScanDesc scan;
    bool found;

    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(instance));
    scan = systable_beginscan(broken, InvalidOid, false, snapshot, 1, &key);
    found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    return found;
}

static char *
text_column(HeapTuple tuple, TupleDesc desc, int column)
{
    bool isnull;
    Datum value = heap_getattr(tuple, column, desc, &isnull);

    return isnull ? NULL : TextDatumGetCString(value);
}

/* A column of the row of one of crm's tables where the first columns have these values, or NULL. */
static char *
look_up(const char *table, ScanKey keys, int count, int column)
{
    Relation relation = table_open(crm_relation_oid(table), AccessShareLock);
    SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, count, keys);
    HeapTuple tuple = systable_getnext(scan);
    char *found = HeapTupleIsValid(tuple) ? text_column(tuple, RelationGetDescr(relation), column) : NULL;

    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return found;
}

Oid
crm_plan_attribute_type(Oid root, const char *attribute)
{
    ScanKeyData keys[2];
    char *entity;
    char *kind = NULL;

    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(root));
    entity = look_up("adoption", keys, 1, 2);
    if (entity) {
        ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(entity));
        ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(attribute));
        kind = look_up("entity_attribute", keys, 2, 3);
    }
    return kind ? crm_kind_type(kind) : UNKNOWNOID;
}

static CrmInstance *
read_instance(HeapTuple tuple, TupleDesc desc)
{
    CrmInstance *instance = palloc0(sizeof(CrmInstance));
    bool isnull;
    Datum *sums;
    bool *nulls;

    instance->instance = DatumGetInt32(heap_getattr(tuple, COL_INSTANCE, desc, &isnull));
    instance->component = text_column(tuple, desc, COL_COMPONENT);
    instance->zone = text_column(tuple, desc, COL_ZONE);
    instance->from_beginning = strcmp(text_column(tuple, desc, COL_UNDATED), "beginning") == 0;
    instance->day = text_column(tuple, desc, COL_DAY);
    instance->filter = text_column(tuple, desc, COL_FILTER);
    deconstruct_array(DatumGetArrayTypeP(heap_getattr(tuple, COL_SUMS, desc, &isnull)), TEXTOID, -1, false,
                      TYPALIGN_INT, &sums, &nulls, &instance->sum_count);
    /* counted_name() in SQL makes these names, which no other component can have */
    instance->counted = strstr(instance->component, ".distinct.")     ? COUNTED_TEXT
                        : strstr(instance->component, ".percentile.") ? COUNTED_NUMBER
                                                                      : COUNTED_NOT;
    if (instance->sum_count > CRM_SUMS)
        elog(ERROR, "component \"%s\" has more than %d sums", instance->component, CRM_SUMS);
    for (int i = 0; i < instance->sum_count; i++)
        instance->sums[i] = nulls[i] ? NULL : TextDatumGetCString(sums[i]);
    return instance;
}

static List *
read_instances(Oid root, const char *table, Snapshot snapshot, List *found)
{
    Relation instances = table_open(crm_relation_oid(table), AccessShareLock);
    ScanKeyData key;
    SysScanDesc scan;
    HeapTuple tuple;

    ScanKeyInit(&key, COL_RELATION, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(root));
    scan = systable_beginscan(instances, InvalidOid, false, snapshot, 1, &key);
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        found = lappend(found, read_instance(tuple, RelationGetDescr(instances)));
    systable_endscan(scan);
    table_close(instances, AccessShareLock);
    return found;
}

List *
crm_plan_instances(Oid root)
{
    Relation broken = table_open(crm_relation_oid("kpi_broken"), AccessShareLock);
    /* one for all: between two of them a successor could take its place, and be in neither table */
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    List *found = NIL;
    List *whole = NIL;
    ListCell *cell;

    for (int i = 0; i < (int) lengthof(instance_tables); i++)
        found = read_instances(root, instance_tables[i], snapshot, found);
    foreach (cell, found)
        if (!is_broken(((CrmInstance *) lfirst(cell))->instance, broken, snapshot))
            whole = lappend(whole, lfirst(cell));
    UnregisterSnapshot(snapshot);
    table_close(broken, AccessShareLock);
    return whole;
}
