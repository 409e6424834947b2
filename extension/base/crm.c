/*
 * crm.c: loading of the library.
 */
#include "base/compat.h"

#include "base/guard.h"
#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
    crm_guard_init();
    MarkGUCPrefixReserved("crm");
}
