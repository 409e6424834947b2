#include "redact.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Servers write addresses in letters of their own choice. */
static void
redact_word(char *text, const char *word, size_t least)
{
    size_t length = word == NULL ? 0 : strlen(word);
    char *found = text;

    if (length < least || length == 0)
        return;
    while ((found = strcasestr(found, word)) != NULL) {
        memset(found, '*', length);
        found += length;
    }
}

/* As logging in puts it on the line, should a server repeat that. */
static void
redact_base64(char *text, const char *bytes, size_t length)
{
    unsigned char encoded[1024];

    if (length > 0 && length <= 700 &&
        EVP_EncodeBlock(encoded, (const unsigned char *) bytes, (int) length) > 0)
        redact_word(text, (const char *) encoded, 4);
    explicit_bzero(encoded, sizeof encoded);
}

static void
redact_login(char *text, const struct Secret *secret)
{
    char both[600]; /* each at most 256 */
    int length = snprintf(both, sizeof both, "%c%s%c%s", 0, secret->user, 0, secret->password);

    redact_base64(text, both, (size_t) length);
    redact_base64(text, secret->user, strlen(secret->user));
    redact_base64(text, secret->password, strlen(secret->password));
    redact_word(text, secret->password, 4);
    redact_word(text, secret->user, 4);
    explicit_bzero(both, sizeof both);
}

/* Of a path of "/" or "/crm", or of a password of three letters, hiding it would hide half of the text. */
static void
redact_list(const struct Secret *first, char *text)
{
    for (const struct Secret *secret = first; secret != NULL; secret = secret->next) {
        const char *host = secret->url == NULL ? NULL : strstr(secret->url, "://");
        char *keys = secret->keys_text == NULL ? NULL : strdup(secret->keys_text), *rest = keys, *key;

        redact_word(text, host == NULL ? NULL : strpbrk(host + 3, "/?#"), 6);
        while (rest != NULL && (key = strsep(&rest, " ,\t")) != NULL)
            redact_word(text, key, 6);
        free(keys);
        redact_word(text, secret->routing_key, 6);
        redact_word(text, secret->chat_id, 6);
        redact_word(text, secret->people.from, 1);
        for (size_t i = 0; i < secret->people.to_count; i++)
            redact_word(text, secret->people.to[i], 1);
        if (secret->user != NULL && secret->password != NULL)
            redact_login(text, secret);
    }
}

void
redact_secrets(const struct Secrets *secrets, char *text)
{
    redact_list(secrets->first, text);
    redact_list(secrets->retired, text);
}
