/*
 * report_chart.h: the pictures of a report, as SVG that stands in its page.
 *
 * Pure. A picture carries its meaning twice: in title, for who cannot see it (NULL: the text beside it says all, and it is hidden from screen
 * readers), and in form. Colours are classes of the page's style sheet, so that they follow light and dark. Numbers that are not finite are
 * gaps. Everything is clipped to its frame: no input draws outside of it.
 */
#ifndef CRMD_REPORT_CHART_H
#define CRMD_REPORT_CHART_H

#include <stddef.h>
#include <stdio.h>

/* A line over equal steps with its last point marked; nothing where fewer than two points are finite. */
void report_chart_line(FILE *out, const double *points, size_t count, const char *title);

/* A bar of share (0 to 1) with a mark at target and a lighter one at expected (NAN: none); tone is a class. */
void report_chart_meter(FILE *out, double share, double target, double expected, const char *tone,
                        const char *title);

struct ReportPart {
    double amount;
    const char *tone; /* a class */
};

/* One bar in parts, as long as they are together; nothing where they are nothing. */
void report_chart_stack(FILE *out, const struct ReportPart *parts, size_t count, const char *title);

/* A step of a funnel: a bar of share (0 to 1) that narrows to that of the next step (NAN: the last); hue is 1 to 6. */
void report_chart_step(FILE *out, double share, double next, int hue);

struct ReportPair {
    const char *label;
    double first, second;
    const char *first_said, *second_said;
};

/* Pairs of columns side by side with their labels below. */
void report_chart_pairs(FILE *out, const struct ReportPair *pairs, size_t count, const char *title);

#endif
