#include "report.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report_page.h"

/* A report reads a year at most in seconds; what takes longer is a database in trouble. */
#define LIMIT "SET statement_timeout = 120000"

/* What the server said, with its hint; libpq's own messages have lines. */
static enum Status
refused(const PGconn *pg, const PGresult *result, struct Problem *problem)
{
    const char *message = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *hint = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);

    if (message == NULL)
        message = PQerrorMessage(pg);
    problem_set(problem, "%.*s%s%s%s", (int) strcspn(message, "\n"), message, hint == NULL ? "" : " (",
                hint == NULL ? "" : hint, hint == NULL ? "" : ")");
    return STATUS_DATABASE;
}

static enum Status
connect_database(const struct Config *config, PGconn **pg, struct Problem *problem)
{
    char timeout[16];
    const char *const keys[] = {"connect_timeout", "fallback_application_name", "dbname", "client_encoding",
                                NULL};
    const char *const values[] = {timeout, "crmd report", config->dsn, "UTF8", NULL};
    PGresult *limited;
    enum Status status = STATUS_OK;

    snprintf(timeout, sizeof timeout, "%d", config->connect_timeout_s);
    *pg = PQconnectdbParams(keys, values, 1);
    if (PQstatus(*pg) != CONNECTION_OK)
        return refused(*pg, NULL, problem);
    limited = PQexec(*pg, LIMIT);
    if (PQresultStatus(limited) != PGRES_COMMAND_OK)
        status = refused(*pg, limited, problem);
    PQclear(limited);
    return status;
}

/* The schema of the extension, quoted, which PQfreemem frees. */
static enum Status
find_schema(PGconn *pg, char **schema, struct Problem *problem)
{
    PGresult *result = PQexec(pg, "SELECT n.nspname FROM pg_catalog.pg_extension e"
                                  " JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
                                  " WHERE e.extname = 'crm'");
    enum Status status = STATUS_OK;

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        status = refused(pg, result, problem);
    else if (PQntuples(result) != 1) {
        problem_set(problem, "database %s has no extension crm", PQdb(pg));
        status = STATUS_MISSING;
    } else {
        *schema = PQescapeIdentifier(pg, PQgetvalue(result, 0, 0), strlen(PQgetvalue(result, 0, 0)));
        status = *schema == NULL ? STATUS_MEMORY : STATUS_OK;
    }
    PQclear(result);
    return status;
}

/* The answer belongs to the caller. */
static enum Status
ask(PGconn *pg, const struct ReportAsked *asked, PGresult **answer, struct Problem *problem)
{
    const char *const values[] = {asked->principal, asked->since, asked->until, asked->unit, asked->language};
    char sql[256], *schema = NULL;
    enum Status status = find_schema(pg, &schema, problem);

    if (status != STATUS_OK)
        return status;
    snprintf(sql, sizeof sql, "SELECT %s.report_page($1, $2::pg_catalog.date, $3::pg_catalog.date, $4, $5)",
             schema);
    PQfreemem(schema);
    *answer = PQexecParams(pg, sql, 5, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(*answer) != PGRES_TUPLES_OK)
        return refused(pg, *answer, problem);
    return STATUS_OK;
}

static enum Status
put_page(FILE *out, const char *json, struct Problem *problem)
{
    if (!report_page_write(out, json)) {
        problem_set(problem, "the database answered no report: it is of another version than crmd");
        return STATUS_INVALID;
    }
    if (fflush(out) == 0 && !ferror(out))
        return STATUS_OK;
    problem_set(problem, "cannot write the report: %s", strerror(errno));
    return STATUS_SYSTEM;
}

/* As any file that a program makes, and not only for its owner as mkstemp has it. */
static mode_t
usual_mode(void)
{
    mode_t mask = umask(022);

    (void) umask(mask);
    return 0666 & ~mask;
}

static enum Status
put_file(const char *path, const char *json, struct Problem *problem)
{
    enum Status status = STATUS_SYSTEM;
    char *beside = NULL;
    FILE *out = NULL;
    int fd = -1;

    problem_set(problem, "out of memory");
    if (asprintf(&beside, "%s.XXXXXX", path) < 0)
        return STATUS_MEMORY;
    fd = mkstemp(beside);
    if (fd >= 0 && fchmod(fd, usual_mode()) == 0)
        out = fdopen(fd, "w");
    if (out == NULL) {
        problem_set(problem, "cannot write beside %s: %s", path, strerror(errno));
        goto done;
    }
    status = put_page(out, json, problem);
    if (fclose(out) != 0 && status == STATUS_OK) {
        problem_set(problem, "cannot write %s: %s", beside, strerror(errno));
        status = STATUS_SYSTEM;
    }
    fd = -1;
    if (status == STATUS_OK && rename(beside, path) != 0) {
        problem_set(problem, "cannot write %s: %s", path, strerror(errno));
        status = STATUS_SYSTEM;
    }
    if (status != STATUS_OK)
        (void) unlink(beside);
done:
    if (fd >= 0) {
        (void) close(fd);
        (void) unlink(beside);
    }
    free(beside);
    return status;
}

enum Status
report_run(const struct Config *config, const struct ReportAsked *asked, struct Problem *problem)
{
    PGconn *pg = NULL;
    PGresult *answer = NULL;
    enum Status status = connect_database(config, &pg, problem);

    if (status == STATUS_OK)
        status = ask(pg, asked, &answer, problem);
    if (status == STATUS_OK)
        status = asked->path == NULL ? put_page(stdout, PQgetvalue(answer, 0, 0), problem)
                                     : put_file(asked->path, PQgetvalue(answer, 0, 0), problem);
    PQclear(answer);
    PQfinish(pg);
    return status;
}
