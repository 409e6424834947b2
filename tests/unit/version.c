// links: daemon/version.c
/* Which version is behind, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "version.h"

static void
test_compare(void **state)
{
    static const char *const ascending[] = {"",      "0.0.9",  "0.1",   "0.1.1",
                                            "0.2.0", "0.10.0", "1.0.0", "1.0.10"};

    (void) state;
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++)
            assert_int_equal(version_compare(ascending[i], ascending[j]), i < j ? -1 : i > j ? 1 : 0);
    assert_int_equal(version_compare("0.1", "0.1.0"), 0);
    assert_int_equal(version_compare("v1.2", "1.2"), -1); /* no number */
    assert_int_equal(version_compare("1.2-beta", "1.2"), 0);
}

static void
assert_advice(const char *extension, const char *expected)
{
    char advice[200];

    assert_int_equal(version_differs(extension, "0.2.0", advice, sizeof advice), 1);
    assert_string_equal(advice, expected);
}

static void
test_advice(void **state)
{
    char advice[200];

    (void) state;
    assert_int_equal(version_differs("0.2.0", "0.2.0", advice, sizeof advice), 0);
    assert_advice("0.1.9", "the extension is older than crmd 0.2.0: type ALTER EXTENSION crm UPDATE");
    assert_advice("0.10.0", "crmd 0.2.0 is older than the extension: install the crmd of its version");
    assert_advice("0.2.0-rc", "crmd is 0.2.0: install both of one version");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_compare), cmocka_unit_test(test_advice)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
