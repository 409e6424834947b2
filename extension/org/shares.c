/*
 * shares.c: see shares.h. Only the principal's own shares are read, through indexes: an organisation may share a
 * million records, a person is given a few.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "org/change.h"
#include "org/period.h"
#include "org/shares.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

typedef struct Record {
    Oid relation;
    int length;
    const char *key;
} Record;

typedef struct RecordEntry {
    Record record;
    uint32 privileges; /* a bit for each */
    char status;
} RecordEntry;

static inline uint32
hash_shared(Record record)
{
    return hash_combine(murmurhash32(record.relation),
                        hash_bytes((const unsigned char *) record.key, record.length));
}

static inline bool
same_record(Record a, Record b)
{
    return a.relation == b.relation && a.length == b.length && memcmp(a.key, b.key, (size_t) a.length) == 0;
}

#define SH_PREFIX records
#define SH_ELEMENT_TYPE RecordEntry
#define SH_KEY_TYPE Record
#define SH_KEY record
#define SH_HASH_KEY(table, key) hash_shared(key)
#define SH_EQUAL(table, a, b) same_record(a, b)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct CrmShares {
    int principal; /* the key in the table of all */
    bool loaded;
    records_hash *records;
};

static MemoryContext context = NULL; /* of all that is known */
static HTAB *known = NULL;           /* principal to CrmShares */
static uint64 known_changes;         /* crm_share_changes when the first was read */
static uint64 known_organisation;    /* number of the organisation that it was read with */
static TimestampTz next_change;
static CrmStrings strings; /* keys */

static bool
is_current(const CrmOrganisation *organisation)
{
    return known != NULL && known_changes == crm_share_changes &&
           known_organisation == organisation->number && GetCurrentStatementStartTimestamp() < next_change;
}

static void
start_anew(const CrmOrganisation *organisation)
{
    HASHCTL control = {.keysize = sizeof(int), .entrysize = sizeof(CrmShares)};

    known = NULL;
    if (context == NULL)
        context = AllocSetContextCreate(CacheMemoryContext, "crm shares", ALLOCSET_DEFAULT_SIZES);
    MemoryContextReset(context);
    control.hcxt = context;
    known = hash_create("crm shares", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    known_changes = ++crm_share_changes;
    known_organisation = organisation->number;
    next_change = DT_NOEND;
    strings = (CrmStrings){.context = context};
}

static uint32
privilege_bits(Datum privileges)
{
    ArrayType *array = DatumGetArrayTypeP(privileges);
    Datum *values;
    bool *nulls;
    int count;
    uint32 bits = 0;

    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    for (int i = 0; i < count; i++) {
        if (!nulls[i])
            bits |= 1u << crm_privilege_parse(TextDatumGetCString(values[i]));
    }
    return bits;
}

static void
read_share(void *arg, const CrmRow *row)
{
    CrmShares *shares = arg;
    const char *key = crm_row_string(row, 1, &strings);
    Record record = {DatumGetObjectId(row->values[0]), (int) strlen(key), key};
    RecordEntry *entry;
    bool found;

    if (!crm_period_holds(row->values[3], GetCurrentStatementStartTimestamp(), &next_change))
        return;
    entry = records_insert(shares->records, record, &found);
    entry->privileges = (found ? entry->privileges : 0) | privilege_bits(row->values[2]);
}

static void
read_shares_of(CrmShares *shares, const char *index, const char *grantee, Snapshot snapshot)
{
    crm_table_scan_index("shared_record", index, grantee,
                         (const char *const[]){"relation", "record_key", "privileges", "during"}, snapshot,
                         read_share, shares);
}

/* The units that the principal is a member of, and all above them. */
static void
read_unit_shares(CrmShares *shares, const CrmOrganisation *organisation, int principal, bool *seen,
                 Snapshot snapshot)
{
    ListCell *cell;

    foreach (cell, organisation->members[principal]) {
        int unit = ((const CrmMember *) lfirst(cell))->unit;

        for (; unit >= 0 && !seen[unit]; unit = organisation->units[unit].parent) {
            seen[unit] = true;
            read_shares_of(shares, "shared_record_unit", organisation->units[unit].key, snapshot);
        }
    }
}

static void
load(CrmShares *shares, const CrmOrganisation *organisation, int principal)
{
    Snapshot snapshot = RegisterSnapshot(GetCatalogSnapshot(crm_relation_oid("shared_record")));
    MemoryContext old = MemoryContextSwitchTo(context);
    bool *seen = palloc0(sizeof(bool) * ((Size) organisation->unit_count + 1));
    ListCell *cell;

    shares->records = records_create(context, 16, NULL);
    read_shares_of(shares, "shared_record_principal", organisation->principals[principal].key, snapshot);
    read_unit_shares(shares, organisation, principal, seen, snapshot);
    foreach (cell, organisation->teams[principal]) {
        int team = lfirst_int(cell);

        read_shares_of(shares, "shared_record_principal", organisation->principals[team].key, snapshot);
        read_unit_shares(shares, organisation, team, seen, snapshot);
    }
    pfree(seen);
    MemoryContextSwitchTo(old);
    UnregisterSnapshot(snapshot);
    shares->loaded = true;
}

const CrmShares *
crm_shares(const CrmOrganisation *organisation, int principal, uint64 *changes)
{
    CrmShares *shares;
    bool found;

    /* Opening the table takes in messages: what arrives meanwhile may be half seen. The bound is for a storm. */
    for (int attempt = 0;; attempt++) {
        if (!is_current(organisation))
            start_anew(organisation);
        shares = hash_search(known, &principal, HASH_ENTER, &found);
        if (!found)
            shares->loaded = false; /* stays so where reading fails */
        if (!shares->loaded)
            load(shares, organisation, principal);
        *changes = known_changes;
        if (known_changes == crm_share_changes || attempt == 10)
            return shares;
    }
}

bool
crm_shares_none(const CrmShares *shares)
{
    return shares->records->members == 0;
}

bool
crm_shares_has(const CrmShares *shares, Oid relation, const char *key, int length, CrmPrivilege privilege)
{
    RecordEntry *entry = records_lookup(shares->records, (Record){relation, length, key});

    return entry != NULL && (entry->privileges & (1u << privilege)) != 0;
}

void
crm_shares_each(const CrmShares *shares, Oid relation, CrmPrivilege privilege, CrmShareVisitor visit,
                void *arg)
{
    records_iterator iterator;
    RecordEntry *entry;

    records_start_iterate(shares->records, &iterator);
    while ((entry = records_iterate(shares->records, &iterator)) != NULL) {
        if (entry->record.relation == relation && (entry->privileges & (1u << privilege)) != 0)
            visit(entry->record.key, arg);
    }
}
