// links: daemon/log.c daemon/clock.c
/* Log lines: what a receiver or a server sends cannot forge one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "log.h"

#define TIME 1767225600123 /* 2026-01-01T00:00:00.123Z */

static void
assert_line(const char *value, const char *expected)
{
    char line[LOG_LINE_MAX + 1];
    size_t length =
        log_format(line, sizeof line - 1, TIME, LOG_INFO, "seen", LOG_FIELDS(LOG_TEXT("v", value)));

    line[length] = '\0';
    assert_string_equal(line, expected);
}

#define SEEN "time=2026-01-01T00:00:00.123Z level=info event=seen v="

static void
test_escaping(void **state)
{
    (void) state;
    assert_line("plain-1_2.3:/+@,", SEEN "plain-1_2.3:/+@,\n");
    assert_line("", SEEN "\"\"\n");
    assert_line(NULL, SEEN "\"\"\n");
    assert_line("two words", SEEN "\"two words\"\n");
    assert_line("a=b", SEEN "\"a=b\"\n");
    assert_line("say \"x\" \\ y", SEEN "\"say \\\"x\\\" \\\\ y\"\n");
    assert_line("x\nlevel=error event=forged", SEEN "\"x\\nlevel=error event=forged\"\n");
    assert_line("\r\t\x1b[31m\x7f", SEEN "\"\\x0d\\x09\\x1b[31m\\x7f\"\n");
    assert_line("f\xc3\xa4llt", SEEN "\"f\xc3\xa4llt\"\n");
}

static void
test_numbers(void **state)
{
    char line[LOG_LINE_MAX + 1];
    size_t length = log_format(line, sizeof line - 1, TIME, LOG_ERROR, "two words",
                               LOG_FIELDS(LOG_NUMBER("n", INT64_MIN), LOG_NUMBER("m", 0)));

    (void) state;
    line[length] = '\0';
    assert_string_equal(
        line, "time=2026-01-01T00:00:00.123Z level=error event=\"two words\" n=-9223372036854775808 m=0\n");
    length =
        log_format(line, sizeof line - 1, TIME, LOG_DEBUG, "bare", &(const struct LogField){.key = NULL});
    line[length] = '\0';
    assert_string_equal(line, "time=2026-01-01T00:00:00.123Z level=debug event=bare\n");
}

/* Whatever the length, a line ends in one newline and stays within its buffer. */
static void
test_cut(void **state)
{
    char value[3000];
    char line[200 + 1];

    (void) state;
    memset(value, '\n', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (size_t size = 1; size <= 200; size++) {
        size_t length;

        memset(line, '#', sizeof line);
        length = log_format(line, size, TIME, LOG_INFO, "cut", LOG_FIELDS(LOG_TEXT("v", value)));
        assert_int_equal(length, size);
        assert_int_equal(line[length - 1], '\n');
        assert_int_equal(line[length], '#');
        assert_null(memchr(line, '\n', length - 1));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
