/*
 * term.h: the terms of KPIs over captured components, and what raw dimensions mean: the unit that a value names, the stage that a
 * word means in the table's funnel, its outcome and milestone. Said once by the views kpi_captured_term and stage_word, and looked up here.
 *
 * What is read lives in the memory context given; what is told in the current one.
 */
#ifndef CRM_KPI_TERM_H
#define CRM_KPI_TERM_H

#include "postgres.h"

#include "kpi/cell.h"
#include "org/organisation.h"

#include "utils/array.h"

/* What a table's values are read by. */
typedef struct TermFeed {
    const char *funnel;        /* NULL: none */
    const char *fallback_unit; /* NULL: the organisation itself */
} TermFeed;

typedef struct Term {
    int kpi;    /* number in the array */
    int source; /* number of the CellSource */
    int feed;
    bool numerator;
    bool stock;
    int sign;
    int sum; /* place among the component's sums; -1: rows are counted, -2: nothing is there to be summed */
    int outcomes;     /* bits of StageOutcome; 0: whatever it is */
    List *milestones; /* char *; NIL: whatever it is */
} Term;

typedef enum StageOutcome { STAGE_OPEN = 1, STAGE_WON = 2, STAGE_LOST = 4, STAGE_UNKNOWN = 8 } StageOutcome;

typedef struct Terms {
    char **kpis;
    int kpi_count;
    Term *list;
    int count;
    CellSource *sources;
    int source_count;
    TermFeed *feeds;
    int feed_count;
    struct words_hash *words;
} Terms;

typedef struct DimsMeaning {
    const char *unit;
    const char *stage; /* the key, or the table's own value; NULL where there is none */
    StageOutcome outcome;
    const char *milestone; /* NULL: none */
} DimsMeaning;

#define DIM_FUNNEL 0
#define DIM_UNIT 1
#define DIM_STAGE 2

/* Inside of SPI, into the context. kpis is a text[]; NULL: all that captured components feed. */
extern Terms *terms_read(ArrayType *kpis, MemoryContext context);
extern void dims_meaning(const Terms *terms, CrmOrganisation *organisation, const TermFeed *feed,
                         const CellDims *dims, DimsMeaning *meaning);
extern bool term_matches(const Term *term, const DimsMeaning *meaning);

#endif
