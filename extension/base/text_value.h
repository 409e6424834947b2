/*
 * text_value.h: texts as they lie, perhaps NULL: the same bytes, and a copy.
 */
#ifndef CRM_BASE_TEXT_VALUE_H
#define CRM_BASE_TEXT_VALUE_H

#include "base/compat.h"

/* Both not toasted. */
static inline bool
crm_text_same(const text *a, const text *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
           memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

/* In the current memory context. */
static inline text *
crm_text_copy(const text *value)
{
    text *copy;

    if (value == NULL)
        return NULL;
    copy = palloc(VARSIZE_ANY(value));
    memcpy(copy, value, VARSIZE_ANY(value));
    return copy;
}

#endif
