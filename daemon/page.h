/*
 * page.h: the page behind a message's button, as HTML, from what action_page of the database says (JSON: status, language, title,
 * lines, form).
 *
 * Pure. Everything that comes from the database is escaped; the page has no script, no picture and no address but its own.
 */
#ifndef CRMD_PAGE_H
#define CRMD_PAGE_H

#include <stddef.h>

struct Page {
    char *html; /* the caller frees it */
    size_t length;
    unsigned status;
};

/* False where the JSON is not what action_page answers, or memory is out. */
int page_make(struct Page *page, const char *json);

/* What is shown where the database does not answer (503) or a request is refused (400, 404, 405, 413); a constant of the program. */
const char *page_plain(unsigned status);

#endif
