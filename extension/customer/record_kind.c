/*
 * record_kind.c: see record_kind.h.
 */
#include "base/compat.h"
#include "customer/record_kind.h"

#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_record_kind);

static bool
is_among(const text *word, const char *const *words, int count)
{
    Size length = VARSIZE_ANY_EXHDR(word);

    for (int i = 0; i < count; i++)
        if (strlen(words[i]) == length && pg_strncasecmp(VARDATA_ANY(word), words[i], length) == 0)
            return true;
    return false;
}

LinkKind
record_kind(const text *kind, const text *given_name, const text *family_name, const text *full_name,
            const text *company)
{
    static const char *const person[] = {"person",  "individual", "consumer", "private",
                                         "contact", "human",      "b2c",      "p"};
    static const char *const organisation[] = {"organisation", "organization", "company", "business",
                                               "account",      "firm",         "org",     "corporate",
                                               "legal",        "b2b",          "o",       "c"};

    if (kind != NULL && is_among(kind, person, lengthof(person)))
        return LINK_PERSON;
    if (kind != NULL && is_among(kind, organisation, lengthof(organisation)))
        return LINK_ORGANISATION;
    if (given_name != NULL || family_name != NULL)
        return LINK_PERSON;
    return company != NULL && full_name == NULL ? LINK_ORGANISATION : LINK_ANY;
}

Datum
crm_record_kind(PG_FUNCTION_ARGS)
{
    const text *told[5];
    LinkKind kind;

    for (int i = 0; i < 5; i++)
        told[i] = PG_ARGISNULL(i) ? NULL : PG_GETARG_TEXT_PP(i);
    kind = record_kind(told[0], told[1], told[2], told[3], told[4]);
    if (kind == LINK_ANY)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(kind == LINK_PERSON ? "person" : "organisation"));
}
