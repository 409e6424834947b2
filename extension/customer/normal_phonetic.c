/*
 * normal_phonetic.c: what a word sounds like, roughly, to speakers of the languages of Europe.
 *
 * The skeleton of consonants, with spellings of one sound made one: ph, f and v; c, k and q; s and z; sch, sh and ch. Vowels
 * count at the beginning only, all alike. Cyrillic and Greek letters are written in Latin ones first, so that Ivanov sounds
 * the same in both. It is for finding pairs to compare, not for judging them.
 */
#include "customer/normal.h"
#include "customer/utf8.h"

#include <string.h>

#define MAX_LETTERS 64

static bool
is_vowel(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y';
}

/* A c before it is an s. */
static bool
is_soft(char c)
{
    return c == 'e' || c == 'i' || c == 'y';
}

static const char *
latin(uint32_t c)
{
    static const char cyrillic[][5] = {"a", "b",  "v",  "g",  "d", "e", "sh", "z", "i",  "i", "k",
                                       "l", "m",  "n",  "o",  "p", "r", "s",  "t", "u",  "f", "kh",
                                       "z", "ch", "sh", "sh", "",  "y", "",   "e", "yu", "ya"};
    static const char greek[][3] = {"a", "v", "g", "d", "e", "z", "i", "th", "i", "k", "l",  "m", "n",
                                    "x", "o", "p", "r", "s", "s", "t", "i",  "f", "k", "ps", "o"};

    if (c >= 0x430 && c <= 0x44F)
        return cyrillic[c - 0x430];
    if (c >= 0x3B1 && c <= 0x3C9)
        return greek[c - 0x3B1];
    if (c == 0x454 || c == 0x451)
        return "e";
    if (c == 0x456 || c == 0x457)
        return "i";
    return c == 0x491 ? "g" : "";
}

/* The word in small Latin letters; what has none is left out. */
static int
write_latin(const char *word, int length, char *out)
{
    int count = 0;

    for (int i = 0; i < length && count + 2 <= MAX_LETTERS;) {
        uint32_t c;

        i += utf8_read((const unsigned char *) word + i, length - i, &c);
        if (c >= 'a' && c <= 'z')
            out[count++] = (char) c;
        else
            for (const char *letter = c < 0x80 ? "" : latin(c); *letter != '\0'; letter++)
                out[count++] = *letter;
    }
    return count;
}

/* Letters that are silent where a word begins with them: knight, gnome, wright, psalm, pfister. */
static bool
is_silent_first(char c, char next)
{
    return (next == 'n' && (c == 'k' || c == 'g')) || (c == 'w' && next == 'r') ||
           (c == 'p' && (next == 's' || next == 'f'));
}

static char
code_of_c(char next, char third, bool first, int *used)
{
    if (next == 'h' || (next == 'z' && third != 'y')) {
        *used = 2;
        return first && next == 'h' && third != '\0' && !is_vowel(third) ? 'k' : 'x'; /* Christian, Charles */
    }
    *used = next == 'k' || next == 'q' ? 2 : 1;
    return *used == 1 && is_soft(next) ? 's' : 'k';
}

static char
code_of_s(char next, char third, int *used)
{
    if (next == 'c' && third == 'h') {
        *used = 3;
        return 'x';
    }
    *used = next == 'h' || next == 'z' ? 2 : 1;
    return next == 'h' ? 'x' : 's';
}

static char
code_of_t(char next, char third, int *used)
{
    if (next == 'c' && third == 'h') {
        *used = 3;
        return 'x';
    }
    *used = next == 'h' || next == 'z' ? 2 : 1;
    return next == 'z' ? 's' : 't';
}

static char
code_of_g(char next, bool first, int *used)
{
    if (next == 'h') { /* silent behind a vowel */
        *used = 2;
        return first ? 'g' : '\0';
    }
    return first && is_soft(next) ? 'j' : 'g'; /* Geoffrey, Jeffrey */
}

static char
code_of_p(char before, char next, int *used)
{
    *used = next == 'h' ? 2 : 1;
    if (next == 'h')
        return 'f';
    return before == 'm' && (next == 's' || next == 't') ? '\0' : 'p'; /* Thompson */
}

/* The code of the letters at word[i], and in *used how many they are; '\0' for none. */
static char
code_at(const char *word, int length, int i, int *used)
{
    char c = word[i];
    char before = i > 0 ? word[i - 1] : '\0';
    char next = i + 1 < length ? word[i + 1] : '\0';
    char third = i + 2 < length ? word[i + 2] : '\0';

    *used = 1;
    if (i == 0 && is_silent_first(c, next))
        return '\0';
    switch (c) {
    case 'b':
        return before == 'm' && next == '\0' ? '\0' : 'b'; /* Lamb */
    case 'c':
        return code_of_c(next, third, i == 0, used);
    case 'd':
        *used = next == 't' ? 2 : 1;
        return *used == 2 ? 't' : 'd';
    case 'f':
    case 'v':
        return 'f';
    case 'g':
        return code_of_g(next, i == 0, used);
    case 'h':
        return i == 0 ? 'h' : '\0';
    case 'p':
        return code_of_p(before, next, used);
    case 'q':
        *used = next == 'u' ? 2 : 1;
        return 'k';
    case 's':
        return code_of_s(next, third, used);
    case 't':
        return code_of_t(next, third, used);
    case 'w':
        return i == 0 ? 'f' : '\0';
    case 'x':
    case 'z':
        return 's';
    case 'y':
        return i == 0 ? (is_vowel(next) ? 'j' : 'a') : '\0'; /* Yusuf, Yvonne */
    default:
        return is_vowel(c) ? (i == 0 ? 'a' : '\0') : c;
    }
}

int
normal_phonetic(const char *word, size_t length, char out[NORMAL_MAX_CODE])
{
    char letters[MAX_LETTERS + 4];
    int n = write_latin(word, length > 4 * MAX_LETTERS ? 4 * MAX_LETTERS : (int) length, letters);
    int count = 0;
    int used;

    for (int i = 0; i < n && count < NORMAL_MAX_CODE; i += used) {
        char code = code_at(letters, n, i, &used);

        /* doubled letters are one, unless a vowel is between them */
        if (code != '\0' && (count == 0 || out[count - 1] != code || is_vowel(letters[i - 1])))
            out[count++] = code;
    }
    return count;
}
