// links: daemon/page.c daemon/html.c daemon/utf8.c daemon/report_page.c daemon/report_chart.c daemon/report_style.c daemon/status.c
/* Pages out of JSON: UTF-8 whatever it says, and no element that the page does not have itself. */
#include "fuzz.h"
#include "page.h"
#include "report_page.h"

static void
check_html(const char *html, size_t length)
{
    CHECK(is_utf8(html, length));
    CHECK(strcasestr(html, "<script") == NULL && strcasestr(html, "<img") == NULL &&
          strcasestr(html, "<iframe") == NULL);
    CHECK(strcasestr(html, "onerror=") == NULL || strcasestr(html, "\" onerror=") == NULL);
    CHECK(strstr(html, "\xe2\x80\xae") == NULL);
}

TARGET(page)
{
    struct Input input = {data, size};
    char *json = take_text(&input, 100000, NULL), *html = NULL;
    struct Page page;
    size_t length = 0;
    FILE *out;

    if (page_make(&page, json)) {
        CHECK(page.html != NULL && strlen(page.html) == page.length);
        check_html(page.html, page.length);
        free(page.html);
    }
    out = open_memstream(&html, &length);
    CHECK(out != NULL);
    if (report_page_write(out, json)) {
        CHECK(fclose(out) == 0 && strlen(html) == length);
        check_html(html, length);
    } else
        fclose(out);
    free(html);
    free(json);
}
