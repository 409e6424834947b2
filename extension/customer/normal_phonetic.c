/*
 * normal_phonetic.c: what a word sounds like, roughly, to speakers of the languages of Europe.
 *
 * The skeleton of consonants, with spellings of one sound made one: ph, f, v; c, k, q, ck; s, z; sch, sh, ch as one class.
 * Vowels count at the beginning only, all alike. It is for finding pairs to compare, not for judging them.
 */
#include "customer/normal_words.h"

#include <string.h>

static bool
is_vowel(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y';
}

static bool
is_soft(char c) /* a c before it is an s */
{
    return c == 'e' || c == 'i' || c == 'y';
}

/* The code of the letters at word[i], and in *used how many they are; '\0' for none. */
static char
code_at(const char *word, int length, int i, int *used)
{
    char c = word[i];
    char next = (char) (i + 1 < length ? word[i + 1] : '\0');
    char third = (char) (i + 2 < length ? word[i + 2] : '\0');

    *used = 1;
    switch (c) {
    case 'p':
        *used = next == 'h' || (next == 'f' && i == 0) ? 2 : 1;
        return *used == 2 ? 'f' : 'p';
    case 'f':
    case 'v':
        return 'f';
    case 'w':
        return i == 0 ? 'f' : '\0';
    case 'c':
        if (next == 'h' || (next == 'z' && third != 'y')) {
            *used = 2;
            return next == 'h' && i == 0 && third != '\0' && !is_vowel(third) ? 'k' : 'x';
        }
        *used = next == 'k' || next == 'q' ? 2 : 1;
        return *used == 1 && is_soft(next) ? 's' : 'k';
    case 'k':
        return i == 0 && next == 'n' ? '\0' : 'k';
    case 'q':
        *used = next == 'u' ? 2 : 1;
        return 'k';
    case 'g':
        if (next == 'h') { /* silent behind a vowel */
            *used = 2;
            return i > 0 ? '\0' : 'g';
        }
        return i == 0 && next == 'n' ? '\0' : 'g';
    case 's':
        if (next == 'c' && third == 'h') {
            *used = 3;
            return 'x';
        }
        *used = next == 'h' || next == 'z' ? 2 : 1;
        return next == 'h' ? 'x' : 's';
    case 'z':
        return 's';
    case 't':
        if (next == 'c' && third == 'h') {
            *used = 3;
            return 'x';
        }
        *used = next == 'h' || next == 'z' ? 2 : 1;
        return next == 'z' ? 's' : 't';
    case 'd':
        *used = next == 't' ? 2 : 1;
        return *used == 2 ? 't' : 'd';
    case 'x':
        return 's';
    case 'h':
        return i == 0 ? 'h' : '\0';
    case 'j':
        return 'j';
    default:
        return is_vowel(c) ? (i == 0 ? 'a' : '\0') : c >= 'a' && c <= 'z' ? c : '\0';
    }
}

int
normal_phonetic(const char *word, size_t length, char out[NORMAL_MAX_CODE])
{
    int n = length > 64 ? 64 : (int) length;
    int count = 0;
    int used;

    for (int i = 0; i < n && count < NORMAL_MAX_CODE; i += used) {
        char code = code_at(word, n, i, &used);

        if (code != '\0' && (count == 0 || out[count - 1] != code || is_vowel(word[i - 1])))
            out[count++] = code;
    }
    return count;
}
