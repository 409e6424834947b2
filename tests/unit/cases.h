/*
 * cases.h: a table of texts and what is to become of each. Include it after cmocka.h.
 */
#ifndef CRM_UNIT_CASES_H
#define CRM_UNIT_CASES_H

#include <string.h>

typedef struct Case {
    const char *text;
    const char *expected;
} Case;

#define EACH(cases, as_text)                                                                                 \
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {                                            \
        const char *found = as_text(cases[i].text);                                                          \
                                                                                                             \
        if (strcmp(found, cases[i].expected) != 0)                                                           \
            fail_msg("%s: \"%s\" is not \"%s\"", cases[i].text, found, cases[i].expected);                   \
    }

#endif
