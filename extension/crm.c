/*
 * crm.c: loading of the library. Stands above the rooms, since it starts each of them.
 */
#include "base/compat.h"

#include "base/guard.h"
#include "fmgr.h"
#include "kpi/capture.h"
#include "org/token_setting.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
    crm_guard_init();
    crm_token_setting_init();
    crm_kpi_init();
    MarkGUCPrefixReserved("crm");
}
