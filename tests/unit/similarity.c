// links: extension/customer/similarity.c
/* Similarity of texts, on published examples and against slow models. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/similarity.h"

#define MAX 64

static int
letters(const char *text, SimilarityChar *out)
{
    int n = 0;

    for (; *text != '\0'; text++)
        out[n++] = (unsigned char) *text;
    return n;
}

static double
jaro_winkler(const char *a, const char *b)
{
    SimilarityChar x[MAX], y[MAX];
    bool used[2 * MAX];
    int n = letters(a, x), m = letters(b, y);

    return similarity_jaro_winkler(x, n, y, m, used);
}

static int
edits(const char *a, const char *b, int limit)
{
    SimilarityChar x[MAX], y[MAX];
    int rows[3 * (MAX + 1)];
    int n = letters(a, x), m = letters(b, y);

    return similarity_edits(x, n, y, m, limit, rows);
}

static double
token_sets(const char *a, const char *b)
{
    SimilarityChar x[MAX], y[MAX];
    SimilarityToken s[SIMILARITY_MAX_TOKENS], t[SIMILARITY_MAX_TOKENS];
    bool used[2 * MAX];
    int n = letters(a, x), m = letters(b, y);

    n = similarity_fold(x, n);
    m = similarity_fold(y, m);
    return similarity_token_sets(x, s, similarity_tokens(x, n, s), y, t, similarity_tokens(y, m, t), used);
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
    near(jaro_winkler("a", "a"), 1);
    near(jaro_winkler("a", "b"), 0);
    near(jaro_winkler("abc", "xyz"), 0);
    near(jaro_winkler("same words", "same words"), 1);
}

static void
test_edits(void **state)
{
    (void) state;
    assert_int_equal(edits("", "", -1), 0);
    assert_int_equal(edits("", "abc", -1), 3);
    assert_int_equal(edits("kitten", "sitting", -1), 3);
    assert_int_equal(edits("abcd", "acbd", -1), 1);
    assert_int_equal(edits("CA", "ABC", -1), 3); /* no piece twice */
    assert_int_equal(edits("kitten", "sitting", 3), 3);
    assert_int_equal(edits("kitten", "sitting", 2), 3);
    assert_int_equal(edits("kitten", "sitting", 0), 1);
    assert_int_equal(edits("abc", "abc", 0), 0);
    assert_int_equal(edits("abcdefgh", "a", 3), 4);
}

/* The definition, without memory. */
static int
slow_edits(const SimilarityChar *a, int n, const SimilarityChar *b, int m)
{
    int best, other;

    if (n == 0 || m == 0)
        return n + m;
    best = slow_edits(a, n - 1, b, m) + 1;
    other = slow_edits(a, n, b, m - 1) + 1;
    best = other < best ? other : best;
    other = slow_edits(a, n - 1, b, m - 1) + (a[n - 1] != b[m - 1]);
    best = other < best ? other : best;
    if (n > 1 && m > 1 && a[n - 1] == b[m - 2] && a[n - 2] == b[m - 1]) {
        other = slow_edits(a, n - 2, b, m - 2) + 1;
        best = other < best ? other : best;
    }
    return best;
}

static void
test_edits_agree_with_the_definition(void **state)
{
    (void) state;
    srand(3);
    for (int round = 0; round < 300; round++) {
        SimilarityChar a[6], b[6];
        int rows[21];
        int n = rand() % 7, m = rand() % 7, limit = rand() % 5, expected;

        for (int i = 0; i < n; i++)
            a[i] = 'a' + (SimilarityChar) (rand() % 3);
        for (int i = 0; i < m; i++)
            b[i] = 'a' + (SimilarityChar) (rand() % 3);
        expected = slow_edits(a, n, b, m);
        assert_int_equal(similarity_edits(a, n, b, m, -1, rows), expected);
        assert_int_equal(similarity_edits(a, n, b, m, limit, rows), expected > limit ? limit + 1 : expected);
        assert_int_equal(similarity_edits(b, m, a, n, -1, rows), expected);
    }
}

static void
test_token_sets(void **state)
{
    (void) state;
    near(token_sets("Lee, Ann", "ann LEE"), 1);
    near(token_sets("O'Neil", "ONEIL"), 1);
    near(token_sets("", " - "), 1);
    near(token_sets("ann", ""), 0);
    near(token_sets("Ann Lee", "Ann"), 2.0 / 3);
    near(token_sets("Ann Lee", "Bob Fox"), 0);
    near(token_sets("ann ann", "ann bob"), 0.5); /* a token is used once */
    near(token_sets("Martha Jones", "Jones Marhta"), (0.9611 + 1) / 2 * 1.0);
    near(token_sets("anna ann", "ann bob"), 0.5); /* the equal one is not taken by the similar one */
}

static void
test_fold(void **state)
{
    SimilarityChar text[] = {0xC4, 0xD7, 0x178, 0x141, 0x147, 0x17D, 0x394, 0x416, 0x401, 0x1EA4, 0xDF, '\''};
    const SimilarityChar expected[] = {0xE4,  0xD7,  0xFF,  0x142,  0x148, 0x17E,
                                       0x3B4, 0x436, 0x451, 0x1EA5, 0xDF};

    (void) state;
    assert_int_equal(similarity_fold(text, 12), 11);
    assert_memory_equal(text, expected, sizeof(expected));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jaro_winkler_as_published),
        cmocka_unit_test(test_jaro_winkler_at_the_edges),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_edits_agree_with_the_definition),
        cmocka_unit_test(test_token_sets),
        cmocka_unit_test(test_fold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
