/*
 * lend.c: a query as somebody else.
 *
 * The token is a setting of a nest level of its own, which ends with the query; the role is lent through base/caller.h. Read only is what
 * a READ ONLY transaction is, for as long: whatever a team's function tries to write is an error.
 */
#include "alert/lend.h"
#include "base/caller.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

static Datum
query(const char *sql, int count, Oid *types, Datum *values, const char *nulls, bool read_only)
{
    MemoryContext caller = CurrentMemoryContext, before;
    Datum result;
    bool is_null, by_value;
    int16 length;

    SPI_connect();
    if (SPI_execute_with_args(sql, count, types, values, nulls, read_only, 1) != SPI_OK_SELECT ||
        SPI_processed != 1)
        elog(ERROR, "a query for a principal did not answer: %s", sql);
    result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    if (is_null)
        elog(ERROR, "a query for a principal answered nothing: %s", sql);
    get_typlenbyval(SPI_gettypeid(SPI_tuptable->tupdesc, 1), &length, &by_value);
    before = MemoryContextSwitchTo(caller);
    result = datumCopy(result, by_value, length);
    MemoryContextSwitchTo(before);
    SPI_finish();
    return result;
}

Datum
crm_lend_query(const CrmLent *lent, const char *sql, int count, Oid *types, Datum *values, const char *nulls)
{
    Oid before = crm_caller_lend(InvalidOid);
    bool writes_forbidden = XactReadOnly;
    int nest = NewGUCNestLevel();
    Datum result = (Datum) 0;

    PG_TRY()
        ;
        {
            (void) set_config_option("crm.token", lent->token, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                                     true, ERROR, false);
            /* a worker would not know what is lent */
            (void) set_config_option("max_parallel_workers_per_gather", "0", PGC_USERSET, PGC_S_SESSION,
                                     GUC_ACTION_SAVE, true, ERROR, false);
            (void) crm_caller_lend(lent->role);
            XactReadOnly = XactReadOnly || lent->read_only;
            result = query(sql, count, types, values, nulls, lent->read_only);
        }
        PG_FINALLY();
        {
            XactReadOnly = writes_forbidden;
            (void) crm_caller_lend(before);
        }
    PG_END_TRY();
    AtEOXact_GUC(true, nest);
    return result;
}
