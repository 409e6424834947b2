// links: extension/customer/similarity.c extension/customer/similarity_long.c extension/customer/similarity_pattern.c extension/customer/similarity_words.c extension/customer/normal_words.c
/* Similarity of texts, on published examples and against plain slow models of the definitions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/similarity.h"
#include "customer/similarity_pattern.h"
#include "customer/similarity_words.h"
#include "customer/utf8.h"

static const unsigned char *
bytes(const char *text)
{
    return (const unsigned char *) text;
}

static double
jaro_winkler(const char *a, const char *b)
{
    return similarity_bytes_jaro_winkler(bytes(a), (int) strlen(a), bytes(b), (int) strlen(b));
}

static int
edits(const char *a, const char *b, int limit)
{
    return similarity_bytes_edits(bytes(a), (int) strlen(a), bytes(b), (int) strlen(b), limit);
}

static double
word_sets(const char *a, const char *b)
{
    return similarity_word_sets(a, (int) strlen(a), b, (int) strlen(b));
}

static double
monge_elkan(const char *a, const char *b)
{
    return similarity_monge_elkan(a, (int) strlen(a), b, (int) strlen(b));
}

static double
trigrams(const char *a, const char *b)
{
    return similarity_trigrams(a, (int) strlen(a), b, (int) strlen(b));
}

static void
near(double found, double expected)
{
    if (fabs(found - expected) > 0.0005)
        fail_msg("%f is not %f", found, expected);
}

/* Winkler's own table, to three places. */
static void
test_jaro_winkler_as_published(void **state)
{
    (void) state;
    near(jaro_winkler("MARTHA", "MARHTA"), 0.961);
    near(jaro_winkler("DIXON", "DICKSONX"), 0.813);
    near(jaro_winkler("DWAYNE", "DUANE"), 0.840);
    near(jaro_winkler("SHACKLEFORD", "SHACKELFORD"), 0.982);
    near(jaro_winkler("NICHLESON", "NICHULSON"), 0.956);
    near(jaro_winkler("JERALDINE", "GERALDINE"), 0.926);
    near(jaro_winkler("ABROMS", "ABRAMS"), 0.922);
    near(jaro_winkler("MASSEY", "MASSIE"), 0.933);
    near(jaro_winkler("ITMAN", "SMITH"), 0.467); /* below 0.7: no bonus */
}

static void
test_jaro_winkler_at_the_edges(void **state)
{
    (void) state;
    near(jaro_winkler("", ""), 1);
    near(jaro_winkler("", "a"), 0);
    near(jaro_winkler("a", ""), 0);
    near(jaro_winkler("a", "a"), 1);
    near(jaro_winkler("a", "b"), 0);
    near(jaro_winkler("ab", "ba"), 0); /* a window of nothing */
    near(jaro_winkler("abc", "xyz"), 0);
    near(jaro_winkler("same words", "same words"), 1);
}

static void
test_characters_and_not_bytes(void **state)
{
    (void) state;
    /* one of six characters is another */
    near(jaro_winkler("M\xC3\xBCller", "Muller"), jaro_winkler("Mxller", "Muller"));
    assert_int_equal(edits("M\xC3\xBCller", "Muller", -1), 1);
    assert_int_equal(edits("\xE6\x9D\xB1\xE4\xBA\xAC", "\xE4\xBA\xAC\xE6\x9D\xB1", -1), 1); /* swapped */
    assert_int_equal(edits("\xF0\x9F\x98\x80", "", -1), 1);
    /* bytes that are no UTF-8 are characters of Latin-1 */
    assert_int_equal(edits("M\xFCller", "M\xC3\xBCller", -1), 0);
    assert_int_equal(edits("\xC3", "\xC3\x83", -1), 0);
    assert_int_equal(edits("\xED\xA0\x80", "abc", -1), 3); /* half of a pair of UTF-16 */
    assert_int_equal(edits("\xC0\xAF", "/", -1), 2);       /* overlong */
}

static void
test_edits(void **state)
{
    (void) state;
    assert_int_equal(edits("", "", -1), 0);
    assert_int_equal(edits("", "abc", -1), 3);
    assert_int_equal(edits("abc", "", 2), 3);
    assert_int_equal(edits("kitten", "sitting", -1), 3);
    assert_int_equal(edits("abcd", "acbd", -1), 1);
    assert_int_equal(edits("CA", "ABC", -1), 3); /* no piece twice */
    assert_int_equal(edits("kitten", "sitting", 3), 3);
    assert_int_equal(edits("kitten", "sitting", 2), 3);
    assert_int_equal(edits("kitten", "sitting", 0), 1);
    assert_int_equal(edits("abc", "abc", 0), 0);
    assert_int_equal(edits("abcdefgh", "a", 3), 4);
    assert_int_equal(edits("kitten", "sitting", INT32_MAX), 3);
}

/* ---- slow models ---- */

#define LONGEST (SIMILARITY_MAX_LENGTH + 50)

static double
slow_jaro_winkler(const SimilarityChar *a, int n, const SimilarityChar *b, int m)
{
    static char a_used[LONGEST], b_used[LONGEST];
    int window = (n > m ? n : m) / 2 - 1, matches = 0, out_of_order = 0, prefix = 0;
    double jaro;

    if (n == 0 || m == 0)
        return n == m;
    memset(a_used, 0, sizeof a_used);
    memset(b_used, 0, sizeof b_used);
    window = window < 0 ? 0 : window;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < m; k++)
            if (abs(i - k) <= window && !b_used[k] && a[i] == b[k]) {
                a_used[i] = b_used[k] = 1;
                matches++;
                break;
            }
    if (matches == 0)
        return 0;
    for (int i = 0, k = 0; i < n; i++)
        if (a_used[i]) {
            while (!b_used[k])
                k++;
            out_of_order += a[i] != b[k++];
        }
    jaro =
        ((double) matches / n + (double) matches / m + (double) (matches - out_of_order / 2) / matches) / 3;
    while (prefix < 4 && prefix < n && prefix < m && a[prefix] == b[prefix])
        prefix++;
    return jaro > 0.7 ? jaro + prefix * 0.1 * (1 - jaro) : jaro;
}

static int
slow_edits(const SimilarityChar *a, int n, const SimilarityChar *b, int m)
{
    static int row[LONGEST + 1][LONGEST + 1];

    for (int i = 0; i <= n; i++)
        for (int k = 0; k <= m; k++) {
            int best = i + k, other;

            if (i > 0 && k > 0) {
                best = row[i - 1][k] + 1;
                other = row[i][k - 1] + 1;
                best = other < best ? other : best;
                other = row[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
                best = other < best ? other : best;
                if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) {
                    other = row[i - 2][k - 2] + 1;
                    best = other < best ? other : best;
                }
            }
            row[i][k] = best;
        }
    return row[n][m];
}

/* A text of n characters of a small alphabet that begins at first: ASCII, two, three or four bytes a character. */
static void
random_text(SimilarityChar first, int letters, int n, SimilarityChar *out)
{
    for (int i = 0; i < n; i++)
        out[i] = first + (SimilarityChar) (rand() % letters);
}

/* A text that differs from another one in a few places: pairs that are far apart test little. */
static int
vary(const SimilarityChar *text, int n, SimilarityChar first, int letters, SimilarityChar *out)
{
    int count = 0;

    for (int i = 0; i < n; i++)
        switch (rand() % 12) {
        case 0:
            break;
        case 1:
            out[count++] = first + (SimilarityChar) (rand() % letters);
            break;
        case 2:
            out[count++] = first + (SimilarityChar) (rand() % letters);
            out[count++] = text[i];
            break;
        case 3:
            if (i + 1 < n) {
                out[count++] = text[i + 1];
                out[count++] = text[i++];
                break;
            }
            /* fall through */
        default:
            out[count++] = text[i];
        }
    return count;
}

static int
encode(const SimilarityChar *text, int n, unsigned char *out)
{
    int used = 0;

    for (int i = 0; i < n; i++)
        if (text[i] < 0x80) {
            out[used++] = (unsigned char) text[i];
        } else if (text[i] < 0x800) {
            out[used++] = (unsigned char) (0xC0 | text[i] >> 6);
            out[used++] = (unsigned char) (0x80 | (text[i] & 0x3F));
        } else if (text[i] < 0x10000) {
            out[used++] = (unsigned char) (0xE0 | text[i] >> 12);
            out[used++] = (unsigned char) (0x80 | (text[i] >> 6 & 0x3F));
            out[used++] = (unsigned char) (0x80 | (text[i] & 0x3F));
        } else {
            out[used++] = (unsigned char) (0xF0 | text[i] >> 18);
            out[used++] = (unsigned char) (0x80 | (text[i] >> 12 & 0x3F));
            out[used++] = (unsigned char) (0x80 | (text[i] >> 6 & 0x3F));
            out[used++] = (unsigned char) (0x80 | (text[i] & 0x3F));
        }
    return used;
}

/* In memory of just the right size, so that a byte read behind the end is found. */
static unsigned char *
encoded(const SimilarityChar *text, int n, int *length)
{
    static unsigned char room[4 * 2 * LONGEST];
    unsigned char *copy;

    *length = encode(text, n, room);
    copy = malloc((size_t) *length + (*length == 0));
    assert_non_null(copy);
    memcpy(copy, room, (size_t) *length);
    return copy;
}

static double
by_pattern(const unsigned char *x, int n, const unsigned char *y, int m)
{
    SimilarityPattern pattern;

    similarity_pattern_set(&pattern, x, n);
    return similarity_pattern_jaro_winkler(&pattern, y, m);
}

static void
compare(const SimilarityChar *a, int n, const SimilarityChar *b, int m)
{
    int x_length, y_length;
    unsigned char *x = encoded(a, n, &x_length), *y = encoded(b, m, &y_length);
    double jaro = slow_jaro_winkler(a, n, b, m);
    int distance = slow_edits(a, n, b, m), limit = rand() % 8;
    int limited = distance > limit ? limit + 1 : distance;

    if (similarity_bytes_jaro_winkler(x, x_length, y, y_length) != jaro ||
        similarity_jaro_winkler(a, n, b, m) != jaro)
        fail_msg("%.*s, %.*s: %.17g, %.17g, expected %.17g", x_length, x, y_length, y,
                 similarity_bytes_jaro_winkler(x, x_length, y, y_length), similarity_jaro_winkler(a, n, b, m),
                 jaro);
    if (by_pattern(x, x_length, y, y_length) != jaro || by_pattern(y, y_length, x, x_length) != jaro)
        fail_msg("%.*s, %.*s: %.17g and %.17g by a pattern, expected %.17g", x_length, x, y_length, y,
                 by_pattern(x, x_length, y, y_length), by_pattern(y, y_length, x, x_length), jaro);
    if (similarity_bytes_jaro_winkler(y, y_length, x, x_length) != jaro)
        fail_msg("%.*s, %.*s: not symmetric", x_length, x, y_length, y);
    assert_int_equal(similarity_bytes_edits(x, x_length, y, y_length, -1), distance);
    assert_int_equal(similarity_bytes_edits(y, y_length, x, x_length, -1), distance);
    assert_int_equal(similarity_edits(a, n, b, m, -1), distance);
    assert_int_equal(similarity_bytes_edits(x, x_length, y, y_length, limit), limited);
    assert_int_equal(similarity_bytes_edits(y, y_length, x, x_length, limit), limited);
    assert_int_equal(similarity_edits(a, n, b, m, limit), limited);
    free(x);
    free(y);
}

static void
test_agreement_with_the_definitions(void **state)
{
    static const SimilarityChar firsts[] = {'a', 0x430, 0x4E00, 0x1F600, 0x7D};
    static SimilarityChar a[2 * LONGEST], b[2 * LONGEST];

    (void) state;
    srand(3);
    for (int round = 0; round < 60000; round++) {
        SimilarityChar first = firsts[round % 5];
        int letters = 2 + rand() % 12;
        int longest = round % 100 == 0 ? 300 : round % 10 == 0 ? 70 : 20;
        int n = rand() % longest, m;

        random_text(first, letters, n, a);
        if (rand() % 3 == 0)
            random_text(first, letters, m = rand() % longest, b);
        else
            m = vary(a, n, first, letters, b);
        compare(a, n, b, m);
    }
}

/* Malformed UTF-8 and NULs: all ways to compare agree with the one by characters. */
static void
test_any_bytes(void **state)
{
    static const unsigned char likely[] = {'a', 'b', 'a', 'b', 'a', 'b', 0, 0x80, 0xC3, 0xBC, 0xFF, 0x7F};

    (void) state;
    srand(9);
    for (int round = 0; round < 60000; round++) {
        int n = rand() % (round % 10 == 0 ? 70 : 9), m = rand() % (round % 10 == 0 ? 70 : 9);
        unsigned char *x = malloc((size_t) n + (n == 0)), *y = malloc((size_t) m + (m == 0));
        SimilarityChar a[70], b[70];
        double jaro;

        assert_true(x != NULL && y != NULL);
        for (int i = 0; i < n; i++)
            x[i] = likely[rand() % (int) sizeof likely];
        for (int i = 0; i < m; i++)
            y[i] = likely[rand() % (int) sizeof likely];
        jaro = slow_jaro_winkler(a, similarity_characters(x, n, a), b, similarity_characters(y, m, b));
        if (similarity_bytes_jaro_winkler(x, n, y, m) != jaro || by_pattern(x, n, y, m) != jaro)
            fail_msg("round %d: %.17g and %.17g, expected %.17g", round,
                     similarity_bytes_jaro_winkler(x, n, y, m), by_pattern(x, n, y, m), jaro);
        assert_int_equal(similarity_bytes_edits(x, n, y, m, -1),
                         slow_edits(a, similarity_characters(x, n, a), b, similarity_characters(y, m, b)));
        free(x);
        free(y);
    }
}

/* Just below, at and above the width of a word, and of what the processor compares at once. */
static void
test_lengths_at_the_borders(void **state)
{
    static const int lengths[] = {0,  1,  2,  3,  4,  7,  8,  9,   15,  16,  17,  31,  32,  33,
                                  47, 48, 49, 63, 64, 65, 66, 127, 128, 129, 192, 193, 500, 1000};
    static SimilarityChar a[2 * LONGEST], b[2 * LONGEST];
    int count = sizeof lengths / sizeof lengths[0];

    (void) state;
    srand(4);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++)
            for (int letters = 1; letters < 27; letters += 12) {
                random_text('a', letters, lengths[i], a);
                random_text('a', letters, lengths[k], b);
                if (lengths[i] <= lengths[k] && k % 2 == 0) /* with much in common */
                    memcpy(b, a, (size_t) lengths[i] * sizeof a[0]);
                compare(a, lengths[i], b, lengths[k]);
            }
}

static void
test_the_first_thousand_count(void **state)
{
    static SimilarityChar a[LONGEST], b[LONGEST];
    static unsigned char x[2 * LONGEST];
    int length;

    (void) state;
    srand(5);
    random_text(0xE0, 20, LONGEST, a);
    random_text(0xE0, 20, LONGEST, b);
    memcpy(b, a, SIMILARITY_MAX_LENGTH * sizeof a[0]);
    assert_int_equal(similarity_edits(a, LONGEST, b, LONGEST, -1), 0);
    length = encode(a, LONGEST, x);
    assert_int_equal(length, 2 * LONGEST);
    assert_int_equal(similarity_bytes_edits(x, length, x, 2 * SIMILARITY_MAX_LENGTH, -1), 0);
    assert_true(similarity_bytes_jaro_winkler(x, length, x, 2 * SIMILARITY_MAX_LENGTH) == 1);
    assert_int_equal(similarity_bytes_edits(x, length, x, 2 * SIMILARITY_MAX_LENGTH - 2, -1), 1);
}

static void
test_word_sets(void **state)
{
    (void) state;
    near(word_sets("ann lee", "lee ann"), 1);
    near(word_sets("", ""), 1);
    near(word_sets("", "a"), 0);
    near(word_sets("ann", "ann ann"), 2.0 / 3); /* a set has each as often as it stands there */
    near(word_sets("martha smith", "smith marhta"), (1 + 0.9611) / 2);
    near(word_sets("anna lee", "otto lee"), 0.5); /* anna and otto are below 0.85 */
    /* the exact pair is not taken away by a similar word that comes first */
    near(word_sets("jonson johnson", "johnson"), 2.0 / 3);
}

static void
test_monge_elkan(void **state)
{
    (void) state;
    near(monge_elkan("", ""), 1);
    near(monge_elkan("a", ""), 0);
    near(monge_elkan("ann", "lee ann"), 1);
    near(monge_elkan("lee ann", "ann"), (1 + jaro_winkler("lee", "ann")) / 2);
    near(monge_elkan("martha smith", "smith marhta"), (1 + 0.9611) / 2);
}

static void
test_trigrams(void **state)
{
    (void) state;
    near(trigrams("", ""), 1);
    near(trigrams("a", ""), 0);
    near(trigrams("word", "word"), 1);
    near(trigrams("word", "two words"), 0.3636); /* as the manual of pg_trgm has it: 4 of 11 */
    near(trigrams("word word", "word"), 1);      /* each once */
    near(trigrams("abc", "xyz"), 0);
    near(trigrams("\xC3\xBC"
                  "ber",
                  "uber"),
         1.0 / 4); /* ("  x", " xb", "xbe", "ber", "er ") twice, two in common of 8 */
}

/* The definition: all pairs of trigrams of characters. */
static double
slow_trigrams(const char *a, const char *b)
{
    char set[2][300][4];
    const char *text[2] = {a, b};
    int count[2] = {0, 0}, both = 0;

    for (int t = 0; t < 2; t++) {
        char padded[700] = "";

        for (const char *word = text[t]; *word != '\0';) {
            int length = (int) strcspn(word, " ");

            snprintf(padded, sizeof padded, "  %.*s ", length, word);
            for (int i = 0; padded[i + 2] != '\0'; i++) {
                int k = 0;

                while (k < count[t] && memcmp(set[t][k], padded + i, 3) != 0)
                    k++;
                if (k == count[t])
                    memcpy(set[t][count[t]++], padded + i, 3);
            }
            word += length;
            word += *word == ' ';
        }
    }
    for (int i = 0; i < count[0]; i++)
        for (int k = 0; k < count[1]; k++)
            both += memcmp(set[0][i], set[1][k], 3) == 0;
    if (count[0] == 0 || count[1] == 0)
        return count[0] == count[1];
    return (double) both / (count[0] + count[1] - both);
}

static void
random_words(char *out, int words)
{
    for (int w = 0; w < words; w++) {
        if (w > 0)
            *out++ = ' ';
        for (int i = rand() % 6; i >= 0; i--)
            *out++ = (char) ('a' + rand() % 3);
    }
    *out = '\0';
}

static void
test_words_against_the_definitions(void **state)
{
    (void) state;
    srand(6);
    for (int round = 0; round < 20000; round++) {
        char a[100], b[100];

        random_words(a, rand() % 7);
        random_words(b, rand() % 7);
        if (trigrams(a, b) != slow_trigrams(a, b))
            fail_msg("%s, %s: %f is not %f", a, b, trigrams(a, b), slow_trigrams(a, b));
        assert_true(word_sets(a, b) >= 0 && word_sets(a, b) <= 1 + 1e-9);
        assert_true(monge_elkan(a, b) >= 0 && monge_elkan(a, b) <= 1 + 1e-9);
        near(word_sets(a, a), 1);
        near(monge_elkan(a, a), 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jaro_winkler_as_published),
        cmocka_unit_test(test_jaro_winkler_at_the_edges),
        cmocka_unit_test(test_characters_and_not_bytes),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_agreement_with_the_definitions),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_lengths_at_the_borders),
        cmocka_unit_test(test_the_first_thousand_count),
        cmocka_unit_test(test_word_sets),
        cmocka_unit_test(test_monge_elkan),
        cmocka_unit_test(test_trigrams),
        cmocka_unit_test(test_words_against_the_definitions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
