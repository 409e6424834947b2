// links: daemon/sign.c daemon/status.c
/* Keys of webhooks: read or refused; a key that is read signs. */
#include "fuzz.h"
#include "sign.h"

TARGET(sign)
{
    struct Input input = {data, size};
    char *text = take_text(&input, 400, NULL), signature[SIGN_MAX + 1], again[SIGN_MAX + 1],
         public[SIGN_PUBLIC_LENGTH + 1];
    struct SignKey key;
    struct Problem problem = {""};

    if (sign_key_parse(&key, text, &problem) == STATUS_OK) {
        CHECK(key.length >= SIGN_KEY_MIN && key.length <= SIGN_KEY_MAX);
        if (sign_message(&key, "msg_1", 1700000000, (const char *) input.data, input.size, signature) ==
            STATUS_OK) {
            CHECK(strlen(signature) <= SIGN_MAX &&
                  strncmp(signature, key.asymmetric ? "v1a," : "v1,", key.asymmetric ? 4 : 3) == 0);
            CHECK(sign_message(&key, "msg_1", 1700000000, (const char *) input.data, input.size, again) ==
                      STATUS_OK &&
                  strcmp(signature, again) == 0);
        } else
            CHECK(key.asymmetric);
        CHECK((sign_public(&key, public) == STATUS_OK) <= key.asymmetric);
    } else
        CHECK(problem.text[0] != '\0');
    free(text);
}
