#include "html.h"

#include <stdbool.h>

/* U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069, all of three bytes. */
static bool
turns(const unsigned char *at)
{
    if (at[0] != 0xe2 || (at[1] != 0x80 && at[1] != 0x81))
        return false;
    if (at[1] == 0x80)
        return at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xaa && at[2] <= 0xae);
    return at[2] >= 0xa6 && at[2] <= 0xa9;
}

void
html_put(FILE *out, const char *text)
{
    for (const unsigned char *at = (const unsigned char *) text; *at != '\0'; at++)
        switch (*at) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            if (turns(at))
                at += 2;
            else
                fputc(*at < ' ' || *at == 0x7f ? ' ' : *at, out);
        }
}

void
html_put_element(FILE *out, const char *before, const char *text, const char *after)
{
    fputs(before, out);
    html_put(out, text);
    fputs(after, out);
}
