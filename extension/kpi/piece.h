/*
 * piece.h: how many rows have which value, packed: a bytea with an entry for each value, in the order of crm_piece_compare, each value
 * once and no count zero, so that the same content has the same bytes. An entry is a varint (the length of the value), the value's bytes and
 * a varint (the count, zigzag). Counts are signed: a change may be a piece, and pieces of the same values are added up by merging them.
 *
 * What the bytes of a value mean is not for here; see value.h.
 */
#ifndef CRM_KPI_PIECE_H
#define CRM_KPI_PIECE_H

#include "postgres.h"

typedef struct PieceEntry {
    const char *value;
    int32 length;
    int64 count;
} PieceEntry;

typedef struct PieceReader {
    const unsigned char *at;
    const unsigned char *end;
} PieceReader;

/* Of two values. */
static inline int
crm_piece_compare(const char *a, int32 a_length, const char *b, int32 b_length)
{
    int order = memcmp(a, b, Min(a_length, b_length));

    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* Sorts the entries, adds up those of the same value and drops what comes to zero; returns how many are left. */
extern int64 crm_piece_reduce(PieceEntry *entries, int64 count);
/* Packs what crm_piece_reduce left. */
extern bytea *crm_piece_pack(const PieceEntry *entries, int64 count);
/* Of a piece that is not toasted and stays where it is while its entries are used. */
extern PieceReader crm_piece_read(const bytea *piece);
/* The next entry, whose value points into the piece; false at the end. What is no piece is an error. */
extern bool crm_piece_next(PieceReader *reader, PieceEntry *entry);

#endif
