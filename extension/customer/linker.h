/*
 * linker.h: records in; clusters, the evidence for them and a model out.
 *
 * Plain C, nothing of Postgres. Texts are UTF-8. Memory is the linker's own (malloc, counted against options.memory) and
 * linker_free gives back all of it, at any point, also after a status other than LINK_OK. Threads are started and joined
 * inside of a call, touch nothing but the linker, and block all signals; the callbacks are called by the calling thread
 * only.
 *
 * The same records give the same clusters and figures, whatever their order, the number of threads and the memory:
 * samples are drawn by hash, ties are broken by the records' order (a hash of their content, then their name).
 *
 * Two ways of use. Without a model, linker_run fits one to all the records and clusters them. With a model (an earlier
 * run's, or one read from tables), frequencies and parameters are the model's, and the records are a handful: those that
 * changed and those near them, or a form's input and whom it may mean.
 */
#ifndef CRM_CUSTOMER_LINKER_H
#define CRM_CUSTOMER_LINKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is read of a record. */
typedef enum LinkField {
    LINK_GIVEN_NAME,
    LINK_FAMILY_NAME,
    LINK_FULL_NAME,
    LINK_COMPANY,
    LINK_EMAIL,
    LINK_PHONE,
    LINK_WEBSITE,
    LINK_ADDRESS,
    LINK_POSTCODE,
    LINK_CITY,
    LINK_REGION,
    LINK_COUNTRY,
    LINK_BIRTH_DATE,
    LINK_TAX_ID,
    LINK_GENDER,
    LINK_JOB_TITLE,
    LINK_FIELDS
} LinkField;

/* What is compared. The three name fields are one attribute. */
typedef enum LinkAttribute {
    LINK_ATTRIBUTE_NAME,
    LINK_ATTRIBUTE_COMPANY,
    LINK_ATTRIBUTE_EMAIL,
    LINK_ATTRIBUTE_PHONE,
    LINK_ATTRIBUTE_WEBSITE,
    LINK_ATTRIBUTE_ADDRESS,
    LINK_ATTRIBUTE_POSTCODE,
    LINK_ATTRIBUTE_CITY,
    LINK_ATTRIBUTE_REGION,
    LINK_ATTRIBUTE_COUNTRY,
    LINK_ATTRIBUTE_BIRTH_DATE,
    LINK_ATTRIBUTE_TAX_ID,
    LINK_ATTRIBUTE_GENDER,
    LINK_ATTRIBUTE_JOB_TITLE,
    LINK_ATTRIBUTES
} LinkAttribute;

#define LINK_MAX_LEVELS 16 /* of an attribute; level 0 is "one has no value", which is no evidence */

typedef enum LinkKind { LINK_ANY, LINK_PERSON, LINK_ORGANISATION } LinkKind;

/* Whether records of these kinds can be of one entity. */
static inline bool
link_kinds_agree(LinkKind a, LinkKind b)
{
    return a == LINK_ANY || b == LINK_ANY || a == b;
}

typedef enum LinkVerdict { LINK_SAME = 1, LINK_DIFFERENT } LinkVerdict;

typedef enum LinkStatus {
    LINK_OK,
    LINK_NO_MEMORY, /* options.memory does not suffice even with spilling; linker_needed says what would */
    LINK_CANCELLED, /* options.interrupted said so */
    LINK_SPILL,     /* the spill callbacks failed: a full disk */
    LINK_MODEL      /* the model given is of another version */
} LinkStatus;

typedef enum LinkPhase {
    LINK_READING,
    LINK_BLOCKING,
    LINK_COMPARING,
    LINK_FITTING,
    LINK_CLUSTERING,
    LINK_DONE
} LinkPhase;

typedef struct LinkText {
    const char *data; /* NULL where there is no value */
    size_t length;
} LinkText;

typedef struct LinkInput {
    uint64_t name; /* a hash of what the record is called: breaks ties between equal records */
    LinkKind kind;
    LinkText field[LINK_FIELDS];
} LinkInput;

/* A place for what does not fit in memory: written once from start to end, read as often as wanted. */
typedef struct LinkSpill {
    void *(*open)(void *context);
    bool (*write)(void *file, const void *data, size_t size);
    bool (*rewind)(void *file);
    bool (*read)(void *file, void *data, size_t size);
    void (*close)(void *file);
} LinkSpill;

typedef struct LinkModel LinkModel; /* link_model.h */
typedef struct Linker Linker;

typedef struct LinkerOptions {
    size_t memory; /* bytes */
    int threads;   /* at least 1 */
    const LinkModel *model;
    bool
        only_first; /* only the first record is explained, beside others: what that does not need is left out */
    const LinkSpill *spill;             /* NULL: LINK_NO_MEMORY instead of spilling */
    bool (*interrupted)(void *context); /* asked some ten times a second; NULL: never */
    void (*progress)(void *context, LinkPhase phase, uint64_t done, uint64_t total); /* may be NULL */
    void *context;
} LinkerOptions;

extern LinkStatus linker_create(const LinkerOptions *options, Linker **linker);
extern void linker_free(Linker *linker); /* NULL is fine */

/* Records are numbered 0, 1, 2 ... as they come. The texts are copied. */
extern LinkStatus linker_add(Linker *linker, const LinkInput *record);
/* To be called after both were added, and before linker_run. */
extern LinkStatus linker_decide(Linker *linker, uint32_t a, uint32_t b, LinkVerdict verdict);
extern LinkStatus linker_run(Linker *linker);

/* After linker_run: of each record, the smallest number of a record of its cluster. */
extern const uint32_t *linker_clusters(const Linker *linker);
/* The model in use: the one given, or the one fitted, which lives as long as the linker. */
extern const LinkModel *linker_model(const Linker *linker);
extern size_t linker_needed(const Linker *linker);

typedef struct LinkReport {
    uint64_t records;
    uint64_t clusters;
    uint64_t candidates; /* distinct pairs compared */
    uint64_t
        candidates_by[LINK_ATTRIBUTES +
                      1];   /* that a block of this attribute proposed; last: two atoms, or equal records */
    uint64_t kept;          /* pairs that could still link after comparing */
    uint64_t cluster_pairs; /* pairs inside clusters */
    double posterior_sum;   /* pairs that the model believes in */
    double usual_sum;       /* the same with m as usual: where the two are far apart, m is held as usual */
    double threshold;       /* bits */
    double seconds[LINK_DONE]; /* by phase */
    size_t memory;             /* most that was held */
    uint64_t spilled;          /* bytes */
    bool sure;                 /* posterior_sum is within a third of cluster_pairs, or one pair of it */
    bool fixed; /* the model is held at its prior: beliefs ran away, or one attribute was alone */
} LinkReport;
extern const LinkReport *linker_report(const Linker *linker);

/* What one attribute says of a pair. */
typedef struct LinkEvidence {
    LinkAttribute attribute;
    int level;   /* 1 .. ; link_level_name() says what it is */
    double bits; /* log2 of the likelihood ratio; the sum of all and the prior is the weight */
    int given;   /* the attribute that this one was judged in the light of, or -1 */
} LinkEvidence;

/*
 * Why two records, of those added, have the weight that they have, by the model in use; also without linker_run where a
 * model was given. evidence has room for LINK_ATTRIBUTES; the number of attributes that both have is returned.
 */
extern int linker_explain(Linker *linker, uint32_t a, uint32_t b, LinkEvidence *evidence, double *prior,
                          double *weight);

/* What two records, of those added, say that one customer cannot both have; link_contradict.c says when. */
typedef enum LinkContradiction {
    LINK_NO_CONTRADICTION,
    LINK_OTHER_TAX_ID,     /* of two organisations, of one scheme */
    LINK_OTHER_COMPANY,    /* of two organisations, another tax id of any scheme and another name */
    LINK_OTHER_GENERATION, /* of two people, who were born fifteen years apart, too */
    LINK_OTHER_PERSON      /* another given name and another birth date */
} LinkContradiction;
extern LinkContradiction linker_contradiction(Linker *linker, uint32_t a, uint32_t b);
extern const char *link_contradiction_name(LinkContradiction contradiction);

/* "exact", "one edit" ... of a level of an attribute, and an attribute's name as users write it. */
extern const char *link_level_name(LinkAttribute attribute, int level);
extern const char *link_attribute_name(LinkAttribute attribute);

/* Pairs that a verdict would help most with, those first that are worth most: at most room of them. */
typedef struct LinkDoubt {
    uint32_t a;
    uint32_t b;
    double weight; /* bits above the threshold that the clusters were cut at */
    double worth;  /* how likely a verdict changes what the two are taken for: at most a half */
} LinkDoubt;
extern int linker_doubts(Linker *linker, LinkDoubt *doubts, int room);

/*
 * The keys by which a record is found: hashes of its words, of how they sound, of its numbers and of parts of them. They depend on
 * nothing but the record. Keys of one group come from one word or value: sharing more than one of them tells hardly more
 * than sharing the rarest.
 */
#define LINK_MAX_KEYS 256
typedef struct LinkKey {
    uint32_t key;
    uint32_t group; /* from 0 */
} LinkKey;

/* Of a record that was added, before linker_run, which forgets what they are made of; after the first call none can be added. At most
 * LINK_MAX_KEYS are written. */
extern LinkStatus linker_keys(Linker *linker, uint32_t number, LinkKey *keys, int *count);

#endif
