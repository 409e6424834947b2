/*
 * question.c: see question.h.
 */
#include "base/compat.h"
#include "org/question.h"

#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

typedef struct Key {
    char *data; /* principal, then each text with its length in front */
    int length;
} Key;

typedef struct QuestionEntry {
    Key key;
    uint32 hash;
    CrmQuestion *question;
    char status;
} QuestionEntry;

#define SH_PREFIX questions
#define SH_ELEMENT_TYPE QuestionEntry
#define SH_KEY_TYPE Key
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_bytes((const unsigned char *) (key).data, (key).length)
#define SH_EQUAL(table, a, b)                                                                                \
    ((a).length == (b).length && memcmp((a).data, (b).data, (size_t) (a).length) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct CrmQuestions {
    questions_hash *hash;
};

#define TEXTS 4
/* Somebody may ask for an object of another name in every row. */
#define QUESTIONS_MAX 10000

static int
text_length(const text *value)
{
    return value == NULL ? -1 : (int) VARSIZE_ANY_EXHDR(value);
}

/* Written to buffer where it fits, else palloc'd. */
static Key
make_key(int principal, const CrmQuestionText *asked, char *buffer, Size size)
{
    const text *texts[TEXTS] = {asked->object, asked->privilege, asked->hierarchy, asked->fallback};
    Size needed = sizeof(int) * (TEXTS + 1);
    char *at;

    for (int i = 0; i < TEXTS; i++)
        needed += (Size) Max(text_length(texts[i]), 0);
    if (needed > size)
        buffer = palloc(needed);
    at = buffer;
    memcpy(at, &principal, sizeof(int));
    at += sizeof(int);
    for (int i = 0; i < TEXTS; i++) {
        int length = text_length(texts[i]);

        memcpy(at, &length, sizeof(int));
        at += sizeof(int);
        if (length > 0)
            memcpy(at, VARDATA_ANY(texts[i]), (size_t) length);
        at += Max(length, 0);
    }
    return (Key){buffer, (int) needed};
}

static char *
string_or_null(const text *value)
{
    return value == NULL ? NULL : text_to_cstring(value);
}

static int
find_fallback(CrmOrganisation *organisation, const text *fallback)
{
    int unit;

    if (fallback == NULL)
        return organisation->root;
    unit = crm_organisation_unit(organisation, fallback);
    if (unit >= 0) /* as policies write it; what follows makes a table of all words */
        return unit;
    return crm_value_map_value(crm_organisation_units(organisation, NULL), fallback);
}

/* What may raise an error comes first, in the caller's memory: nothing is left with the organisation then. */
static CrmQuestion *
work_out(CrmOrganisation *organisation, int principal, const CrmQuestionText *asked)
{
    CrmPrivilege privilege = crm_privilege_parse(text_to_cstring(asked->privilege));
    CrmValueMap *units = crm_organisation_units(organisation, string_or_null(asked->hierarchy));
    int fallback = find_fallback(organisation, asked->fallback);
    bool outside = principal < 0;
    const CrmAccess *access =
        outside ? NULL : crm_access(organisation, principal, text_to_cstring(asked->object), privilege);
    CrmQuestion *question = MemoryContextAllocZero(organisation->context, sizeof(CrmQuestion));

    question->outside = outside;
    question->everything = outside || access->all;
    question->undenied = outside || (access->denied == NULL && !access->nothing);
    question->principal = principal;
    question->privilege = privilege;
    question->access = access;
    question->units = units;
    question->fallback = fallback;
    return question;
}

CrmQuestion *
crm_question(CrmOrganisation *organisation, int principal, const CrmQuestionText *asked)
{
    char buffer[512];
    Key key = make_key(principal, asked, buffer, sizeof(buffer));
    QuestionEntry *entry;
    char *copy;
    CrmQuestion *question;
    bool found;

    if (organisation->questions == NULL) {
        organisation->questions = MemoryContextAlloc(organisation->context, sizeof(struct CrmQuestions));
        organisation->questions->hash = questions_create(organisation->context, 32, NULL);
    }
    entry = questions_lookup(organisation->questions->hash, key);
    if (entry != NULL)
        return entry->question;
    if (organisation->questions->hash->members >= QUESTIONS_MAX)
        organisation->changes = 0; /* read anew by whoever asks next, without them */

    question = work_out(organisation, principal, asked);
    copy = MemoryContextAlloc(organisation->context, (Size) key.length);
    key.data = memcpy(copy, key.data, (size_t) key.length);
    entry = questions_insert(organisation->questions->hash, key, &found);
    entry->question = question;
    return question;
}
