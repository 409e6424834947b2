// links: extension/kpi/siphash.c
/* Against its authors' vectors, and OpenSSL's for lengths around a word's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "kpi/siphash.h"

#define LONGEST 300

static void
fill(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t) i;
}

static void
test_vectors(void **state)
{
    static const uint8_t expected[][SIPHASH_BYTES] = {
        {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93},
        {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45},
        {0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff, 0xe4}};
    uint8_t key[SIPHASH_BYTES], data[LONGEST], hash[SIPHASH_BYTES];

    (void) state;
    fill(key, sizeof(key));
    fill(data, sizeof(data));
    for (size_t length = 0; length < sizeof(expected) / sizeof(expected[0]); length++) {
        crm_siphash(key, data, length, hash);
        assert_memory_equal(hash, expected[length], SIPHASH_BYTES);
    }
}

static void
test_other(void **state)
{
    uint8_t key[SIPHASH_BYTES], data[LONGEST], hash[SIPHASH_BYTES], other[SIPHASH_BYTES];
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    size_t size = SIPHASH_BYTES;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                           OSSL_PARAM_construct_end()};

    (void) state;
    assert_non_null(mac);
    fill(data, sizeof(data));
    for (size_t length = 0; length <= LONGEST; length++) {
        EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
        size_t made;

        for (size_t i = 0; i < sizeof(key); i++)
            key[i] = (uint8_t) (length * 31 + i * 7);
        crm_siphash(key, data, length, hash);
        assert_int_equal(EVP_MAC_init(context, key, sizeof(key), params), 1);
        assert_int_equal(EVP_MAC_update(context, data, length), 1);
        assert_int_equal(EVP_MAC_final(context, other, &made, sizeof(other)), 1);
        assert_int_equal(made, SIPHASH_BYTES);
        assert_memory_equal(hash, other, SIPHASH_BYTES);
        EVP_MAC_CTX_free(context);
    }
    EVP_MAC_free(mac);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors), cmocka_unit_test(test_other)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
