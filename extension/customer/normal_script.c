/*
 * normal_script.c: what the script of a name says about it.
 *
 * Chinese, Japanese and Korean names begin with the family's and are written with a blank or without, in one table and the next.
 * Without it, a name of two or three characters has one for the family (a few Chinese and Korean families have two, and
 * many Japanese ones; nothing in the name tells), one of four has two.
 */
#include "customer/normal_words.h"
#include "customer/utf8.h"

#include <string.h>
#include <utf8proc.h>

static bool
is_han(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x323AF) ||
           c == 0x3005 || c == 0x3007;
}

static bool
is_kana(uint32_t c)
{
    return c >= 0x3041 && c <= 0x30FF;
}

/* A syllable begins with its first consonant, its vowel and its last consonant follow. */
static bool
begins_korean(uint32_t c)
{
    return c >= 0x1100 && c <= 0x1112;
}

static bool
is_korean(uint32_t c)
{
    return c >= 0x1100 && c <= 0x11FF;
}

bool
normal_is_east_asian(const NormalPiece *piece)
{
    for (int i = 0; i < piece->length;) {
        uint32_t c;

        i += utf8_read((const unsigned char *) piece->text + i, piece->length - i, &c);
        if (!is_han(c) && !is_kana(c) && !is_korean(c))
            return false;
    }
    return piece->length > 0;
}

/* Where each character or Korean syllable of a piece begins; 0 where there are other ones, or more than room. */
static int
syllables(const NormalPiece *piece, int *at, int room)
{
    int count = 0;

    for (int i = 0; i < piece->length;) {
        uint32_t c;
        int start = i;

        i += utf8_read((const unsigned char *) piece->text + i, piece->length - i, &c);
        if (is_korean(c) && !begins_korean(c) && count > 0)
            continue;
        if ((!is_han(c) && !begins_korean(c)) || count == room)
            return 0;
        at[count++] = start;
    }
    return count;
}

bool
normal_east_asian_name(NormalPiece *piece, int *count)
{
    int at[4];
    int found;
    int family;

    for (int i = 0; i < *count; i++)
        if (!normal_is_east_asian(&piece[i]))
            return false;
    if (*count != 1)
        return *count > 0;
    found = syllables(piece, at, 4);
    if (found < 2)
        return true;
    family = at[found == 4 ? 2 : 1];
    piece[1] = (NormalPiece){piece->text + family, piece->length - family};
    piece[0].length = family;
    *count = 2;
    return true;
}

bool
normal_is_capital(uint32_t c)
{
    return c < 0x80 ? c >= 'A' && c <= 'Z' : utf8proc_category((utf8proc_int32_t) c) == UTF8PROC_CATEGORY_LU;
}

bool
normal_is_small(uint32_t c)
{
    return c < 0x80 ? c >= 'a' && c <= 'z' : utf8proc_category((utf8proc_int32_t) c) == UTF8PROC_CATEGORY_LL;
}
