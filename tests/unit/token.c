// links: extension/org/token.c extension/org/token_key.c extension/org/token_json.c
/* Tokens and their keys: vectors of RFC 7515 and RFC 8037, every form that is refused, random changes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "org/token.h"
#include "org/token_json.h"

#define RFC7515_KEY "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
#define RFC7515_TOKEN                                                                                        \
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"                                                               \
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"        \
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define RFC8037_KEY "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define RFC8037_TOKEN                                                                                        \
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"                                               \
    ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

#define KEY_FILE                                                                                             \
    "# two secrets and one public key\n\nHS256 rfc " RFC7515_KEY "\n  EdDSA\tidp " RFC8037_KEY "\r\n"        \
    "HS256 plain MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"
#define GOOD "\"sub\":\"anna\",\"exp\":4000000000,\"aud\":\"crm\""

static void
live_keys(CrmTokenKeys *keys)
{
    const char *problem;

    assert_int_equal(crm_token_keys_parse(keys, KEY_FILE, strlen(KEY_FILE), &problem), 0);
    assert_int_equal(keys->count, 3);
}

/* A token of that header and payload, signed with the last key. */
static char *
make_token(const char *header, const char *payload)
{
    static char token[20000];
    unsigned char signature[CRM_TOKEN_HMAC_LENGTH];
    CrmTokenKeys keys;
    size_t length;

    live_keys(&keys);
    crm_base64url_encode(header, strlen(header), token);
    length = strlen(token);
    token[length++] = '.';
    crm_base64url_encode(payload, strlen(payload), token + length);
    length = strlen(token);
    assert_true(crm_token_key_sign(&keys.keys[2], token, length, signature));
    token[length++] = '.';
    crm_base64url_encode(signature, sizeof signature, token + length);
    return token;
}

/* The text is copied to memory of its exact size, so that reading past it is seen. */
static const char *
check(const char *text, CrmTokenClaims *claims)
{
    size_t length = strlen(text);
    char *token = malloc(length == 0 ? 1 : length);
    CrmTokenKeys keys;
    CrmTokenParts parts;
    const char *problem;

    memcpy(token, text, length);
    live_keys(&keys);
    problem = crm_token_split(token, length, &parts);
    if (problem == NULL)
        problem = crm_token_verify(&parts, &keys);
    if (problem == NULL)
        problem = crm_token_claims(&parts, claims);
    free(token);
    return problem;
}

static void
assert_refused(const char *header, const char *payload, const char *why)
{
    CrmTokenClaims claims;
    const char *problem = check(make_token(header, payload), &claims);

    if (problem == NULL)
        fail_msg("accepted: %s %s", header, payload);
    assert_string_equal(problem, why);
}

static void
test_base64url(void **state)
{
    static const char *const bad[] = {"A",
                                      "AAAAA",
                                      "AA==",
                                      "AA=",
                                      "A+AA",
                                      "A/AA",
                                      "AA A",
                                      "AA\n",
                                      "AB",
                                      "AAB",
                                      "A.AA",
                                      "\xc3\xa9"
                                      "AA"};
    unsigned char bytes[256], decoded[256];
    char text[CRM_BASE64URL_LENGTH(256) + 1];
    size_t length;

    (void) state;
    for (int i = 0; i < 256; i++)
        bytes[i] = (unsigned char) (i * 7 + 3);
    for (size_t n = 0; n <= 256; n++) {
        crm_base64url_encode(bytes, n, text);
        assert_int_equal(strlen(text), CRM_BASE64URL_LENGTH(n));
        assert_true(crm_base64url_decode(text, strlen(text), decoded, n, &length));
        assert_int_equal(length, n);
        assert_memory_equal(decoded, bytes, n);
        if (n > 0)
            assert_false(crm_base64url_decode(text, strlen(text), decoded, n - 1, &length));
    }
    crm_base64url_encode("\xfb\xff", 2, text);
    assert_string_equal(text, "-_8");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (crm_base64url_decode(bad[i], strlen(bad[i]), decoded, sizeof decoded, &length))
            fail_msg("accepted %s", bad[i]);
    }
    assert_false(crm_base64url_decode("AA\0A", 4, decoded, sizeof decoded, &length));
}

static void
test_key_file(void **state)
{
    static const struct {
        const char *text;
        int line;
        const char *problem;
    } bad[] = {
        {"\n# x\nhs256 a " RFC7515_KEY, 3, "the first word is neither HS256 nor EdDSA"},
        {"RS256 a " RFC7515_KEY, 1, "the first word is neither HS256 nor EdDSA"},
        {"HS256", 1, "the second word is no key id of 1 to 64 visible ASCII characters"},
        {"HS256 \xc3\xa9 " RFC7515_KEY, 1,
         "the second word is no key id of 1 to 64 visible ASCII characters"},
        {"HS256 a " RFC7515_KEY "\nEdDSA a " RFC8037_KEY, 2, "another key has the same id"},
        {"HS256 a", 1, "the third word is not base64url without padding, of at most 256 bytes"},
        {"HS256 a " RFC8037_KEY "=", 1,
         "the third word is not base64url without padding, of at most 256 bytes"},
        {"HS256 a MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA", 1,
         "the secret of an HS256 key has at least 32 bytes"},
        {"EdDSA a " RFC7515_KEY, 1, "the public key of EdDSA (Ed25519) has 32 bytes"},
        {"HS256 a " RFC7515_KEY " # mine", 1, "a fourth word is one too many"},
    };
    CrmTokenKeys keys;
    const char *problem;
    char many[17 * 60] = "";

    (void) state;
    live_keys(&keys);
    assert_string_equal(keys.keys[0].id, "rfc");
    assert_int_equal(keys.keys[0].length, 64);
    assert_int_equal(keys.keys[1].algorithm, CRM_TOKEN_EDDSA);
    assert_memory_equal(keys.keys[2].bytes, "01234567890123456789012345678901", 32);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(crm_token_keys_parse(&keys, bad[i].text, strlen(bad[i].text), &problem),
                         bad[i].line);
        assert_string_equal(problem, bad[i].problem);
        assert_int_equal(keys.count, 0);
    }
    for (int i = 0; i < 17; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "EdDSA k%d %s\n", i, RFC8037_KEY);
    assert_int_equal(crm_token_keys_parse(&keys, many, strlen(many), &problem), 17);
    assert_string_equal(problem, "there are more than 16 keys");
    assert_int_equal(crm_token_keys_parse(&keys, "", 0, &problem), 0);
    assert_int_equal(keys.count, 0);
}

static void
test_vectors(void **state)
{
    CrmTokenKeys keys;
    CrmTokenParts parts;
    CrmTokenClaims claims;

    (void) state;
    live_keys(&keys);
    assert_null(crm_token_split(RFC7515_TOKEN, strlen(RFC7515_TOKEN), &parts));
    assert_null(crm_token_verify(&parts, &keys));
    assert_string_equal(crm_token_claims(&parts, &claims), "The token names no subject (sub).");
    assert_int_equal(claims.expires_us, INT64_C(1300819380000000));
    assert_null(crm_token_split(RFC8037_TOKEN, strlen(RFC8037_TOKEN), &parts));
    assert_null(crm_token_verify(&parts, &keys));
    assert_string_equal(crm_token_claims(&parts, &claims), "The token's payload is no JSON object.");
}

/* Test cases 1, 6 and 7 of RFC 4231: keys shorter and longer than a block. */
static void
test_hmac(void **state)
{
    static const struct {
        unsigned char byte;
        size_t key_length;
        const char *text;
        unsigned char begin[4];
    } vectors[] = {
        {0x0b, 20, "Hi There", {0xb0, 0x34, 0x4c, 0x61}},
        {0xaa, 131, "Test Using Larger Than Block-Size Key - Hash Key First", {0x60, 0xe4, 0x31, 0x59}},
        {0xaa,
         131,
         "This is a test using a larger than block-size key and a larger than block-size data. The key needs "
         "to be "
         "hashed before being used by the HMAC algorithm.",
         {0x9b, 0x09, 0xff, 0xa7}},
    };
    CrmTokenKey key = {.algorithm = CRM_TOKEN_HS256};
    unsigned char signature[CRM_TOKEN_HMAC_LENGTH];

    (void) state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        memset(key.bytes, vectors[i].byte, sizeof key.bytes);
        key.length = vectors[i].key_length;
        assert_true(crm_token_key_sign(&key, vectors[i].text, strlen(vectors[i].text), signature));
        assert_memory_equal(signature, vectors[i].begin, 4);
        assert_true(crm_token_key_verify(&key, vectors[i].text, strlen(vectors[i].text), signature, 32));
        assert_false(crm_token_key_verify(&key, vectors[i].text, strlen(vectors[i].text), signature, 31));
        signature[31] ^= 1;
        assert_false(crm_token_key_verify(&key, vectors[i].text, strlen(vectors[i].text), signature, 32));
    }
    key.algorithm = CRM_TOKEN_EDDSA;
    assert_false(crm_token_key_sign(&key, "", 0, signature));
}

static void
test_claims(void **state)
{
    CrmTokenClaims claims;

    (void) state;
    assert_null(
        check(make_token("{\"alg\":\"HS256\",\"kid\":\"plain\",\"typ\":\"JWT\"}", "{" GOOD "}"), &claims));
    assert_string_equal(claims.subject, "anna");
    assert_int_equal(claims.expires_us, INT64_C(4000000000000000));
    assert_int_equal(claims.not_before_us, CRM_TOKEN_NO_TIME);
    assert_int_equal(claims.issued_us, CRM_TOKEN_NO_TIME);
    assert_true(crm_token_is_for(&claims, "crm"));
    assert_false(crm_token_is_for(&claims, "cr"));
    assert_false(crm_token_is_for(&claims, ""));
    assert_null(check(
        make_token(" { \"alg\" : \"HS256\" } ",
                   "{\"aud\":[\"a\",\"\\u0063rm\"],\"roles\":{\"sub\":[\"x\",{}]},\"exp\":1.25e9,\"nbf\":0.5,"
                   "\"iat\":1000000000.000001,\"\\u0073ub\":\"b\\u00e9\\ud83d\\ude00\\n\"}"),
        &claims));
    assert_string_equal(claims.subject, "b\xc3\xa9\xf0\x9f\x98\x80\n");
    assert_true(crm_token_is_for(&claims, "a"));
    assert_true(crm_token_is_for(&claims, "crm"));
    assert_int_equal(claims.expires_us, INT64_C(1250000000000000));
    assert_int_equal(claims.not_before_us, 500000);
    assert_int_equal(claims.issued_us, INT64_C(1000000000000001));
    assert_null(check(make_token("{\"alg\":\"HS256\"}", "{\"sub\":\"anna\",\"exp\":1,\"aud\":[]}"), &claims));
    assert_false(crm_token_is_for(&claims, ""));
}

static void
test_headers(void **state)
{
    static const char no_object[] = "The token's header is no JSON object.";
    static const char algorithm[] = "The token's algorithm is neither HS256 nor EdDSA.";
    static const char unknown[] = "The token names a key that is not in the key file.";
    static const char unsigned_[] = "No key of the key file made the token's signature.";
    char long_header[700];

    (void) state;
    assert_refused("", "{" GOOD "}", no_object);
    assert_refused("[]", "{" GOOD "}", no_object);
    assert_refused("{\"alg\":\"HS256\"", "{" GOOD "}", no_object);
    assert_refused("{}", "{" GOOD "}", "The token's header names no algorithm.");
    assert_refused("{\"alg\":\"none\"}", "{" GOOD "}", algorithm);
    assert_refused("{\"alg\":\"hs256\"}", "{" GOOD "}", algorithm);
    assert_refused("{\"alg\":\"HS256 \"}", "{" GOOD "}", algorithm);
    assert_refused("{\"alg\":\"HS512\"}", "{" GOOD "}", algorithm);
    assert_refused("{\"alg\":null}", "{" GOOD "}", algorithm);
    assert_refused("{\"alg\":[\"HS256\"]}", "{" GOOD "}", algorithm);
    assert_refused("{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "{" GOOD "}", algorithm);
    assert_refused("{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", "{" GOOD "}", algorithm);
    assert_refused("{\"alg\":\"EdDSA\"}", "{" GOOD "}", unsigned_);
    assert_refused("{\"alg\":\"EdDSA\",\"kid\":\"plain\"}", "{" GOOD "}", unsigned_);
    assert_refused("{\"alg\":\"HS256\",\"kid\":\"idp\"}", "{" GOOD "}", unsigned_);
    assert_refused("{\"alg\":\"HS256\",\"kid\":\"rfc\"}", "{" GOOD "}", unsigned_);
    assert_refused("{\"alg\":\"HS256\",\"kid\":\"\"}", "{" GOOD "}", unknown);
    assert_refused("{\"alg\":\"HS256\",\"kid\":\"plai\"}", "{" GOOD "}", unknown);
    assert_refused("{\"alg\":\"HS256\",\"kid\":7}", "{" GOOD "}", unknown);
    assert_refused("{\"alg\":\"HS256\",\"kid\":\"plain\",\"kid\":\"plain\"}", "{" GOOD "}", unknown);
    assert_refused("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", "{" GOOD "}",
                   "The token has critical extensions, and none is known.");
    snprintf(long_header, sizeof long_header, "{\"alg\":\"HS256\",\"x\":\"%0491d\"}", 0);
    assert_refused(long_header, "{" GOOD "}",
                   "The token's header is not base64url, or longer than 512 bytes.");
}

static void
test_payloads(void **state)
{
    static const char *const no_object[] = {"",
                                            "null",
                                            "[]",
                                            "\"x\"",
                                            "{" GOOD,
                                            "{" GOOD "}}",
                                            "{" GOOD "},",
                                            "{" GOOD ",}",
                                            "{,}",
                                            "{" GOOD " x}",
                                            "{'a':1}",
                                            "{a:1}",
                                            "{\"a\" 1}",
                                            "{\"a\":01}",
                                            "{\"a\":1.}",
                                            "{\"a\":.5}",
                                            "{\"a\":+1}",
                                            "{\"a\":1e}",
                                            "{\"a\":-}",
                                            "{\"a\":NaN}",
                                            "{\"a\":tru}",
                                            "{\"a\":\"\t\"}",
                                            "{\"a\":\"\\x\"}",
                                            "{\"a\":\"\\u12g4\"}",
                                            "{\"a\":\"\\u0000\"}",
                                            "{\"a\":\"\\ud800\"}",
                                            "{\"a\":\"\\ud800\\u0041\"}",
                                            "{\"a\":\"\\udc00\"}",
                                            "{\"a\":\"\xff\"}",
                                            "{\"a\":\"\xc0\x80\"}",
                                            "{\"a\":\"\xed\xa0\x80\"}",
                                            "{\"a\":\"\xf4\x90\x80\x80\"}",
                                            "{\"a\":\"\xe2\x82\"}",
                                            "\xef\xbb\xbf{" GOOD "}",
                                            "{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
                                            "{\"a\":[1,]}",
                                            "{\"a\":[1 2]}",
                                            "{\"a\":{\"b\"}}"};
    static const struct {
        const char *payload;
        const char *why;
    } bad[] = {
        {"{}", "The token names no subject (sub)."},
        {"{\"sub\":\"anna\",\"aud\":\"crm\"}", "The token has no expiry (exp)."},
        {"{\"sub\":\"anna\",\"exp\":1}", "The token names no audience (aud)."},
        {"{\"sub\":\"\"}", "The token's subject (sub) is not one text of 1 to 200 bytes."},
        {"{\"sub\":1}", "The token's subject (sub) is not one text of 1 to 200 bytes."},
        {"{\"sub\":null}", "The token's subject (sub) is not one text of 1 to 200 bytes."},
        {"{\"sub\":\"an\\u0000na\"}", "The token's subject (sub) is not one text of 1 to 200 bytes."},
        {"{" GOOD ",\"sub\":\"anna\"}", "The token's subject (sub) is not one text of 1 to 200 bytes."},
        {"{" GOOD ",\"s\\u0075b\":\"bob\"}", "The token's subject (sub) is not one text of 1 to 200 bytes."},
        {"{\"exp\":\"1\"}", "The token's expiry (exp) is not one number of seconds up to the year 9999."},
        {"{\"exp\":-1}", "The token's expiry (exp) is not one number of seconds up to the year 9999."},
        {"{\"exp\":1e300}", "The token's expiry (exp) is not one number of seconds up to the year 9999."},
        {"{\"exp\":1e999}", "The token's expiry (exp) is not one number of seconds up to the year 9999."},
        {"{\"exp\":253402300800}",
         "The token's expiry (exp) is not one number of seconds up to the year 9999."},
        {"{\"exp\":null}", "The token's expiry (exp) is not one number of seconds up to the year 9999."},
        {"{\"exp\":1000000000000000000000000000000000000000000000000000000000000000000000}",
         "The token's expiry (exp) is not one number of seconds up to the year 9999."},
        {"{" GOOD ",\"exp\":1}",
         "The token's expiry (exp) is not one number of seconds up to the year 9999."},
        {"{\"nbf\":true}", "The token's beginning (nbf) is not one number of seconds up to the year 9999."},
        {"{\"iat\":[]}", "The token's time of issue (iat) is not one number of seconds up to the year 9999."},
        {"{\"aud\":1}", "The token's audience (aud) is not one text or array of texts of up to 1024 bytes."},
        {"{\"aud\":[\"a\",1]}",
         "The token's audience (aud) is not one text or array of texts of up to 1024 bytes."},
        {"{\"aud\":\"a\",\"aud\":\"b\"}",
         "The token's audience (aud) is not one text or array of texts of up to 1024 bytes."},
    };
    char payload[3000];

    (void) state;
    for (size_t i = 0; i < sizeof no_object / sizeof no_object[0]; i++)
        assert_refused("{\"alg\":\"HS256\"}", no_object[i], "The token's payload is no JSON object.");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused("{\"alg\":\"HS256\"}", bad[i].payload, bad[i].why);
    snprintf(payload, sizeof payload, "{\"sub\":\"%0201d\"}", 0);
    assert_refused("{\"alg\":\"HS256\"}", payload,
                   "The token's subject (sub) is not one text of 1 to 200 bytes.");
    /* the room for audiences, full to its last byte and one more */
    for (int length = 1020; length <= 1023; length++) {
        CrmTokenClaims claims;
        const char *problem;

        snprintf(payload, sizeof payload, "{\"sub\":\"a\",\"exp\":1,\"aud\":[\"%0*d\",\"\",\"\"]}", length,
                 0);
        problem = check(make_token("{\"alg\":\"HS256\"}", payload), &claims);
        if ((problem == NULL) != (length + 3 <= CRM_TOKEN_AUDIENCE_MAX))
            fail_msg("%d: %s", length, problem);
    }
}

static void
test_forms(void **state)
{
    static const char *const bad[] = {"",        ".",        "..",        "...",           "a.b",
                                      "a.b.c.d", "e30.e30.", ".e30.AAAA", "e30=.e30.AAAA", "e30.e30.AA+A"};
    char *token = make_token("{\"alg\":\"HS256\"}", "{" GOOD "}");
    char changed[20000], long_token[9000];
    CrmTokenClaims claims;

    (void) state;
    assert_null(check(token, &claims));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_non_null(check(bad[i], &claims));
    for (size_t cut = 0; cut < strlen(token); cut++) {
        snprintf(changed, sizeof changed, "%.*s", (int) cut, token);
        assert_non_null(check(changed, &claims));
    }
    snprintf(changed, sizeof changed, "%s ", token);
    assert_non_null(check(changed, &claims));
    snprintf(changed, sizeof changed, " %s", token);
    assert_non_null(check(changed, &claims));
    snprintf(changed, sizeof changed, "%s.", token);
    assert_non_null(check(changed, &claims));
    snprintf(changed, sizeof changed, "%s=", token);
    assert_non_null(check(changed, &claims));
    snprintf(long_token, sizeof long_token, "%0*d", CRM_TOKEN_MAX + 1, 0);
    assert_string_equal(check(long_token, &claims), "The token is longer than 8192 bytes.");
    snprintf(long_token, sizeof long_token, "{\"x\":\"%05900d\"," GOOD "}", 0);
    token = make_token("{\"alg\":\"HS256\"}", long_token);
    assert_in_range(strlen(token), 7900, CRM_TOKEN_MAX);
    assert_null(check(token, &claims));
}

/* No other text than the token itself passes; one of another signature may, were it forged. */
static void
test_random_changes(void **state)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\x01\x7f\x80\xff";
    char *token = make_token("{\"alg\":\"HS256\",\"kid\":\"plain\"}", "{" GOOD ",\"nbf\":1.5,\"iat\":1}");
    size_t length = strlen(token);
    int changes = 0;

    (void) state;
    srandom(20260522);
    for (int i = 0; i < 30000; i++) {
        char changed[1000];
        CrmTokenClaims claims;

        memcpy(changed, token, length + 1);
        for (long n = random() % 3; n >= 0; n--)
            changed[(size_t) random() % length] = letters[(size_t) random() % (sizeof letters - 1)];
        if (strcmp(changed, token) == 0)
            continue;
        changes++;
        if (check(changed, &claims) == NULL)
            fail_msg("accepted %s", changed);
    }
    assert_in_range(changes, 28000, 30000);
}

/* The JSON reader meets whatever it can: with sanitizers, in memory of exact size. */
static bool
any_member(CrmJsonReader *reader, const char *name, void *target)
{
    char text[16];
    double number;

    (void) target;
    switch (name[0]) {
    case 's':
        return crm_json_string(reader, text, sizeof text);
    case 'n':
        return crm_json_number(reader, -1e9, 1e9, &number);
    case 'a':
        return crm_json_is_array(reader) && crm_json_array(reader, any_member, target);
    default:
        return crm_json_skip(reader);
    }
}

static void
test_random_json(void **state)
{
    static const char seed[] =
        "{\"s\":\"x\\u00e9\xc3\xa9\\n\",\"n\":-1.5e3,\"a\":[1,{\"b\":[true,false,null]}],\"o\":{}}";
    size_t length = sizeof seed - 1;
    char *text = malloc(length);
    int accepted = 0;

    (void) state;
    memcpy(text, seed, length);
    assert_true(crm_json_object(text, length, any_member, NULL));
    srandom(20260523);
    for (int i = 0; i < 200000; i++) {
        memcpy(text, seed, length);
        for (long n = random() % 4; n >= 0; n--)
            text[(size_t) random() % length] =
                random() % 2 ? (char) random() : seed[(size_t) random() % length];
        accepted += crm_json_object(text, (size_t) random() % (length + 1), any_member, NULL);
    }
    assert_in_range(accepted, 10, 20000);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64url),      cmocka_unit_test(test_key_file),
        cmocka_unit_test(test_vectors),        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_claims),         cmocka_unit_test(test_headers),
        cmocka_unit_test(test_payloads),       cmocka_unit_test(test_forms),
        cmocka_unit_test(test_random_changes), cmocka_unit_test(test_random_json),
    };

    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
