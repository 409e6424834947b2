#include "report_chart.h"

#include <math.h>
#include <stdbool.h>

#include "html.h"

#define LINE_WIDTH 200.0
#define LINE_HEIGHT 40.0
#define LINE_MARGIN 4.0

static double
within(double value, double least, double most)
{
    return value < least || !isfinite(value) ? least : value > most ? most : value;
}

/* kind is the class; stretched: fills its place whatever its form. */
static void
put_begin(FILE *out, const char *kind, double width, double height, bool stretched, const char *title)
{
    fprintf(out, "<svg class=\"%s\" viewBox=\"0 0 %g %g\"%s", kind, width, height,
            stretched ? " preserveAspectRatio=\"none\"" : "");
    if (title == NULL)
        fputs(" aria-hidden=\"true\">", out);
    else {
        html_put_element(out, " role=\"img\" aria-label=\"", title, "\">");
        html_put_element(out, "<title>", title, "</title>");
    }
}

struct Scale {
    const double *points;
    size_t count;
    double least, most;
};

static double
across(const struct Scale *scale, size_t i)
{
    return LINE_MARGIN +
           (LINE_WIDTH - 2 * LINE_MARGIN) * (double) i / (double) (scale->count > 1 ? scale->count - 1 : 1);
}

static double
down(const struct Scale *scale, size_t i)
{
    double room = LINE_HEIGHT - 2 * LINE_MARGIN, range = scale->most - scale->least;

    if (!(range > 0) || !isfinite(range))
        return LINE_HEIGHT / 2;
    return LINE_MARGIN + room * (1 - (scale->points[i] - scale->least) / range);
}

/* From first to last, which are finite, and all between them; closed: as an area down to the ground. */
static void
put_run(FILE *out, const struct Scale *scale, size_t first, size_t last, bool closed)
{
    fprintf(out, "M%.1f %.1f", across(scale, first), down(scale, first));
    for (size_t i = first + 1; i <= last; i++)
        fprintf(out, "L%.1f %.1f", across(scale, i), down(scale, i));
    if (closed)
        fprintf(out, "V%gH%.1fZ", LINE_HEIGHT, across(scale, first));
    else if (first == last)
        fputs("h0", out); /* a point by itself */
}

static void
put_runs(FILE *out, const struct Scale *scale, bool closed)
{
    for (size_t i = 0; i < scale->count; i++) {
        size_t first = i;

        if (!isfinite(scale->points[i]))
            continue;
        while (i + 1 < scale->count && isfinite(scale->points[i + 1]))
            i++;
        put_run(out, scale, first, i, closed);
    }
}

void
report_chart_line(FILE *out, const double *points, size_t count, const char *title)
{
    struct Scale scale = {.points = points, .count = count, .least = INFINITY, .most = -INFINITY};
    size_t finite = 0, last = 0;

    for (size_t i = 0; i < count; i++)
        if (isfinite(points[i])) {
            scale.least = fmin(scale.least, points[i]);
            scale.most = fmax(scale.most, points[i]);
            last = i;
            finite++;
        }
    if (finite < 2)
        return;
    put_begin(out, "line", LINE_WIDTH, LINE_HEIGHT, true, title);
    fputs("<path class=\"area\" d=\"", out);
    put_runs(out, &scale, true);
    fputs("\"/><path class=\"stroke\" d=\"", out);
    put_runs(out, &scale, false);
    /* a line without length and with round ends stays round however the picture is stretched */
    fprintf(out, "\"/><path class=\"end\" d=\"M%.1f %.1fh0\"/></svg>", across(&scale, last),
            down(&scale, last));
}

void
report_chart_meter(FILE *out, double share, double target, double expected, const char *tone,
                   const char *title)
{
    put_begin(out, "meter", 100, 14, true, title);
    fprintf(out,
            "<rect class=\"track\" y=\"3\" width=\"100\" height=\"8\"/><rect class=\"%s\" y=\"3\" "
            "width=\"%.2f\" height=\"8\"/>",
            tone, 100 * within(share, 0, 1));
    if (isfinite(expected))
        fprintf(out, "<path class=\"expected\" d=\"M%.2f 1V13\"/>", within(100 * expected, 0.3, 99.7));
    if (isfinite(target))
        fprintf(out, "<path class=\"target\" d=\"M%.2f 0V14\"/>", within(100 * target, 0.3, 99.7));
    fputs("</svg>", out);
}

void
report_chart_stack(FILE *out, const struct ReportPart *parts, size_t count, const char *title)
{
    double whole = 0, left = 0;

    for (size_t i = 0; i < count; i++)
        whole += within(parts[i].amount, 0, 1e300);
    if (!(whole > 0) || !isfinite(whole))
        return;
    put_begin(out, "stack", 100, 8, true, title);
    for (size_t i = 0; i < count; i++) {
        double width = 100 * within(parts[i].amount, 0, 1e300) / whole;

        if (width > 0)
            fprintf(out, "<rect class=\"%s\" x=\"%.2f\" width=\"%.2f\" height=\"8\"/>", parts[i].tone, left,
                    width);
        left += width;
    }
    fputs("</svg>", out);
}

void
report_chart_step(FILE *out, double share, double next, int hue)
{
    double wide = within(100 * share, 0.4, 100), narrow = within(100 * next, 0.4, 100);

    put_begin(out, "step", 100, 40, true, NULL);
    fprintf(out, "<rect class=\"hue%d\" width=\"%.2f\" height=\"%d\"/>", hue < 1 || hue > 6 ? 6 : hue, wide,
            isfinite(next) ? 26 : 40);
    if (isfinite(next))
        fprintf(out, "<path class=\"hue%d soft\" d=\"M0 26H%.2fL%.2f 40H0Z\"/>", hue < 1 || hue > 6 ? 6 : hue,
                wide, narrow);
    fputs("</svg>", out);
}

#define PAIR_HEIGHT 96.0
#define PAIR_FOOT 18.0

static void
put_column(FILE *out, double left, double width, double amount, double most, const char *tone,
           const char *said)
{
    double height = PAIR_HEIGHT * within(amount / most, 0, 1);

    fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">", tone, left,
            PAIR_HEIGHT - height, width, height);
    html_put_element(out, "<title>", said, "</title></rect>");
}

void
report_chart_pairs(FILE *out, const struct ReportPair *pairs, size_t count, const char *title)
{
    double group = count > 8 ? 30 : 54, column = (group - 10) / 2, most = 0;

    for (size_t i = 0; i < count; i++)
        most = fmax(most, fmax(within(pairs[i].first, 0, 1e300), within(pairs[i].second, 0, 1e300)));
    if (!(most > 0))
        return;
    put_begin(out, "pairs", group * (double) count, PAIR_HEIGHT + PAIR_FOOT, false, title);
    for (size_t i = 0; i < count; i++) {
        double left = group * (double) i + 4;

        put_column(out, left, column, pairs[i].first, most, "first", pairs[i].first_said);
        put_column(out, left + column + 2, column, pairs[i].second, most, "second", pairs[i].second_said);
        fprintf(out, "<text x=\"%.1f\" y=\"%.1f\">", left + column + 1, PAIR_HEIGHT + PAIR_FOOT - 4);
        html_put_element(out, "", pairs[i].label, "</text>");
    }
    fprintf(out, "<path class=\"ground\" d=\"M0 %gH%g\"/></svg>", PAIR_HEIGHT, group * (double) count);
}
