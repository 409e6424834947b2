// links: extension/customer/survivorship.c
/* Rules of survivorship against a slow model, on candidates by chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "customer/survivorship.h"

#define MAX 40

static uint32_t seed = 20261122;

static int
chance(int n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int) ((seed >> 8) % (uint32_t) n);
}

static const char *const values[] = {"a", "A", "bb", "ccc", "Bb", "dddd", NULL};
static const char *const keys[] = {"1", "10", "2", "20", "9"};

static int
fill(SurvivorshipCandidate *candidates)
{
    int count = chance(MAX);

    memset(candidates, 0, sizeof(SurvivorshipCandidate) * MAX);
    for (int i = 0; i < count; i++) {
        SurvivorshipCandidate *c = &candidates[i];

        c->value = values[chance(7)];
        c->length = c->value == NULL ? 0 : (int) strlen(c->value);
        c->characters = c->length;
        c->invalid = c->value != NULL && strcasecmp(c->value, "ccc") == 0;
        c->since = chance(4) == 0 ? SURVIVORSHIP_NO_TIME : chance(5);
        c->trust = chance(3);
        c->place = i; /* no two records are the same */
        c->key = keys[chance(5)];
        c->key_length = (int) strlen(c->key);
    }
    return count;
}

static bool
newer(const SurvivorshipCandidate *a, const SurvivorshipCandidate *b)
{
    return a->since != b->since ? a->since > b->since : a->place < b->place;
}

static int
holders(const SurvivorshipCandidate *candidates, int count, const char *value)
{
    int n = 0;

    for (int i = 0; i < count; i++)
        n += candidates[i].value != NULL && strcasecmp(candidates[i].value, value) == 0;
    return n;
}

/* Whether a goes before b as the golden value, said once more and in another way. */
static bool
beats(SurvivorshipRule rule, const SurvivorshipCandidate *all, int count, int a, int b)
{
    const SurvivorshipCandidate *x = &all[a];
    const SurvivorshipCandidate *y = &all[b];

    if (x->invalid != y->invalid)
        return y->invalid;
    if (rule == SURVIVORSHIP_FREQUENT && holders(all, count, x->value) != holders(all, count, y->value))
        return holders(all, count, x->value) > holders(all, count, y->value);
    if (rule == SURVIVORSHIP_TRUSTED && x->trust != y->trust)
        return x->trust < y->trust;
    if (rule == SURVIVORSHIP_LONGEST && x->length != y->length)
        return x->length > y->length;
    return newer(x, y);
}

static void
the_golden_value_is_the_models(void **state)
{
    SurvivorshipCandidate candidates[MAX];
    int order[MAX];

    (void) state;
    for (int round = 0; round < 20000; round++) {
        int count = fill(candidates);
        SurvivorshipRule rule = (SurvivorshipRule) chance(SURVIVORSHIP_SET + 1);
        int best = -1;
        int found = survivorship_order(rule, candidates, count, order);

        for (int i = 0; i < count; i++)
            if (candidates[i].value != NULL && (best < 0 || beats(rule, candidates, count, i, best)))
                best = i;
        assert_int_equal(found > 0, best >= 0);
        if (found > 0)
            assert_int_equal(order[0], best);
    }
}

static void
everything_is_in_the_order_once(void **state)
{
    SurvivorshipCandidate candidates[MAX];
    int order[MAX];

    (void) state;
    for (int round = 0; round < 5000; round++) {
        int count = fill(candidates);
        SurvivorshipRule rule = (SurvivorshipRule) chance(SURVIVORSHIP_SET + 1);
        int found = survivorship_order(rule, candidates, count, order);
        int with_value = 0;
        bool seen[MAX] = {false};

        for (int i = 0; i < count; i++)
            with_value += candidates[i].value != NULL;
        for (int i = 0; i < found; i++) {
            assert_false(seen[order[i]]);
            seen[order[i]] = true;
            for (int k = 0; rule == SURVIVORSHIP_SET && k < i; k++)
                assert_false(survivorship_same(&candidates[order[i]], &candidates[order[k]]));
        }
        if (rule != SURVIVORSHIP_SET)
            assert_int_equal(found, with_value);
        for (int i = 0; rule == SURVIVORSHIP_SET && i < count; i++) {
            bool there = candidates[i].value == NULL;

            for (int k = 0; k < found; k++)
                there = there || survivorship_same(&candidates[i], &candidates[order[k]]);
            assert_true(there);
        }
    }
}

static void
nothing_gives_nothing(void **state)
{
    SurvivorshipCandidate none = {0};
    int order[1];

    (void) state;
    for (int rule = SURVIVORSHIP_RECENT; rule <= SURVIVORSHIP_SET; rule++) {
        assert_int_equal(survivorship_order((SurvivorshipRule) rule, NULL, 0, order), 0);
        assert_int_equal(survivorship_order((SurvivorshipRule) rule, &none, 1, order), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_value_is_the_models),
        cmocka_unit_test(everything_is_in_the_order_once),
        cmocka_unit_test(nothing_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
