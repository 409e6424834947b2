/*
 * cell.h: what components counted, from kpi_rollup and kpi_pending together, added up by period: the two are read by one snapshot,
 * the active one.
 *
 * Everything lives in the memory context that is current at cells_read. No rights are applied.
 */
#ifndef CRM_KPI_CELL_H
#define CRM_KPI_CELL_H

#include "postgres.h"

#include "kpi/change.h"

#define CELL_BEFORE DATEVAL_NOBEGIN /* the period of what was counted before the first day */

typedef struct CellPeriods {
    DateADT since;       /* the first day of the first period; DATEVAL_NOBEGIN: there is none */
    const DateADT *ends; /* the last day of each, ascending; NULL: each day is a period */
    int count;
    DateADT until; /* the last day of all */
} CellPeriods;

/* A component of a table, with what is wanted of it. */
typedef struct CellSource {
    int32 instance;
    bool before;         /* also what was counted before the first period */
    bool sums[CRM_SUMS]; /* which sums */
} CellSource;

typedef struct CellKey {
    int32 source; /* number in the array */
    int32 dims;
    DateADT period; /* its last day */
} CellKey;

typedef struct Cell {
    CellKey key;
    char status;
    int64 rows;
    CrmTotal sums[CRM_SUMS];
} Cell;

/* A set of dimensions as a table has them, NULL where null. The same set may have several numbers. */
typedef struct CellDims {
    text *values[CRM_DIMS];
} CellDims;

typedef struct Cells {
    struct cell_hash *table;
    CellDims *dims;
    int32 dims_count;
} Cells;

extern Cells *cells_read(const CellSource *sources, int count, const CellPeriods *periods);
/* All cells, in no order; their number is returned. */
extern int64 cells_list(const Cells *cells, Cell ***list);

#endif
