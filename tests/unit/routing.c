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
    char *filled = routing_fill("{\"routing_key\" : \"{routing_key}\", \"summary\" : \"{routing_key}\"}",
                                "routing_key", "abc-1");

    (void) state;
    assert_string_equal(filled, "{\"routing_key\" : \"abc-1\", \"summary\" : \"{routing_key}\"}");
    free(filled);
    assert_null(routing_fill("{\"summary\" : \"{routing_key}\"}", "routing_key", "abc"));
    assert_null(routing_fill("{\"routing_key\" : \"{routing_key}", "routing_key", "abc"));
    filled = routing_fill("{\"chat_id\" : \"{chat_id}\", \"text\" : \"{chat_id}\"}", "chat_id", "-100123");
    assert_string_equal(filled, "{\"chat_id\" : \"-100123\", \"text\" : \"{chat_id}\"}");
    free(filled);
    assert_null(routing_fill("{\"chat_id\" : \"{chat_id}\"}", "routing_key", "abc"));
    assert_null(routing_fill("", "routing_key", "abc"));
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

static void
test_chats(void **state)
{
    static const char *const good[] = {"12345", "-1001234567890", "@sales_alerts", "42"};
    static const char *const bad[] = {"", "-", "@", "1\"", "--1", "@a-b", "12 3", "1,\"text\":\"x", "sales"};

    (void) state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(routing_chat_is_good(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(routing_chat_is_good(bad[i]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_filled), cmocka_unit_test(test_keys),
                                       cmocka_unit_test(test_chats)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
