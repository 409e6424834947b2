// links: daemon/routing.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "routing.h"

static void
test_filled(void **state)
{
    char *filled =
        routing_fill("{\"routing_key\" : \"{routing_key}\", \"summary\" : \"{routing_key}\"}", "abc-1");

    (void) state;
    assert_string_equal(filled, "{\"routing_key\" : \"abc-1\", \"summary\" : \"{routing_key}\"}");
    free(filled);
    assert_null(routing_fill("{\"summary\" : \"{routing_key}\"}", "abc"));
    assert_null(routing_fill("{\"routing_key\" : \"{routing_key}", "abc"));
    assert_null(routing_fill("", "abc"));
}

static void
test_keys(void **state)
{
    (void) state;
    assert_true(routing_key_is_good("0123456789abcdef0123456789abcdef"));
    assert_false(routing_key_is_good(""));
    assert_false(routing_key_is_good("a\"b"));
    assert_false(routing_key_is_good("a\\b"));
    assert_false(routing_key_is_good("a b"));
    assert_false(routing_key_is_good("0123456789012345678901234567890123456789012345678901234567890123x"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_filled), cmocka_unit_test(test_keys)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
