/*
 * version.c: see version.h.
 */
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
version_compare(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        char *a_end, *b_end;
        unsigned long left = strtoul(a, &a_end, 10), right = strtoul(b, &b_end, 10);

        if (left != right)
            return left < right ? -1 : 1;
        a = a_end + strcspn(a_end, "0123456789");
        b = b_end + strcspn(b_end, "0123456789");
    }
    return 0;
}

bool
version_differs(const char *extension, const char *crmd, char *advice, size_t size)
{
    int order = version_compare(extension, crmd);

    if (order < 0)
        snprintf(advice, size, "the extension is older than crmd %s: type ALTER EXTENSION crm UPDATE", crmd);
    else if (order > 0)
        snprintf(advice, size, "crmd %s is older than the extension: install the crmd of its version", crmd);
    else
        snprintf(advice, size, "crmd is %s: install both of one version", crmd);
    return strcmp(extension, crmd) != 0;
}
