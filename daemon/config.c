#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inifile.h"
#include "listen.h"
#include "log.h"
#include "nameserver.h"
#include "nearest.h"

/* Of KIND_START_TEXT a change holds after a restart only. */
enum OptionKind {
    KIND_TEXT,
    KIND_START_TEXT,
    KIND_NUMBER,
    KIND_YES_NO,
    KIND_LEVEL,
    KIND_FORMAT,
    KIND_HOURS,
    KIND_NETWORKS,
    KIND_SERVERS
};

struct Option {
    const char *name;
    enum OptionKind kind;
    size_t offset;
    int least, most;
    const char *fallback; /* NULL: worked out in fill_defaults */
    const char *help;
};

#define AT(field) offsetof(struct Config, field)

static const struct Option options[] = {
    {"dsn", KIND_TEXT, AT(dsn), 0, 0, "",
     "connection string or URI of the database (empty: libpq's environment)"},
    {"worker", KIND_START_TEXT, AT(worker), 0, 0, NULL,
     "this daemon's name, unique among those that share the work"},
    {"secrets", KIND_TEXT, AT(secrets), 0, 0, NULL,
     "file with receivers' addresses and keys, readable by its owner only"},
    {"act_listen", KIND_START_TEXT, AT(act_listen), 0, 0, "",
     "where the page behind messages' buttons is served, as 127.0.0.1:8480 (empty: nowhere)"},
    {"metrics_listen", KIND_START_TEXT, AT(metrics_listen), 0, 0, "",
     "where /metrics and /healthz are served, as 127.0.0.1:9480 (empty: nowhere)"},
    {"poll_ms", KIND_NUMBER, AT(poll_ms), 1, 60000, "20", "how soon to look again while there is work"},
    {"idle_ms", KIND_NUMBER, AT(idle_ms), 1, 600000, "200", "how soon to look again while there is none"},
    {"lease_s", KIND_NUMBER, AT(lease_s), 2, 86400, "60",
     "how long a claimed delivery belongs to this daemon"},
    {"timeout_s", KIND_NUMBER, AT(timeout_s), 1, 3600, "10", "how long a receiver may take to answer"},
    {"connect_timeout_s", KIND_NUMBER, AT(connect_timeout_s), 1, 3600, "5",
     "how long connecting may take, to the database and to a receiver"},
    {"rule_timeout_s", KIND_NUMBER, AT(rule_timeout_s), 1, 86400, "30",
     "how long one rule's evaluation may take"},
    {"stop_s", KIND_NUMBER, AT(stop_s), 0, 3600, "20", "how long what has begun may go on after SIGTERM"},
    {"max_parallel", KIND_NUMBER, AT(max_parallel), 1, 1024, "64",
     "how many deliveries are under way at once"},
    {"resolve", KIND_HOURS, AT(resolve_hours), 0, 0, "always",
     "when all records may be linked anew, if that is due: always, never, or hours as 22-6"},
    {"allow_http", KIND_YES_NO, AT(allow_http), 0, 0, "no", "whether http:// may leave this machine"},
    {"allow_private", KIND_YES_NO, AT(allow_private), 0, 0, "no",
     "whether receivers may have private or loopback addresses"},
    {"allow_networks", KIND_NETWORKS, AT(allow_networks), 0, 0, "",
     "networks that receivers may be in whatever kind of address that is, as 10.1.0.0/16 fd00:1::/64"},
    {"ca_file", KIND_TEXT, AT(ca_file), 0, 0, "",
     "certificates of authorities that are trusted beside the machine's (empty: none)"},
    {"dns_servers", KIND_SERVERS, AT(dns_servers), 0, 0, "",
     "servers to ask for names, as 10.0.0.53 or 127.0.0.1:5353 (empty: those of /etc/resolv.conf)"},
    {"log_level", KIND_LEVEL, AT(log_level), 0, 0, "info", "debug, info, warning or error"},
    {"log_format", KIND_FORMAT, AT(log_format), 0, 0, "logfmt", "logfmt (key=value) or json, one line each"},
};
#define OPTION_COUNT (sizeof options / sizeof options[0])

/* in the order of enum LogLevel and enum LogFormat */
static const char *const level_names[] = {"debug", "info", "warning", "error", NULL};
static const char *const format_names[] = {"logfmt", "json", NULL};

struct Filling {
    struct Config *config;
    bool seen[OPTION_COUNT];
};

static enum Status
set_text(char **field, const char *value)
{
    free(*field);
    *field = strdup(value);
    return *field == NULL ? STATUS_MEMORY : STATUS_OK;
}

static enum Status
set_number(const struct Option *option, int *field, const char *value, struct Problem *problem)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || number < option->least || number > option->most) {
        problem_set(problem, "%s must be a whole number from %d to %d, not \"%s\"", option->name,
                    option->least, option->most, value);
        return STATUS_INVALID;
    }
    *field = (int) number;
    return STATUS_OK;
}

static enum Status
set_yes_no(const struct Option *option, bool *field, const char *value, struct Problem *problem)
{
    *field = strcmp(value, "yes") == 0;
    if (*field || strcmp(value, "no") == 0)
        return STATUS_OK;
    problem_set(problem, "%s must be yes or no, not \"%s\"", option->name, value);
    return STATUS_INVALID;
}

/* One of a few words; its number. */
static enum Status
set_word(const struct Option *option, int *field, const char *const *words, const char *value,
         struct Problem *problem)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(value, words[i]) == 0) {
            *field = i;
            return STATUS_OK;
        }
    problem_set(problem, "%s must be %s, not \"%s\"", option->name,
                option->kind == KIND_LEVEL ? "debug, info, warning or error" : "logfmt or json", value);
    return STATUS_INVALID;
}

static enum Status
set_hours(const struct Option *option, struct HourSpan *field, const char *value, struct Problem *problem)
{
    if (schedule_read_hours(value, field))
        return STATUS_OK;
    problem_set(problem, "%s must be always, never or two hours from 0 to 23 such as 22-6, not \"%s\"",
                option->name, value);
    return STATUS_INVALID;
}

static enum Status
set_networks(const struct Option *option, struct AddressNetworks *field, const char *value,
             struct Problem *problem)
{
    struct Problem inner;
    enum Status status = address_networks_read(field, value, &inner);

    if (status == STATUS_INVALID)
        problem_set(problem, "%s: %s", option->name, inner.text);
    return status;
}

static enum Status
set_servers(const struct Option *option, char **field, const char *value, struct Problem *problem)
{
    char list[NAMESERVERS_LIST_MAX];
    struct Problem inner;
    enum Status status = nameserver_read(value, list, &inner);

    if (status == STATUS_INVALID)
        problem_set(problem, "%s: %s", option->name, inner.text);
    return status == STATUS_OK ? set_text(field, list) : status;
}

static enum Status
set_option(struct Config *config, const struct Option *option, const char *value, struct Problem *problem)
{
    char *field = (char *) config + option->offset;

    switch (option->kind) {
    case KIND_TEXT:
    case KIND_START_TEXT:
        return set_text((char **) (void *) field, value);
    case KIND_NUMBER:
        return set_number(option, (int *) (void *) field, value, problem);
    case KIND_YES_NO:
        return set_yes_no(option, (bool *) (void *) field, value, problem);
    case KIND_LEVEL:
        return set_word(option, (int *) (void *) field, level_names, value, problem);
    case KIND_FORMAT:
        return set_word(option, (int *) (void *) field, format_names, value, problem);
    case KIND_HOURS:
        return set_hours(option, (struct HourSpan *) (void *) field, value, problem);
    case KIND_NETWORKS:
        return set_networks(option, (struct AddressNetworks *) (void *) field, value, problem);
    case KIND_SERVERS:
        return set_servers(option, (char **) (void *) field, value, problem);
    }
    return STATUS_INVALID;
}

static enum Status
take_option(void *arg, const char *section, const char *name, const char *value, struct Problem *problem)
{
    struct Filling *filling = arg;
    const char *names[OPTION_COUNT], *nearest;

    if (strcmp(section, "crmd") != 0) {
        problem_set(problem, "unknown section [%s]; options stand in [crmd]", section);
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        names[i] = options[i].name;
        if (strcmp(name, options[i].name) != 0)
            continue;
        if (filling->seen[i]) {
            problem_set(problem, "%s is given twice", name);
            return STATUS_INVALID;
        }
        filling->seen[i] = true;
        return set_option(filling->config, &options[i], value, problem);
    }
    nearest = nearest_word(name, names, OPTION_COUNT);
    if (nearest != NULL)
        problem_set(problem, "unknown option \"%s\"; did you mean \"%s\"?", name, nearest);
    else
        problem_set(problem, "unknown option \"%s\"; crmd --help lists the options", name);
    return STATUS_INVALID;
}

/* systemd's credential, where there is one; else beside the configuration: one folder to protect. */
static enum Status
default_secrets(struct Config *config, const char *path)
{
    const char *slash = strrchr(path, '/'), *credentials = getenv("CREDENTIALS_DIRECTORY");
    int folder = slash == NULL ? 0 : (int) (slash - path + 1);

    if (credentials != NULL && credentials[0] != '\0') {
        if (asprintf(&config->secrets, "%s/secrets.ini", credentials) < 0)
            return STATUS_MEMORY;
        if (access(config->secrets, F_OK) == 0)
            return STATUS_OK;
        free(config->secrets);
        config->secrets = NULL;
    }
    return asprintf(&config->secrets, "%.*ssecrets.ini", folder, path) < 0 ? STATUS_MEMORY : STATUS_OK;
}

static enum Status
default_worker(struct Config *config)
{
    char host[65] = "";

    (void) gethostname(host, sizeof host - 1);
    config->worker = strdup(host[0] ? host : "crmd");
    return config->worker == NULL ? STATUS_MEMORY : STATUS_OK;
}

static enum Status
check_together(const struct Config *config, const char *path, struct Problem *problem)
{
    const char *const listens[][2] = {{"act_listen", config->act_listen},
                                      {"metrics_listen", config->metrics_listen}};
    struct sockaddr_storage address;

    if (config->lease_s <= config->timeout_s) {
        problem_set(problem,
                    "%s: lease_s (%d) must be greater than timeout_s (%d): a delivery would be claimed again "
                    "while its receiver still has time to answer",
                    path, config->lease_s, config->timeout_s);
        return STATUS_INVALID;
    }
    if (config->idle_ms < config->poll_ms) {
        problem_set(problem, "%s: idle_ms (%d) must not be less than poll_ms (%d)", path, config->idle_ms,
                    config->poll_ms);
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < sizeof listens / sizeof listens[0]; i++)
        if (listens[i][1][0] != '\0' && !listen_address(listens[i][1], &address)) {
            problem_set(problem, "%s: %s must be 127.0.0.1:PORT or [::1]:PORT, not \"%s\"", path,
                        listens[i][0], listens[i][1]);
            return STATUS_INVALID;
        }
    if (config->act_listen[0] != '\0' && strcmp(config->act_listen, config->metrics_listen) == 0) {
        problem_set(problem, "%s: act_listen and metrics_listen must differ", path);
        return STATUS_INVALID;
    }
    if (config->worker[0] == '\0' || config->secrets[0] == '\0') {
        problem_set(problem, "%s: %s must not be empty", path, config->worker[0] ? "secrets" : "worker");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

enum Status
config_read_file(struct Config *config, FILE *file, const char *path, struct Problem *problem)
{
    struct Filling filling = {.config = config};
    enum Status status = STATUS_OK;

    memset(config, 0, sizeof *config);
    problem_set(problem, "out of memory");
    for (size_t i = 0; i < OPTION_COUNT && status == STATUS_OK; i++)
        if (options[i].fallback != NULL)
            status = set_option(config, &options[i], options[i].fallback, problem);
    if (status == STATUS_OK)
        status = inifile_read(file, path, take_option, &filling, problem);
    if (status == STATUS_OK && config->secrets == NULL)
        status = default_secrets(config, path);
    if (status == STATUS_OK && config->worker == NULL)
        status = default_worker(config);
    if (status == STATUS_OK)
        status = check_together(config, path, problem);
    return status;
}

enum Status
config_read(struct Config *config, const char *path, struct Problem *problem)
{
    FILE *file = fopen(path, "re");
    enum Status status;

    memset(config, 0, sizeof *config);
    if (file == NULL) {
        problem_set(problem, "cannot read %s: %s; name another file with -c or CRMD_CONFIG", path,
                    strerror(errno));
        return STATUS_SYSTEM;
    }
    status = config_read_file(config, file, path, problem);
    fclose(file);
    return status;
}

static bool
is_text(const struct Option *option)
{
    return option->kind == KIND_TEXT || option->kind == KIND_START_TEXT || option->kind == KIND_SERVERS;
}

static char **
text_field(struct Config *config, const struct Option *option)
{
    return (char **) (void *) ((char *) config + option->offset);
}

static size_t
size_of(enum OptionKind kind)
{
    switch (kind) {
    case KIND_TEXT:
    case KIND_START_TEXT:
    case KIND_SERVERS:
        return sizeof(char *);
    case KIND_YES_NO:
        return sizeof(bool);
    case KIND_HOURS:
        return sizeof(struct HourSpan);
    case KIND_NETWORKS:
        return sizeof(struct AddressNetworks);
    default:
        return sizeof(int);
    }
}

static bool
is_same(const struct Option *option, const struct Config *left, const struct Config *right)
{
    const char *a = (const char *) left + option->offset, *b = (const char *) right + option->offset;

    if (is_text(option))
        return strcmp(*(char *const *) (const void *) a, *(char *const *) (const void *) b) == 0;
    return memcmp(a, b, size_of(option->kind)) == 0;
}

static void
add_name(char *list, size_t size, const char *name)
{
    size_t length = strlen(list);

    snprintf(list + length, size - length, "%s%s", length > 0 ? " " : "", name);
}

void
config_replace(struct Config *config, struct Config *fresh, struct ConfigChange *change)
{
    struct Config old;

    *change = (struct ConfigChange){.dsn = strcmp(config->dsn, fresh->dsn) != 0};
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char **before = text_field(config, &options[i]);
        char **after = text_field(fresh, &options[i]);
        bool same = is_same(&options[i], config, fresh);
        char *kept;

        if (!same && options[i].kind == KIND_START_TEXT)
            add_name(change->restart, sizeof change->restart, options[i].name);
        else if (!same)
            add_name(change->changed, sizeof change->changed, options[i].name);
        if (is_text(&options[i]) && (same || options[i].kind == KIND_START_TEXT)) {
            kept = *before;
            *before = *after;
            *after = kept;
        }
    }
    old = *config;
    *config = *fresh;
    *fresh = old;
}

void
config_free(struct Config *config)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (is_text(&options[i]))
            free(*text_field(config, &options[i]));
    memset(config, 0, sizeof *config);
}

void
config_print_options(FILE *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *fallback = options[i].fallback;

        if (fallback == NULL)
            fallback = strcmp(options[i].name, "worker") == 0
                           ? "the host's name"
                           : "secrets.ini of systemd's credentials, or beside this file";
        fprintf(out, "  %-18s %s%s%s%s\n", options[i].name, options[i].help, fallback[0] ? " (" : "",
                fallback, fallback[0] ? ")" : "");
    }
}
