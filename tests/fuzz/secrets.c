// links: daemon/secrets.c daemon/inifile.c daemon/letter.c daemon/listen.c daemon/address.c daemon/nameserver.c daemon/nearest.c daemon/redact.c daemon/routing.c daemon/sign.c daemon/status.c daemon/utf8.c
/* The file of secrets: read or refused, with nothing of a key in the words; what it says is redacted from any text. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "redact.h"
#include "secrets.h"

static const char *
word_in(const char *text, const char *word)
{
    return word == NULL || strlen(word) < 6 ? NULL : strcasestr(text, word);
}

/* A text that repeats everything. */
static void
check_redacted(const struct Secrets *secrets, const struct Secret *secret)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    CHECK(out != NULL);
    fprintf(out, "seen: %s %s %s %s %s.", secret->keys_text != NULL ? secret->keys_text : "",
            secret->routing_key != NULL ? secret->routing_key : "",
            secret->chat_id != NULL ? secret->chat_id : "", secret->password != NULL ? secret->password : "",
            secret->url != NULL ? secret->url : "");
    CHECK(fclose(out) == 0);
    redact_secrets(secrets, text);
    CHECK(strlen(text) == length);
    CHECK(word_in(text, secret->routing_key) == NULL && word_in(text, secret->chat_id) == NULL &&
          word_in(text, secret->password) == NULL);
    free(text);
}

TARGET(secrets)
{
    struct Secrets secrets = {0};
    struct Problem problem = {""};
    int fd = memfd_create("secrets", 0);
    char path[64];

    CHECK(fd >= 0 && fchmod(fd, 0600) == 0 && (size == 0 || write(fd, data, size) == (ssize_t) size));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (secrets_read(&secrets, path, &problem) == STATUS_OK)
        for (const struct Secret *secret = secrets.first; secret != NULL; secret = secret->next) {
            CHECK(secret->ref != NULL && secrets_find(&secrets, secret->ref) != NULL);
            CHECK(secret->key_count <= SECRETS_KEYS_MAX && secret->people.to_count <= LETTER_TO_MAX);
            (void) secrets_lacks(secret, "slack");
            (void) secrets_lacks(secret, "email");
            check_redacted(&secrets, secret);
        }
    else
        CHECK(problem.text[0] != '\0' && strchr(problem.text, '\n') == NULL);
    secrets_free(&secrets);
    close(fd);
}
