/*
 * mapped_row.h: reads mapped attributes of rows of an adopted table, past SPI.
 *
 * A reader is made for one relation, an adopted table or a partition of it (whose rows are converted to the table's row type), and some
 * attributes. Each is a call of the table's function map_ATTRIBUTE, which the planner turns into a column where it is one; an enum is read
 * as text, an attribute without such a function is NULL. Planning may run whatever an expression runs: it is done, as reading is, with the
 * rights that the caller has, which should be those of the table's owner. Readers are not told of changes; who keeps one has to listen.
 */
#ifndef CRM_BASE_MAPPED_ROW_H
#define CRM_BASE_MAPPED_ROW_H

#include "postgres.h"
#include "executor/tuptable.h"
#include "nodes/bitmapset.h"
#include "parser/parse_node.h"
#include "utils/rel.h"

typedef struct CrmMappedRow CrmMappedRow;

/* map_ATTRIBUTE of the row that stands as variable 1, analysed and not yet planned; NULL where the attribute is not mapped. */
extern Node *crm_mapped_attribute(ParseState *pstate, Oid row_type, const char *attribute);
/* In the current memory context, with which it goes. */
extern CrmMappedRow *crm_mapped_row_build(Relation rel, Oid table, const char *const *attributes, int count);
/* The type of an attribute; InvalidOid where it is not mapped. */
extern Oid crm_mapped_row_type(const CrmMappedRow *reader, int attribute);
/* Whether reading is nothing but columns, and those of plain types as text: it runs nobody's functions and cannot raise. */
extern bool crm_mapped_row_is_plain(const CrmMappedRow *reader);
/* Numbers of the columns that it reads, FirstLowInvalidHeapAttributeNumber subtracted; that of the whole row where it reads that, or where
 * rows have to be converted. */
extern const Bitmapset *crm_mapped_row_columns(const CrmMappedRow *reader);
/* What is by reference stays until the next reset, and as long as the slot keeps its row. */
extern void crm_mapped_row_read(CrmMappedRow *reader, TupleTableSlot *slot, Datum *values, bool *nulls);
extern void crm_mapped_row_reset(CrmMappedRow *reader);

#endif
