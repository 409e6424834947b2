/*
 * cpu.c: processor time of this backend in nanoseconds, for measurements on a machine that others use too. Compiled by the
 * measurements themselves; no part of the extension.
 */
#include "postgres.h"
#include "fmgr.h"

#include <time.h>

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(bench_cpu);

Datum
bench_cpu(PG_FUNCTION_ARGS)
{
    struct timespec now;

    (void) fcinfo;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    PG_RETURN_INT64((int64) now.tv_sec * 1000000000 + now.tv_nsec);
}
