// links: extension/funnel/markov.c
// Removal effects: by hand, against walking the chain step by step without each channel, and whatever the order of channels.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>

#include "chance.h"
#include "doubles.h"
#include "funnel/markov.h"

#define MOST 9
#define COUNTS ((MOST + 1) * (MOST + 2))

static void
add(Markov *chain, const char *path, bool converted)
{
    int32_t channels[30];
    size_t length = strlen(path);

    for (size_t i = 0; i < length; i++)
        channels[i] = path[i] - 'a';
    markov_add(chain, channels, sizeof *channels, length, converted);
}

static void
test_by_hand(void **state)
{
    int64_t counts[COUNTS] = {0};
    Markov chain = {3, counts};
    double effects[3], room[MOST * MOST + 2 * MOST];

    (void) state;
    assert_true(markov_size(3) == 20 && markov_room(3) == 15);
    assert_true(markov_effects(&chain, effects, room) == 0 && effects[0] == 0);
    // a, b, c: start to a 2/3, to b 1/3; a to b 1/2, to the end 1/2; b to c 1/2, to the conversion 1/2; c converts
    add(&chain, "abc", true);
    add(&chain, "a", false);
    add(&chain, "b", true);
    add(&chain, "", true);
    assert_double_equal(markov_effects(&chain, effects, room), 2.0 / 3, 1e-15); // 2/3 * 1/2 + 1/3
    assert_double_equal(effects[0], 0.5, 1e-15);                                // without a: 1/3
    assert_double_equal(effects[1], 1, 1e-15);
    assert_double_equal(effects[2], 0.5, 1e-15);
}

// One that follows itself is one step.
static void
test_repeats(void **state)
{
    int64_t once[COUNTS] = {0}, often[COUNTS] = {0};
    Markov chain = {2, once}, repeated = {2, often};

    (void) state;
    add(&chain, "aba", true);
    add(&repeated, "aaabbbbba", true);
    assert_memory_equal(once, often, sizeof once);
}

// The chance of a conversion by pushing everybody along until nobody is left; whoever comes to `without` is lost.
static double
walk(const Markov *chain, size_t without)
{
    size_t n = chain->channels;
    double here[MOST + 1] = {0}, next[MOST + 1], converted = 0, left = 1;

    here[n] = 1;
    while (left > 1e-17) {
        memset(next, 0, sizeof next);
        for (size_t i = 0; i <= n; i++) {
            const int64_t *row = chain->counts + i * (n + 2);
            double total = 0;

            for (size_t j = 0; j < n + 2; j++)
                total += (double) row[j];
            if (total == 0)
                continue;
            for (size_t j = 0; j < n; j++)
                if (j != without)
                    next[j] += here[i] * (double) row[j] / total;
            converted += here[i] * (double) row[n] / total;
        }
        left = 0;
        for (size_t i = 0; i < n; i++)
            left += next[i];
        memcpy(here, next, sizeof here);
        here[n] = 0;
    }
    return converted;
}

static void
test_against_walks(void **state)
{
    (void) state;
    state_of_chance = 11;
    for (int round = 0; round < 300; round++) {
        size_t n = 1 + chance(MOST);
        int64_t counts[COUNTS] = {0}, turned[COUNTS] = {0};
        Markov chain = {n, counts}, reversed = {n, turned};
        double effects[MOST], others[MOST], room[MOST * MOST + 2 * MOST], all;
        int paths = 1 + (int) chance(40);

        for (int i = 0; i < paths; i++) {
            int32_t path[20], mirror[20];
            size_t length = 1 + chance(20);
            bool converted = chance(3) == 0;

            for (size_t j = 0; j < length; j++) {
                path[j] = (int32_t) chance((unsigned) n);
                mirror[j] = (int32_t) n - 1 - path[j];
            }
            markov_add(&chain, path, sizeof *path, length, converted);
            markov_add(&reversed, mirror, sizeof *mirror, length, converted);
        }
        all = walk(&chain, n);
        assert_double_equal(markov_effects(&chain, effects, room), all, 1e-12);
        (void) markov_effects(&reversed, others, room);
        for (size_t i = 0; i < n; i++) {
            assert_double_equal(effects[i], all > 0 ? 1 - walk(&chain, i) / all : 0, 1e-11);
            assert_double_equal(effects[i], others[n - 1 - i], 1e-12);
        }
    }
}

// Whoever goes to and fro ten thousand times is no trouble.
static void
test_long_path(void **state)
{
    enum { LENGTH = 20000 };
    int64_t counts[COUNTS] = {0};
    Markov chain = {2, counts};
    double effects[2], room[MOST * MOST];
    int32_t *path = calloc(LENGTH, sizeof *path);

    (void) state;
    for (int i = 0; i < LENGTH; i++)
        path[i] = i % 2;
    markov_add(&chain, path, sizeof *path, LENGTH, true);
    free(path);
    assert_double_equal(markov_effects(&chain, effects, room), 1, 1e-9);
    assert_double_equal(effects[0], 1, 1e-9);
    assert_double_equal(effects[1], 1, 1e-9);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_against_walks),
        cmocka_unit_test(test_long_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
