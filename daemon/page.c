#include "page.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "jsontext.h"

#define HEAD_BEFORE "<!doctype html>\n<html lang=\""
#define HEAD_AFTER                                                                                           \
    "\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, "                \
    "initial-scale=1\">"                                                                                     \
    "<meta name=\"robots\" content=\"noindex\"><style>body{font:1.1em "                                      \
    "sans-serif;max-width:34em;margin:2em auto;padding:0 1em}"                                               \
    "button,textarea,select{font:inherit;margin:.3em "                                                       \
    "0;padding:.5em;width:100%;box-sizing:border-box}</style><title>"

/* A comment to write, or where there are reasons to choose from, one of these. */
static void
put_comment(FILE *out, const json_t *form)
{
    const json_t *reasons = json_object_get(form, "reasons");

    html_put_element(out, "<label>", jsontext_of(form, "comment"), "");
    if (json_array_size(reasons) == 0) {
        fputs("<textarea name=\"comment\" rows=\"3\" maxlength=\"1000\"></textarea></label>\n", out);
        return;
    }
    fputs("<select name=\"comment\"><option></option>", out);
    for (size_t i = 0; i < json_array_size(reasons); i++)
        html_put_element(out, "<option>", jsontext_at(reasons, i), "</option>");
    fputs("</select></label>\n", out);
}

static void
put_form(FILE *out, const json_t *form)
{
    const json_t *verbs = json_object_get(form, "verbs");

    html_put_element(out, "<form method=\"post\"><input type=\"hidden\" name=\"look\" value=\"",
                     jsontext_of(form, "look"), "\">\n");
    put_comment(out, form);
    for (size_t i = 0; i < json_array_size(verbs); i++) {
        const json_t *verb = json_array_get(verbs, i);

        html_put_element(out, "<button name=\"verb\" value=\"", jsontext_at(verb, 0), "\">");
        html_put_element(out, "", jsontext_at(verb, 1), "</button>\n");
    }
    fputs("</form>\n", out);
}

int
page_make(struct Page *page, const char *json)
{
    json_t *said = json_loads(json, 0, NULL);
    FILE *out = NULL;
    bool good = json_is_object(said) && json_is_integer(json_object_get(said, "status"));

    memset(page, 0, sizeof *page);
    if (good)
        out = open_memstream(&page->html, &page->length);
    if (out != NULL) {
        page->status = (unsigned) json_integer_value(json_object_get(said, "status"));
        html_put_element(out, HEAD_BEFORE, jsontext_of(said, "language"), HEAD_AFTER);
        html_put_element(out, "", jsontext_of(said, "title"), "</title></head>\n<body>");
        html_put_element(out, "<h1>", jsontext_of(said, "title"), "</h1>\n");
        for (size_t i = 0; i < json_array_size(json_object_get(said, "lines")); i++)
            html_put_element(out, "<p>", jsontext_at(json_object_get(said, "lines"), i), "</p>\n");
        if (json_is_object(json_object_get(said, "form")))
            put_form(out, json_object_get(said, "form"));
        fputs("</body></html>\n", out);
        good = !ferror(out);
        good = fclose(out) == 0 && good;
    } else
        good = false;
    if (!good) {
        free(page->html);
        page->html = NULL;
    }
    json_decref(said);
    return good;
}

const char *
page_plain(unsigned status)
{
    switch (status) {
    case 404:
        return HEAD_BEFORE
            "en" HEAD_AFTER "crm</title></head><body><p>There is nothing here.</p>"
            "<p lang=\"es\">Aqu\xc3\xad no hay nada.</p><p lang=\"nl\">Hier is niets.</p></body></html>\n";
    case 405:
    case 400:
    case 413:
        return HEAD_BEFORE
            "en" HEAD_AFTER "crm</title></head><body><p>This cannot be understood.</p>"
            "<p lang=\"es\">No se entiende.</p><p lang=\"nl\">Dit is niet te begrijpen.</p></body></html>\n";
    default:
        return HEAD_BEFORE
            "en" HEAD_AFTER
            "crm</title></head><body><p>Not available now. Nothing was done; try again in a minute.</p>"
            "<p lang=\"es\">No disponible ahora. No se ha hecho nada; int\xc3\xa9ntelo en un minuto.</p>"
            "<p lang=\"nl\">Nu niet beschikbaar. Er is niets gedaan; probeer het over een minuut.</p>"
            "</body></html>\n";
    }
}
