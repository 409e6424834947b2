/*
 * config.h: crmd's settings, from a file of one section [crmd].
 *
 * Every option stands once, in the table of config.c, with its bounds, its default and its line of help; --help prints
 * that table. An unknown section or option, a value out of bounds and an option given twice are errors.
 */
#ifndef CRMD_CONFIG_H
#define CRMD_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "address.h"
#include "schedule.h"
#include "status.h"

#define CONFIG_DEFAULT_PATH "/etc/crmd/crmd.ini"

struct Config {
    char *dsn;            /* libpq connection string or URI; empty: libpq's own environment */
    char *worker;         /* unique among the daemons of a database */
    char *secrets;        /* path of the secrets file */
    char *act_listen;     /* where the page behind messages' buttons is served; empty: nowhere */
    char *metrics_listen; /* where /metrics and /healthz are served; empty: nowhere */
    char *ca_file;        /* authorities that are trusted beside the machine's; empty: none */
    char *dns_servers;    /* as nameserver_read writes them; empty: those of /etc/resolv.conf */
    int poll_ms, idle_ms;
    int lease_s, timeout_s, connect_timeout_s, rule_timeout_s, stop_s;
    int max_parallel;
    struct HourSpan resolve_hours; /* when all records may be linked anew */
    bool allow_http, allow_private;
    struct AddressNetworks allow_networks;
    int log_level;  /* enum LogLevel */
    int log_format; /* enum LogFormat */
};

/* Fills config, which config_free frees (also after a failure). */
enum Status config_read(struct Config *config, const char *path, struct Problem *problem) MUST_CHECK;

/* The same from an open file. */
enum Status config_read_file(struct Config *config, FILE *file, const char *path,
                             struct Problem *problem) MUST_CHECK;

void config_free(struct Config *config);

struct ConfigChange {
    char changed[512]; /* names of the options that differ and hold now */
    char restart[128]; /* names of those that differ and hold after a restart only */
    bool dsn;
};

/*
 * fresh takes the place of config, but for what holds from a restart on; then fresh is what is left over, to be freed. Strings that did not
 * change stay where they are.
 */
void config_replace(struct Config *config, struct Config *fresh, struct ConfigChange *change);

/* One line for each option: name, default, what it does. */
void config_print_options(FILE *out);

#endif
