/*
 * errors.h: pairs that were linked wrongly or not at all, with what the linker says of them.
 */
#ifndef CRM_BENCH_ERRORS_H
#define CRM_BENCH_ERRORS_H

#include "customer/linker.h"

#include "table.h"

/* After linker_run. At most count pairs of each sort, chosen by hash. */
extern void errors_print(Linker *linker, const Table *table, int count);

/*
 * Pairs that contradict each other by what the linker says, of those that are true (which it must not forbid) and of those
 * that are wrong in its clusters: how many of how many there are, and the first count of the true ones.
 */
extern void errors_contradictions(Linker *linker, const Table *table, int count);

#endif
