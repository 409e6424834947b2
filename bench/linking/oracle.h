/*
 * oracle.h: how far from the best the linker stays, and by which of its parts: who is compared, what is measured of strangers,
 * what is learned of entities, where the clusters are cut. For measuring only: it knows the truth.
 */
#ifndef CRM_BENCH_ORACLE_H
#define CRM_BENCH_ORACLE_H

#include "customer/linker.h"

#include "table.h"

/* After linker_run, of a linker that fitted its model; that is another one afterwards. */
extern void oracle_print(Linker *linker, const Table *table);

#endif
