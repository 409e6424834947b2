#include "dbhost.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

#define HOSTS_MAX 16

static const char *const keywords[3] = {"host", "hostaddr", "port"};

struct DbHost {
    struct DbHosts *hosts;
    char *name, *port;
    bool asked; /* false: libpq's own affair */
    struct DnsQuestion question;
    struct DnsAnswer answer;
};

/* What libpq would take for this keyword; NULL: nothing. */
static const char *
effective(const PQconninfoOption *given, const PQconninfoOption *defaults, const char *keyword)
{
    for (const PQconninfoOption *option = given; option != NULL && option->keyword != NULL; option++)
        if (strcmp(option->keyword, keyword) == 0 && option->val != NULL && option->val[0] != '\0')
            return option->val;
    for (const PQconninfoOption *option = defaults; option != NULL && option->keyword != NULL; option++)
        if (strcmp(option->keyword, keyword) == 0 && option->val != NULL && option->val[0] != '\0')
            return option->val;
    return NULL;
}

static bool
is_name(const char *host)
{
    return host[0] != '\0' && host[0] != '/' && host[0] != '@' && !address_is_number(host);
}

static int
count_items(const char *list)
{
    int count = 1;

    for (const char *c = list; *c != '\0'; c++)
        count += *c == ',';
    return count;
}

/* The item with that number, or the only one; a copy. */
static char *
item(const char *list, int number)
{
    if (strchr(list, ',') != NULL)
        for (; number > 0; number--)
            list = strchr(list, ',') + 1;
    return strndup(list, strcspn(list, ","));
}

/* Fills the list; leaves it empty where libpq needs no help. */
static void
read_hosts(struct DbHosts *hosts, const char *dsn)
{
    /* libpq takes a string without any of these for the name of a database */
    bool plain = strchr(dsn, '=') == NULL && strncmp(dsn, "postgres://", 11) != 0 &&
                 strncmp(dsn, "postgresql://", 13) != 0;
    PQconninfoOption *given = plain ? NULL : PQconninfoParse(dsn, NULL), *defaults = PQconndefaults();
    const char *host = effective(given, defaults, "host"), *port = effective(given, defaults, "port");
    int names = 0, count = host == NULL ? 0 : count_items(host);

    if ((!plain && given == NULL) || defaults == NULL || host == NULL || count > HOSTS_MAX ||
        effective(given, NULL, "service") != NULL || effective(given, defaults, "hostaddr") != NULL)
        goto done;
    port = port == NULL ? "" : port;
    if (count_items(port) != 1 && count_items(port) != count)
        goto done; /* libpq says so */
    hosts->list = calloc((size_t) count, sizeof *hosts->list);
    for (int i = 0; i < count && hosts->list != NULL; i++) {
        struct DbHost *one = &hosts->list[i];

        hosts->count++;
        one->hosts = hosts;
        one->name = item(host, i);
        one->port = item(port, i);
        one->asked = one->name != NULL && one->port != NULL && is_name(one->name);
        names += one->asked;
    }
    if (names == 0)
        dbhost_drop(hosts);
done:
    PQconninfoFree(given);
    PQconninfoFree(defaults);
}

static bool
append(char **list, bool first, const char *text)
{
    char *longer = NULL;
    int length = asprintf(&longer, "%s%s%s", first ? "" : *list, first ? "" : ",", text);

    if (length < 0)
        return false;
    free(*list);
    *list = longer;
    return true;
}

static bool
append_host(struct DbHosts *hosts, const struct DbHost *one, const char *address)
{
    bool first = hosts->lists[0] == NULL;

    return append(&hosts->lists[0], first, one->name) && append(&hosts->lists[1], first, address) &&
           append(&hosts->lists[2], first, one->port);
}

/* "a,b,c" as "b,c,a", to be freed; NULL where there is nothing to turn, or no memory. */
static char *
turn(const char *list)
{
    const char *comma = list == NULL ? NULL : strchr(list, ',');
    char *turned = NULL;

    if (comma != NULL && asprintf(&turned, "%s,%.*s", comma + 1, (int) (comma - list), list) < 0)
        turned = NULL;
    return turned;
}

/* Has the lists begin with another host: as many further on as there were turns. */
static void
turn_lists(struct DbHosts *hosts)
{
    int count = hosts->lists[0] == NULL ? 1 : count_items(hosts->lists[0]);

    for (int i = 0; i < hosts->turns % count; i++) {
        char *turned[3];
        bool all = true;

        for (int j = 0; j < 3; j++) {
            turned[j] = turn(hosts->lists[j]);
            all = all && turned[j] != NULL;
        }
        for (int j = 0; j < 3; j++)
            if (all) {
                free(hosts->lists[j]);
                hosts->lists[j] = turned[j];
            } else
                free(turned[j]);
    }
}

/* Makes the lists of what has been found. */
static void
put_together(struct DbHosts *hosts)
{
    bool good = true;

    for (int i = 0; i < hosts->count && good; i++) {
        const struct DbHost *one = &hosts->list[i];

        if (!one->asked || one->answer.absent)
            good = append_host(hosts, one, "");
        else if (one->answer.count == 0 && hosts->error[0] == '\0')
            snprintf(hosts->error, sizeof hosts->error, "%s", one->answer.why);
        for (int j = 0; j < one->answer.count && good; j++) {
            const struct DnsAddress *address = &one->answer.list[j];
            char number[INET6_ADDRSTRLEN];

            good = address_number(&address->any, address->length, number) && append_host(hosts, one, number);
        }
    }
    if (!good)
        snprintf(hosts->error, sizeof hosts->error, "no memory for the addresses of the database");
    else if (hosts->lists[0] != NULL)
        hosts->error[0] = '\0';
    turn_lists(hosts);
}

static void
on_answer(void *arg, const struct DnsAnswer *answer)
{
    struct DbHost *one = arg;
    struct DbHosts *hosts = one->hosts;

    one->answer = *answer;
    if (--hosts->waiting > 0)
        return;
    put_together(hosts);
    hosts->done(hosts->arg);
}

bool
dbhost_find(struct DbHosts *hosts, struct Dns *dns, const char *dsn, int timeout_ms, void (*done)(void *arg),
            void *arg)
{
    dbhost_drop(hosts);
    hosts->done = done;
    hosts->arg = arg;
    read_hosts(hosts, dsn);
    for (int i = 0; i < hosts->count; i++) {
        struct DbHost *one = &hosts->list[i];

        if (!one->asked)
            continue;
        one->question.done = on_answer;
        one->question.arg = one;
        switch (dns_ask(dns, one->name, timeout_ms, &one->question, &one->answer)) {
        case DNS_KNOWN:
            break;
        case DNS_LATER:
            hosts->waiting++;
            break;
        case DNS_NO_MEMORY:
            snprintf(one->answer.why, sizeof one->answer.why, "no memory to resolve %.200s", one->name);
        }
    }
    if (hosts->waiting == 0)
        put_together(hosts);
    return hosts->waiting == 0;
}

void
dbhost_keywords(const struct DbHosts *hosts, const char **keys, const char **values)
{
    char *const *lists = hosts->lists[0] != NULL ? hosts->lists : hosts->turned;
    int count = 0;

    for (int i = 0; i < 3; i++)
        if (lists[i] != NULL) {
            keys[count] = keywords[i];
            values[count++] = lists[i];
        }
    keys[count] = values[count] = NULL;
}

void
dbhost_turn_back(struct DbHosts *hosts)
{
    for (int i = 0; i < 3; i++) {
        free(hosts->turned[i]);
        hosts->turned[i] = NULL;
    }
    hosts->turns = 0;
}

/* A list of one stays as it is, which libpq takes for all hosts. */
void
dbhost_turn(struct DbHosts *hosts, PGconn *pg)
{
    PQconninfoOption *options = PQconninfo(pg);
    int turns = hosts->turns + 1;

    dbhost_turn_back(hosts);
    hosts->turns = turns;
    for (const PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++)
        for (int i = 0; i < 3; i++)
            if (strcmp(option->keyword, keywords[i]) == 0)
                hosts->turned[i] = turn(option->val);
    PQconninfoFree(options);
}

void
dbhost_drop(struct DbHosts *hosts)
{
    for (int i = 0; i < hosts->count; i++) {
        dns_forget(&hosts->list[i].question);
        free(hosts->list[i].name);
        free(hosts->list[i].port);
    }
    free(hosts->list);
    hosts->list = NULL;
    hosts->count = hosts->waiting = 0;
    hosts->error[0] = '\0';
    for (int i = 0; i < 3; i++) {
        free(hosts->lists[i]);
        hosts->lists[i] = NULL;
    }
}
