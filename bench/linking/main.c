/*
 * main.c: links a file whose truth is known, and says how well and how fast.
 *   link FILE.csv --map FIELD=COLUMN[+COLUMN] ... --truth COLUMN[:PART] [OPTION ...]
 */
#include "customer/link_model.h"
#include "customer/linker.h"

#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "errors.h"
#include "oracle.h"
#include "score.h"
#include "table.h"

static const char usage[] =
    "link FILE.csv --map FIELD=COLUMN[+COLUMN] ... --truth COLUMN[:PART] [OPTION ...]\n"
    "  --kind person|organisation|any   what the records are (any)\n"
    "  --threads N (1)   --memory MB (1024)   --no-spill\n"
    "  --low-duplicates SHARE           one record for each entity, a second for a share of them\n"
    "  --sample ROWS                    whole entities until there are so many rows\n"
    "  --shuffle SEED                   another order of the rows\n"
    "  --errors N                       true pairs that were not found and pairs that are not true, "
    "explained\n"
    "  --contradictions N               pairs that contradict each other, true and wrong; N true ones "
    "explained\n"
    "  --model                          the model's parameters\n"
    "  --oracle                         what is lost where: the same with parameters measured by the truth\n"
    "  --brief NAME                     one line of a table instead of all figures\n";

typedef struct Options {
    const char *path;
    const char *map[LINK_FIELDS];
    int maps;
    const char *truth;
    LinkKind kind;
    LinkerOptions linker;
    double low_duplicates;
    size_t sample;
    uint64_t seed;
    int errors;
    int contradictions;
    bool model;
    bool oracle;
    const char *brief;
} Options;

static void *
spill_open(void *context)
{
    (void) context;
    return tmpfile();
}

static bool
spill_write(void *file, const void *data, size_t size)
{
    return fwrite(data, 1, size, file) == size;
}

static bool
spill_rewind(void *file)
{
    rewind(file);
    return true;
}

static bool
spill_read(void *file, void *data, size_t size)
{
    return fread(data, 1, size, file) == size;
}

static void
spill_close(void *file)
{
    fclose(file);
}

static const LinkSpill spill = {spill_open, spill_write, spill_rewind, spill_read, spill_close};

static LinkKind
parse_kind(const char *text)
{
    if (strcmp(text, "person") == 0)
        return LINK_PERSON;
    if (strcmp(text, "organisation") == 0)
        return LINK_ORGANISATION;
    if (strcmp(text, "any") == 0)
        return LINK_ANY;
    errx(2, "\"%s\" is no kind", text);
}

static void
add_map(Options *options, const char *map)
{
    if (options->maps == LINK_FIELDS)
        errx(2, "too many --map");
    options->map[options->maps++] = map;
}

static void
parse_options(int argc, char **argv, Options *options)
{
    static const struct option names[] = {
        {"map", 1, NULL, 'm'},
        {"truth", 1, NULL, 't'},
        {"kind", 1, NULL, 'k'},
        {"threads", 1, NULL, 'j'},
        {"memory", 1, NULL, 'M'},
        {"low-duplicates", 1, NULL, 'l'},
        {"sample", 1, NULL, 's'},
        {"shuffle", 1, NULL, 'S'},
        {"errors", 1, NULL, 'e'},
        {"brief", 1, NULL, 'b'},
        {"no-spill", 0, NULL, 'n'},
        {"model", 0, NULL, 'p'},
        {"contradictions", 1, NULL, 'c'},
        {"oracle", 0, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    *options = (Options){.contradictions = -1,
                         .linker = {.memory = (size_t) 1024 << 20, .threads = 1, .spill = &spill}};
    while ((letter = getopt_long(argc, argv, "m:t:k:j:M:l:s:S:re:b:npoc:", names, NULL)) != -1)
        switch (letter) {
        case 'm':
            add_map(options, optarg);
            break;
        case 'p':
            options->model = true;
            break;
        case 'o':
            options->oracle = true;
            break;
        case 't':
            options->truth = optarg;
            break;
        case 'k':
            options->kind = parse_kind(optarg);
            break;
        case 'j':
            options->linker.threads = (int) strtol(optarg, NULL, 10);
            break;
        case 'M':
            options->linker.memory = (size_t) strtoull(optarg, NULL, 10) << 20;
            break;
        case 'l':
            options->low_duplicates = strtod(optarg, NULL);
            break;
        case 's':
            options->sample = strtoull(optarg, NULL, 10);
            break;
        case 'S':
            options->seed = strtoull(optarg, NULL, 10);
            break;
        case 'e':
            options->errors = (int) strtol(optarg, NULL, 10);
            break;
        case 'c':
            options->contradictions = (int) strtol(optarg, NULL, 10);
            break;
        case 'b':
            options->brief = optarg;
            break;
        case 'n':
            options->linker.spill = NULL;
            break;
        default:
            fputs(usage, stderr);
            exit(2);
        }
    if (optind != argc - 1 || options->truth == NULL || options->maps == 0) {
        fputs(usage, stderr);
        exit(2);
    }
    options->path = argv[optind];
}

static double
seconds_used(void)
{
    struct rusage usage_now;

    getrusage(RUSAGE_SELF, &usage_now);
    return (double) usage_now.ru_utime.tv_sec + (double) usage_now.ru_utime.tv_usec * 1e-6;
}

static size_t
resident(void)
{
    struct rusage usage_now;

    getrusage(RUSAGE_SELF, &usage_now);
    return (size_t) usage_now.ru_maxrss * 1024;
}

static double
now(void)
{
    struct timespec time_now;

    clock_gettime(CLOCK_MONOTONIC, &time_now);
    return (double) time_now.tv_sec + (double) time_now.tv_nsec * 1e-9;
}

static void
check(LinkStatus status, const Linker *linker)
{
    switch (status) {
    case LINK_OK:
        return;
    case LINK_NO_MEMORY:
        errx(1, "needs %zu MB", linker == NULL ? 0 : linker_needed(linker) >> 20);
    case LINK_CANCELLED:
        errx(1, "cancelled");
    case LINK_MODEL:
        errx(1, "the model is of another version");
    case LINK_SPILL:
        errx(1, "the temporary files cannot be written");
    }
}

static void
print_details(const Table *table, const Linker *linker, const Score *score)
{
    static const char *const phase[] = {"reading", "blocking", "comparing", "fitting", "clustering"};
    const LinkReport *report = linker_report(linker);

    printf("records %zu  clusters %" PRIu64 "  true pairs %" PRIu64 "\n", table->rows, report->clusters,
           score->truth);
    printf("P %.4f  R %.4f  F1 %.4f\n", score->precision, score->recall, score->f1);
    printf("threshold %.2f bits%s%s\n", report->threshold, report->sure ? "" : "  NOT SURE",
           report->fixed ? "  model held at its prior" : "");
    printf("pairs inside clusters %" PRIu64 "  sum of posteriors %.0f (%.2f of them)\n",
           report->cluster_pairs, report->posterior_sum,
           report->cluster_pairs == 0 ? 0 : report->posterior_sum / (double) report->cluster_pairs);
    printf("sum with usual m %.0f\n", report->usual_sum);
    printf("candidates %" PRIu64 "  kept %" PRIu64 "\n", report->candidates, report->kept);
    for (int i = 0; i <= LINK_ATTRIBUTES; i++)
        if (report->candidates_by[i] > 0)
            printf("  by %-12s %" PRIu64 "\n",
                   i == LINK_ATTRIBUTES ? "two" : link_attribute_name((LinkAttribute) i),
                   report->candidates_by[i]);
    for (int i = 0; i < LINK_DONE; i++)
        printf("%-10s %8.3f s\n", phase[i], report->seconds[i]);
    printf("held %zu MB  spilled %" PRIu64 " MB\n", report->memory >> 20, report->spilled >> 20);
}

static bool
print_parameter(void *context, const LinkParameter *row)
{
    (void) context;
    printf("  %-10s %-34s m %.5f  u %.3e  %6.2f bits", link_attribute_name(row->attribute),
           link_level_name(row->attribute, row->level), row->m, row->u, log2(row->m / row->u));
    if (row->given >= 0)
        printf("  given %s: %s", link_attribute_name((LinkAttribute) row->given),
               link_level_name((LinkAttribute) row->given, row->given_level));
    printf("\n");
    return true;
}

int
main(int argc, char **argv)
{
    Options options;
    Table table;
    Linker *linker;
    Score score;
    size_t before;
    double cpu;
    double start;
    const LinkReport *report;

    parse_options(argc, argv, &options);
    table_read(&table, options.path, options.map, options.maps, options.truth, options.kind);
    if (options.sample > 0)
        table_sample(&table, options.sample);
    if (options.low_duplicates > 0)
        table_thin(&table, options.low_duplicates);
    if (options.seed > 0)
        table_shuffle(&table, options.seed);
    before = resident();
    cpu = seconds_used();
    start = now();
    check(linker_create(&options.linker, &linker), NULL);
    for (size_t i = 0; i < table.rows; i++)
        check(linker_add(linker, &table.input[i]), linker);
    check(linker_run(linker), linker);
    start = now() - start;
    cpu = seconds_used() - cpu;
    report = linker_report(linker);
    score = score_clusters(linker_clusters(linker), table.truth, table.rows);
    if (options.brief != NULL)
        printf("%-28s %8zu  %.4f  %.4f  %.4f  %6.2f%s  %6.2f  %9" PRIu64 "  %7.2f  %7.2f  %5zu\n",
               options.brief, table.rows, score.precision, score.recall, score.f1, report->threshold,
               report->sure ? " " : "?",
               report->cluster_pairs == 0 ? 0 : report->posterior_sum / (double) report->cluster_pairs,
               report->candidates, start, cpu, report->memory >> 20);
    else {
        print_details(&table, linker, &score);
        printf("%.2f s, %.2f s of processors, %.0f pairs a second of them, %zu MB more than before\n", start,
               cpu, cpu > 0 ? (double) report->candidates / cpu : 0, (resident() - before) >> 20);
    }
    if (options.model)
        link_model_each_parameter(linker_model(linker), print_parameter, NULL);
    if (options.errors > 0)
        errors_print(linker, &table, options.errors);
    if (options.contradictions >= 0)
        errors_contradictions(linker, &table, options.contradictions);
    if (options.oracle)
        oracle_print(linker, &table);
    linker_free(linker);
    table_free(&table);
    return 0;
}
