/*
 * normal_words.h: what the parts of normal.h share: words cut out of a folded text, sets of words, and tables of words.
 *
 * Plain C. Nothing is allocated; a table is filled where it is first used (the caller sees to it by pthread_once) and
 * is constant from then on.
 */
#ifndef CRM_CUSTOMER_NORMAL_WORDS_H
#define CRM_CUSTOMER_NORMAL_WORDS_H

#include "customer/normal.h"

#define NORMAL_MAX_FOLDED (3 * NORMAL_MAX_TEXT)
#define NORMAL_MAX_PIECES 64

/* A word inside of a folded text. */
typedef struct NormalPiece {
    const char *text;
    int length;
} NormalPiece;

/*
 * Digits, signs and blanks of other scripts and widths in ASCII, all else as it is: for what people type with a keyboard of
 * theirs. Returns how many bytes were written, at most room and never more than length.
 */
extern size_t normal_signs(const char *text, size_t length, char *out, size_t room);

/* The first room words of a folded text; returns how many. */
extern int normal_split(const char *folded, int length, NormalPiece *pieces, int room);

extern bool normal_piece_is(const NormalPiece *piece, const char *word);
/* How many digits a piece begins with. */
extern int normal_piece_digits(const NormalPiece *piece);

/* A word of Chinese characters, Korean letters as normal_fold writes them, or Japanese syllables. */
extern bool normal_is_east_asian(const NormalPiece *piece);
/*
 * Whether all pieces are such words, so that the family name is the first. One that is written without a blank is parted: one
 * character and one or two, two and two; a piece more then, for which there must be room.
 */
extern bool normal_east_asian_name(NormalPiece *piece, int *count);

/* Letters of any script that has both. */
extern bool normal_is_capital(uint32_t c);
extern bool normal_is_small(uint32_t c);

/* Copies a word into a set, unless it is there or does not fit. The first to come keeps its place and its role. */
extern void normal_add(NormalWords *words, const char *text, int length, NormalRole role);
/* The same for a text of several words. */
extern void normal_add_all(NormalWords *words, const char *text, NormalRole role);

/* Words, blanks between them, that mean the same. */
typedef struct NormalEntry {
    const char *words;
    const char *to; /* what is written instead, or NULL */
    unsigned kind;  /* bits, the table's own */
} NormalEntry;

typedef struct NormalSlot {
    uint16_t hash;  /* its upper half, to tell most words apart without reading them */
    uint16_t entry; /* one more than the number of the entry, 0 for an empty slot */
    uint16_t start; /* inside of the entry's words */
} NormalSlot;

typedef struct NormalTable {
    const NormalEntry *entries;
    int count;
    NormalSlot *slots; /* a power of two, all zero */
    unsigned size;
} NormalTable;

/* Fills the slots; false where they do not suffice, which is a mistake in the table. */
extern bool normal_table_fill(const NormalTable *table);
/* The entry that has the word, or NULL. *place is 0 before the first call; called again it gives the next one. */
extern const NormalEntry *normal_table_find(const NormalTable *table, const char *word, int length,
                                            unsigned *place);

#endif
