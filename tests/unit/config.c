// links: daemon/address.c daemon/config.c daemon/listen.c daemon/nameserver.c daemon/inifile.c daemon/nearest.c daemon/schedule.c daemon/status.c
/* The configuration: defaults, every kind of value, and what is refused with which words. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <stdio.h>

#include "config.h"
#include "inifile.h"
#include "log.h"
#include "nearest.h"

static enum Status
read_text(struct Config *config, const char *text, struct Problem *problem)
{
    FILE *file = tmpfile();
    enum Status status;

    assert_non_null(file);
    fputs(text, file);
    rewind(file);
    status = config_read_file(config, file, "/etc/crm/it.ini", problem);
    fclose(file);
    return status;
}

static void
test_defaults(void **state)
{
    struct Config config;
    struct Problem problem;

    (void) state;
    assert_int_equal(read_text(&config, "", &problem), STATUS_OK);
    assert_string_equal(config.dsn, "");
    assert_string_equal(config.secrets, "/etc/crm/secrets.ini");
    assert_true(config.worker[0] != '\0');
    assert_int_equal(config.poll_ms, 20);
    assert_int_equal(config.idle_ms, 200);
    assert_int_equal(config.lease_s, 60);
    assert_int_equal(config.timeout_s, 10);
    assert_int_equal(config.connect_timeout_s, 5);
    assert_int_equal(config.rule_timeout_s, 30);
    assert_int_equal(config.stop_s, 20);
    assert_int_equal(config.max_parallel, 64);
    assert_false(config.allow_http);
    assert_false(config.allow_private);
    assert_string_equal(config.dns_servers, "");
    assert_string_equal(config.ca_file, "");
    assert_int_equal(config.log_level, LOG_INFO);
    config_free(&config);
}

static void
test_values(void **state)
{
    struct Config config;
    struct Problem problem;

    (void) state;
    assert_int_equal(read_text(&config,
                               "; a comment\n[crmd]\n# another\n"
                               "dsn = host=/run/postgresql dbname=sales user=crmd ; where\n"
                               "worker=left\nsecrets = /run/keys\nallow_private = yes\nlog_level = debug\n"
                               "timeout_s = 3\nlease_s = 4\nmax_parallel = 1024\nca_file = /etc/ca.pem\n"
                               "dns_servers = 10.0.0.53, 127.0.0.1:5353 fd00::53,[::1] [fd00::1]:54\n",
                               &problem),
                     STATUS_OK);
    assert_string_equal(config.dsn, "host=/run/postgresql dbname=sales user=crmd");
    assert_string_equal(config.worker, "left");
    assert_string_equal(config.secrets, "/run/keys");
    assert_true(config.allow_private);
    assert_int_equal(config.log_level, LOG_DEBUG);
    assert_int_equal(config.timeout_s, 3);
    assert_int_equal(config.max_parallel, 1024);
    assert_string_equal(config.ca_file, "/etc/ca.pem");
    assert_string_equal(config.dns_servers,
                        "10.0.0.53:53,127.0.0.1:5353,[fd00::53]:53,[::1]:53,[fd00::1]:54");
    config_free(&config);
}

static void
test_refused(void **state)
{
    static const char *const cases[][2] = {
        {"[crmd]\npol_ms = 3\n",
         "/etc/crm/it.ini line 2: unknown option \"pol_ms\"; did you mean \"poll_ms\"?"},
        {"[crmd]\nx = 3\n", "/etc/crm/it.ini line 2: unknown option \"x\"; crmd --help lists the options"},
        {"[crm]\npoll_ms = 3\n", "/etc/crm/it.ini line 2: unknown section [crm]; options stand in [crmd]"},
        {"poll_ms = 3\n", "/etc/crm/it.ini line 1: unknown section []; options stand in [crmd]"},
        {"[crmd]\npoll_ms = 3\n\npoll_ms = 4\n", "/etc/crm/it.ini line 4: poll_ms is given twice"},
        {"[crmd]\npoll_ms = 3\n  4\n", "/etc/crm/it.ini line 3: poll_ms is given twice"},
        {"[crmd]\npoll_ms =\n",
         "/etc/crm/it.ini line 2: poll_ms must be a whole number from 1 to 60000, not \"\""},
        {"[crmd]\npoll_ms = 1e3\n",
         "/etc/crm/it.ini line 2: poll_ms must be a whole number from 1 to 60000, not \"1e3\""},
        {"[crmd]\npoll_ms = 99999999999999999999\n", "/etc/crm/it.ini line 2: poll_ms must be a whole number "
                                                     "from 1 to 60000, not \"99999999999999999999\""},
        {"[crmd]\nallow_networks = 10.0.0.0/33\n", "/etc/crm/it.ini line 2: allow_networks: \"10.0.0.0\" is "
                                                   "no network such as 10.1.0.0/16 or fd00:1::/64"},
        {"[crmd]\ndns_servers = 10.0.0.53 ns.example.com\n",
         "/etc/crm/it.ini line 2: dns_servers: \"ns.example.com\" is no address such as 10.0.0.53, "
         "127.0.0.1:5353 or [fd00::53]:53"},
        {"[crmd]\nallow_http = on\n", "/etc/crm/it.ini line 2: allow_http must be yes or no, not \"on\""},
        {"[crmd]\nlog_level = loud\n",
         "/etc/crm/it.ini line 2: log_level must be debug, info, warning or error, not \"loud\""},
        {"[crmd]\nnonsense\n", "/etc/crm/it.ini line 2 is neither a [section] nor name = value"},
        {"[crmd]\nidle_ms = 5\n", "/etc/crm/it.ini: idle_ms (5) must not be less than poll_ms (20)"},
        {"[crmd]\nworker =\n", "/etc/crm/it.ini: worker must not be empty"},
        {"[crmd]\nlease_s = 10\n",
         "/etc/crm/it.ini: lease_s (10) must be greater than timeout_s (10): a delivery would "
         "be claimed again while its receiver still has time to answer"},
    };
    struct Config config;
    struct Problem problem;

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_text(&config, cases[i][0], &problem), STATUS_INVALID);
        assert_string_equal(problem.text, cases[i][1]);
        config_free(&config);
    }
}

/* Long values are taken whole, past what the library cuts at by itself; longer ones are refused and not cut. */
static void
test_long_lines(void **state)
{
    char text[INIFILE_LINE_MAX + 200] = "[crmd]\ndsn = ";
    size_t start = strlen(text);
    struct Config config;
    struct Problem problem;

    (void) state;
    memset(text + start, 'x', 3000);
    memcpy(text + start + 3000, "\n", 2);
    assert_int_equal(read_text(&config, text, &problem), STATUS_OK);
    assert_int_equal(strlen(config.dsn), 3000);
    config_free(&config);
    memset(text + start, 'x', INIFILE_LINE_MAX);
    memcpy(text + start + INIFILE_LINE_MAX, "\n", 2);
    assert_int_equal(read_text(&config, text, &problem), STATUS_INVALID);
    assert_string_equal(problem.text, "/etc/crm/it.ini line 2 is too long");
    config_free(&config);
}

/* What changed is named and taken over, but for what holds from a restart on; strings that did not change stay where they are. */
static void
test_replace(void **state)
{
    struct Config config, fresh;
    struct ConfigChange change;
    struct Problem problem;
    const char *secrets;

    (void) state;
    assert_int_equal(
        read_text(&config, "[crmd]\ndsn = host=a\nworker = left\nallow_networks = 10.0.0.0/8\n", &problem),
        STATUS_OK);
    assert_int_equal(read_text(&fresh,
                               "[crmd]\ndsn = host=b\nworker = right\nmetrics_listen = 127.0.0.1:9480\n"
                               "lease_s = 61\nallow_http = yes\nresolve = 22-6\nallow_networks = "
                               "10.0.0.0/9\nlog_level = error\n",
                               &problem),
                     STATUS_OK);
    secrets = config.secrets;
    config_replace(&config, &fresh, &change);
    assert_string_equal(change.changed, "dsn lease_s resolve allow_http allow_networks log_level");
    assert_string_equal(change.restart, "worker metrics_listen");
    assert_true(change.dsn);
    assert_string_equal(config.dsn, "host=b");
    assert_string_equal(config.worker, "left");
    assert_string_equal(config.metrics_listen, "");
    assert_int_equal(config.lease_s, 61);
    assert_int_equal(config.resolve_hours.from, 22);
    assert_ptr_equal(config.secrets, secrets);
    config_free(&fresh);

    assert_int_equal(
        read_text(&fresh,
                  "[crmd]\ndsn = host=b\nworker = left\nlease_s = 61\nallow_http = yes\nresolve = 22-6\n"
                  "allow_networks = 10.0.0.0/9\nlog_level = error\n",
                  &problem),
        STATUS_OK);
    config_replace(&config, &fresh, &change);
    assert_string_equal(change.changed, "");
    assert_string_equal(change.restart, "");
    assert_false(change.dsn);
    config_free(&fresh);
    config_free(&config);
}

static void
test_nearest(void **state)
{
    static const char *const words[] = {"timeout_s", "lease_s", "url", "key", "keys"};

    (void) state;
    assert_string_equal(nearest_word("time_out", words, 5), "timeout_s");
    assert_string_equal(nearest_word("LEASE", words, 5), "lease_s");
    assert_string_equal(nearest_word("kye", words, 5), "key");
    assert_string_equal(nearest_word("keys", words, 5), "keys");
    assert_null(nearest_word("something", words, 5));
    assert_null(nearest_word("", words, 5));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),   cmocka_unit_test(test_values),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_lines), cmocka_unit_test(test_nearest), cmocka_unit_test(test_replace),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
