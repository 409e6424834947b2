/*
 * similarity.c: see similarity.h.
 *
 * Both measures ask again and again where a character stands in the other text, and want the answer as bits of a word. For
 * short ASCII texts the processor compares sixteen bytes at once; for all else a table of at most 64 characters has the
 * answers. What is built on the answers is written once, for both.
 */
#include "customer/similarity.h"
#include "customer/utf8.h"

#include <stdbool.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define WINKLER_SCALE 0.1
#define WINKLER_PREFIX 4
#define WINKLER_THRESHOLD 0.7
#define WORD 64
#define SLOTS 128
#define HEAD_BITS 11
#define HEADS (1 << HEAD_BITS) /* twice as many as characters */
#define LAST UINT16_MAX        /* no place is left */

#define always_inline inline __attribute__((always_inline))

/* Bit k: whether the pattern's character k is character j of the text. */
typedef uint64_t (*Places)(const void *pattern, const void *text, int j);

static inline int
smaller(int a, int b)
{
    return a < b ? a : b;
}

static inline int
larger(int a, int b)
{
    return a > b ? a : b;
}

static inline uint64_t
low_bits(int count)
{
    return count >= WORD ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
}

static inline double
winkler(int n, int m, int matches, int out_of_order, int prefix)
{
    double jaro;

    if (matches == 0)
        return 0;
    jaro =
        ((double) matches / n + (double) matches / m + (double) (matches - out_of_order / 2) / matches) / 3;
    return jaro > WINKLER_THRESHOLD ? jaro + smaller(prefix, WINKLER_PREFIX) * WINKLER_SCALE * (1 - jaro)
                                    : jaro;
}

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

/* Where each of up to 64 characters stands. A slot without places is empty. */
typedef struct CharTable {
    SimilarityChar c[SLOTS];
    uint64_t places[SLOTS];
} CharTable;

static inline unsigned
slot_of(const CharTable *table, SimilarityChar c)
{
    unsigned slot = (c ^ c >> 7) & (SLOTS - 1);

    while (table->places[slot] != 0 && table->c[slot] != c)
        slot = (slot + 1) & (SLOTS - 1);
    return slot;
}

static void
fill(CharTable *table, const SimilarityChar *pattern, int m)
{
    memset(table->places, 0, sizeof table->places);
    for (int k = 0; k < m; k++) {
        unsigned slot = slot_of(table, pattern[k]);

        table->c[slot] = pattern[k];
        table->places[slot] |= UINT64_C(1) << k;
    }
}

static inline uint64_t
places_table(const void *pattern, const void *text, int j)
{
    const CharTable *table = pattern;

    return table->places[slot_of(table, ((const SimilarityChar *) text)[j])];
}

static int
common_characters(const SimilarityChar *a, const SimilarityChar *b, int most)
{
    int i = 0;

    while (i < most && a[i] == b[i])
        i++;
    return i;
}

/* Of each character of a long text the next place to take, one more than its index; LAST behind the last; 0: no character. */
typedef struct Heads {
    SimilarityChar key[HEADS];
    uint16_t place[HEADS];
} Heads;

static unsigned
head_of(const Heads *heads, SimilarityChar c)
{
    unsigned slot = c * 2654435761u >> (32 - HEAD_BITS);

    while (heads->place[slot] != 0 && heads->key[slot] != c)
        slot = (slot + 1) & (HEADS - 1);
    return slot;
}

/*
 * Jaro and Winkler for long texts, in linear time. A character takes the first free place of the same one within the window.
 * The window only moves on, so of one character the places are taken in order, and a place that fell behind is never wanted
 * again: for each character one mark into the list of its places is enough.
 */
static double
jaro_winkler_long(const SimilarityChar *a, int n, const SimilarityChar *b, int m)
{
    Heads heads;
    uint16_t next[SIMILARITY_MAX_LENGTH] = {0};
    bool a_used[SIMILARITY_MAX_LENGTH] = {false};
    bool b_used[SIMILARITY_MAX_LENGTH] = {false};
    int window = larger(n, m) / 2 - 1;
    int matches = 0;
    int out_of_order = 0;

    memset(&heads, 0, sizeof heads);
    for (int k = m - 1; k >= 0; k--) {
        unsigned slot = head_of(&heads, b[k]);

        next[k] = heads.place[slot] != 0 ? heads.place[slot] : LAST;
        heads.key[slot] = b[k];
        heads.place[slot] = (uint16_t) (k + 1);
    }
    for (int i = 0; i < n; i++) {
        uint16_t *place = &heads.place[head_of(&heads, a[i])];

        while (*place != 0 && *place != LAST && *place - 1 < i - window)
            *place = next[*place - 1];
        if (*place == 0 || *place == LAST || *place - 1 > i + window)
            continue;
        a_used[i] = b_used[*place - 1] = true;
        *place = next[*place - 1];
        matches++;
    }
    for (int i = 0, k = 0; i < n; i++) {
        if (!a_used[i])
            continue;
        while (!b_used[k])
            k++;
        out_of_order += a[i] != b[k++];
    }
    return winkler(n, m, matches, out_of_order,
                   common_characters(a, b, smaller(smaller(n, m), WINKLER_PREFIX)));
}

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
        return jaro_winkler_long(a, n, b, m);
    prefix = common_characters(a, b, smaller(n, m));
    fill(&table, b, m);
    return jaro_winkler_word(&table, m, a, n, prefix, places_table);
}

/* What the 64 rows above leave for those below, one bit for each character of the text. */
typedef struct Border {
    uint64_t right[SIMILARITY_MAX_LENGTH / WORD + 1];
    uint64_t left[SIMILARITY_MAX_LENGTH / WORD + 1];
    uint64_t swapped[SIMILARITY_MAX_LENGTH / WORD + 1];
} Border;

static inline uint64_t
exchange_bit(uint64_t *bits, int j, uint64_t bit)
{
    uint64_t *word = &bits[j / WORD];
    uint64_t old = *word >> j % WORD & 1;

    *word ^= (old ^ bit) << j % WORD;
    return old;
}

/* Edits for a pattern of more than 64 characters: 64 rows at a time over all of the text. */
static int
edits_long(const SimilarityChar *pattern, int m, const SimilarityChar *text, int n)
{
    Border border;
    int distance = m;

    /* above the first row each character more is one edit more */
    memset(border.right, 0xFF, sizeof border.right);
    memset(border.left, 0, sizeof border.left);
    memset(border.swapped, 0, sizeof border.swapped);
    for (int from = 0; from < m; from += WORD) {
        int rows = smaller(m - from, WORD);
        bool bottom = from + rows == m;
        uint64_t last = UINT64_C(1) << (rows - 1);
        uint64_t up = ~UINT64_C(0), down = 0, same = 0, before = 0;
        CharTable table;

        fill(&table, pattern + from, rows);
        for (int j = 0; j < n; j++) {
            uint64_t found = places_table(&table, text, j);
            uint64_t swap = ~same & found;
            uint64_t swapped = (swap << 1 | exchange_bit(border.swapped, j, swap >> (WORD - 1))) & before;
            uint64_t above_left = border.left[j / WORD] >> j % WORD & 1;
            uint64_t right, left;

            before = found;
            found |= above_left;
            same = (((found & up) + up) ^ up) | found | down | swapped;
            right = down | ~(same | up);
            left = same & up;
            if (bottom)
                distance += ((right & last) != 0) - ((left & last) != 0);
            right = right << 1 | exchange_bit(border.right, j, right >> (WORD - 1));
            left = left << 1 | exchange_bit(border.left, j, left >> (WORD - 1));
            up = left | ~(same | right);
            down = right & same;
        }
    }
    return distance;
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
        distance = edits_long(b, m, a, n);
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
