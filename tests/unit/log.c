// links: daemon/log.c daemon/clock.c daemon/utf8.c
/* Log lines: what a receiver or a server sends cannot forge one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

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

static void
assert_json(const char *value, const char *expected)
{
    char line[LOG_LINE_MAX + 1];
    size_t length = log_format_json(line, sizeof line - 1, TIME, LOG_INFO, "seen",
                                    LOG_FIELDS(LOG_TEXT("v", value), LOG_NUMBER("n", -7)));

    line[length] = '\0';
    assert_string_equal(line, expected);
}

#define JSON "{\"time\":\"2026-01-01T00:00:00.123Z\",\"level\":\"info\",\"event\":\"seen\",\"v\":"

static void
test_json(void **state)
{
    (void) state;
    assert_json("plain", JSON "\"plain\",\"n\":-7}\n");
    assert_json(NULL, JSON "\"\",\"n\":-7}\n");
    assert_json("say \"x\" \\ y", JSON "\"say \\\"x\\\" \\\\ y\",\"n\":-7}\n");
    assert_json("x\n\",\"level\":\"error", JSON "\"x\\u000a\\\",\\\"level\\\":\\\"error\",\"n\":-7}\n");
    assert_json("\x1b\x7f", JSON "\"\\u001b\\u007f\",\"n\":-7}\n");
    assert_json("f\xc3\xa4llt", JSON "\"f\xc3\xa4llt\",\"n\":-7}\n");
    assert_json("\xc3(\xed\xa0\x80",
                JSON "\"\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"n\":-7}\n");
}

/* Whatever the length of a value and wherever it would be cut, the line is one whole JSON object that ends in a newline. */
static void
test_json_is_whole(void **state)
{
    static const char *const parts[] = {"x", "\"", "\x01", "\xe2\x82\xac", "\xff"};
    char line[LOG_LINE_MAX], value[5 * LOG_LINE_MAX];

    (void) state;
    for (size_t part = 0; part < sizeof parts / sizeof parts[0]; part++)
        for (int count = 250; count < LOG_LINE_MAX + 10; count += count < 300 ? 50 : 1) {
            size_t length, each = strlen(parts[part]);
            json_t *object;

            for (int i = 0; i < count; i++)
                memcpy(value + (size_t) i * each, parts[part], each);
            value[(size_t) count * each] = '\0';
            length =
                log_format_json(line, sizeof line, TIME, LOG_INFO, "seen",
                                LOG_FIELDS(LOG_TEXT("v", value), LOG_NUMBER("n", 7), LOG_TEXT("w", "end")));
            assert_in_range(length, 1, sizeof line);
            assert_int_equal(line[length - 1], '\n');
            object = json_loadb(line, length - 1, 0, NULL);
            assert_non_null(object);
            assert_string_equal(json_string_value(json_object_get(object, "event")), "seen");
            json_decref(object);
        }
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
        cmocka_unit_test(test_escaping),      cmocka_unit_test(test_numbers), cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_is_whole), cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
