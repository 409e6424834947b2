// links: daemon/page.c daemon/html.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "page.h"

static void
test_escaped(void **state)
{
    struct Page page;

    (void) state;
    assert_true(page_make(&page, "{\"status\": 200, \"language\": \"nl\", \"title\": \"<b>&\\\"'\", "
                                 "\"lines\": [\"<script>x</script>\"],"
                                 " \"form\": {\"look\": \"1-\\\">\", \"comment\": \"C<\", \"reasons\": [],"
                                 " \"verbs\": [[\"acknowledge\", \"Ik <pak>\"]]}}"));
    assert_int_equal(page.status, 200);
    assert_int_equal(page.length, strlen(page.html));
    assert_non_null(strstr(page.html, "<html lang=\"nl\">"));
    assert_non_null(strstr(page.html, "<h1>&lt;b&gt;&amp;&quot;&#39;</h1>"));
    assert_non_null(strstr(page.html, "<p>&lt;script&gt;x&lt;/script&gt;</p>"));
    assert_non_null(strstr(page.html, "name=\"look\" value=\"1-&quot;&gt;\">"));
    assert_non_null(strstr(page.html, "<label>C&lt;<textarea name=\"comment\""));
    assert_non_null(strstr(page.html, "<button name=\"verb\" value=\"acknowledge\">Ik &lt;pak&gt;</button>"));
    assert_null(strstr(page.html, "<script"));
    free(page.html);
}

static void
test_reasons(void **state)
{
    struct Page page;

    (void) state;
    assert_true(page_make(&page, "{\"status\": 422, \"form\": {\"reasons\": [\"no <budget>\", \"late\"]}}"));
    assert_int_equal(page.status, 422);
    assert_non_null(strstr(page.html, "<select name=\"comment\"><option></option><option>no "
                                      "&lt;budget&gt;</option><option>late</option></select>"));
    free(page.html);
    assert_true(page_make(&page, "{\"status\": 410, \"title\": \"over\", \"form\": null}"));
    assert_null(strstr(page.html, "<form"));
    free(page.html);
}

static void
test_refused(void **state)
{
    static const char *const bad[] = {"", "[]", "{}", "{\"status\": \"200\"}", "null", "{\"status\": 200"};
    struct Page page;

    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(page_make(&page, bad[i]));
        assert_null(page.html);
    }
    assert_non_null(strstr(page_plain(503), "Nothing was done"));
    assert_non_null(strstr(page_plain(404), "Hier is niets"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_escaped), cmocka_unit_test(test_reasons),
                                       cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
