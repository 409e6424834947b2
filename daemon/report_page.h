/*
 * report_page.h: a report as one HTML page that needs nothing else, out of the JSON of the database's report_page().
 *
 * Pure. The page has no script, no address but those within itself, and forbids itself any request; every text of the database is escaped.
 * It says nothing that the JSON does not say: words, numbers and days come written. Kinds of sections are tiles, goals, funnel and table;
 * one that is not known is left out.
 */
#ifndef CRMD_REPORT_PAGE_H
#define CRMD_REPORT_PAGE_H

#include <stdbool.h>
#include <stdio.h>

/* False where json is no report. What could not be written shows in ferror(out). */
bool report_page_write(FILE *out, const char *json);

#endif
