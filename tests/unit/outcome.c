// links: daemon/outcome.c daemon/utf8.c
/* What an answer means for a delivery. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <stdio.h>
#include <cmocka.h>

#include "outcome.h"

static void
test_outcomes(void **state)
{
    (void) state;
    for (long status = 100; status < 600; status++)
        assert_int_equal(outcome_of(status),
                         status / 100 == 2 ? OUTCOME_DELIVERED
                         : status == 410   ? OUTCOME_GONE
                         : status / 100 == 4 && status != 408 && status != 425 && status != 429
                             ? OUTCOME_REFUSED
                             : OUTCOME_RETRY);
    assert_string_equal(outcome_name(OUTCOME_UNANSWERED), "unanswered");
    assert_string_equal(outcome_name(OUTCOME_REFUSED), "refused");
    assert_string_equal(outcome_name(OUTCOME_GONE), "gone");
    assert_string_equal(outcome_name(OUTCOME_DELIVERED), "delivered");
    assert_string_equal(outcome_name(OUTCOME_RETRY), "retry");
    assert_string_equal(outcome_name(OUTCOME_DEAD), "dead");
}

static void
test_retry_after(void **state)
{
    (void) state;
    assert_int_equal(outcome_retry_after_ms(429, 7), 7000);
    assert_int_equal(outcome_retry_after_ms(503, 7), 7000);
    assert_int_equal(outcome_retry_after_ms(429, 0), 0);
    assert_int_equal(outcome_retry_after_ms(429, -1), -1);
    assert_int_equal(outcome_retry_after_ms(500, 7), -1);
    assert_int_equal(outcome_retry_after_ms(200, 7), -1);
    assert_int_equal(outcome_retry_after_ms(503, INT64_MAX), 86400000);
}

static void
test_mail(void **state)
{
    (void) state;
    assert_int_equal(outcome_of_mail(250, true), OUTCOME_DELIVERED);
    assert_int_equal(outcome_of_mail(421, false), OUTCOME_RETRY);
    assert_int_equal(outcome_of_mail(452, true), OUTCOME_RETRY);
    assert_int_equal(outcome_of_mail(535, false), OUTCOME_REFUSED);
    assert_int_equal(outcome_of_mail(554, true), OUTCOME_REFUSED);
    assert_int_equal(outcome_of_mail(0, false), OUTCOME_RETRY);
    assert_int_equal(outcome_of_mail(0, true), OUTCOME_UNANSWERED);
}

static void
test_retry_after_said(void **state)
{
    (void) state;
    assert_int_equal(outcome_retry_after_said(
                         "telegram", "{\"ok\":false,\"error_code\":429,\"parameters\":{\"retry_after\":17}}"),
                     17);
    assert_int_equal(outcome_retry_after_said("slack", "{\"parameters\":{\"retry_after\":17}}"), -1);
    assert_int_equal(outcome_retry_after_said("telegram", "{\"parameters\":{\"retry_after\":-1}}"), -1);
    assert_int_equal(outcome_retry_after_said("telegram", "{\"parameters\":{\"retry_after\":\"x\"}}"), -1);
    assert_int_equal(outcome_retry_after_said("telegram", "[{\"parameters\": 1}]"), -1);
    assert_int_equal(outcome_retry_after_said("telegram", "{\"parameters\":"), -1);
    assert_int_equal(outcome_retry_after_said("telegram", ""), -1);
}

static void
assert_clean(const char *dirty, const char *clean)
{
    char text[64];

    snprintf(text, sizeof text, "%s", dirty);
    outcome_clean(text);
    assert_string_equal(text, clean);
}

/* jsonb takes valid UTF-8 only, and a log line one line. */
static void
test_clean(void **state)
{
    (void) state;
    assert_clean("", "");
    assert_clean("plain", "plain");
    assert_clean("f\xc3\xa4llt \xe2\x82\xac \xf0\x9f\x98\x80", "f\xc3\xa4llt \xe2\x82\xac \xf0\x9f\x98\x80");
    assert_clean("a\r\nb\tc", "a  b c");
    assert_clean("\x01\x1b\x7f", "???");
    assert_clean("\xe4llt", "?llt");   /* Latin-1 */
    assert_clean("cut \xc3", "cut ?"); /* cut inside a character */
    assert_clean("cut \xe2\x82", "cut ??");
    assert_clean("\xc0\xaf", "??"); /* not the shortest form */
    assert_clean("\xe0\x80\xaf", "???");
    assert_clean("\xed\xa0\x80", "???");      /* surrogate */
    assert_clean("\xf4\x90\x80\x80", "????"); /* past U+10FFFF */
    assert_clean("\xff\xfe", "??");
}

static void
test_plain(void **state)
{
    char mixed[] = "f\xc3\xa4llt \xe2\x9c\x93.", plain[] = "fell\x7f";

    (void) state;
    assert_true(outcome_plain(mixed));
    assert_string_equal(mixed, "f??llt ???.");
    assert_false(outcome_plain(mixed));
    assert_false(outcome_plain(plain));
    assert_string_equal(plain, "fell\x7f");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes), cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_mail),     cmocka_unit_test(test_retry_after_said),
        cmocka_unit_test(test_clean),    cmocka_unit_test(test_plain),
    };

    return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
