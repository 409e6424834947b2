// links: extension/alert/mime.c
/* Texts as e-mail carries them: by hand, and read back on random bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/mime.h"

static char *
header(const char *text)
{
    char *out = malloc(CRM_MIME_HEADER_SIZE(strlen(text)));
    size_t length = crm_mime_header(text, strlen(text), out);

    assert_int_equal(length, strlen(out));
    return out;
}

static char *
quoted(const char *text, size_t length)
{
    char *out = malloc(CRM_MIME_QUOTED_SIZE(length)); /* exactly, for the address sanitizer */

    assert_true(crm_mime_quoted(text, length, out) < CRM_MIME_QUOTED_SIZE(length));
    return out;
}

static void
check_header(const char *text, const char *expected)
{
    char *out = header(text);

    assert_string_equal(out, expected);
    free(out);
}

static void
check_quoted(const char *text, const char *expected)
{
    char *out = quoted(text, strlen(text));

    assert_string_equal(out, expected);
    free(out);
}

static void
test_header(void **state)
{
    (void) state;
    check_header("", "");
    check_header("Alert: Win rate, EMEA", "Alert: Win rate, EMEA");
    check_header("a=b?", "a=b?");
    check_header("=?UTF-8?B?QQ==?=", "=?UTF-8?B?PT9VVEYtOD9CP1FRPT0/PQ==?=");
    check_header("x\r\nBcc: y", "=?UTF-8?B?eA0KQmNjOiB5?=");
    check_header(" x", "=?UTF-8?B?IHg=?=");
    check_header("ni\xc3\xb1o", "=?UTF-8?B?bmnDsW8=?=");
    /* 66 characters stand as they are, 67 do not */
    check_header("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    check_header("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                 "=?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh?=\r\n"
                 " =?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ==?=");
    /* 13 characters of three bytes fill a word; with a letter in front the 13th moves on whole */
    check_header(
        "a\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82"
        "\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
        "=?UTF-8?B?YeKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrA==?=\r\n =?UTF-8?B?4oKs?=");
}

static void
test_quoted(void **state)
{
    (void) state;
    check_quoted("", "");
    check_quoted("a = b\n.c\nFrom d\n", "a =3D b\r\n=2Ec\r\n=46rom d\r\n");
    check_quoted("a \nb\t\nc ", "a=20\r\nb=09\r\nc=20");
    check_quoted("\xe2\x82\xac\r\n", "=E2=82=AC=0D\r\n");
    /* 76 fit into a line, of 77 one moves on */
    check_quoted("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    check_quoted("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\naa");
    /* a point that a soft break brings to the front is not sent as one */
    check_quoted("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.a",
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\n=2Ea");
}

static int
hex(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Reads quoted-printable back, and holds every line against the rules. */
static size_t
read_back(const char *text, char *out)
{
    size_t used = 0, column = 0;

    for (const char *c = text; *c != '\0'; c++) {
        assert_true(*c == '\r' || *c == '\n' || (*c >= ' ' && *c <= '~') || *c == '\t');
        if (c[0] == '\r' && c[1] == '\n') {
            assert_true(column == 0 || (c[-1] != ' ' && c[-1] != '\t'));
            out[used++] = '\n';
            c++;
            column = 0;
        } else if (c[0] == '=' && c[1] == '\r') {
            assert_int_equal(c[2], '\n');
            assert_true(column <= 75);
            c += 2;
            column = 0;
        } else if (c[0] == '=') {
            assert_non_null(strchr("0123456789ABCDEF", c[1]));
            assert_non_null(strchr("0123456789ABCDEF", c[2]));
            out[used++] = (char) (hex(c[1]) << 4 | hex(c[2]));
            c += 2;
            column += 3;
        } else {
            assert_true(column > 0 || *c != '.');
            out[used++] = *c;
            column++;
        }
        assert_true(column <= 76);
    }
    return used;
}

static void
test_random(void **state)
{
    (void) state;
    srandom(7);
    for (int round = 0; round < 20000; round++) {
        static const char some[] = "aaaa  =.\n\n\t\r\xc3\xb1\xe2\x82\xac?_From ";
        char text[300], back[300], *out, *rest;
        size_t length = (size_t) random() % sizeof text;

        for (size_t i = 0; i < length; i++)
            text[i] = some[(size_t) random() % (sizeof some - 1)];
        out = quoted(text, length);
        assert_null(strstr(out, "=_"));
        assert_int_equal(read_back(out, back), length);
        assert_memory_equal(back, text, length);
        free(out);
        out = malloc(CRM_MIME_HEADER_SIZE(length));
        crm_mime_header(text, length, out);
        for (char *line = strtok_r(out, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
            assert_true(strlen(line) <= 68);
        free(out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_quoted),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
