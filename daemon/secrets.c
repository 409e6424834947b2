#include "secrets.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inifile.h"
#include "nearest.h"
#include "routing.h"

static const char *const setting_names[] = {"url", "key", "keys", "routing_key"};

static void
secret_free(struct Secret *secret)
{
    if (secret->keys_text != NULL)
        explicit_bzero(secret->keys_text, strlen(secret->keys_text));
    if (secret->routing_key != NULL)
        explicit_bzero(secret->routing_key, strlen(secret->routing_key));
    explicit_bzero(secret->keys, sizeof secret->keys);
    free(secret->routing_key);
    free(secret->keys_text);
    free(secret->url);
    free(secret->ref);
    free(secret);
}

static void
free_list(struct Secret **first)
{
    struct Secret *next;

    for (struct Secret *secret = *first; secret != NULL; secret = next) {
        next = secret->next;
        secret_free(secret);
    }
    *first = NULL;
}

void
secrets_free(struct Secrets *secrets)
{
    free_list(&secrets->first);
    free_list(&secrets->retired);
}

void
secrets_replace(struct Secrets *secrets, struct Secrets *fresh, int64_t now_ms, int64_t keep_ms)
{
    struct Secret **end = &secrets->first;

    if (now_ms - secrets->retired_ms > keep_ms)
        free_list(&secrets->retired);
    while (*end != NULL)
        end = &(*end)->next;
    *end = secrets->retired;
    secrets->retired = secrets->first;
    secrets->retired_ms = now_ms;
    secrets->first = fresh->first;
    fresh->first = NULL;
}

const struct Secret *
secrets_find(const struct Secrets *secrets, const char *ref)
{
    const struct Secret *secret = secrets->first;

    while (secret != NULL && strcmp(secret->ref, ref) != 0)
        secret = secret->next;
    return secret;
}

/* Names are kept to what can stand in a section's brackets and in a log line as it is. */
static bool
is_ref(const char *text)
{
    return text[0] != '\0' && strlen(text) <= 128 &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/@")] == '\0';
}

static enum Status
find_or_add(struct Secrets *secrets, const char *ref, struct Secret **found, struct Problem *problem)
{
    struct Secret **end = &secrets->first;

    if (!is_ref(ref)) {
        problem_set(problem, "\"%s\" is no name of a section: letters, digits and _ - . : / @", ref);
        return STATUS_INVALID;
    }
    while (*end != NULL && strcmp((*end)->ref, ref) != 0)
        end = &(*end)->next;
    if (*end == NULL) {
        *end = calloc(1, sizeof **end);
        if (*end == NULL || ((*end)->ref = strdup(ref)) == NULL) {
            free(*end);
            *end = NULL;
            problem_set(problem, "out of memory");
            return STATUS_MEMORY;
        }
    }
    *found = *end;
    return STATUS_OK;
}

static bool
is_printable(const char *value)
{
    while (*value > ' ' && *value <= '~')
        value++;
    return *value == '\0';
}

static enum Status
set_url(struct Secret *secret, const char *value, struct Problem *problem)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL;
    bool good;

    good = parsed != NULL && is_printable(value) &&
           curl_url_set(parsed, CURLUPART_URL, value, CURLU_DISALLOW_USER) == CURLUE_OK &&
           curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
           (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);
    curl_free(scheme);
    curl_url_cleanup(parsed);
    if (!good) {
        problem_set(problem, "the url of [%s] is no http or https address without a user's name",
                    secret->ref);
        return STATUS_INVALID;
    }
    free(secret->url);
    secret->url = strdup(value);
    return secret->url == NULL ? STATUS_MEMORY : STATUS_OK;
}

static enum Status
set_keys(struct Secret *secret, const char *value, struct Problem *problem)
{
    char *copy = strdup(value), *rest = copy, *word;
    enum Status status = copy == NULL ? STATUS_MEMORY : STATUS_OK;
    struct Problem inner;

    secret->key_count = 0;
    while (status == STATUS_OK && (word = strsep(&rest, " ,\t")) != NULL) {
        if (*word == '\0')
            continue;
        if (secret->key_count == SECRETS_KEYS_MAX) {
            problem_set(problem, "[%s] has more than %d keys", secret->ref, SECRETS_KEYS_MAX);
            status = STATUS_INVALID;
        } else {
            status = sign_key_parse(&secret->keys[secret->key_count++], word, &inner);
            if (status != STATUS_OK)
                problem_set(problem, "[%s]: %s", secret->ref, inner.text);
        }
    }
    if (status == STATUS_OK && secret->key_count == 0) {
        problem_set(problem, "[%s] has an empty key", secret->ref);
        status = STATUS_INVALID;
    }
    if (copy != NULL)
        explicit_bzero(copy, strlen(value));
    free(copy);
    if (status != STATUS_OK)
        return status;
    secret->keys_text = strdup(value);
    return secret->keys_text == NULL ? STATUS_MEMORY : STATUS_OK;
}

static enum Status
set_routing_key(struct Secret *secret, const char *value, struct Problem *problem)
{
    if (!routing_key_is_good(value)) {
        problem_set(problem, "the routing_key of [%s] is none: up to %d letters and digits", secret->ref,
                    ROUTING_KEY_MAX);
        return STATUS_INVALID;
    }
    secret->routing_key = strdup(value);
    return secret->routing_key == NULL ? STATUS_MEMORY : STATUS_OK;
}

static enum Status
take_setting(void *arg, const char *section, const char *name, const char *value, struct Problem *problem)
{
    struct Secret *secret = NULL;
    const char *nearest;
    enum Status status = find_or_add(arg, section, &secret, problem);

    if (status != STATUS_OK)
        return status;
    if (strcmp(name, "url") == 0) {
        if (secret->url == NULL)
            return set_url(secret, value, problem);
    } else if (strcmp(name, "key") == 0 || strcmp(name, "keys") == 0) {
        if (secret->keys_text == NULL)
            return set_keys(secret, value, problem);
    } else if (strcmp(name, "routing_key") == 0) {
        if (secret->routing_key == NULL)
            return set_routing_key(secret, value, problem);
    } else {
        nearest = nearest_word(name, setting_names, sizeof setting_names / sizeof setting_names[0]);
        problem_set(problem, "unknown setting \"%s\" in [%s]; %s%s%s", name, section,
                    nearest ? "did you mean \"" : "there are url, key, keys and routing_key",
                    nearest ? nearest : "", nearest ? "\"?" : "");
        return STATUS_INVALID;
    }
    problem_set(problem, "%s of [%s] is given twice", name, section);
    return STATUS_INVALID;
}

static enum Status
check_complete(const struct Secrets *secrets, const char *path, struct Problem *problem)
{
    for (const struct Secret *secret = secrets->first; secret != NULL; secret = secret->next)
        if (secret->url == NULL) {
            problem_set(problem, "%s: [%s] has no url", path, secret->ref);
            return STATUS_INVALID;
        }
    return STATUS_OK;
}

/* systemd gives a service its credentials in a folder that nobody else enters; they may be readable by their group. */
static bool
is_credential(const char *path)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    size_t length = folder == NULL ? 0 : strlen(folder);

    return length > 0 && strncmp(path, folder, length) == 0 && path[length] == '/' &&
           strstr(path + length, "/../") == NULL;
}

/* Looks at the open file, not at the name: that cannot be exchanged in between. */
static enum Status
check_private(FILE *file, const char *path, struct Problem *problem)
{
    struct stat found;

    if (fstat(fileno(file), &found) != 0) {
        problem_set(problem, "cannot look at %s: %s", path, strerror(errno));
        return STATUS_SYSTEM;
    }
    if (!S_ISREG(found.st_mode) || (found.st_uid != geteuid() && found.st_uid != 0)) {
        problem_set(problem, "%s must be a file that belongs to the user who runs crmd", path);
        return STATUS_INVALID;
    }
    if ((found.st_mode & (is_credential(path) ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO)) != 0) {
        problem_set(problem, "%s can be read by others (mode %04o): type chmod 600 %s", path,
                    (unsigned) (found.st_mode & 07777), path);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* Not checked for being complete: a section under work by `secret set` may have no url yet. */
static enum Status
read_any(struct Secrets *fresh, const char *path, struct Problem *problem)
{
    FILE *file = fopen(path, "re");
    enum Status status;

    if (file == NULL) {
        bool missing = errno == ENOENT;

        problem_set(problem, "cannot read the secrets file %s: %s%s", path, strerror(errno),
                    missing ? "; crmd secret set makes it" : "");
        return missing ? STATUS_MISSING : STATUS_SYSTEM;
    }
    status = check_private(file, path, problem);
    if (status == STATUS_OK)
        status = inifile_read(file, path, take_setting, fresh, problem);
    fclose(file);
    return status;
}

enum Status
secrets_read(struct Secrets *secrets, const char *path, struct Problem *problem)
{
    struct Secrets fresh = {NULL};
    enum Status status = read_any(&fresh, path, problem);

    if (status == STATUS_OK)
        status = check_complete(&fresh, path, problem);
    if (status != STATUS_OK) {
        secrets_free(&fresh);
        return status;
    }
    secrets_free(secrets);
    *secrets = fresh;
    return STATUS_OK;
}

static enum Status
write_out(const struct Secrets *secrets, FILE *file)
{
    fputs("; Written by crmd secret set. Receivers of crm's messages: keep it readable by its owner only.\n",
          file);
    for (const struct Secret *secret = secrets->first; secret != NULL; secret = secret->next) {
        fprintf(file, "\n[%s]\n", secret->ref);
        if (secret->url != NULL)
            fprintf(file, "url = %s\n", secret->url);
        if (secret->keys_text != NULL)
            fprintf(file, "%s = %s\n", secret->key_count > 1 ? "keys" : "key", secret->keys_text);
        if (secret->routing_key != NULL)
            fprintf(file, "routing_key = %s\n", secret->routing_key);
    }
    return fflush(file) == 0 && !ferror(file) && fsync(fileno(file)) == 0 ? STATUS_OK : STATUS_SYSTEM;
}

/* A new file beside the old one, renamed over it: a reader sees all of the old or all of the new. */
static enum Status
write_file(const struct Secrets *secrets, const char *path, struct Problem *problem)
{
    char *temporary = NULL;
    FILE *file = NULL;
    int fd = -1;
    enum Status status = STATUS_MEMORY;

    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return STATUS_MEMORY;
    fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd >= 0)
        file = fdopen(fd, "w");
    if (file != NULL)
        status = write_out(secrets, file);
    if (file == NULL || status != STATUS_OK || rename(temporary, path) != 0) {
        problem_set(problem, "cannot write %s: %s", path, strerror(errno));
        status = STATUS_SYSTEM;
        if (fd >= 0)
            unlink(temporary);
    }
    if (file != NULL)
        fclose(file);
    else if (fd >= 0)
        close(fd);
    free(temporary);
    return status;
}

/* REF.url is the address of REF; any other name with a point in it is a section. */
static const char *
split_setting(const char *what, char *ref, size_t size)
{
    const char *point = strrchr(what, '.');

    snprintf(ref, size, "%s", what);
    for (size_t i = 0; point != NULL && i < sizeof setting_names / sizeof setting_names[0]; i++)
        if (strcmp(point + 1, setting_names[i]) == 0) {
            ref[(size_t) (point - what) < size ? (size_t) (point - what) : size - 1] = '\0';
            return setting_names[i];
        }
    return NULL;
}

/* One `name = value` line; blank lines are skipped. */
static enum Status
take_line(struct Secrets *secrets, const char *ref, char *line, struct Problem *problem)
{
    char *equals = strchr(line, '='), *name = line + strspn(line, " \t"), *value;

    if (*name == '\0')
        return STATUS_OK;
    if (equals == NULL) {
        problem_set(problem,
                    "type lines like url = https://... and key = whsec_..., or set %s.url and %s.key", ref,
                    ref);
        return STATUS_INVALID;
    }
    *equals = '\0';
    name[strcspn(name, " \t")] = '\0';
    value = equals + 1 + strspn(equals + 1, " \t");
    return take_setting(secrets, ref, name, value, problem);
}

static enum Status
take_input(struct Secrets *secrets, const char *ref, const char *setting, FILE *input,
           struct Problem *problem)
{
    char line[INIFILE_LINE_MAX];
    enum Status status = STATUS_OK;
    bool any = false;

    while (status == STATUS_OK && fgets(line, sizeof line, input) != NULL) {
        size_t length = strcspn(line, "\r\n");

        while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
            length--;
        line[length] = '\0';
        any = any || length > 0;
        if (setting == NULL)
            status = take_line(secrets, ref, line, problem);
        else if (length > 0)
            status = take_setting(secrets, ref, setting, line, problem);
    }
    explicit_bzero(line, sizeof line);
    if (status == STATUS_OK && !any) {
        problem_set(problem, "nothing came on standard input");
        status = STATUS_INVALID;
    }
    return status;
}

/* Empties what is about to be set. */
static void
forget(struct Secret *secret, const char *setting)
{
    if (setting == NULL || strcmp(setting, "url") == 0) {
        free(secret->url);
        secret->url = NULL;
    }
    if (setting == NULL || strcmp(setting, "routing_key") == 0) {
        free(secret->routing_key);
        secret->routing_key = NULL;
    }
    if (setting == NULL || strncmp(setting, "key", 3) == 0) {
        free(secret->keys_text);
        secret->keys_text = NULL;
        secret->key_count = 0;
    }
}

enum Status
secrets_set(const char *path, const char *what, FILE *input, struct Problem *problem)
{
    struct Secrets secrets = {NULL};
    struct Secret *secret = NULL;
    char ref[160];
    const char *setting = split_setting(what, ref, sizeof ref);
    enum Status status = read_any(&secrets, path, problem);

    if (status == STATUS_MISSING)
        status = STATUS_OK;
    if (status == STATUS_OK)
        status = find_or_add(&secrets, ref, &secret, problem);
    if (status == STATUS_OK) {
        forget(secret, setting);
        status = take_input(&secrets, ref, setting, input, problem);
    }
    if (status == STATUS_OK && setting == NULL && secret->url == NULL) {
        problem_set(problem, "[%s] needs a line url = https://...", ref);
        status = STATUS_INVALID;
    }
    if (status == STATUS_OK)
        status = write_file(&secrets, path, problem);
    secrets_free(&secrets);
    return status;
}

enum Status
secrets_print_public(const char *path, const char *ref, FILE *out, struct Problem *problem)
{
    struct Secrets secrets = {NULL};
    const struct Secret *secret = NULL;
    char text[SIGN_PUBLIC_LENGTH + 1];
    enum Status status = secrets_read(&secrets, path, problem);
    int count = 0;

    if (status == STATUS_OK)
        secret = secrets_find(&secrets, ref);
    for (size_t i = 0; secret != NULL && i < secret->key_count; i++)
        if (sign_public(&secret->keys[i], text) == STATUS_OK) {
            fprintf(out, "%s\n", text);
            count++;
        }
    if (status == STATUS_OK && count == 0) {
        if (secret == NULL)
            problem_set(problem, "no section [%.100s]", ref);
        else
            problem_set(problem, "[%.100s] has no key of v1a", ref);
        status = STATUS_MISSING;
    }
    secrets_free(&secrets);
    return status;
}

static void
redact_word(char *text, const char *word)
{
    size_t length = strlen(word);
    char *found = text;

    if (length < 6) /* a path of "/" or "/crm" is no secret, and hiding it would hide half the text */
        return;
    while ((found = strstr(found, word)) != NULL) {
        memset(found, '*', length);
        found += length;
    }
}

static void
redact_list(const struct Secret *first, char *text)
{
    for (const struct Secret *secret = first; secret != NULL; secret = secret->next) {
        const char *host = secret->url == NULL ? NULL : strstr(secret->url, "://");
        const char *path = host == NULL ? NULL : strpbrk(host + 3, "/?#");
        char *keys = secret->keys_text == NULL ? NULL : strdup(secret->keys_text), *rest = keys, *key;

        if (path != NULL)
            redact_word(text, path);
        while (rest != NULL && (key = strsep(&rest, " ,\t")) != NULL)
            redact_word(text, key);
        free(keys);
        if (secret->routing_key != NULL)
            redact_word(text, secret->routing_key);
    }
}

void
secrets_redact(const struct Secrets *secrets, char *text)
{
    redact_list(secrets->first, text);
    redact_list(secrets->retired, text);
}
