#include "secrets.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inifile.h"
#include "nearest.h"
#include "routing.h"

/* What a section may say, and where that is kept as it was read. */
static const struct Setting {
    const char *name;
    size_t at;
} settings[] = {
    {"url", offsetof(struct Secret, url)},           {"key", offsetof(struct Secret, keys_text)},
    {"keys", offsetof(struct Secret, keys_text)},    {"routing_key", offsetof(struct Secret, routing_key)},
    {"chat_id", offsetof(struct Secret, chat_id)},   {"from", offsetof(struct Secret, from_text)},
    {"to", offsetof(struct Secret, to_text)},        {"user", offsetof(struct Secret, user)},
    {"password", offsetof(struct Secret, password)}, {"starttls", offsetof(struct Secret, starttls_text)},
};
#define SETTING_COUNT (sizeof settings / sizeof settings[0])

static char **
text_at(struct Secret *secret, const struct Setting *setting)
{
    return (char **) (void *) ((char *) secret + setting->at);
}

/* Overwrites and frees what a setting said. */
static void
wipe(char **text)
{
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static void
secret_free(struct Secret *secret)
{
    for (size_t i = 0; i < SETTING_COUNT; i++)
        wipe(text_at(secret, &settings[i]));
    explicit_bzero(secret->keys, sizeof secret->keys);
    letter_forget_from(&secret->people);
    letter_forget_to(&secret->people);
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
           strstr(value, ":///") == NULL && /* the library forgives it */
           curl_url_set(parsed, CURLUPART_URL, value, CURLU_DISALLOW_USER) == CURLUE_OK &&
           curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
           (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0 || strcmp(scheme, "smtps") == 0 ||
            strcmp(scheme, "smtp") == 0);
    curl_free(scheme);
    curl_url_cleanup(parsed);
    if (!good) {
        problem_set(problem, "the url of [%s] is no https, http, smtps or smtp address without a user's name",
                    secret->ref);
        return STATUS_INVALID;
    }
    return STATUS_OK;
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
    return status;
}

static enum Status
set_people(struct Secret *secret, bool from, const char *value, struct Problem *problem)
{
    struct Problem inner;
    enum Status status = from ? letter_read_from(&secret->people, value, &inner)
                              : letter_read_to(&secret->people, value, &inner);

    if (status == STATUS_INVALID)
        problem_set(problem, "[%s]: %s", secret->ref, inner.text);
    return status;
}

static bool
is_login(const char *value)
{
    for (const char *c = value; *c != '\0'; c++)
        if ((unsigned char) *c < ' ' || *c == 0x7f)
            return false;
    return value[0] != '\0' && strlen(value) <= 256;
}

/* Reads a value into what is worked out from it. */
static enum Status
read_value(struct Secret *secret, const char *name, const char *value, struct Problem *problem)
{
    const char *wrong = NULL;

    if (value[0] == ';' || strstr(value, " ;") != NULL)
        wrong = "cannot be kept: what begins with \" ;\" is a comment";
    else if (strcmp(name, "url") == 0)
        return set_url(secret, value, problem);
    else if (strncmp(name, "key", 3) == 0)
        return set_keys(secret, value, problem);
    else if (strcmp(name, "from") == 0 || strcmp(name, "to") == 0)
        return set_people(secret, name[0] == 'f', value, problem);
    else if (strcmp(name, "routing_key") == 0 && !routing_key_is_good(value))
        wrong = "is none: up to 64 letters and digits";
    else if (strcmp(name, "chat_id") == 0 && !routing_chat_is_good(value))
        wrong = "is none: a number, or @ and a name";
    else if (strcmp(name, "starttls") == 0 && strcmp(value, "no") != 0 && strcmp(value, "yes") != 0)
        wrong = "must be yes or no";
    else if ((strcmp(name, "user") == 0 || strcmp(name, "password") == 0) && !is_login(value))
        wrong = "is empty, has a control character, or is longer than 256 bytes";
    if (wrong == NULL) {
        secret->no_starttls = secret->no_starttls || (strcmp(name, "starttls") == 0 && value[0] == 'n');
        return STATUS_OK;
    }
    problem_set(problem, "the %s of [%s] %s", name, secret->ref, wrong);
    return STATUS_INVALID;
}

static enum Status
take_setting(void *arg, const char *section, const char *name, const char *value, struct Problem *problem)
{
    struct Secret *secret = NULL;
    const char *names[SETTING_COUNT], *nearest;
    enum Status status = find_or_add(arg, section, &secret, problem);

    for (size_t i = 0; i < SETTING_COUNT && status == STATUS_OK; i++) {
        char **text = text_at(secret, &settings[i]);

        names[i] = settings[i].name;
        if (strcmp(name, names[i]) != 0)
            continue;
        if (*text != NULL) {
            problem_set(problem, "%s of [%s] is given twice", name, section);
            return STATUS_INVALID;
        }
        status = read_value(secret, name, value, problem);
        if (status == STATUS_OK && (*text = strdup(value)) == NULL)
            status = STATUS_MEMORY;
        return status;
    }
    if (status != STATUS_OK)
        return status;
    nearest = nearest_word(name, names, SETTING_COUNT);
    problem_set(problem, "unknown setting \"%s\" in [%s]; %s%s%s", name, section,
                nearest
                    ? "did you mean \""
                    : "there are url, key, keys, routing_key, chat_id, from, to, user, password and starttls",
                nearest ? nearest : "", nearest ? "\"?" : "");
    return STATUS_INVALID;
}

static bool
is_mail(const struct Secret *secret)
{
    return strncasecmp(secret->url, "smtp", 4) == 0;
}

static const char *
objection(const struct Secret *secret)
{
    if (secret->url == NULL)
        return "no url";
    if ((secret->user == NULL) != (secret->password == NULL))
        return secret->user == NULL ? "a password and no user" : "a user and no password";
    if (secret->no_starttls && secret->password != NULL)
        return "a password and starttls = no: it would go in the clear";
    return NULL;
}

static enum Status
check_complete(const struct Secrets *secrets, const char *path, struct Problem *problem)
{
    for (const struct Secret *secret = secrets->first; secret != NULL; secret = secret->next)
        if (objection(secret) != NULL) {
            problem_set(problem, "%s: [%s] has %s", path, secret->ref, objection(secret));
            return STATUS_INVALID;
        }
    return STATUS_OK;
}

const char *
secrets_in_body(const struct Secret *secret, const char *kind, const char **value)
{
    if (strcmp(kind, "pagerduty") == 0) {
        *value = secret->routing_key;
        return "routing_key";
    }
    if (strcmp(kind, "telegram") == 0) {
        *value = secret->chat_id;
        return "chat_id";
    }
    *value = NULL;
    return NULL;
}

const char *
secrets_lacks(const struct Secret *secret, const char *kind)
{
    bool mail = strcmp(kind, "email") == 0;
    const char *value, *place = secrets_in_body(secret, kind, &value);

    if (mail != is_mail(secret))
        return mail ? "smtps or smtp url" : "https url";
    if (mail)
        return secret->people.from == NULL ? "from" : secret->people.to_count == 0 ? "to" : NULL;
    if (strcmp(kind, "webhook") == 0 && secret->key_count == 0)
        return "key to sign with";
    return value == NULL ? place : NULL;
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
    for (struct Secret *secret = secrets->first; secret != NULL; secret = secret->next) {
        fprintf(file, "\n[%s]\n", secret->ref);
        for (size_t i = 0; i < SETTING_COUNT; i++) {
            const char *name = settings[i].name, *text = *text_at(secret, &settings[i]);

            if (text != NULL && strcmp(name, secret->key_count > 1 ? "key" : "keys") != 0)
                fprintf(file, "%s = %s\n", name, text);
        }
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
    for (size_t i = 0; point != NULL && i < SETTING_COUNT; i++)
        if (strcmp(point + 1, settings[i].name) == 0) {
            ref[(size_t) (point - what) < size ? (size_t) (point - what) : size - 1] = '\0';
            return settings[i].name;
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

/* Empties what is about to be set: key and keys are one. */
static void
forget(struct Secret *secret, const char *setting)
{
    bool all = setting == NULL;

    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (all || strcmp(settings[i].name, setting) == 0)
            wipe(text_at(secret, &settings[i]));
    if (all || strncmp(setting, "key", 3) == 0)
        secret->key_count = 0;
    if (all || strcmp(setting, "from") == 0)
        letter_forget_from(&secret->people);
    if (all || strcmp(setting, "to") == 0)
        letter_forget_to(&secret->people);
    if (all || strcmp(setting, "starttls") == 0)
        secret->no_starttls = false;
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
    if (status == STATUS_OK && setting == NULL && objection(secret) != NULL) {
        problem_set(problem, "[%s] has %s", ref, objection(secret));
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
