// links: daemon/report_page.c daemon/report_chart.c daemon/report_style.c daemon/html.c
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "html.h"
#include "report_chart.h"
#include "report_page.h"

static char *drawn;
static size_t drawn_length;

static FILE *
begin(void)
{
    return open_memstream(&drawn, &drawn_length);
}

/* What was drawn since begin; freed with the next. */
static const char *
drawing(FILE *out)
{
    static char *held;

    assert_int_equal(fclose(out), 0);
    free(held);
    held = drawn;
    drawn = NULL;
    return held;
}

static const char *
page_of(const char *json)
{
    FILE *out = begin();

    assert_true(report_page_write(out, json));
    return drawing(out);
}

static void
assert_has(const char *page, const char *part)
{
    if (strstr(page, part) == NULL)
        fail_msg("there is no %s in %s", part, page);
}

static void
assert_has_not(const char *page, const char *part)
{
    if (strstr(page, part) != NULL)
        fail_msg("there is %s in %s", part, page);
}

static void
test_escaped(void **state)
{
    FILE *out = begin();

    (void) state;
    html_put(out, "<a href=\"x\">&'</a>\n\x01\x7f");
    assert_string_equal(drawing(out), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;   ");
    /* what turns the direction goes, what only looks like it stays: U+202E, U+2066, U+200F; U+2030, U+206A, e2 at the end */
    out = begin();
    html_put(out, "a\xe2\x80\xae"
                  "b\xe2\x81\xa6"
                  "c\xe2\x80\x8f"
                  "d\xe2\x80\xb0\xe2\x81\xaa\xe2");
    assert_string_equal(drawing(out), "abcd\xe2\x80\xb0\xe2\x81\xaa\xe2");
}

static void
test_line(void **state)
{
    const double points[] = {0, 10, NAN, 5, NAN};
    const double flat[] = {3, 3};
    const double huge[] = {-1e308, 1e308};
    const double one[] = {NAN, 1, NAN};
    FILE *out = begin();

    (void) state;
    report_chart_line(out, points, 5, "low & high");
    /* from 4 to 196 across, from 36 (0) to 4 (10) down; the gap breaks it, and 5 stands alone */
    assert_string_equal(
        drawing(out),
        "<svg class=\"line\" viewBox=\"0 0 200 40\" preserveAspectRatio=\"none\" role=\"img\" "
        "aria-label=\"low &amp; "
        "high\"><title>low &amp; high</title><path class=\"area\" d=\"M4.0 36.0L52.0 4.0V40H4.0ZM148.0 "
        "20.0V40H148.0Z\"/><path class=\"stroke\" d=\"M4.0 36.0L52.0 4.0M148.0 20.0h0\"/><path class=\"end\" "
        "d=\"M148.0 20.0h0\"/></svg>");
    out = begin();
    report_chart_line(out, flat, 2, NULL);
    assert_has(drawing(out), "aria-hidden=\"true\"><path class=\"area\" d=\"M4.0 20.0L196.0 20.0");
    out = begin();
    report_chart_line(out, huge, 2, NULL); /* whose range is infinite */
    assert_has(drawing(out), "M4.0 20.0L196.0 20.0");
    out = begin();
    report_chart_line(out, one, 3, "x");
    report_chart_line(out, NULL, 0, "x");
    assert_string_equal(drawing(out), "");
}

static void
test_bars(void **state)
{
    const struct ReportPart parts[] = {{3, "good"}, {-1, "bad"}, {0, "warn"}, {1, "plain"}};
    const struct ReportPart none[] = {{0, "good"}, {NAN, "bad"}};
    const struct ReportPair pairs[] = {{"<Jan>", 10, 5, "a", "b"}, {"Feb", NAN, -4, "a", "b"}};
    FILE *out = begin();

    (void) state;
    report_chart_meter(out, 0.25, 1, NAN, "bad", "t");
    assert_has(drawing(out),
               "<rect class=\"bad\" y=\"3\" width=\"25.00\" height=\"8\"/><path class=\"target\" "
               "d=\"M99.70 0V14\"/></svg>");
    out = begin();
    report_chart_meter(out, 7, NAN, 0.5, "good", "t");
    assert_has(drawing(out),
               "<rect class=\"good\" y=\"3\" width=\"100.00\" height=\"8\"/><path class=\"expected\" "
               "d=\"M50.00 1V13\"/></svg>");
    out = begin();
    report_chart_stack(out, parts, 4, NULL);
    assert_has(drawing(out),
               "<rect class=\"good\" x=\"0.00\" width=\"75.00\" height=\"8\"/><rect class=\"plain\" "
               "x=\"75.00\" width=\"25.00\" height=\"8\"/></svg>");
    out = begin();
    report_chart_stack(out, none, 2, NULL);
    assert_string_equal(drawing(out), "");
    out = begin();
    report_chart_step(out, 1, 0.5, 2);
    assert_has(drawing(out),
               "<rect class=\"hue2\" width=\"100.00\" height=\"26\"/><path class=\"hue2 soft\" d=\"M0 "
               "26H100.00L50.00 40H0Z\"/></svg>");
    out = begin();
    report_chart_step(out, NAN, NAN, 99);
    assert_has(drawing(out), "<rect class=\"hue6\" width=\"0.40\" height=\"40\"/></svg>");
    out = begin();
    report_chart_pairs(out, pairs, 2, "t");
    assert_has(drawing(out), "viewBox=\"0 0 108 114\"");
    out = begin();
    report_chart_pairs(out, pairs, 2, "t");
    assert_has(drawing(out),
               "<rect class=\"second\" x=\"28.0\" y=\"48.0\" width=\"22.0\" height=\"48.0\"><title>b"
               "</title></rect><text x=\"27.0\" y=\"110.0\">&lt;Jan&gt;</text>");
    out = begin();
    report_chart_pairs(out, pairs + 1, 1, "t");
    assert_string_equal(drawing(out), "");
}

#define HOSTILE "<script>alert(1)</script>\\\" onload=\\\"x"

static void
test_page(void **state)
{
    const char *page = page_of(
        "{\"language\": \"es\", \"title\": \"" HOSTILE
        "\", \"kicker\": \"Informe\", \"period\": \"p\", \"reader\": "
        "\"r\", \"made\": \"m\", \"rights\": \"only\", \"contents\": \"Contenido\", \"absent\": \"nada\","
        " \"headlines\": [{\"text\": \"" HOSTILE "\", \"tone\": \"bad\\\" x\", \"to\": \"goals\"},"
        " {\"text\": \"h\", \"tone\": \"bad\", \"to\": \"javascript:x\"}],"
        " \"sections\": [{\"kind\": \"tiles\", \"id\": \"numbers\", \"title\": \"N\", \"table\": \"T\", "
        "\"columns\": "
        "[{\"label\": \"K\"}, {\"label\": \"V\", \"number\": true}], \"tiles\": ["
        " {\"label\": \"" HOSTILE
        "\", \"value\": \"12\", \"said\": \"12 h\", \"counts\": \"h\", \"change\": \"+5%\", "
        "\"tone\": \"good\", \"arrow\": 1, \"change_label\": \"mejor\", \"department\": \"D1\", \"points\": "
        "[1, null, "
        "2], \"span\": \"s\"}, {\"label\": \"L2\", \"value\": \"-\", \"state\": \"filling\", \"department\": "
        "\"D2\"}]},"
        " {\"kind\": \"goals\", \"id\": \"goals\", \"title\": \"G\", \"goals\": [{\"label\": \"L\", "
        "\"value\": \"9\", "
        "\"target\": \"t\", \"status\": \"s\", \"tone\": \"good\", \"share\": 0.9, \"target_share\": 1, "
        "\"lines\": "
        "[\"" HOSTILE "\", 7]}]},"
        " {\"kind\": \"funnel\", \"id\": \"funnel\", \"title\": \"F\", \"funnels\": [{\"label\": \"x\", "
        "\"stages\": "
        "[{\"label\": \"" HOSTILE
        "\", \"share\": 1, \"hue\": 1, \"value\": \"5\"}, {\"label\": \"b\", \"share\": "
        "0.5, \"hue\": 2, \"value\": \"2\"}], \"asides\": [\"Lost 2\", \"Out 1\"]}]},"
        " {\"kind\": \"table\", \"id\": \"alerts\", \"title\": \"A\", \"columns\": [{\"label\": \"" HOSTILE
        "\"}, "
        "{\"label\": \"n\", \"number\": true}], \"rows\": [[{\"text\": \"" HOSTILE
        "\", \"sub\": \"u\", \"tone\": "
        "\"warn\"}, {\"text\": \"4\", \"tone\": \"bad\", \"parts\": [[1, \"good\"], [1, \"evil\\\"\"], "
        "\"x\"]}], "
        "[\"c\", 5], 6], \"counts\": [[2, \"bad\", \"two\"]]},"
        " {\"kind\": \"never heard of\", \"id\": \"q\", \"title\": \"unheard\"}, 5]}");

    (void) state;
    assert_has(page, "<html lang=\"es\">");
    assert_has(page, "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action "
                     "'none'; base-uri 'none'\"");
    assert_has_not(page, "<script");
    assert_has_not(page, "onload=\"");
    assert_has_not(page, "evil");
    assert_has_not(page, "javascript");
    assert_has_not(page, "unheard");
    assert_has_not(page, "http:");
    assert_has_not(page, "https:");
    assert_has_not(page, "url(");
    assert_has_not(page, "\"nan");
    assert_has(page, "<h1><bdi>&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x</bdi></h1>");
    assert_has(page, "<li class=\"plain\"><a href=\"#goals\">&lt;script&gt;");
    assert_has(page, "<li class=\"bad\"><a href=\"#\">h</a>");
    assert_has(page, "<p class=\"value\">12 <span class=\"counts-what\">h</span></p>");
    assert_has(page, "<span class=\"unseen\">, mejor</span>");
    assert_has(page, "<p class=\"value none\">-</p><p class=\"state\">filling</p>");
    assert_has(page, "<h3><bdi>D2</bdi></h3>");
    assert_has(page, "Lost 2</bdi> \xc2\xb7 <bdi>Out 1");
    assert_has(page,
               "data-label=\"&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x\"><span class=\"chip "
               "warn\"><bdi>");
    assert_has(page, "<td class=\"number bad\"");
    assert_has(page, "<footer><p>nada</p>\n<p>only</p>");
}

static void
test_nothing(void **state)
{
    const char *page = page_of("{\"language\": \"en\", \"title\": \"Zoe\", \"sections\": [], \"absent\": "
                               "\"nothing\", \"rights\": \"x\"}");
    FILE *out;

    (void) state;
    assert_has(page, "<main>\n</main>\n<footer><p>nothing</p>\n</footer>");
    assert_has_not(page, "<nav");
    out = begin();
    assert_false(report_page_write(out, "{}"));
    assert_false(report_page_write(out, "not json"));
    assert_false(report_page_write(out, "[]"));
    assert_string_equal(drawing(out), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escaped), cmocka_unit_test(test_line),    cmocka_unit_test(test_bars),
        cmocka_unit_test(test_page),    cmocka_unit_test(test_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
