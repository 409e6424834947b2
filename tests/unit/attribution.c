// links: extension/funnel/attribution.c extension/funnel/apportion.c
// Credits of one path by hand, and that whatever is divided adds up.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "chance.h"
#include "funnel/apportion.h"
#include "funnel/attribution.h"

#define MOST 12

// what the touches at 0, 1, 2, ... days get of 1,000; d is direct
static const char *
credits(AttributionRule rule, const char *path)
{
    static char text[200];
    AttributionTouch touches[MOST] = {0};
    double weights[MOST];
    int64_t shares[MOST];
    ApportionPart room[MOST];
    size_t count = strlen(path);
    char *end = text;

    for (size_t i = 0; i < count; i++)
        touches[i] = (AttributionTouch){(int64_t) i, path[i], path[i] == 'd'};
    attribution_weights(&rule, touches, count, weights);
    apportion(1000, weights, count, shares, room);
    *end = '\0';
    for (size_t i = 0; i < count; i++)
        end += snprintf(end, (size_t) (text + sizeof text - end), "%s%d", i == 0 ? "" : " ", (int) shares[i]);
    return text;
}

static void
test_by_hand(void **state)
{
    const AttributionRule first = {.model = ATTRIBUTION_FIRST}, last = {.model = ATTRIBUTION_LAST};
    const AttributionRule not_direct = {.model = ATTRIBUTION_LAST_NON_DIRECT},
                          linear = {.model = ATTRIBUTION_LINEAR};
    const AttributionRule decay = {.model = ATTRIBUTION_TIME_DECAY, .half_life = 1};
    const AttributionRule position = {.model = ATTRIBUTION_POSITION, .first = 40, .middle = 20, .last = 40};
    const AttributionRule ends = {.model = ATTRIBUTION_POSITION, .first = 30, .middle = 10, .last = 60};
    const AttributionRule middle = {.model = ATTRIBUTION_POSITION, .first = 0, .middle = 1, .last = 0};
    const AttributionRule short_life = {.model = ATTRIBUTION_TIME_DECAY, .half_life = 1e-6};

    (void) state;
    assert_string_equal(credits(first, "abc"), "1000 0 0");
    assert_string_equal(credits(last, "abc"), "0 0 1000");
    assert_string_equal(credits(not_direct, "abd"), "0 1000 0");
    assert_string_equal(credits(not_direct, "abdc"), "0 0 0 1000");
    assert_string_equal(credits(not_direct, "dd"), "0 1000");
    assert_string_equal(credits(linear, "abc"), "334 333 333");
    assert_string_equal(credits(linear, "abcdef"), "167 167 167 167 166 166");
    assert_string_equal(credits(decay, "abc"), "143 286 571"); // 1 2 4 of 7: 142.86 285.71 571.43
    assert_string_equal(credits(short_life, "abc"), "0 0 1000");
    assert_string_equal(credits(position, "a"), "1000");
    assert_string_equal(credits(position, "ab"), "500 500");
    assert_string_equal(credits(position, "abc"), "400 200 400");
    assert_string_equal(credits(position, "abcd"), "400 100 100 400");
    assert_string_equal(credits(ends, "ab"), "333 667");
    assert_string_equal(credits(middle, "a"), "1000");
    assert_string_equal(credits(middle, "ab"), "500 500"); // nothing said of two: equal
    assert_string_equal(credits(middle, "abc"), "0 1000 0");
}

static void
test_negative_and_large(void **state)
{
    const double thirds[] = {1, 1, 1};
    const double none[] = {0, 0};
    int64_t shares[3];
    ApportionPart room[3];

    (void) state;
    apportion(-100, thirds, 3, shares, room);
    assert_int_equal(shares[0], -34);
    assert_int_equal(shares[1], -33);
    assert_int_equal(shares[2], -33);
    apportion(INT64_MAX, thirds, 3, shares, room);
    assert_int_equal(shares[0], INT64_MAX / 3 + 1); // 9223372036854775807 = 3 * 3074457345618258602 + 1
    assert_int_equal(shares[1], INT64_MAX / 3);
    assert_int_equal(shares[2], INT64_MAX / 3);
    apportion(INT64_MIN, thirds, 1, shares, room);
    assert_true(shares[0] == INT64_MIN);
    apportion(7, none, 2, shares, room);
    assert_int_equal(shares[0], 4);
    assert_int_equal(shares[1], 3);
}

// Parts add up, none is a whole unit off its quota, and a larger weight never gets less.
static void
test_random_weights(void **state)
{
    (void) state;
    state_of_chance = 7;
    for (int round = 0; round < 20000; round++) {
        size_t count = 1 + chance(MOST);
        int64_t total = (int64_t) chance(1000000) * (chance(4) == 0 ? -1 : 1);
        double weights[MOST], sum = 0;
        int64_t shares[MOST], given = 0;
        ApportionPart room[MOST];

        for (size_t i = 0; i < count; i++)
            sum += weights[i] = chance(3) == 0 ? 0 : (double) chance(1000) / (1 + chance(50));
        apportion(total, weights, count, shares, room);
        for (size_t i = 0; i < count; i++) {
            double quota = sum > 0 ? (double) total * weights[i] / sum : (double) total / (double) count;

            given += shares[i];
            assert_true((double) shares[i] - quota < 1.000001 && quota - (double) shares[i] < 1.000001);
            for (size_t j = 0; j < count; j++)
                if (weights[i] > weights[j] + 1e-6)
                    assert_true(total >= 0 ? shares[i] >= shares[j] : shares[i] <= shares[j]);
        }
        assert_true(given == total);
    }
}

static void
test_fractions(void **state)
{
    const Int128 numerators[] = {7, -2, 1}; // of 3: 2 1/3, -2/3, 1/3
    int64_t shares[3];
    ApportionPart room[3];

    (void) state;
    apportion_fractions(numerators, 3, 3, shares, room);
    assert_int_equal(shares[0], 3);
    assert_int_equal(shares[1], -1);
    assert_int_equal(shares[2], 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_negative_and_large),
        cmocka_unit_test(test_random_weights),
        cmocka_unit_test(test_fractions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
