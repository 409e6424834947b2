/*
 * normal_fold.c: letters without case, accents and punctuation.
 *
 * Most text is ASCII, for which a table of 128 bytes is enough. Every other character goes through utf8proc, which knows
 * Unicode: compatibility decomposition, full case folding, categories. What it leaves are letters that do not
 * decompose (o with a stroke, ligatures of Danish and French), for which there is a table here, and digits of other scripts.
 */
#include "customer/normal_words.h"

#include <string.h>
#include <utf8proc.h>

#define DROPPED '\0'
#define MAX_DECOMPOSED 32 /* the longest has 18 */

/* Of each ASCII character: itself in lower case, a blank, or nothing for the apostrophes. */
static const char ascii[] = "                                "
                            "       \0        0123456789      "
                            " abcdefghijklmnopqrstuvwxyz     "
                            "\0abcdefghijklmnopqrstuvwxyz     ";

typedef struct Output {
    char *text;
    int length;
    char last; /* ' ' at the start, so that no blank is written there */
} Output;

static inline void
put(Output *out, char c)
{
    bool kept = c > ' ' || (c == ' ' && out->last != ' ');

    out->text[out->length] = c;
    out->length += kept;
    out->last = kept ? c : out->last;
}

static void
put_all(Output *out, const char *text)
{
    for (; *text != '\0'; text++) {
        out->text[out->length++] = *text;
        out->last = 'x';
    }
}

static bool
is_apostrophe(utf8proc_int32_t c)
{
    return c == 0xB4 || c == 0x2018 || c == 0x2019 || c == 0x201B || c == 0x2032 || c == 0x5F3 ||
           c == 0xFF07 || (c >= 0x2B9 && c <= 0x2BF);
}

/* Letters that are one by themselves for Unicode, and are written otherwise where a keyboard has none of them. */
static const char *
plain_letter(utf8proc_int32_t c)
{
    static const struct {
        uint16_t letter;
        char plain[4];
    } letters[] = {
        {0xE6, "ae"},
        {0xF0, "d"},
        {0xF8, "o"},
        {0xFE, "th"},
        {0x111, "d"},
        {0x127, "h"},
        {0x131, "i"},
        {0x138, "k"},
        {0x142, "l"},
        {0x14B, "n"},
        {0x153, "oe"},
        {0x167, "t"},
        {0x180, "b"},
        {0x188, "c"},
        {0x192, "f"},
        {0x199, "k"},
        {0x1B4, "y"},
        {0x1B6, "z"},
        {0x1E5, "g"},
        {0x253, "b"},
        {0x254, "o"},
        {0x256, "d"},
        {0x257, "d"},
        {0x259, "a"},
        {0x25B, "e"},
        {0x268, "i"},
        {0x272, "n"},
        {0x289, "u"},
        /* Arabic: what Persian and Urdu keyboards write, and endings that are often written so; the line */
        {0x6A9, "\u0643"},
        {0x6CC, "\u064A"},
        {0x649, "\u064A"},
        {0x6C1, "\u0647"},
        {0x629, "\u0647"},
        {0x640, ""}};

    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].letter == c)
            return letters[i].plain;
    return NULL;
}

/* Decimal digits of other scripts stand in runs of ten. */
static char
plain_digit(utf8proc_int32_t c)
{
    static const uint16_t zeros[] = {0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66,  0xAE6,  0xB66,  0xBE6, 0xC66,
                                     0xCE6, 0xD66, 0xE50, 0xED0, 0xF20, 0x1040, 0x17E0, 0x1810, 0x1946};

    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++)
        if (c >= zeros[i] && c <= zeros[i] + 9)
            return (char) ('0' + c - zeros[i]);
    return 0;
}

/*
 * Marks above and below a letter go, and those of Hebrew and Arabic, which are seldom written. What an Indian or Thai word
 * carries as a mark is a vowel and stays.
 */
static bool
is_accent(const utf8proc_property_t *property)
{
    return property->category == UTF8PROC_CATEGORY_ME || property->combining_class == 1 ||
           (property->combining_class >= 10 && property->combining_class <= 36) ||
           property->combining_class >= 200;
}

static void
put_folded(Output *out, utf8proc_int32_t c)
{
    const utf8proc_property_t *property = utf8proc_get_property(c);
    const char *plain;
    char digit;

    switch (property->category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        if ((plain = plain_letter(c)) != NULL) {
            put_all(out, plain);
            return;
        }
        out->length += (int) utf8proc_encode_char(c, (utf8proc_uint8_t *) out->text + out->length);
        break;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        if (is_accent(property))
            return;
        out->length += (int) utf8proc_encode_char(c, (utf8proc_uint8_t *) out->text + out->length);
        break;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        if ((digit = plain_digit(c)) != 0)
            put(out, digit);
        else
            out->length += (int) utf8proc_encode_char(c, (utf8proc_uint8_t *) out->text + out->length);
        break;
    case UTF8PROC_CATEGORY_CF:
        return;
    default:
        put(out, ' ');
        return;
    }
    out->last = 'x';
}

static void
put_character(Output *out, utf8proc_int32_t c)
{
    utf8proc_int32_t parts[MAX_DECOMPOSED];
    utf8proc_ssize_t count;
    int bound = 0;

    if (is_apostrophe(c))
        return;
    count = utf8proc_decompose_char(
        c, parts, MAX_DECOMPOSED, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE,
        &bound);
    for (int i = 0; i < count && i < MAX_DECOMPOSED && out->length + 4 <= NORMAL_MAX_FOLDED; i++)
        if (parts[i] < 0x80)
            put(out, ascii[parts[i]]);
        else if (!is_apostrophe(parts[i]))
            put_folded(out, parts[i]);
}

int
normal_fold(const char *text, size_t length, char *out)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *) text;
    Output output = {out, 0, ' '};

    if (length > NORMAL_MAX_TEXT) {
        length = NORMAL_MAX_TEXT;
        /* not in the middle of a character */
        for (int back = 0; back < 3 && (bytes[length] & 0xC0) == 0x80; back++)
            length--;
    }
    for (size_t i = 0; i < length && output.length + 4 <= NORMAL_MAX_FOLDED;) {
        utf8proc_int32_t c = bytes[i];
        utf8proc_ssize_t size;

        if (c < 0x80) {
            put(&output, ascii[c]);
            i++;
            continue;
        }
        size = utf8proc_iterate(bytes + i, (utf8proc_ssize_t) (length - i), &c);
        if (size <= 0) { /* as Latin-1 */
            c = bytes[i];
            size = 1;
        }
        put_character(&output, c);
        i += (size_t) size;
    }
    if (output.length > 0 && out[output.length - 1] == ' ')
        output.length--;
    return output.length;
}

/* The ASCII form of a digit, a sign or a blank of another script or width; 0 where there is none. */
static char
plain_sign(utf8proc_int32_t c)
{
    if (c > 0xFF00 && c < 0xFF5F) /* wide forms */
        return (char) (c - 0xFF00 + ' ');
    if (c == 0xA0 || c == 0x3000 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F)
        return ' ';
    if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0x30FC)
        return '-';
    return plain_digit(c);
}

size_t
normal_signs(const char *text, size_t length, char *out, size_t room)
{
    size_t used = 0;

    for (size_t i = 0; i < length && used < room;) {
        utf8proc_int32_t c = (unsigned char) text[i];
        utf8proc_ssize_t size = 1;
        char plain = 0;

        if (c >= 0x80 && (size = utf8proc_iterate((const utf8proc_uint8_t *) text + i,
                                                  (utf8proc_ssize_t) (length - i), &c)) > 0)
            plain = plain_sign(c);
        if (size <= 0)
            size = 1;
        if (plain != 0)
            out[used++] = plain;
        else
            for (utf8proc_ssize_t k = 0; k < size && used < room; k++)
                out[used++] = text[i + (size_t) k];
        i += (size_t) size;
    }
    return used;
}
