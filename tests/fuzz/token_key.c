// links: extension/org/token_key.c
/* The file of keys that tokens are signed with. */
#include "fuzz.h"
#include "org/token_key.h"

TARGET(token_key)
{
    static CrmTokenKeys keys;
    char *bytes = copy_bytes(data, size);
    const char *problem = NULL;
    int line = crm_token_keys_parse(&keys, bytes, size, &problem);
    unsigned char signature[CRM_TOKEN_HMAC_LENGTH];

    CHECK((line == 0) == (problem == NULL) || line == 0);
    if (line == 0) {
        CHECK(keys.count >= 0 && keys.count <= CRM_TOKEN_KEYS_MAX);
        for (int i = 0; i < keys.count; i++) {
            CHECK(keys.keys[i].id[0] != '\0' && !has_control(keys.keys[i].id, strlen(keys.keys[i].id)));
            CHECK(keys.keys[i].length <= CRM_TOKEN_SECRET_MAX);
            if (keys.keys[i].algorithm == CRM_TOKEN_HS256) {
                CHECK(keys.keys[i].length >= CRM_TOKEN_SECRET_MIN);
                CHECK(crm_token_key_sign(&keys.keys[i], bytes, size, signature));
                CHECK(crm_token_key_verify(&keys.keys[i], bytes, size, signature, sizeof signature));
            } else
                CHECK(!crm_token_key_verify(&keys.keys[i], bytes, size, signature, 3));
        }
        if (crm_token_keys_signing(&keys) != NULL)
            CHECK(crm_token_keys_signing(&keys)->algorithm == CRM_TOKEN_HS256);
    }
    free(bytes);
}
