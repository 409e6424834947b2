/*
 * similarity.c: see similarity.h.
 *
 * Both measures ask again and again where a character stands in the other text, and want the answer as bits of a word. For
 * short ASCII texts the processor compares sixteen bytes at once; for all else a table of at most 64 characters has the
 * answers. What is built on the answers is written once, for both.
 */
#include "customer/similarity_inside.h"
#include "customer/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define WORD SIMILARITY_WORD

#define always_inline inline __attribute__((always_inline))

/* Bit k: whether the pattern's character k is character j of the text. */
typedef uint64_t (*Places)(const void *pattern, const void *text, int j);

/*
 * Jaro and Winkler with a pattern of m characters, at most 64, and a text of n, at most 64, of which the first prefix are the
 * same: those match each other in any case, and the walk begins behind them.
 */
static always_inline double
jaro_winkler_word(const void *pattern, int m, const void *text, int n, int prefix, Places places)
{
    int window = larger(larger(n, m) / 2 - 1, 0);
    uint64_t within = low_bits(prefix + window + 1) & ~low_bits(larger(prefix - window, 0));
    uint64_t taken = low_bits(prefix);
    uint64_t at[WORD]; /* of each matched character of the text, where the pattern has it */
    int matches = 0;
    int out_of_order = 0;

    for (int j = prefix; j < n; j++) {
        uint64_t found = places(pattern, text, j);
        uint64_t free = found & within & ~taken;

        at[matches] = found;
        matches += free != 0;
        taken |= free & -free;
        within = within << 1 | (j < window);
    }
    taken &= ~low_bits(prefix);
    for (int q = 0; q < matches; q++) {
        out_of_order += (at[q] & taken & -taken) == 0;
        taken &= taken - 1;
    }
    return winkler(n, m, matches + prefix, out_of_order, prefix);
}

/* Edits with a pattern of 1 to 64 characters; the text may be of any length. */
static always_inline int
edits_word(const void *pattern, int m, const void *text, int n, int limit, Places places)
{
    uint64_t last = UINT64_C(1) << (m - 1);
    uint64_t up = ~UINT64_C(0); /* rows that are one more than the row above, and one less */
    uint64_t down = 0;
    uint64_t same = 0; /* rows that are what stands diagonally above */
    uint64_t before = 0;
    int distance = m;

    for (int j = 0; j < n; j++) {
        uint64_t found = places(pattern, text, j);
        uint64_t swapped = ((~same & found) << 1) & before;
        uint64_t right;
        uint64_t left;

        same = (((found & up) + up) ^ up) | found | down | swapped;
        right = down | ~(same | up);
        left = same & up;
        distance += (right & last) != 0;
        distance -= (left & last) != 0;
        /* each character to come takes away one at most */
        if (distance - (n - 1 - j) > limit)
            return limit + 1;
        right = right << 1 | 1;
        left <<= 1;
        up = left | ~(same | right);
        down = right & same;
        before = found;
    }
    return distance;
}

#ifdef __SSE2__

/* Sixteen bytes of a pattern in each part; behind its end are zeros, which no place is asked for. */
typedef struct Bytes {
    __m128i part[4];
    uint64_t valid;
} Bytes;

static inline uint64_t
load_4(const unsigned char *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t
load_8(const unsigned char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Up to sixteen bytes without reading behind them: from both ends, which may overlap. */
static inline __m128i
load(const unsigned char *bytes, int n)
{
    if (n >= 16)
        return _mm_loadu_si128((const __m128i *) bytes);
    if (n > 8)
        return _mm_set_epi64x((long long) (load_8(bytes + n - 8) >> 8 * (16 - n)), (long long) load_8(bytes));
    if (n >= 4)
        return _mm_set_epi64x(0, (long long) (load_4(bytes) | load_4(bytes + n - 4) << 8 * (n - 4)));
    if (n > 0)
        return _mm_cvtsi32_si128(bytes[0] | bytes[n / 2] << 8 * (n / 2) | bytes[n - 1] << 8 * (n - 1));
    return _mm_setzero_si128();
}

static inline uint64_t
equal(__m128i a, __m128i b)
{
    return (uint64_t) (unsigned) _mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
}

static inline uint64_t
places_16(const void *pattern, const void *text, int j)
{
    const Bytes *bytes = pattern;

    return equal(bytes->part[0], _mm_set1_epi8((char) ((const unsigned char *) text)[j])) & bytes->valid;
}

static inline uint64_t
places_64(const void *pattern, const void *text, int j)
{
    const Bytes *bytes = pattern;
    __m128i c = _mm_set1_epi8((char) ((const unsigned char *) text)[j]);

    return (equal(bytes->part[0], c) | equal(bytes->part[1], c) << 16 | equal(bytes->part[2], c) << 32 |
            equal(bytes->part[3], c) << 48) &
           bytes->valid;
}

/* Loads a pattern of at most 64 bytes; false where a byte is not ASCII. */
static inline bool
load_bytes(const unsigned char *text, int n, Bytes *bytes)
{
    int high = 0;

    bytes->valid = low_bits(n);
    bytes->part[0] = load(text, n);
    high = _mm_movemask_epi8(bytes->part[0]);
    if (n > 16)
        for (int part = 1; part < 4; part++) {
            bytes->part[part] = load(text + smaller(16 * part, n), n - smaller(16 * part, n));
            high |= _mm_movemask_epi8(bytes->part[part]);
        }
    return high == 0;
}

/* How many bytes at the beginning are the same; both have been loaded. */
static inline int
common_prefix(const Bytes *a, const Bytes *b, int most)
{
    uint64_t other = ~equal(a->part[0], b->part[0]);

    return smaller(__builtin_ctzll(other), most);
}

static double
jaro_winkler_ascii(const Bytes *pattern, int m, const unsigned char *text, int n, int prefix)
{
    return m <= 16 ? jaro_winkler_word(pattern, m, text, n, prefix, places_16)
                   : jaro_winkler_word(pattern, m, text, n, prefix, places_64);
}

static int
edits_ascii(const Bytes *pattern, int m, const unsigned char *text, int n, int limit)
{
    return m <= 16 ? edits_word(pattern, m, text, n, limit, places_16)
                   : edits_word(pattern, m, text, n, limit, places_64);
}

#endif

double
similarity_jaro_winkler(const SimilarityChar *a, int n, const SimilarityChar *b, int m)
{
    CharTable table;
    int prefix;

    n = smaller(n, SIMILARITY_MAX_LENGTH);
    m = smaller(m, SIMILARITY_MAX_LENGTH);
    if (n == 0 || m == 0)
        return n == m ? 1 : 0;
    if (n > WORD || m > WORD)
        return similarity_jaro_winkler_long(a, n, b, m);
    prefix = common_characters(a, b, smaller(n, m));
    fill(&table, b, m);
    return jaro_winkler_word(&table, m, a, n, prefix, places_table);
}

int
similarity_edits(const SimilarityChar *a, int n, const SimilarityChar *b, int m, int limit)
{
    CharTable table;
    int distance;

    n = smaller(n, SIMILARITY_MAX_LENGTH);
    m = smaller(m, SIMILARITY_MAX_LENGTH);
    if (limit < 0 || limit > SIMILARITY_MAX_LENGTH)
        limit = SIMILARITY_MAX_LENGTH;
    if (n < m) {
        const SimilarityChar *spare = a;

        a = b;
        b = spare;
        distance = n;
        n = m;
        m = distance;
    }
    if (n - m > limit)
        return limit + 1;
    /* what is the same at both ends costs nothing */
    while (m > 0 && a[n - 1] == b[m - 1]) {
        n--;
        m--;
    }
    while (m > 0 && *a == *b) {
        a++;
        b++;
        n--;
        m--;
    }
    if (m == 0)
        return n;
    if (m > WORD)
        distance = similarity_edits_long(b, m, a, n);
    else {
        fill(&table, b, m);
        distance = edits_word(&table, m, a, n, limit, places_table);
    }
    return smaller(distance, limit + 1);
}

int
similarity_characters(const unsigned char *text, int n, SimilarityChar *out)
{
    int count = 0;

    for (int i = 0; i < n && count < SIMILARITY_MAX_LENGTH;)
        if (text[i] < 0x80)
            out[count++] = text[i++];
        else
            i += utf8_read(text + i, n - i, &out[count++]);
    return count;
}

static double __attribute__((noinline))
jaro_winkler_characters(const unsigned char *a, int n, const unsigned char *b, int m)
{
    SimilarityChar x[SIMILARITY_MAX_LENGTH];
    SimilarityChar y[SIMILARITY_MAX_LENGTH];

    n = similarity_characters(a, n, x);
    return similarity_jaro_winkler(x, n, y, similarity_characters(b, m, y));
}

double
similarity_bytes_jaro_winkler(const unsigned char *a, int n, const unsigned char *b, int m)
{
#ifdef __SSE2__
    Bytes x;
    Bytes y;

    if (n == 0 || m == 0)
        return n == m ? 1 : 0;
    if (n <= WORD && m <= WORD && load_bytes(a, n, &x) && load_bytes(b, m, &y))
        return jaro_winkler_ascii(&y, m, a, n, common_prefix(&x, &y, smaller(n, m)));
#endif
    return jaro_winkler_characters(a, n, b, m);
}

static int __attribute__((noinline))
edits_characters(const unsigned char *a, int n, const unsigned char *b, int m, int limit)
{
    SimilarityChar x[SIMILARITY_MAX_LENGTH];
    SimilarityChar y[SIMILARITY_MAX_LENGTH];

    n = similarity_characters(a, n, x);
    return similarity_edits(x, n, y, similarity_characters(b, m, y), limit);
}

int
similarity_bytes_edits(const unsigned char *a, int n, const unsigned char *b, int m, int limit)
{
#ifdef __SSE2__
    Bytes x;
    Bytes y;
    int most = limit < 0 ? WORD : smaller(limit, WORD);

    if (n > 0 && m > 0 && n <= WORD && m <= WORD && load_bytes(a, n, &x) && load_bytes(b, m, &y)) {
        if (larger(n - m, m - n) > most)
            return most + 1;
        return smaller(n < m ? edits_ascii(&x, n, b, m, most) : edits_ascii(&y, m, a, n, most), most + 1);
    }
#endif
    return edits_characters(a, n, b, m, limit);
}
