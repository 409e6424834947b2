#include "check.h"

#include <errno.h>
#include <libpq-fe.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "run.h"
#include "secrets.h"
#include "version.h"

struct Check {
    const struct Config *config;
    FILE *out;
    PGconn *pg;
    char *schema; /* as a literal of the catalogue, not quoted */
    struct Secrets secrets;
    bool good;
};

/* Works, but not as it should. */
static void __attribute__((format(printf, 3, 4)))
warn(struct Check *check, const char *what, const char *format, ...)
{
    va_list arguments;

    fprintf(check->out, "warn  %-14s ", what);
    va_start(arguments, format);
    vfprintf(check->out, format, arguments);
    va_end(arguments);
    fputc('\n', check->out);
}

static void __attribute__((format(printf, 4, 5)))
say(struct Check *check, bool good, const char *what, const char *format, ...)
{
    va_list arguments;

    check->good = check->good && good;
    fprintf(check->out, "%-5s %-14s ", good ? "ok" : "FAIL", what);
    va_start(arguments, format);
    vfprintf(check->out, format, arguments);
    va_end(arguments);
    fputc('\n', check->out);
}

/* libpq's messages end in a newline and may have several lines. */
static const char *
one_line(char *message)
{
    for (char *c = message; *c != '\0'; c++)
        if (*c == '\n' || *c == '\t')
            *c = c[1] == '\0' ? '\0' : ' ';
    return message;
}

static bool
check_secrets(struct Check *check)
{
    struct Problem problem;
    int sections = 0;
    enum Status status = secrets_read(&check->secrets, check->config->secrets, &problem);

    if (status == STATUS_MISSING) { /* `run` does without, too; endpoints that need it are found below */
        warn(check, "secrets", "%s", problem.text);
        return true;
    }
    if (status != STATUS_OK) {
        say(check, false, "secrets", "%s", problem.text);
        return false;
    }
    for (const struct Secret *secret = check->secrets.first; secret != NULL; secret = secret->next) {
        sections++;
        if (strncmp(secret->url, "http:", 5) == 0 && !check->config->allow_http &&
            !check->config->allow_private)
            say(check, false, "secrets", "[%s] is http: use https, or allow_http = yes", secret->ref);
        if (secret->no_starttls && !check->config->allow_http && !check->config->allow_private)
            say(check, false, "secrets", "[%s] has starttls = no: use TLS, or allow_http = yes", secret->ref);
    }
    say(check, true, "secrets", "%s, %d section%s", check->config->secrets, sections,
        sections == 1 ? "" : "s");
    return true;
}

/* Certificates of the house's own authorities, where the configuration names a file of them. */
static void
check_authorities(struct Check *check)
{
    const char *path = check->config->ca_file;
    FILE *file = path[0] == '\0' ? NULL : fopen(path, "re");
    int count = 0;

    if (path[0] == '\0')
        return;
    if (file == NULL) {
        say(check, false, "authorities", "cannot read %s: %s", path, strerror(errno));
        return;
    }
    for (X509 *one; (one = PEM_read_X509(file, NULL, NULL, NULL)) != NULL; X509_free(one))
        count++;
    ERR_clear_error();
    fclose(file);
    if (count == 0)
        say(check, false, "authorities", "%s holds no certificate (PEM)", path);
    else
        say(check, true, "authorities", "%s, %d certificate%s", path, count, count == 1 ? "" : "s");
}

/* What to do about a connection that was not made, from words of libpq's and the server's messages; "" where they say enough. */
static const char *
connection_hint(const char *message)
{
    static const char *const hints[][2] = {
        {"no password supplied",
         "; write it into a file like ~/.pgpass, mode 0600, and name that with passfile= in dsn"},
        {"password authentication failed",
         "; is it the password of that role, in the file that passfile= names?"},
        {"no pg_hba.conf entry", "; an administrator of the server adds a line to its pg_hba.conf"},
        {"Peer authentication failed",
         "; run crmd as the user of that name, or name another way in pg_hba.conf"},
        {"session is read-only", "; no host of dsn can be written to: name the primary as well"},
        {"server is in hot standby mode", "; no host of dsn can be written to: name the primary as well"},
        {"could not translate host name", "; is that the host's name, and does this machine find it?"},
        {"definition of service",
         "; services stand in ~/.pg_service.conf, or in the file that PGSERVICEFILE names"},
        {"timeout expired", "; is the host right, and may this machine reach that port?"},
        {"too many connections", "; crmd needs one for each worker: raise the limit"},
        {"remaining connection slots", "; crmd needs one for each worker: raise max_connections"},
        {"missing \"=\"",
         "; dsn is a connection string such as host=/run/postgresql dbname=sales user=crmd, or a URI"},
        {"invalid connection option",
         "; dsn is a connection string such as host=/run/postgresql dbname=sales user=crmd, or a URI"},
        {"is not permitted to log in", "; an administrator types ALTER ROLE ... LOGIN"},
    };

    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (strstr(message, hints[i][0]) != NULL)
            return hints[i][1];
    if (strstr(message, "role \"") != NULL && strstr(message, "does not exist") != NULL)
        return "; name another with user= in dsn, or an administrator types CREATE ROLE ... LOGIN, and "
               "SELECT "
               "crm.grant_daemon('...') in the database";
    if (strstr(message, "database \"") != NULL && strstr(message, "does not exist") != NULL)
        return "; name the one where crm is installed with dbname= in dsn";
    return "";
}

static bool
check_connection(struct Check *check)
{
    char timeout[16];
    const char *keys[CONN_KEYS_MAX + 1], *values[CONN_KEYS_MAX + 1];
    int count = conn_keywords("crmd check", check->config->dsn, keys, values);

    snprintf(timeout, sizeof timeout, "%d", check->config->connect_timeout_s);
    keys[count] = "connect_timeout";
    values[count++] = timeout;
    keys[count] = values[count] = NULL;
    check->pg = PQconnectdbParams(keys, values, 1);
    if (PQstatus(check->pg) != CONNECTION_OK) {
        const char *message = check->pg ? one_line(PQerrorMessage(check->pg)) : "no memory";

        say(check, false, "connection", "%s%s%s", message, connection_hint(message),
            check->config->dsn[0] == '\0'
                ? "; dsn is empty, so it was libpq's environment that said where the database is"
                : "");
        return false;
    }
    say(check, true, "connection", "database %s as role %s, server %s", PQdb(check->pg), PQuser(check->pg),
        PQparameterStatus(check->pg, "server_version"));
    return true;
}

static PGresult *
ask(struct Check *check, const char *what, const char *sql, int count, const char *const *values)
{
    PGresult *result = PQexecParams(check->pg, sql, count, NULL, values, NULL, NULL, 0);

    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return result;
    say(check, false, what, "%s", one_line(PQerrorMessage(check->pg)));
    PQclear(result);
    return NULL;
}

static bool
check_extension(struct Check *check)
{
    PGresult *result =
        ask(check, "extension",
            "SELECT n.nspname, e.extversion FROM pg_catalog.pg_extension e"
            " JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'crm'",
            0, NULL);
    bool found = result != NULL && PQntuples(result) == 1;
    char advice[200];

    if (found) {
        check->schema = strdup(PQgetvalue(result, 0, 0));
        say(check, true, "extension", "crm %s in schema %s", PQgetvalue(result, 0, 1),
            PQgetvalue(result, 0, 0));
        if (version_differs(PQgetvalue(result, 0, 1), CRM_VERSION, advice, sizeof advice))
            say(check, false, "extension", "%s", advice);
    } else if (result != NULL)
        say(check, false, "extension",
            "not installed: type CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm;");
    PQclear(result);
    return found && check->schema != NULL;
}

static void
check_privileges(struct Check *check)
{
    static const char *const calls[] = {
        "daemon_beat(text,text)",
        "daemon_watch()",
        "filling_next()",
        "backfill_room(pg_catalog.regclass,text)",
        "resolve_pending()",
        "resolve_wanted()",
        "settle_transitions(bigint)",
        "fold_due()",
        "keep_forecasts()",
        "claim_rules(text,integer,interval,boolean)",
        "finish_rule(text,bigint)",
        "fail_rule(text,bigint,text,integer)",
        "escalate_alerts(integer)",
        "write_waiting(integer)",
        "claim_deliveries(text,integer,interval)",
        "finish_deliveries(jsonb)",
        "action_page(text,text,text,text)",
        "report_page(text,date,date,text,text)",
        "forget_deliveries(integer)",
        "forget_alerts(integer)",
    };
    static const char sql[] =
        "SELECT f.oid IS NOT NULL, pg_catalog.has_schema_privilege($1, 'USAGE')"
        " AND pg_catalog.has_function_privilege(f.oid, 'EXECUTE'), pg_catalog.quote_ident(CURRENT_USER)"
        " FROM (SELECT pg_catalog.to_regprocedure(pg_catalog.quote_ident($1) || '.' || $2) AS oid) AS f";
    const char *denied = NULL;
    char role[140] = "";
    int denied_count = 0, absent_count = 0;

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        const char *const values[] = {check->schema, calls[i]};
        PGresult *result = ask(check, "privileges", sql, 2, values);

        if (result == NULL)
            return;
        if (strcmp(PQgetvalue(result, 0, 0), "t") != 0) {
            say(check, false, "privileges", "the extension has no %s: it is of another version", calls[i]);
            absent_count++;
        } else if (strcmp(PQgetvalue(result, 0, 1), "t") != 0) {
            denied = denied == NULL ? calls[i] : denied;
            denied_count++;
            snprintf(role, sizeof role, "%s", PQgetvalue(result, 0, 2));
        }
        PQclear(result);
    }
    if (denied_count == 1)
        say(check, false, "privileges",
            "may not call %s: an administrator types SELECT %s.grant_daemon('%s');", denied, check->schema,
            role);
    else if (denied_count > 1)
        say(check, false, "privileges",
            "may not call %s and %d more: an administrator types SELECT %s.grant_daemon('%s');", denied,
            denied_count - 1, check->schema, role);
    if (denied_count == 0 && absent_count == 0)
        say(check, true, "privileges", "all functions of the daemon");
}

/* What stands in the way of the role itself: too few connections, more rights than it needs, connections that are cut. */
static void
check_role(struct Check *check)
{
    static const char sql[] = "SELECT pg_catalog.quote_ident(r.rolname), r.rolsuper, r.rolconnlimit,"
                              " (SELECT s.setting::pg_catalog.int8 FROM pg_catalog.pg_settings s WHERE "
                              "s.name = 'idle_session_timeout')"
                              " FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
    int needed = run_connections(check->config);
    PGresult *result = ask(check, "role", sql, 0, NULL);
    const char *role;
    long limit;

    if (result == NULL || PQntuples(result) != 1) {
        PQclear(result);
        return;
    }
    role = PQgetvalue(result, 0, 0);
    limit = strtol(PQgetvalue(result, 0, 2), NULL, 10);
    if (limit >= 0 && limit < needed)
        say(check, false, "role",
            "%s may have %ld connections and crmd needs %d: an administrator types ALTER ROLE %s CONNECTION "
            "LIMIT %d;",
            role, limit, needed, role, needed);
    if (PQgetvalue(result, 0, 1)[0] == 't')
        warn(check, "role",
             "%s is a superuser, and crmd needs no more than a role with SELECT %s.grant_daemon('...');",
             role, check->schema);
    if (PQgetvalue(result, 0, 3)[0] != '0')
        warn(check, "role",
             "idle_session_timeout cuts its connections: an administrator types ALTER ROLE %s SET "
             "idle_session_timeout = 0;",
             role);
    PQclear(result);
}

/* Every endpoint that is switched on has a section, with what its kind asks for. */
static void
check_endpoints(struct Check *check)
{
    char *schema = PQescapeIdentifier(check->pg, check->schema, strlen(check->schema));
    char sql[256];
    PGresult *result = NULL;
    int bad = 0;

    snprintf(sql, sizeof sql,
             "SELECT endpoint, secret_ref, kind FROM %s.endpoint_section() ORDER BY endpoint",
             schema ? schema : "crm");
    PQfreemem(schema);
    result = ask(check, "endpoints", sql, 0, NULL);
    if (result == NULL)
        return;
    for (int i = 0; i < PQntuples(result); i++) {
        const struct Secret *secret = secrets_find(&check->secrets, PQgetvalue(result, i, 1));
        const char *missing = secret == NULL ? NULL : secrets_lacks(secret, PQgetvalue(result, i, 2));

        if (secret == NULL)
            say(check, false, "endpoints", "%s: no section [%s]; crmd secret set %s makes it",
                PQgetvalue(result, i, 0), PQgetvalue(result, i, 1), PQgetvalue(result, i, 1));
        else if (missing != NULL)
            say(check, false, "endpoints", "%s: [%s] has no %s", PQgetvalue(result, i, 0),
                PQgetvalue(result, i, 1), missing);
        bad += secret == NULL || missing != NULL;
    }
    if (PQntuples(result) == 0)
        say(check, true, "endpoints", "none is switched on: nothing is sent");
    else if (bad == 0)
        say(check, true, "endpoints", "%d, each with its section", PQntuples(result));
    PQclear(result);
}

bool
check_all(const struct Config *config, const char *path, FILE *out)
{
    struct Check check = {.config = config, .out = out, .good = true};
    bool secrets;

    say(&check, true, "configuration", "%s, worker %s", path, config->worker);
    secrets = check_secrets(&check);
    check_authorities(&check);
    if (check_connection(&check) && check_extension(&check)) {
        check_privileges(&check);
        check_role(&check);
        if (secrets)
            check_endpoints(&check);
    }
    PQfinish(check.pg);
    free(check.schema);
    secrets_free(&check.secrets);
    return check.good;
}
