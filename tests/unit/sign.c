// links: daemon/sign.c daemon/status.c
/* The signature of Standard Webhooks: the vector of its specification, and keys that are none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sign.h"

#define VECTOR_KEY "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define VECTOR_ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define VECTOR_TIME 1614265330
#define VECTOR_BODY "{\"test\": 2432232314}"

static void
signature_of(const char *key_text, const char *id, int64_t timestamp, const char *body, char *signature)
{
    struct SignKey key;
    struct Problem problem;

    assert_int_equal(sign_key_parse(&key, key_text, &problem), STATUS_OK);
    assert_int_equal(sign_v1(&key, id, timestamp, body, strlen(body), signature), STATUS_OK);
}

static void
test_vector(void **state)
{
    char signature[SIGN_V1_LENGTH + 1];

    (void) state;
    signature_of(VECTOR_KEY, VECTOR_ID, VECTOR_TIME, VECTOR_BODY, signature);
    assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_int_equal(strlen(signature), SIGN_V1_LENGTH);
}

/* Everything that is signed changes the signature. */
static void
test_sensitive(void **state)
{
    char right[SIGN_V1_LENGTH + 1], other[SIGN_V1_LENGTH + 1];

    (void) state;
    signature_of(VECTOR_KEY, VECTOR_ID, VECTOR_TIME, VECTOR_BODY, right);
    signature_of(VECTOR_KEY, VECTOR_ID, VECTOR_TIME + 1, VECTOR_BODY, other);
    assert_string_not_equal(right, other);
    signature_of(VECTOR_KEY, "msg_p5jXN8AQM9LWM0D4loKWxJel", VECTOR_TIME, VECTOR_BODY, other);
    assert_string_not_equal(right, other);
    signature_of(VECTOR_KEY, VECTOR_ID, VECTOR_TIME, VECTOR_BODY " ", other);
    assert_string_not_equal(right, other);
    signature_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx", VECTOR_ID, VECTOR_TIME, VECTOR_BODY, other);
    assert_string_not_equal(right, other);
}

static void
test_key_lengths(void **state)
{
    struct SignKey key;
    struct Problem problem;

    (void) state;
    assert_int_equal(sign_key_parse(&key, VECTOR_KEY, &problem), STATUS_OK);
    assert_int_equal(key.length, 24);
    assert_int_equal(key.bytes[0], 0x31);
    assert_int_equal(key.bytes[23], 0xb0);
    assert_int_equal(sign_key_parse(&key, "whsec_MDEyMzQ1Njc4OWFiY2RlZg==", &problem), STATUS_OK);
    assert_int_equal(key.length, 16);
    assert_memory_equal(key.bytes, "0123456789abcdef", 16);
}

/* The key of RFC 8032's first test; the signature is what openssl pkeyutl makes of the same bytes. */
static void
test_asymmetric(void **state)
{
    static const char *const texts[] = {
        "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
        "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="};
    char signature[SIGN_MAX + 1], public[SIGN_PUBLIC_LENGTH + 1];
    struct SignKey key;
    struct Problem problem;

    (void) state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sign_key_parse(&key, texts[i], &problem), STATUS_OK);
        assert_int_equal(
            sign_message(&key, VECTOR_ID, VECTOR_TIME, VECTOR_BODY, strlen(VECTOR_BODY), signature),
            STATUS_OK);
        assert_string_equal(signature, "v1a,fldxM4gAKugP6nnt1hdz3sgGfZ6d99nzrMFnZOELIxbz"
                                       "EHoVmAb2ADpkJK7zgPePmPsle0zV9jSeGlHFG2NVAw==");
        assert_int_equal(strlen(signature), SIGN_MAX);
        assert_int_equal(sign_public(&key, public), STATUS_OK);
        assert_string_equal(public, "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
        assert_int_equal(strlen(public), SIGN_PUBLIC_LENGTH);
    }
    assert_int_equal(sign_key_parse(&key, VECTOR_KEY, &problem), STATUS_OK);
    assert_int_equal(sign_public(&key, public), STATUS_INVALID);
    assert_int_equal(sign_message(&key, VECTOR_ID, VECTOR_TIME, VECTOR_BODY, strlen(VECTOR_BODY), signature),
                     STATUS_OK);
    assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_int_equal(sign_key_parse(&key, "whsk_MDEyMzQ1Njc4OWFiY2RlZg==", &problem), STATUS_INVALID);
    assert_string_equal(problem.text, "a key of v1a is whsk_ and the base64 of 32 or 64 bytes");
}

static void
test_bad_keys(void **state)
{
    static const char *const bad[] = {
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",  /* no whole block */
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS*", /* not base64 */
        "whsec_MfKQ9r8GKYqrTwjU PD8ILPZIo2LaLaS", /* white space */
        "whsec_MDEyMzQ1Njc4OWFiY2Rl",             /* 15 bytes and shorter */
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaL===", /* too much padding */
        "whsec_====",
        "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    };
    char longest[6 + 176 + 1] = "whsec_";
    struct SignKey key;
    struct Problem problem;

    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sign_key_parse(&key, bad[i], &problem), STATUS_INVALID);
        assert_string_equal(problem.text, "a key is whsec_ and the base64 of 16 to 128 bytes");
    }
    memset(longest + 6, 'A', 176); /* 132 bytes */
    assert_int_equal(sign_key_parse(&key, longest, &problem), STATUS_INVALID);
    longest[6 + 168] = '\0'; /* 126 bytes */
    assert_int_equal(sign_key_parse(&key, longest, &problem), STATUS_OK);
    assert_int_equal(key.length, 126);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),      cmocka_unit_test(test_sensitive),
        cmocka_unit_test(test_key_lengths), cmocka_unit_test(test_asymmetric),
        cmocka_unit_test(test_bad_keys),
    };

    return cmocka_run_group_tests_name("sign", tests, NULL, NULL);
}
