/*
 * fit.c: one pass over the graphemes. The last place where a cut would leave room for the note is remembered, and is gone back to
 * when the text turns out to be too long.
 */
#include "alert/fit.h"

#include <string.h>
#include <utf8proc.h>

struct Piece {
    char bytes[8];
    size_t length, units;
};

static void
put(struct Piece *piece, const char *ascii)
{
    piece->length = piece->units = strlen(ascii);
    memcpy(piece->bytes, ascii, piece->length);
}

static const char *
entity(utf8proc_int32_t c, CrmFitStyle style)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return style != CRM_FIT_SLACK ? "&quot;" : NULL;
    case '\'':
        return style != CRM_FIT_SLACK ? "&#39;" : NULL;
    default:
        return NULL;
    }
}

static bool
turns_direction(utf8proc_int32_t c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* What stands for one character; nothing where it is dropped. */
static void
escape(utf8proc_int32_t c, CrmFitStyle style, struct Piece *piece)
{
    const char *named = style != CRM_FIT_PLAIN && style != CRM_FIT_MARKDOWN ? entity(c, style) : NULL;

    piece->length = piece->units = 0;
    if (turns_direction(c))
        return;
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
        put(piece, " ");
    else if (named != NULL)
        put(piece, named);
    else if ((style == CRM_FIT_MARKDOWN || style == CRM_FIT_TELEGRAM) && c == '@')
        put(piece, "@ ");
    else if (style == CRM_FIT_MARKDOWN && c < 0x80 && strchr("\\`*_{}[]()<>#+-.!|~:&/=$", (int) c) != NULL) {
        piece->bytes[0] = '\\';
        piece->bytes[1] = (char) c;
        piece->length = piece->units = 2;
    } else {
        piece->length = (size_t) utf8proc_encode_char(c, (utf8proc_uint8_t *) piece->bytes);
        piece->units = c > 0xffff ? 2 : 1;
    }
}

size_t
crm_fit(const char *text, size_t length, CrmFitStyle style, size_t most, const char *note, char *out)
{
    size_t room = most - strlen(note), used = 0, units = 0, cut_at = 0;
    utf8proc_int32_t c, before = -1, state = 0;
    struct Piece piece;

    for (size_t at = 0; at < length;) {
        utf8proc_ssize_t step =
            utf8proc_iterate((const utf8proc_uint8_t *) text + at, (utf8proc_ssize_t) (length - at), &c);

        if (step <= 0) {
            c = '?';
            step = 1;
        }
        if ((before < 0 || utf8proc_grapheme_break_stateful(before, c, &state)) && units <= room)
            cut_at = used;
        escape(c, style, &piece);
        if (units + piece.units > most) {
            memcpy(out + cut_at, note, strlen(note) + 1);
            return cut_at + strlen(note);
        }
        memcpy(out + used, piece.bytes, piece.length);
        used += piece.length;
        units += piece.units;
        before = c;
        at += (size_t) step;
    }
    out[used] = '\0';
    return used;
}
