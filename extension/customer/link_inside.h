/*
 * link_inside.h: what the files of the linker share. Nobody else includes it.
 *
 * A record is a row of value numbers, one for each attribute in use (0: no value). A value is parsed once, however many
 * records have it, and so is a word of names, companies and addresses. All memory is taken by link_allocate, which does
 * not return where there is none: it goes back to the call of the linker that is under way. Worker threads must not call
 * it, so all they need is made before they start.
 */
#ifndef CRM_CUSTOMER_LINK_INSIDE_H
#define CRM_CUSTOMER_LINK_INSIDE_H

#include <setjmp.h>
#include <stdatomic.h>

#include "customer/agglomerate.h"
#include "customer/link_model.h"
#include "customer/link_spill.h"
#include "customer/linker.h"

/* How an attribute is compared. */
typedef enum LinkType {
    LINK_TYPE_NAME,
    LINK_TYPE_TEXT,
    LINK_TYPE_EMAIL,
    LINK_TYPE_PHONE,
    LINK_TYPE_ID,
    LINK_TYPE_DATE,
    LINK_TYPE_POSTCODE,
    LINK_TYPE_CATEGORY,
    LINK_TYPE_ADDRESS,
    LINK_TYPES
} LinkType;

extern LinkType link_type(LinkAttribute attribute);
extern int link_type_levels(LinkType type);
extern const double *link_type_prior(LinkType type); /* m of level 1, 2 ... before anything is known */

extern const double *link_type_strangers(LinkType type); /* u, likewise */

/* Levels that others ask for by name. */
enum { LINK_EXACT = 1, LINK_LOCAL_ALIKE = 4, LINK_HALF_OF_WORDS = 5 };
enum { LINK_ALL_ALIKE = 3, LINK_FAMILY_ONLY = 9, LINK_OTHER_ALIKE = 12 }; /* of names */
enum { LINK_POSTCODE_OUTWARD = 3, LINK_POSTCODE_AREA = 4 };

#define LINK_MAX_THREADS 64
#define LINK_MAX_NAME_WORDS 10
#define LINK_MAX_TEXT_WORDS 20
#define LINK_NICKNAMES 6
#define LINK_MAX_ATOMS 512 /* of a record */

typedef struct LinkWord {
    const char *text;
    uint64_t hash;
    uint32_t atoms;  /* its first, in the table of atoms of values */
    uint16_t length; /* bytes */
    uint8_t chars;   /* characters */
    uint8_t atom_count;
    uint8_t nickname_count;
    bool initial;
    uint16_t nickname[LINK_NICKNAMES];
} LinkWord;

/* A word of a name or text: its number, with its role in a name. */
typedef struct LinkWordUse {
    uint32_t word : 30;
    uint32_t role : 2;
} LinkWordUse;

typedef struct LinkAddress {
    uint32_t number; /* a word, "#" and the house number; 0: none */
    uint32_t direction;
} LinkAddress;

typedef struct LinkValue {
    uint64_t hash;
    const void
        *data; /* bytes, or for names, texts and addresses LinkWordUse, for addresses behind a LinkAddress */
    uint32_t atoms;
    uint16_t length; /* of bytes, or of words */
    uint8_t atom_count;
    uint8_t mark; /* of a postcode: outward; of an e-mail: where the '@' is */
    uint8_t area; /* of a postcode */
} LinkValue;

/* Where hashes are found: open addressing, 0 is free, numbers begin with 1. */
typedef struct LinkIndex {
    uint32_t *slot;
    uint32_t slots; /* a power of two */
    uint32_t used;
} LinkIndex;

typedef struct LinkValues {
    LinkValue *value; /* [0] is none */
    uint32_t count;   /* with [0] */
    uint32_t room;
    LinkIndex index;
    uint32_t *holders; /* records that have it */
    float *bits;       /* -log2 of its frequency */
    uint32_t *first;   /* records of value v: record[first[v]] up to record[first[v + 1]] */
    uint32_t *record;
} LinkValues;

/* Of a word what tells most pairs of words apart, close together. */
typedef struct LinkGlance {
    uint64_t letters; /* a bit for each letter that it has */
    uint8_t chars;
    uint8_t first; /* byte */
    bool nicknames;
} LinkGlance;

typedef struct LinkWords {
    LinkWord *word; /* [0] is none */
    LinkGlance *glance;
    uint32_t count;
    uint32_t room;
    LinkIndex index;
    uint32_t *holders; /* values that have it, for texts and addresses; records, for names */
    float *bits;
} LinkWords;

typedef struct LinkMemory {
    struct LinkMemory *next;
    struct LinkMemory *previous;
    size_t size;
} LinkMemory;

typedef struct LinkChunks { /* bytes that stay where they are */
    char **chunk;
    uint32_t count;
    size_t used; /* of the last */
    size_t size;
} LinkChunks;

/* m and u of one attribute, of all pairs or of those whose given attribute is at given_level. */
typedef struct LinkContext {
    int attribute;
    int given; /* -1: all pairs */
    int given_level;
    int next; /* context of the same attribute, or -1 */
    double m[LINK_MAX_LEVELS];
    double u[LINK_MAX_LEVELS];
} LinkContext;

#define LINK_MAX_CONTEXTS 256

typedef struct LinkSlot { /* of the frequencies of a model */
    int64_t hash;
    int32_t space; /* -1: free */
    float frequency;
} LinkSlot;

struct LinkModel {
    LinkNumbers numbers;
    int contexts;
    LinkContext context[LINK_MAX_CONTEXTS]; /* the first LINK_ATTRIBUTES: of all pairs */
    double spread[LINK_ATTRIBUTES];         /* mean -log2 of the larger frequency of two similar values */
    double unseen[LINK_SPACES];
    LinkSlot *slot;
    uint64_t slots;
    uint64_t used;
    double (*look_up)(void *context, int space, int64_t hash);
    void *look_up_context;
};

/* A pair that may still link. */
typedef struct LinkPair {
    uint32_t a;
    uint32_t b;
    uint32_t pattern;
    float rare;  /* bits that its values say beyond their levels */
    float pairs; /* of records that it stands for: those that are like its two */
} LinkPair;

/* A way through the pairs that were kept. */
typedef struct LinkPairs {
    LinkPair *pair;
    size_t count;
    size_t done;
    bool change;
    struct LinkFile *changed;
} LinkPairs;

/*
 * A key and a record that has it in one word, so that there can be hundreds for each record: the upper bits of the key, the
 * number of the record below. Of a candidate: the two records, and below them the attribute whose block proposes it.
 */
#define LINK_RECORD_BITS 28
#define LINK_RECORD_MASK ((UINT64_C(1) << LINK_RECORD_BITS) - 1)
#define LINK_CANDIDATE_BITS 4
#define LINK_CAP 30 /* records of a block that all meet */

/*
 * What two values or words were found to be, kept until another pair needs the place. A key is never 0.
 */
typedef struct LinkAnswer {
    uint64_t key;
    uint32_t level;
    float bits;
} LinkAnswer;

#define LINK_LEAST_ANSWERS (1U << 10)
#define LINK_MOST_ANSWERS (1U << 15)

/* What a thread writes to. */
typedef struct LinkScratch {
    uint32_t answers;   /* a power of two; fewer for few records, where clearing them would take longest */
    LinkAnswer *words;  /* [answers] */
    LinkAnswer *values; /* [answers] */
} LinkScratch;

/* Levels of a pair, and what its values say themselves: -log2 of how often strangers agree on them, or 0. */
typedef struct LinkCompared {
    uint8_t level[LINK_ATTRIBUTES];
    float bits[LINK_ATTRIBUTES];
} LinkCompared;

/* A record as it came: for each field that it has a LinkRawField and its bytes, ended by LINK_FIELDS. */
typedef struct LinkArrival {
    uint64_t content; /* a hash of all of it */
    uint64_t name;
    const char *raw;
    uint32_t number;
    uint8_t kind;
} LinkArrival;

typedef struct LinkRawField {
    uint16_t field;
    uint16_t length;
} LinkRawField;

typedef struct LinkVerdictSlot {
    uint64_t key; /* of a pair; 0: free */
    bool same;
} LinkVerdictSlot;

struct Linker {
    LinkerOptions options;
    Linker *whole; /* that this is a part of, for another thread to read into; NULL: it is no part */
    LinkMemory *memory;
    atomic_size_t held; /* of all parts it is the whole's that counts */
    jmp_buf *back;      /* where link_fail goes to */
    LinkReport report;
    LinkPhase phase;      /* LINK_DONE: none */
    double since;         /* when it was entered */
    uint64_t done_before; /* of to_do, which the work that is shared now is a part of; to_do 0: it is all */
    uint64_t to_do;
    size_t needed;
    atomic_bool stop;
    void *lent[LINK_MAX_THREADS]; /* malloc'ed by threads, freed with the linker at the latest */

    /* As they came. */
    LinkArrival *arrival;
    uint32_t added;
    uint32_t added_room;
    LinkChunks raw;
    RecordPair *same;
    size_t same_count;
    size_t same_room;
    RecordPair *different;
    size_t different_count;
    size_t different_room;
    bool settled;
    LinkVerdictSlot *verdict; /* by hash of the pair; NULL: none */
    uint32_t verdict_slots;   /* a power of two */

    /* In the order of their content. */
    uint32_t records;
    uint32_t *number; /* as they came */
    uint32_t *place;  /* of the record with that number */
    uint8_t *kind;
    int columns;
    int column_attribute[LINK_ATTRIBUTES];
    int attribute_column[LINK_ATTRIBUTES]; /* -1: nobody has it */
    uint32_t *row;                         /* [records * columns] */
    LinkValues values[LINK_ATTRIBUTES];
    LinkWords words[LINK_SPACES]; /* of LINK_SPACE_..._WORD */
    LinkChunks kept;              /* what words and values point to */

    LinkIndex atom_index;
    uint64_t *atom_hash; /* [0] is none */
    uint32_t atoms;
    uint32_t atoms_room;
    uint32_t *value_atom; /* atoms of words and values */
    uint32_t value_atoms;
    uint32_t value_atoms_room;

    LinkScratch *scratch; /* of the calling thread, for what is asked after a run */

    /* Of records that are alike the first stands for all. NULL where there are none. */
    uint32_t *twin;    /* of each record: who stands for it */
    uint32_t *twins;   /* of who stands for others: how many they are */
    uint32_t distinct; /* records that stand for themselves */

    uint32_t cap;      /* records of a block that all meet */
    float *atom_share; /* of the distinct records; 0: few have it */

    LinkPair *pair;
    size_t pairs;      /* kept */
    size_t pairs_held; /* of them in memory */
    size_t pair_room;
    int reading_pairs;   /* they must stay where they are */
    LinkFile *pair_file; /* where the others are, or NULL */
    LinkFile *files;     /* that are open */
    uint64_t *pattern;   /* the levels, four bits for each attribute */
    double *pattern_weight;
    uint32_t patterns;

    uint32_t *cluster; /* of each record in the order of content: the first of its cluster */
    uint32_t *answer;  /* the same by number, as they came */
    LinkModel *fitted;
    const LinkModel *model;
};

/* link_memory.c: zeroed, counted; these do not return where there is no memory. */
extern void *link_allocate(Linker *linker, size_t count, size_t size);
extern void *link_grow(Linker *linker, void *old, size_t count, size_t size);
extern void *link_shrink(Linker *linker, void *old, size_t count, size_t size); /* NULL is fine */
extern void link_release(Linker *linker, void *old);
extern void link_release_all(Linker *linker);
extern void link_take_memory(Linker *linker, Linker *part); /* all that the part holds */
extern void link_count(Linker *linker, size_t size);        /* of memory that is not link_allocate's */
extern size_t link_spare(const Linker *linker);             /* bytes that may still be held */
extern void *link_keep(Linker *linker, LinkChunks *chunks, const void *data,
                       size_t size); /* a copy, aligned to 4 */
extern void link_keep_free(Linker *linker, LinkChunks *chunks);
extern void link_fail(Linker *linker, LinkStatus status) __attribute__((noreturn));
/* Calls body; a link_fail in it ends here. */
extern LinkStatus link_guard(Linker *linker, void (*body)(Linker *linker, void *argument), void *argument);
/* From here on, time counts for this phase. */
extern void link_enter(Linker *linker, LinkPhase phase);
/* For the calling thread, now and then: asks whether to go on, and tells how far it is. */
extern void link_poll(Linker *linker, LinkPhase phase, uint64_t done, uint64_t total);
extern double link_clock(void);

/*
 * link_threads.c: calls work for items from .. to - 1 until all were worked on, in chunks, by as many threads as the
 * options say. Work must not call link_allocate or anything that does; it returns false where it cannot go on. False is
 * returned where one of them did, or where the caller was interrupted.
 */
typedef bool (*LinkWork)(void *context, int worker, size_t from, size_t to);
extern bool link_in_parallel(Linker *linker, LinkPhase phase, size_t count, size_t chunk, LinkWork work,
                             void *context);
extern int link_threads(const Linker *linker);

/* link_store.c: numbers of words, values and atoms. */
extern uint32_t link_word(Linker *linker, int space, const char *text, size_t length);
/* data of value is size bytes, which are copied where it is new; its hash, length and marks are filled in by the caller. */
extern uint32_t link_value(Linker *linker, int attribute, const LinkValue *value, size_t size);
extern bool link_has_words(int attribute);
extern void link_trim(Linker *linker); /* after the last record */
/* Each once, with its group: the attribute in the upper byte. Two atoms of one word or value have the same group. */
extern int link_record_atoms(const Linker *linker, uint32_t record, uint32_t *atom, uint16_t *group);
/* The same of one value, whose groups begin with *groups. group may be NULL. */
extern int link_value_all_atoms(const Linker *linker, int attribute, uint32_t value, uint32_t *atom,
                                uint16_t *group, int room, int *groups);
static inline uint32_t
link_cell(const Linker *linker, uint32_t record, int column)
{
    return linker->row[(size_t) record * (size_t) linker->columns + (size_t) column];
}

static inline int
link_word_space(int attribute)
{
    return attribute == LINK_ATTRIBUTE_NAME      ? LINK_SPACE_NAME_WORD
           : attribute == LINK_ATTRIBUTE_COMPANY ? LINK_SPACE_COMPANY_WORD
                                                 : LINK_SPACE_ADDRESS_WORD;
}

/* The words of a name, company or address. */
static inline const LinkWordUse *
link_uses(int attribute, const LinkValue *value)
{
    const char *data = value->data;

    return (const LinkWordUse *) (const void *) (data + (attribute == LINK_ATTRIBUTE_ADDRESS
                                                             ? sizeof(LinkAddress)
                                                             : 0));
}

/* link_read.c: parses all records, once. */
extern void link_settle(Linker *linker);

/* link_parse.c */
extern uint32_t link_parse(Linker *linker, int attribute, const LinkText *field);
extern int link_word_atoms(int space, const LinkWord *word, uint64_t *hash, int room);
extern int link_value_atoms(int attribute, const LinkValue *value, uint64_t *hash, int room);

static inline uint64_t
link_pack(const uint8_t *level)
{
    uint64_t pattern = 0;

    for (int k = 0; k < LINK_ATTRIBUTES; k++)
        pattern |= (uint64_t) level[k] << (4 * k);
    return pattern;
}

static inline void
link_unpack(uint64_t pattern, uint8_t *level)
{
    for (int k = 0; k < LINK_ATTRIBUTES; k++)
        level[k] = pattern >> (4 * k) & 15;
}

/* link_compare.c */
extern LinkScratch *link_scratch(Linker *linker);
extern void link_scratch_free(Linker *linker, LinkScratch *scratch);
extern void link_compare(const Linker *linker, LinkScratch *scratch, uint32_t a, uint32_t b,
                         LinkCompared *out);

/* What the values say, anew, of a pair whose levels are known. */
extern void link_compare_again(const Linker *linker, LinkScratch *scratch, uint32_t a, uint32_t b,
                               uint64_t pattern, LinkCompared *out);
extern int link_compare_values(const Linker *linker, LinkScratch *scratch, int attribute, uint32_t a,
                               uint32_t b, float *bits);

/* link_weigh.c */
/* The context that the attribute's level is judged in, for a pair with these levels. */
extern int link_context_of(const LinkModel *model, int attribute, const uint8_t *level);
/* The level whose frequency among strangers shows that something explains the attribute. */
extern int link_key_level(int attribute);
/* All that the attribute says of a pair. */
extern double link_bits(const LinkModel *model, int attribute, const LinkCompared *compared);
/* Bits that the values say beyond their level. */
extern double link_rare(const LinkModel *model, int attribute, int context, int level, float bits);
/* How much of that counts where strangers are at the level as often as u, and as all among strangers. */
extern float link_part(double all, double u);
extern double link_rare_sum(const Linker *linker, const LinkModel *model, const LinkCompared *compared);
/* Without what the values say; with the prior. */
extern double link_pattern_weight(const LinkModel *model, const uint8_t *level);
extern double link_weight(const Linker *linker, const LinkModel *model, const LinkCompared *compared);

/* link_compare_name.c, link_compare_text.c: the level; *bits as in LinkCompared. */
extern int link_compare_names(const Linker *linker, LinkScratch *scratch, const LinkValue *a,
                              const LinkValue *b, float *bits);
extern int link_compare_texts(const Linker *linker, LinkScratch *scratch, const LinkValue *a,
                              const LinkValue *b, float *bits);
extern int link_compare_addresses(const Linker *linker, LinkScratch *scratch, const LinkValue *a,
                                  const LinkValue *b, float *bits);

extern float link_name_bits(const Linker *linker, LinkScratch *scratch, const LinkValue *a,
                            const LinkValue *b, int level);

/* link_alike.c: words. */
typedef enum LinkAlike {
    LINK_ALIKE_NOT,
    LINK_ALIKE_INITIAL,
    LINK_ALIKE_FUZZY,
    LINK_ALIKE_NICKNAME
} LinkAlike;
extern LinkAlike link_words_alike(const Linker *linker, LinkScratch *scratch, int space, uint32_t a,
                                  uint32_t b);
/* Edits between two texts of bytes: limit + 1 where there are more. */
extern int link_edits(const char *a, size_t a_length, const char *b, size_t b_length, int limit);
extern double link_jaro_winkler(const char *a, size_t a_length, const char *b, size_t b_length);

/* linker.c: values, words and their frequencies, which is all that comparing needs; once. */
extern void link_prepare(Linker *linker);

/*
 * link_verdict.c: what people decided, among the pairs that a model is fitted to: INFINITY and -INFINITY bits are certain. To be made
 * before, and unmade after, since clusters take verdicts by themselves.
 */
extern void link_make_verdicts(Linker *linker);
extern void link_free_verdicts(Linker *linker);
extern float link_verdict_bits(const Linker *linker, uint32_t a, uint32_t b);

/* link_contradict.c: of two records at these levels. */
extern LinkContradiction link_contradiction(const Linker *linker, LinkScratch *scratch, uint32_t a,
                                            uint32_t b, const uint8_t *level);
extern bool link_pair_contradicts(const Linker *linker, const LinkPair *pair);

/* link_twin.c */
extern void link_find_twins(Linker *linker);

static inline bool
link_stands(const Linker *linker, uint32_t record)
{
    return linker->twin == NULL || linker->twin[record] == record;
}

/* link_atom.c */
extern uint32_t *link_count_atoms(Linker *linker);
/* By how many records have them; where a model is given, by what it knows of them, and count may be NULL. */
extern void link_size_atoms(Linker *linker, const uint32_t *count);
extern void link_note_large(Linker *linker, uint64_t hash, double count);
/* How seldom two large atoms must meet by chance to make a key: of the model that is being fitted. */
extern void link_choose_limit(Linker *linker);
/* Keys of two atoms, of a record's atoms; these are changed. At most room; returns how many. */
extern int link_pair_keys(const Linker *linker, uint32_t *atom, uint16_t *group, int atoms, uint64_t *key,
                          int room);

/* link_block.c: pairs of records that share a key, in order. */
extern void link_make_candidates(Linker *linker, LinkSort *pairs);

static inline uint64_t
link_candidate(uint32_t a, uint32_t b, int attribute)
{
    uint64_t low = a < b ? a : b;
    uint64_t high = a < b ? b : a;

    return (low << LINK_RECORD_BITS | high) << LINK_CANDIDATE_BITS | (uint64_t) attribute;
}

/* link_pairs.c: those of them that may link. */
extern void link_make_pairs(Linker *linker);

/*
 * link_kept.c. Whoever goes through the pairs has some of them at a time, until link_next_pairs returns false; it must be
 * called until then. With change what was changed of them stays so.
 */
extern void link_keep_pair(Linker *linker, const LinkPair *pair);
extern bool link_spill_pairs(Linker *linker); /* false: that makes no room */
extern void link_read_pairs(Linker *linker, LinkPairs *reading, bool change);
extern bool link_next_pairs(Linker *linker, LinkPairs *reading);

/* link_frequency.c: how often values and words are, without what an entity's own records add. label may be NULL. */
extern void link_count_frequencies(Linker *linker, const uint32_t *label);
extern void link_read_frequencies(Linker *linker); /* from the model given */
/* Whether only one attribute has values enough to tell records apart. */
extern bool link_is_alone(const Linker *linker);
extern void link_write_frequencies(Linker *linker); /* to the model that was fitted */
/* link_near.c: from the model given, only those that comparing the first record with the others needs. */
extern void link_read_near_frequencies(Linker *linker, LinkScratch *scratch);
/* Of one value or word, as bits; for a hash that the model does not have, as rare as can be. */
extern float link_read_bits(const LinkModel *model, int space, uint64_t hash);
extern float link_unseen_bits(const LinkModel *model, int space);
extern void link_add_frequency(Linker *linker, const LinkFrequency *row);

/* link_fit.c */
extern void link_fit(Linker *linker);
/* What each pattern of levels weighs under the model; with LinkPair.rare it is the pair's weight. */
extern void link_weigh_patterns(const Linker *linker, const LinkModel *model);
/* The prior, where so many pairs are of one entity. */
extern void link_set_prior(const Linker *linker, LinkModel *model, double sum);
/* What values say by being rare, anew, of all pairs that were kept. */
extern void link_weigh_rare(Linker *linker, const LinkModel *model);
/* The prior and m, from an m that is usual. belief has room for each pattern. */
extern void link_learn(Linker *linker, LinkModel *model, double *belief);
/* m that explains the beliefs best, and worth invented pairs that are as usual. */
extern void link_maximise(const Linker *linker, LinkModel *model, const double *belief, double worth);
/*
 * Posteriors of all pairs under the model: their sum; and where belief is not NULL, how many of each pattern are likely to be of one
 * entity. The others are too many: what each of them adds to a level would, all together, outweigh the entities.
 */
extern double link_believe(Linker *linker, const LinkModel *model, double *belief);

/* link_depend.c: u of strangers, of all and of those that agree on something. label may be NULL. */
extern void link_sample_strangers(Linker *linker, LinkModel *model, LinkScratch *scratch,
                                  const uint32_t *label);
/* Pairs that agree on one thing, and the strangers among them. */
typedef struct LinkStratum {
    int attribute;
    int level;
    LinkCompared *drawn; /* NULL while they are in the file */
    LinkFile *file;
    bool *linked; /* those that are in one cluster already: of one entity for sure */
    uint32_t draws;
    double count[LINK_ATTRIBUTES][LINK_MAX_LEVELS]; /* strangers */
    double u[LINK_ATTRIBUTES][LINK_MAX_LEVELS];
} LinkStratum;

/* label may be NULL. */
static inline bool
link_are_strangers(const uint32_t *label, uint32_t a, uint32_t b)
{
    return a != b && (label == NULL || label[a] != label[b]);
}

/* link_stratum.c: drawn and compared once. What does not fit is in a file, and in memory only after it was fetched. */
extern LinkStratum *link_draw_strata(Linker *linker, LinkScratch *scratch, const uint32_t *label, int *count);
extern void link_free_strata(Linker *linker, LinkStratum *strata, int count);
extern void link_fetch_stratum(Linker *linker, LinkStratum *stratum);
extern void link_stow_stratum(Linker *linker, LinkStratum *stratum);

/* link_depend.c: judged by each model. */
extern void link_judge_strata(Linker *linker, const LinkModel *model, LinkStratum *strata, int count);
/* u of the stratum by its counts. */
extern void link_estimate_stratum(const Linker *linker, const LinkModel *model, LinkStratum *stratum);
/* Which attributes are judged in the light of which, by what was counted. */
extern void link_find_parents(const Linker *linker, LinkModel *model, const LinkStratum *strata, int count);

/* link_cluster.c: the clusters of the pairs, cut at threshold (NAN: where the joins say). */
extern void link_cluster(Linker *linker, double threshold, uint32_t *label);

/* link_model.c */
extern int link_model_context(LinkModel *model, int attribute, int given, int given_level); /* -1: no room */
extern void link_model_forget_contexts(LinkModel *model);
extern double link_model_frequency(const LinkModel *model, int space, uint64_t hash); /* negative: none */

extern uint64_t link_mix(uint64_t a, uint64_t b);
extern uint64_t link_hash(int space, const void *data, size_t size);

#endif
