// links: extension/customer/email_syntax.c extension/customer/phone_syntax.c extension/customer/phone_plan.c
/* E-mail addresses and phone numbers: what holds for any bytes at all. Sanitizers watch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/email_syntax.h"
#include "customer/phone_syntax.h"

/* Bytes that make faults likely, in a buffer of exactly their length, so that a read past the end is seen. */
static char *
random_text(const char *alphabet, size_t *length)
{
    char *text;

    *length = (size_t) rand() % 40;
    text = malloc(*length + 1); /* malloc(0) may be NULL */
    assert_non_null(text);
    for (size_t i = 0; i < *length; i++)
        text[i] = rand() % 8 == 0 ? (char) rand() : alphabet[(size_t) rand() % strlen(alphabet)];
    return realloc(text, *length > 0 ? *length : 1);
}

static void
test_any_bytes_as_email(void **state)
{
    int valid = 0;

    (void) state;
    srand(11);
    for (int round = 0; round < 300000; round++) {
        size_t length, kept_length, again_length;
        char kept[EMAIL_MAX_LENGTH], again[EMAIL_MAX_LENGTH], folded[EMAIL_MAX_LENGTH], key[EMAIL_MAX_LENGTH];
        char *text = random_text("aA.@-1xgmil.co\xC3\xA4", &length);

        if (email_syntax_parse(text, length, rand() % 2 == 0, kept, &kept_length) == EMAIL_OK) {
            valid++;
            assert_int_equal(email_syntax_parse(kept, kept_length, false, again, &again_length), EMAIL_OK);
            assert_int_equal(again_length, kept_length);
            assert_memory_equal(again, kept, kept_length);
            email_syntax_fold(kept, kept_length, folded);
            assert_int_equal(email_syntax_compare(kept, kept_length, folded, kept_length), 0);
            assert_true(email_syntax_at(kept, kept_length) < kept_length);
            assert_true(email_syntax_match_key(kept, kept_length, key) <= EMAIL_MAX_LENGTH);
        }
        free(text);
    }
    assert_true(valid > 100);
}

static void
test_any_bytes_as_phone(void **state)
{
    int valid = 0;

    (void) state;
    srand(12);
    for (int round = 0; round < 300000; round++) {
        size_t length, kept_length, again_length;
        char kept[PHONE_MAX_LENGTH], again[PHONE_MAX_LENGTH];
        const PhonePlan *country = phone_plan_country(rand() % 2 == 0 ? "IT" : "US", 2);
        char *text = random_text("0123456789+ ()-x0\xE2\x80", &length);

        if (phone_syntax_parse(text, length, rand() % 3 == 0 ? NULL : country, kept, &kept_length) ==
            PHONE_OK) {
            valid++;
            assert_true(kept_length <= PHONE_MAX_LENGTH);
            assert_int_equal(kept[0], '+');
            assert_true(phone_syntax_main(kept, kept_length) <= PHONE_MAX_DIGITS + 1);
            assert_int_equal(phone_syntax_parse(kept, kept_length, NULL, again, &again_length), PHONE_OK);
            assert_int_equal(again_length, kept_length);
            assert_memory_equal(again, kept, kept_length);
        }
        free(text);
    }
    assert_true(valid > 100);
}

/* Every code is found from its digits, so none is the beginning of another; and codes are those of 1 to 3 digits. */
static void
test_calling_codes(void **state)
{
    int assigned = 0;

    (void) state;
    for (int code = 1; code < 1000; code++) {
        char digits[8];
        const PhonePlan *plan;
        int length = code < 10 ? 1 : code < 100 ? 2 : 3;

        for (int i = length, rest = code; i > 0; i--, rest /= 10)
            digits[i - 1] = (char) ('0' + rest % 10);
        plan = phone_plan_code(digits, (size_t) length);
        if (plan != NULL && plan->code == code)
            assigned++;
        else if (plan != NULL)
            assert_true(plan->code < code); /* a shorter code that these digits begin with */
    }
    assert_int_equal(assigned, 215);
    assert_null(phone_plan_code("0", 1));
    assert_null(phone_plan_code("", 0));
    assert_null(phone_plan_country("", 0));
    assert_ptr_equal(phone_plan_country("uk", 2), phone_plan_country("United Kingdom", 14));
    assert_ptr_equal(phone_plan_country("deu", 3), phone_plan_country("DE", 2));
    assert_ptr_equal(phone_plan_country("DEUTSCHLAND", 11), phone_plan_country("DE", 2));
    assert_ptr_equal(phone_plan_country("\xC3\x96sterreich", 11), phone_plan_country("AT", 2));
    assert_ptr_equal(phone_plan_country("espa\xC3\xB1"
                                        "a",
                                        7),
                     phone_plan_country("ES", 2));
    assert_ptr_equal(phone_plan_country("Polska", 6), phone_plan_country("PL", 2));
    assert_null(phone_plan_country("Atlantis", 8));
}

static void
test_trunk_prefixes(void **state)
{
    (void) state;
    assert_int_equal(phone_plan_trunk(phone_plan_country("DE", 2), "0301", 4), 1);
    assert_int_equal(phone_plan_trunk(phone_plan_country("HU", 2), "0612", 4), 2);
    assert_int_equal(phone_plan_trunk(phone_plan_country("BY", 2), "8029", 4), 2);
    assert_int_equal(phone_plan_trunk(phone_plan_country("LT", 2), "8612", 4), 1);
    assert_int_equal(phone_plan_trunk(phone_plan_country("IT", 2), "0612", 4), 0);
    assert_int_equal(phone_plan_trunk(phone_plan_country("DE", 2), "0", 1), 0); /* something must be left */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_bytes_as_email),
        cmocka_unit_test(test_any_bytes_as_phone),
        cmocka_unit_test(test_calling_codes),
        cmocka_unit_test(test_trunk_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
