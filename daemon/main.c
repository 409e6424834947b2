/*
 * main.c: the command line of crmd. The only place that ends the process.
 */
#include <curl/curl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "config.h"
#include "log.h"
#include "nearest.h"
#include "report.h"
#include "run.h"
#include "secrets.h"

struct CommandLine {
    const char *config_path;
    char **words; /* the command and its arguments */
    int word_count;
    struct ReportAsked report; /* what only the command report has */
    bool reports;              /* one of these was given */
};

typedef enum ExitCode (*Command)(const struct CommandLine *line, struct Config *config);

static enum ExitCode
command_run(const struct CommandLine *line, struct Config *config)
{
    return run_daemon(config, line->config_path, false);
}

static enum ExitCode
command_once(const struct CommandLine *line, struct Config *config)
{
    return run_daemon(config, line->config_path, true);
}

static enum ExitCode
command_check(const struct CommandLine *line, struct Config *config)
{
    return check_all(config, line->config_path, stdout) ? CRMD_EXIT_OK : CRMD_EXIT_FAILED;
}

static enum ExitCode
command_secret(const struct CommandLine *line, struct Config *config)
{
    struct Problem problem;

    bool public = line->word_count == 3 && strcmp(line->words[1], "public") == 0;

    if (line->word_count != 3 || (!public && strcmp(line->words[1], "set") != 0)) {
        fputs(
            "crmd: type crmd secret set NAME, and its lines on standard input, or crmd secret public NAME\n",
            stderr);
        return CRMD_EXIT_USAGE;
    }
    problem_set(&problem, "out of memory");
    if (public && secrets_print_public(config->secrets, line->words[2], stdout, &problem) == STATUS_OK)
        return CRMD_EXIT_OK;
    if (public) {
        fprintf(stderr, "crmd: %s\n", problem.text);
        return CRMD_EXIT_FAILED;
    }
    if (secrets_set(config->secrets, line->words[2], stdin, &problem) == STATUS_OK)
        return CRMD_EXIT_OK;
    fprintf(stderr, "crmd: %s\n", problem.text);
    return CRMD_EXIT_FAILED;
}

static enum ExitCode
command_report(const struct CommandLine *line, struct Config *config)
{
    struct Problem problem;

    if (line->report.principal == NULL) {
        fputs("crmd: type crmd report --principal NAME; crmd --help lists what else it takes\n", stderr);
        return CRMD_EXIT_USAGE;
    }
    problem_set(&problem, "out of memory");
    if (report_run(config, &line->report, &problem) == STATUS_OK)
        return CRMD_EXIT_OK;
    fprintf(stderr, "crmd: %s\n", problem.text);
    return CRMD_EXIT_FAILED;
}

static const struct {
    const char *name;
    Command command;
    int words; /* with the command itself */
} commands[] = {
    {"run", command_run, 1},       {"once", command_once, 1},     {"check", command_check, 1},
    {"secret", command_secret, 3}, {"report", command_report, 1},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void
print_help(void)
{
    fputs("crmd keeps the numbers of the PostgreSQL extension crm current and delivers its alerts.\n"
          "\n"
          "Usage: crmd [-c FILE] COMMAND\n"
          "\n"
          "Commands:\n"
          "  run                backfill, fold, evaluate and deliver until stopped by SIGTERM\n"
          "  once               one full pass, for cron and tests\n"
          "  check              look at configuration, connection, privileges and endpoints; change nothing\n"
          "  secret set NAME    write section NAME of the secrets file: lines url = ... and key = ... on "
          "standard\n"
          "                     input; NAME.url, NAME.key or NAME.keys sets one value\n"
          "  secret public NAME print the public keys (v1a) of section NAME\n"
          "  report --principal NAME [--since DAY] [--until DAY] [--unit UNIT] [--language es] [-o FILE]\n"
          "                     one page of what NAME may see (default: of the last 30 days, on standard "
          "output)\n"
          "\n"
          "Options:\n"
          "  -c, --config FILE  configuration (else $CRMD_CONFIG, else " CONFIG_DEFAULT_PATH ")\n"
          "  -h, --help         this text\n"
          "  -V, --version      the version\n"
          "\n"
          "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 once: something is left for the next try.\n"
          "\n"
          "Options of the configuration, in its section [crmd] (default):\n",
          stdout);
    config_print_options(stdout);
}

static enum ExitCode
dispatch(const struct CommandLine *line)
{
    const char *names[COMMAND_COUNT], *nearest;
    struct Config config;
    struct Problem problem;
    enum ExitCode code = CRMD_EXIT_FAILED;

    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        names[i] = commands[i].name;
        if (strcmp(line->words[0], commands[i].name) != 0)
            continue;
        if (line->word_count > commands[i].words) {
            fprintf(stderr, "crmd: what is \"%s\"? crmd --help lists the commands\n",
                    line->words[commands[i].words]);
            return CRMD_EXIT_USAGE;
        }
        if (line->reports && commands[i].command != command_report) {
            fprintf(stderr, "crmd: %s takes none of the options of report\n", line->words[0]);
            return CRMD_EXIT_USAGE;
        }
        if (config_read(&config, line->config_path, &problem) == STATUS_OK) {
            log_set_level((enum LogLevel) config.log_level);
            log_set_format((enum LogFormat) config.log_format);
            code = commands[i].command(line, &config);
        } else
            fprintf(stderr, "crmd: %s\n", problem.text);
        config_free(&config);
        return code;
    }
    nearest = nearest_word(line->words[0], names, COMMAND_COUNT);
    fprintf(stderr, "crmd: unknown command \"%s\"; %s%s%s\n", line->words[0],
            nearest ? "did you mean \"" : "crmd --help lists the commands", nearest ? nearest : "",
            nearest ? "\"?" : "");
    return CRMD_EXIT_USAGE;
}

/* Where the value of one of its options goes. */
static const char **
report_option(struct ReportAsked *asked, int option)
{
    switch (option) {
    case 'p':
        return &asked->principal;
    case 's':
        return &asked->since;
    case 'u':
        return &asked->until;
    case 'n':
        return &asked->unit;
    case 'l':
        return &asked->language;
    default:
        return &asked->path;
    }
}

int
main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'}, {"principal", required_argument, NULL, 'p'},
        {"since", required_argument, NULL, 's'},  {"until", required_argument, NULL, 'u'},
        {"unit", required_argument, NULL, 'n'},   {"language", required_argument, NULL, 'l'},
        {"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0}};
    struct CommandLine line = {.config_path = getenv("CRMD_CONFIG")};
    enum ExitCode code;
    int option;

    while ((option = getopt_long(argc, argv, "c:ho:V", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            line.config_path = optarg;
            break;
        case 'h':
            print_help();
            return CRMD_EXIT_OK;
        case 'V':
            puts("crmd " CRM_VERSION);
            return CRMD_EXIT_OK;
        case '?': /* getopt has said what is wrong */
            return CRMD_EXIT_USAGE;
        default:
            *report_option(&line.report, option) = optarg;
            line.reports = true;
        }
    }
    if (line.config_path == NULL || line.config_path[0] == '\0')
        line.config_path = CONFIG_DEFAULT_PATH;
    line.words = argv + optind;
    line.word_count = argc - optind;
    if (line.word_count == 0) {
        fputs("crmd: no command; crmd --help lists them\n", stderr);
        return CRMD_EXIT_USAGE;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fputs("crmd: libcurl could not be set up\n", stderr);
        return CRMD_EXIT_FAILED;
    }
    code = dispatch(&line);
    curl_global_cleanup();
    return (int) code;
}
