// links: extension/alert/fit.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/fit.h"

static void
check(CrmFitStyle style, size_t most, const char *text, const char *expected)
{
    char *out = malloc(CRM_FIT_SIZE(strlen(text)) + 3); /* exactly, for the address sanitizer */

    assert_int_equal(crm_fit(text, strlen(text), style, most, "...", out), strlen(expected));
    assert_string_equal(out, expected);
    free(out);
}

static void
test_escapes(void **state)
{
    (void) state;
    check(CRM_FIT_PLAIN, 100, "a <b> & \"c\" 'd'", "a <b> & \"c\" 'd'");
    check(CRM_FIT_SLACK, 100, "<!channel> & \"c\" 'd'", "&lt;!channel&gt; &amp; \"c\" 'd'");
    check(CRM_FIT_HTML, 100, "<a href='x' title=\"y\">&",
          "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;");
    check(CRM_FIT_TELEGRAM, 100, "<b>@ann</b> \"&'", "&lt;b&gt;@ ann&lt;/b&gt; &quot;&amp;&#39;");
    check(CRM_FIT_MARKDOWN, 100, "[x](http://y) @all *b* `c` # d",
          "\\[x\\]\\(http\\:\\/\\/y\\) @ all \\*b\\* \\`c\\` \\# d");
    check(CRM_FIT_PLAIN, 100, "a\tb\r\nc\x1b[0m\x7f", "a b  c [0m ");
    /* right-to-left override, an isolate, a line separator */
    check(CRM_FIT_PLAIN, 100,
          "a\xe2\x80\xae"
          "b\xe2\x81\xa6"
          "c\xe2\x80\xa8"
          "d",
          "abc d");
}

static void
test_cuts(void **state)
{
    (void) state;
    check(CRM_FIT_PLAIN, 5, "abcde", "abcde");
    check(CRM_FIT_PLAIN, 5, "abcdef", "ab...");
    check(CRM_FIT_PLAIN, 5, "", "");
    /* not inside an entity or an escape: "&lt;" has four units, so one fits beside the note */
    check(CRM_FIT_SLACK, 7, "<<", "&lt;...");
    check(CRM_FIT_SLACK, 6, "<<", "...");
    check(CRM_FIT_MARKDOWN, 6, "a****", "a\\*...");
    check(CRM_FIT_MARKDOWN, 5, "a****", "a...");
}

static void
test_characters(void **state)
{
    (void) state;
    /* emoji take two units, and are not halved */
    check(CRM_FIT_PLAIN, 6, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
          "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80");
    check(CRM_FIT_PLAIN, 5, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80...");
    check(CRM_FIT_PLAIN, 4, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", "...");
    /* e and a combining acute accent, four times */
    check(CRM_FIT_PLAIN, 7,
          "e\xcc\x81"
          "e\xcc\x81"
          "e\xcc\x81"
          "e\xcc\x81",
          "e\xcc\x81"
          "e\xcc\x81...");
    check(CRM_FIT_PLAIN, 6,
          "e\xcc\x81"
          "e\xcc\x81"
          "e\xcc\x81"
          "e\xcc\x81",
          "e\xcc\x81...");
    /* the flags of Spain and of the Netherlands, of two characters of two units each */
    check(CRM_FIT_PLAIN, 7, "\xf0\x9f\x87\xaa\xf0\x9f\x87\xb8\xf0\x9f\x87\xb3\xf0\x9f\x87\xb1",
          "\xf0\x9f\x87\xaa\xf0\x9f\x87\xb8...");
    check(CRM_FIT_PLAIN, 6, "\xf0\x9f\x87\xaa\xf0\x9f\x87\xb8\xf0\x9f\x87\xb3\xf0\x9f\x87\xb1", "...");
    /* a family, joined: as a whole or not at all */
    check(CRM_FIT_PLAIN, 7, "a\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
          "a...");
    /* bytes that are no UTF-8: a lone continuation, one cut short, a surrogate, an overlong slash */
    check(CRM_FIT_PLAIN, 100,
          "a\x80"
          "b\xe2\x82",
          "a?b??");
    check(CRM_FIT_PLAIN, 100, "\xed\xa0\x80|\xc0\xaf", "???|??");
}

/* Whatever the limit, the result keeps it, and is what stood there plus the note. */
static void
test_every_limit(void **state)
{
    const char *text = "<b>e\xcc\x81 & \xf0\x9f\x87\xaa\xf0\x9f\x87\xb8 \"x\" *y* @all";
    char out[1024];

    (void) state;
    for (int style = CRM_FIT_PLAIN; style <= CRM_FIT_MARKDOWN; style++)
        for (size_t most = 4; most < 80; most++) {
            size_t bytes = crm_fit(text, strlen(text), (CrmFitStyle) style, most, "...", out), units = 0;

            assert_int_equal(bytes, strlen(out));
            for (const char *c = out; *c != '\0'; c++)
                units += ((unsigned char) *c & 0xc0) != 0x80 ? ((unsigned char) *c >= 0xf0 ? 2 : 1) : 0;
            assert_true(units <= most);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_every_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
