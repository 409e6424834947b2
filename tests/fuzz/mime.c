// links: extension/alert/mime.c
/* Texts in e-mail: ASCII in short lines; decoded, quoted-printable is what went in; nothing ends a header or a part. */
#include "fuzz.h"
#include "alert/mime.h"

static int
hexadecimal(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Lines end in CRLF, both only there, and have at most so many characters. */
static void
check_lines(const char *text, size_t length, size_t most)
{
    size_t line = 0;

    for (size_t i = 0; i < length; i++) {
        CHECK((unsigned char) text[i] < 0x7F);
        if (text[i] == '\r') {
            CHECK(i + 1 < length && text[i + 1] == '\n');
            line = 0;
            i++;
        } else {
            CHECK(text[i] >= ' ' || text[i] == '\t');
            CHECK(++line <= most);
        }
    }
}

static size_t
decode_quoted(const char *text, size_t length, char *out)
{
    size_t used = 0;

    for (size_t i = 0; i < length; i++)
        if (text[i] == '\r') {
            out[used++] = '\n';
            i++;
        } else if (text[i] != '=')
            out[used++] = text[i];
        else if (text[i + 1] == '\r')
            i += 2;
        else {
            CHECK(hexadecimal(text[i + 1]) >= 0 && hexadecimal(text[i + 2]) >= 0);
            out[used++] = (char) (hexadecimal(text[i + 1]) << 4 | hexadecimal(text[i + 2]));
            i += 2;
        }
    return used;
}

TARGET(mime)
{
    char *text = copy_bytes(data, size), *out = malloc(CRM_MIME_QUOTED_SIZE(size)),
         *back = malloc(CRM_MIME_QUOTED_SIZE(size));
    size_t length, decoded;

    CHECK(out != NULL && back != NULL);
    length = crm_mime_quoted(text, size, out);
    CHECK(length < CRM_MIME_QUOTED_SIZE(size) && out[length] == '\0' && strlen(out) == length);
    check_lines(out, length, 76);
    decoded = decode_quoted(out, length, back);
    if (is_utf8(text, size) && memchr(text, '\r', size) == NULL) {
        CHECK(decoded == size || (decoded == size + 1 && back[size] == '\n'));
        CHECK(memcmp(back, text, size) == 0);
    }
    free(out);
    free(back);
    out = malloc(CRM_MIME_HEADER_SIZE(size));
    CHECK(out != NULL);
    length = crm_mime_header(text, size, out);
    CHECK(length < CRM_MIME_HEADER_SIZE(size) && out[length] == '\0' && strlen(out) == length);
    check_lines(out, length, 76);
    for (const char *line = strstr(out, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n"))
        CHECK(line[2] == ' ');
    free(text);
    free(out);
}
