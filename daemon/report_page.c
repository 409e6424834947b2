#include "report_page.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "jsontext.h"
#include "report_chart.h"
#include "report_style.h"

#define POINTS_MAX 800
#define PARTS_MAX 8
#define PAIRS_MAX 24

/* Nothing may be loaded, sent, framed or run. */
#define POLICY                                                                                               \
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"

static double
number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_number(value) ? json_number_value(value) : (double) NAN;
}

/* An element, where there is something to put into it. */
static void
put_some(FILE *out, const char *before, const char *text, const char *after)
{
    if (text[0] != '\0')
        html_put_element(out, before, text, after);
}

/* Classes come from a list, and not from the JSON. */
static const char *
tone_of(const char *name)
{
    static const char *const tones[] = {"good", "bad", "warn", "main", "rest"};

    for (size_t i = 0; i < sizeof tones / sizeof tones[0]; i++)
        if (strcmp(name, tones[i]) == 0)
            return tones[i];
    return "plain";
}

/* An id that may stand in an address: letters of the program's own words, else nothing. */
static const char *
id_of(const json_t *object, const char *name)
{
    const char *id = jsontext_of(object, name);

    return id[strspn(id, "abcdefghijklmnopqrstuvwxyz_")] == '\0' ? id : "";
}

/* columns: [{label, number}], its row of headings. */
static void
put_headings(FILE *out, const json_t *columns)
{
    fputs("<thead><tr>", out);
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const json_t *column = json_array_get(columns, i);

        html_put_element(out,
                         json_is_true(json_object_get(column, "number"))
                             ? "<th scope=\"col\" class=\"number\">"
                             : "<th scope=\"col\">",
                         jsontext_of(column, "label"), "</th>");
    }
    fputs("</tr></thead>\n", out);
}

/* Opens the cell of a column: the first of a row is its heading; the label is for narrow windows, where columns stand below each other. */
static void
put_cell_begin(FILE *out, const json_t *columns, size_t column, const char *tone)
{
    const json_t *heading = json_array_get(columns, column);

    fprintf(out, column == 0 ? "<th scope=\"row\" class=\"%s%s\"" : "<td class=\"%s%s\"",
            json_is_true(json_object_get(heading, "number")) ? "number " : "", tone);
    html_put_element(out, " data-label=\"", jsontext_of(heading, "label"), "\">");
}

static void
put_cell(FILE *out, const json_t *columns, size_t column, const char *text)
{
    put_cell_begin(out, columns, column, "");
    html_put_element(out, "<bdi>", text, column == 0 ? "</bdi></th>" : "</bdi></td>");
}

/* --- numbers --- */

static void
put_line(FILE *out, const json_t *tile)
{
    const json_t *points = json_object_get(tile, "points");
    double values[POINTS_MAX];
    size_t count = json_array_size(points);
    char title[512];

    if (count == 0 || count > POINTS_MAX)
        return;
    for (size_t i = 0; i < count; i++) {
        const json_t *point = json_array_get(points, i);

        values[i] = json_is_number(point) ? json_number_value(point) : (double) NAN;
    }
    snprintf(title, sizeof title, "%s: %s", jsontext_of(tile, "label"), jsontext_of(tile, "span"));
    report_chart_line(out, values, count, title);
}

static void
put_tile(FILE *out, const json_t *tile)
{
    const char *change = jsontext_of(tile, "change"), *state = jsontext_of(tile, "state");
    double arrow = number_of(tile, "arrow");

    html_put_element(out, "<li class=\"tile\"><h4><bdi>", jsontext_of(tile, "label"), "</bdi></h4>");
    html_put_element(out, state[0] ? "<p class=\"value none\">" : "<p class=\"value\">",
                     jsontext_of(tile, "value"), "");
    put_some(out, " <span class=\"counts-what\">", jsontext_of(tile, "counts"), "</span>");
    fputs("</p>", out);
    put_some(out, "<p class=\"state\">", state, "</p>");
    fputs("<p class=\"moved\">", out);
    if (change[0] != '\0') {
        fprintf(out, "<span class=\"change %s\">", tone_of(jsontext_of(tile, "tone")));
        fputs(arrow > 0   ? "<span aria-hidden=\"true\">\xe2\x96\xb2</span> "
              : arrow < 0 ? "<span aria-hidden=\"true\">\xe2\x96\xbc</span> "
                          : "",
              out);
        html_put(out, change);
        put_some(out, "<span class=\"unseen\">, ", jsontext_of(tile, "change_label"), "</span>");
        fputs("</span> ", out);
    }
    put_some(out, "<span class=\"before\">", jsontext_of(tile, "before"), "</span>");
    fputs("</p>", out);
    put_line(out, tile);
    fputs("</li>\n", out);
}

static void
put_tiles_table(FILE *out, const json_t *section)
{
    static const char *const fields[] = {"label", "said", "before_value", "change", "lowest", "highest"};
    const json_t *columns = json_object_get(section, "columns"), *tiles = json_object_get(section, "tiles");

    html_put_element(out, "<details><summary>", jsontext_of(section, "table"), "</summary><table>");
    put_headings(out, columns);
    fputs("<tbody>", out);
    for (size_t i = 0; i < json_array_size(tiles); i++) {
        const json_t *tile = json_array_get(tiles, i);

        fputs("<tr>", out);
        for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++)
            put_cell(out, columns, f, jsontext_of(tile, fields[f]));
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></details>\n", out);
}

/* Tiles of one department follow each other. */
static void
put_tiles(FILE *out, const json_t *section)
{
    const json_t *tiles = json_object_get(section, "tiles");
    const char *department = NULL;

    for (size_t i = 0; i < json_array_size(tiles); i++) {
        const json_t *tile = json_array_get(tiles, i);

        if (department == NULL || strcmp(department, jsontext_of(tile, "department")) != 0) {
            fputs(department == NULL ? "" : "</ul>\n", out);
            department = jsontext_of(tile, "department");
            html_put_element(out, "<h3><bdi>", department, "</bdi></h3>\n<ul class=\"tiles\">\n");
        }
        put_tile(out, tile);
    }
    fputs(department == NULL ? "" : "</ul>\n", out);
    put_some(out, "<p class=\"small\">", jsontext_of(section, "quiet"), "</p>\n");
    put_tiles_table(out, section);
}

/* A word of a legend beside the colour or mark that it explains. */
static void
put_key(FILE *out, const char *mark, const char *word)
{
    fprintf(out, "<span><span class=\"key %s\"></span>", mark);
    html_put_element(out, "", word, "</span>");
}

/* --- goals --- */

static void
put_goal(FILE *out, const json_t *goal)
{
    const json_t *lines = json_object_get(goal, "lines");
    const char *tone = tone_of(jsontext_of(goal, "tone"));
    char title[512];

    snprintf(title, sizeof title, "%s: %s, %s, %s", jsontext_of(goal, "label"), jsontext_of(goal, "value"),
             jsontext_of(goal, "target"), jsontext_of(goal, "status"));
    html_put_element(out, "<li class=\"goal\"><div class=\"head\"><h4><bdi>", jsontext_of(goal, "label"),
                     "</bdi>");
    put_some(out, " <span class=\"name\"><bdi>", jsontext_of(goal, "name"), "</bdi></span>");
    put_some(out, " <span class=\"name\"><bdi>", jsontext_of(goal, "unit"), "</bdi></span>");
    fprintf(out, "</h4><span class=\"chip %s\">", tone);
    html_put_element(out, "", jsontext_of(goal, "status"), "</span></div>");
    html_put_element(out, "<p class=\"figures\"><b>", jsontext_of(goal, "value"), "</b> ");
    html_put_element(out, "<span>", jsontext_of(goal, "target"), "</span></p>");
    if (isfinite(number_of(goal, "share")))
        report_chart_meter(out, number_of(goal, "share"), number_of(goal, "target_share"),
                           number_of(goal, "expected_share"), tone, title);
    fputs("<ul class=\"facts\">", out);
    for (size_t i = 0; i < json_array_size(lines); i++)
        html_put_element(out, "<li><bdi>", jsontext_at(lines, i), "</bdi></li>");
    fputs("</ul></li>\n", out);
}

static void
put_goals(FILE *out, const json_t *section)
{
    const json_t *goals = json_object_get(section, "goals");

    fputs("<p class=\"legend\">", out);
    put_key(out, "target", jsontext_of(section, "mark_target"));
    put_key(out, "expected", jsontext_of(section, "mark_expected"));
    fputs("</p>\n<ul class=\"goals\">\n", out);
    for (size_t i = 0; i < json_array_size(goals); i++) {
        const json_t *goal = json_array_get(goals, i);

        put_goal(out, goal);
    }
    fputs("</ul>\n", out);
}

/* --- funnel --- */

static void
put_stage(FILE *out, const json_t *stage, const json_t *next)
{
    int hue = (int) json_integer_value(json_object_get(stage, "hue"));

    html_put_element(out, "<li><div class=\"stage\"><b><bdi>", jsontext_of(stage, "label"), "</bdi></b>");
    put_some(out, " <span class=\"name\"><bdi>", jsontext_of(stage, "department"), "</bdi></span></div>");
    fputs("<div class=\"bar\">", out);
    report_chart_step(out, number_of(stage, "share"), next == NULL ? (double) NAN : number_of(next, "share"),
                      hue);
    html_put_element(out, "</div><div class=\"count\"><b>", jsontext_of(stage, "value"), "</b> ");
    put_some(out, "<span>", jsontext_of(stage, "step"), "</span>");
    put_some(out, "<span>", jsontext_of(stage, "days"), "</span>");
    fputs("</div></li>\n", out);
}

static void
put_funnel(FILE *out, const json_t *funnel, bool named)
{
    const json_t *stages = json_object_get(funnel, "stages"), *asides = json_object_get(funnel, "asides");

    if (named)
        html_put_element(out, "<h3><bdi>", jsontext_of(funnel, "label"), "</bdi></h3>\n");
    fputs("<ol class=\"funnel\">\n", out);
    for (size_t i = 0; i < json_array_size(stages); i++) {
        const json_t *stage = json_array_get(stages, i);

        put_stage(out, stage, json_array_get(stages, i + 1));
    }
    fputs("</ol>\n", out);
    if (json_array_size(asides) == 0)
        return;
    fputs("<p class=\"small\">", out);
    for (size_t i = 0; i < json_array_size(asides); i++) {
        fputs(i == 0 ? "" : " \xc2\xb7 ", out);
        html_put_element(out, "<bdi>", jsontext_at(asides, i), "</bdi>");
    }
    fputs("</p>\n", out);
}

static void
put_funnels(FILE *out, const json_t *section)
{
    const json_t *funnels = json_object_get(section, "funnels");

    for (size_t i = 0; i < json_array_size(funnels); i++) {
        const json_t *funnel = json_array_get(funnels, i);

        put_funnel(out, funnel, json_array_size(funnels) > 1);
    }
}

/* --- tables --- */

/* parts: [[amount, tone]] or [[amount, tone, label]] */
static size_t
read_parts(const json_t *parts, struct ReportPart *read)
{
    size_t count = json_array_size(parts);

    if (count > PARTS_MAX)
        count = PARTS_MAX;
    for (size_t i = 0; i < count; i++) {
        const json_t *part = json_array_get(parts, i);

        read[i].amount = json_number_value(json_array_get(part, 0));
        read[i].tone = tone_of(jsontext_at(part, 1));
    }
    return count;
}

static void
put_table_cell(FILE *out, const json_t *columns, size_t column, const json_t *cell)
{
    struct ReportPart parts[PARTS_MAX];
    const char *tone = tone_of(jsontext_of(cell, "tone"));
    bool number = json_is_true(json_object_get(json_array_get(columns, column), "number"));
    bool chip = strcmp(tone, "plain") != 0 && !number;

    if (json_is_string(cell)) {
        put_cell(out, columns, column, json_string_value(cell));
        return;
    }
    put_cell_begin(out, columns, column, chip ? "" : tone);
    if (chip)
        fprintf(out, "<span class=\"chip %s\">", tone);
    html_put_element(out, "<bdi>", jsontext_of(cell, "text"), chip ? "</bdi></span>" : "</bdi>");
    put_some(out, "<span class=\"sub\"><bdi>", jsontext_of(cell, "sub"), "</bdi></span>");
    report_chart_stack(out, parts, read_parts(json_object_get(cell, "parts"), parts), NULL);
    fputs(column == 0 ? "</th>" : "</td>", out);
}

static void
put_counts(FILE *out, const json_t *counts)
{
    struct ReportPart parts[PARTS_MAX];
    size_t count = read_parts(counts, parts);

    fputs("<div class=\"counts\">", out);
    report_chart_stack(out, parts, count, NULL);
    fputs("<p class=\"legend\">", out);
    for (size_t i = 0; i < count; i++)
        put_key(out, parts[i].tone, jsontext_at(json_array_get(counts, i), 2));
    fputs("</p></div>\n", out);
}

static void
put_bars(FILE *out, const json_t *section)
{
    const json_t *bars = json_object_get(section, "bars");
    const char *first = jsontext_of(section, "bars_first"), *second = jsontext_of(section, "bars_second");
    struct ReportPair pairs[PAIRS_MAX];
    char title[512];
    size_t count = json_array_size(bars) > PAIRS_MAX ? PAIRS_MAX : json_array_size(bars);

    for (size_t i = 0; i < count; i++) {
        const json_t *bar = json_array_get(bars, i);

        pairs[i] = (struct ReportPair){.label = jsontext_of(bar, "label"),
                                       .first = number_of(bar, "first"),
                                       .second = number_of(bar, "second"),
                                       .first_said = first,
                                       .second_said = second};
    }
    snprintf(title, sizeof title, "%s, %s", first, second);
    fputs("<div class=\"pairs-of\">", out);
    report_chart_pairs(out, pairs, count, title);
    fputs("<p class=\"legend\">", out);
    put_key(out, "first", first);
    put_key(out, "second", second);
    fputs("</p></div>\n", out);
}

static void
put_table(FILE *out, const json_t *section)
{
    const json_t *columns = json_object_get(section, "columns"), *rows = json_object_get(section, "rows");

    if (json_array_size(json_object_get(section, "counts")) > 0)
        put_counts(out, json_object_get(section, "counts"));
    if (json_array_size(json_object_get(section, "bars")) > 0)
        put_bars(out, section);
    fprintf(out, "<table class=\"%s\">", id_of(section, "id"));
    put_headings(out, columns);
    fputs("<tbody>\n", out);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        fputs("<tr>", out);
        for (size_t j = 0; j < json_array_size(row); j++) {
            const json_t *cell = json_array_get(row, j);

            put_table_cell(out, columns, j, cell);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table>\n", out);
}

/* --- the page --- */

static const struct {
    const char *kind;
    void (*put)(FILE *out, const json_t *section);
} kinds[] = {{"tiles", put_tiles}, {"goals", put_goals}, {"funnel", put_funnels}, {"table", put_table}};

/* What lays out a section of its kind; NULL: a kind that is not known here. */
static void (*layout_of(const json_t *section))(FILE *, const json_t *)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].kind, jsontext_of(section, "kind")) == 0)
            return kinds[i].put;
    return NULL;
}

static void
put_section(FILE *out, const json_t *section)
{
    const char *note = jsontext_of(section, "note"), *line = jsontext_of(section, "line");

    if (layout_of(section) == NULL)
        return;
    html_put_element(out, "<section id=\"", id_of(section, "id"), "\">");
    html_put_element(out, "<h2>", jsontext_of(section, "title"), "</h2>\n");
    if (note[0] != '\0' || line[0] != '\0') {
        html_put_element(out, "<p class=\"note\">", note, note[0] == '\0' ? "" : " ");
        html_put_element(out, "", line, "</p>\n");
    }
    layout_of(section)(out, section);
    put_some(out, "<p class=\"small\">", jsontext_of(section, "more"), "</p>\n");
    fputs("</section>\n", out);
}

static void
put_head(FILE *out, const json_t *report)
{
    html_put_element(out, "<!doctype html>\n<html lang=\"", jsontext_of(report, "language"),
                     "\"><head><meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" "
                     "content=\"" POLICY "\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" "
                     "content=\"noindex\"><meta name=\"referrer\" content=\"no-referrer\">\n");
    html_put_element(out, "<title>", jsontext_of(report, "title"), "");
    html_put_element(out, ", ", jsontext_of(report, "period"), "</title>\n<style>");
    fputs(report_style, out);
    fputs("</style></head>\n<body>\n", out);
}

static void
put_top(FILE *out, const json_t *report)
{
    const json_t *headlines = json_object_get(report, "headlines");

    html_put_element(out, "<header><p class=\"kicker\">", jsontext_of(report, "kicker"), "</p>\n");
    html_put_element(out, "<h1><bdi>", jsontext_of(report, "title"), "</bdi></h1>\n");
    html_put_element(out, "<p class=\"period\">", jsontext_of(report, "period"), "</p>\n");
    html_put_element(out, "<p class=\"small\"><bdi>", jsontext_of(report, "reader"), "</bdi> \xc2\xb7 ");
    html_put_element(out, "", jsontext_of(report, "made"), "</p>\n");
    if (json_array_size(headlines) > 0) {
        fputs("<ul class=\"headlines\">", out);
        for (size_t i = 0; i < json_array_size(headlines); i++) {
            const json_t *headline = json_array_get(headlines, i);

            fprintf(out, "<li class=\"%s\"><a href=\"#%s\">", tone_of(jsontext_of(headline, "tone")),
                    id_of(headline, "to"));
            html_put_element(out, "", jsontext_of(headline, "text"), "</a></li>\n");
        }
        fputs("</ul>\n", out);
    }
    fputs("</header>\n", out);
}

static void
put_contents(FILE *out, const json_t *report, const json_t *sections)
{
    if (json_array_size(sections) < 2)
        return;
    html_put_element(out, "<nav aria-label=\"", jsontext_of(report, "contents"), "\"><ul>");
    for (size_t i = 0; i < json_array_size(sections); i++) {
        const json_t *section = json_array_get(sections, i);

        if (layout_of(section) == NULL)
            continue;
        fprintf(out, "<li><a href=\"#%s\">", id_of(section, "id"));
        html_put_element(out, "", jsontext_of(section, "title"), "</a></li>");
    }
    fputs("</ul></nav>\n", out);
}

bool
report_page_write(FILE *out, const char *json)
{
    json_t *report = json_loads(json, 0, NULL);
    const json_t *sections = json_object_get(report, "sections");

    if (!json_is_array(sections)) {
        json_decref(report);
        return false;
    }
    put_head(out, report);
    put_top(out, report);
    put_contents(out, report, sections);
    fputs("<main>\n", out);
    for (size_t i = 0; i < json_array_size(sections); i++) {
        const json_t *section = json_array_get(sections, i);

        put_section(out, section);
    }
    fputs("</main>\n<footer>", out);
    put_some(out, "<p>", jsontext_of(report, "absent"), "</p>\n");
    put_some(out, "<p>", json_array_size(sections) > 0 ? jsontext_of(report, "rights") : "", "</p>\n");
    fputs("</footer>\n</body></html>\n", out);
    json_decref(report);
    return true;
}
