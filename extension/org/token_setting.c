/*
 * token_setting.c: see token_setting.h.
 *
 * The check hook runs in places where little may be done: in parallel workers while they start, when the library is
 * loaded and what was a placeholder becomes the setting, at the start of a session. It looks at neither the clock
 * nor the catalogue. Only a value that somebody sets in a session, and is there to be told, can be refused; refused
 * anywhere else, the setting would keep its default, and the caller would be the database role. Such a value is taken
 * and means nobody.
 */
#include "base/compat.h"
#include "base/error.h"
#include "org/change.h"
#include "org/plans.h"
#include "org/token_file.h"
#include "org/token_recall.h"
#include "org/token_setting.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/dbcommands.h"
#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

/* What the check hook makes of a token. It lives and dies with the setting's value. */
typedef struct TokenState {
    const char *problem; /* of form or source, for good; NULL where there is none */
    uint64 keys_version; /* of the keys that `signature_problem` is about; 0: not verified yet */
    const char *signature_problem;
    bool plans_suit; /* those kept when plans_changes was crm_plans_changes */
    uint64 plans_changes;
    CrmTokenClaims claims;
} TokenState;

static char *token;
static char *token_audience;
static bool require_local_token;

static TokenState *current; /* of the value of crm.token; NULL where it is empty */
static bool defining;       /* _PG_init turns placeholders into settings */
static bool configured;     /* a setting that is being defined took a value that it was given */
static bool local_token;    /* a token was assigned since the last commit */

static TimestampTz
from_unix_us(int64 instant_us)
{
    return instant_us - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

/* Where everybody can read it, a token is no secret any more. */
static bool
is_public_source(GucSource source)
{
    return source < PGC_S_CLIENT && source != PGC_S_DEFAULT;
}

/* Again where the keys changed: a key that was taken away takes its tokens with it. */
static const char *
signature_problem(TokenState *state, const char *value)
{
    uint64 version;
    const CrmTokenKeys *keys = crm_token_file_keys(&version);

    if (version != state->keys_version) {
        CrmTokenParts parts;

        state->signature_problem = crm_token_file_problem();
        if (state->signature_problem == NULL)
            state->signature_problem = crm_token_split(value, strlen(value), &parts);
        if (state->signature_problem == NULL)
            state->signature_problem = crm_token_verify(&parts, keys);
        state->keys_version = version;
    }
    return state->signature_problem;
}

static bool
refuse(GucSource source, const char *problem)
{
    GUC_check_errcode(ERRCODE_CRM_NO_IDENTITY);
    if (source == PGC_S_TEST) {
        GUC_check_errmsg("crm.token cannot be kept with a role, database or function");
        GUC_check_errdetail("Everybody can read it there.");
        GUC_check_errhint("Set it in the session: SELECT set_config('crm.token', $1, true);");
        return false;
    }
    GUC_check_errmsg("crm.token is refused");
    GUC_check_errdetail("%s", problem);
    if (problem == crm_token_file_problem())
        GUC_check_errhint("An administrator may type: SELECT rotate_token_key();");
    else
        GUC_check_errhint("Set it to a token as issue_token(principal, ttl) makes it.");
    return false;
}

/* Its form and claims. One that was recalled is not verified again while the keys stay. */
static void
read_token(TokenState *state, const char *value)
{
    CrmTokenParts parts;

    if (crm_token_recall(value, &state->keys_version, &state->claims))
        return;
    state->problem = crm_token_split(value, strlen(value), &parts);
    if (state->problem == NULL)
        state->problem = crm_token_claims(&parts, &state->claims);
}

static bool
check_token(char **newval, void **extra, GucSource source)
{
    TokenState *state;
    const char *problem;

    if (*newval == NULL || **newval == '\0')
        return true;
    if (source == PGC_S_TEST)
        return refuse(source, NULL);
    state = guc_malloc(LOG, sizeof(TokenState));
    if (state == NULL)
        return false;
    state->keys_version = 0;
    state->signature_problem = NULL;
    state->problem = NULL;
    if (is_public_source(source))
        state->problem = "The token stands in a file or with a role or database, where others can read it.";
    else
        read_token(state, *newval);
    /* A worker has what its leader has, and verifies when it is asked. */
    if (!InitializingParallelWorker && !defining && source > PGC_S_INTERACTIVE) {
        problem = state->problem != NULL ? state->problem : signature_problem(state, *newval);
        if (problem != NULL) {
            guc_free(state);
            return refuse(source, problem);
        }
        crm_token_remember(*newval, state->keys_version, &state->claims);
    }
    state->plans_suit = state->problem == NULL && crm_plans_suit(state->claims.subject);
    state->plans_changes = crm_plans_changes;
    *extra = state;
    return true;
}

/* Clearing a token gives up no plan: who asks next sets one, or is nobody. */
static void
assign_token(const char *newval, void *extra)
{
    current = extra;
    if (current != NULL) {
        local_token = true;
        if (!current->plans_suit || current->plans_changes != crm_plans_changes)
            crm_plans_give_up();
    }
    crm_identity_changes++;
}

static const char *
show_token(void)
{
    return current == NULL ? "" : "(hidden)";
}

/* With crm.require_local_token no token outlives its transaction, however it was set. */
static void
end_transaction(XactEvent event, void *arg)
{
    if ((event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE) || !local_token)
        return;
    if (require_local_token)
        set_config_option("crm.token", "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, ERROR, false);
    local_token = current != NULL;
}

static bool
check_string(char **newval, void **extra, GucSource source)
{
    configured = configured || source != PGC_S_DEFAULT;
    return true;
}

static bool
check_bool(bool *newval, void **extra, GucSource source)
{
    configured = configured || source != PGC_S_DEFAULT;
    return true;
}

/* Before a setting is defined: whether somebody gave it a value. */
static bool
is_given(const char *name)
{
    configured = false;
    return GetConfigOption(name, true, false) != NULL;
}

/*
 * What a connection gives at its start (options=-c ...) hides what the configuration says. That it may not is found
 * only here, where Postgres drops the value and would go on with the default. So the strictest takes its place, as
 * a setting, so that parallel workers have it: no token is good, each is local.
 */
static void
define_rules(void)
{
    bool given = is_given("crm.token_key_file");
    bool refused;

    crm_token_file_init(check_string);
    refused = given && !configured;
    given = is_given("crm.token_audience");
    DefineCustomStringVariable("crm.token_audience", "Audience (aud) that a token in crm.token must name.",
                               "Empty: the name of the database.", &token_audience, "", PGC_SUSET, 0,
                               check_string, NULL, NULL);
    if (refused || (given && !configured))
        SetConfigOption("crm.token_key_file", "", PGC_SIGHUP, PGC_S_OVERRIDE);
    given = is_given("crm.require_local_token");
    DefineCustomBoolVariable("crm.require_local_token", "Ends each token with its transaction.",
                             "For connections that clients share: none finds the identity of the one before.",
                             &require_local_token, false, PGC_SUSET, 0, check_bool, NULL, NULL);
    if (given && !configured)
        SetConfigOption("crm.require_local_token", "on", PGC_SUSET, PGC_S_OVERRIDE);
}

void
crm_token_setting_init(void)
{
    define_rules();
    defining = true;
    DefineCustomStringVariable("crm.token", "Signed token (JWT) that says who asks.",
                               "Empty: the database role says it.", &token, "", PGC_USERSET,
                               GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, check_token,
                               assign_token, show_token);
    defining = false;
    RegisterXactCallback(end_transaction, NULL);
}

bool
crm_token_is_set(void)
{
    return current != NULL;
}

const char *
crm_token_audience(void)
{
    const char *name = token_audience[0] != '\0' ? token_audience : get_database_name(MyDatabaseId);

    return name != NULL ? name : "";
}

/* Why the claims do not hold now; NULL where they do. */
static const char *
claims_problem(const CrmTokenClaims *claims)
{
    TimestampTz now = GetCurrentStatementStartTimestamp();

    if (now >= from_unix_us(claims->expires_us))
        return psprintf("The token expired at %s.", timestamptz_to_str(from_unix_us(claims->expires_us)));
    if (claims->not_before_us != CRM_TOKEN_NO_TIME && now < from_unix_us(claims->not_before_us))
        return psprintf("The token begins at %s.", timestamptz_to_str(from_unix_us(claims->not_before_us)));
    if (claims->issued_us != CRM_TOKEN_NO_TIME && now < from_unix_us(claims->issued_us))
        return psprintf("The token is issued in the future, at %s.",
                        timestamptz_to_str(from_unix_us(claims->issued_us)));
    if (!crm_token_is_for(claims, crm_token_audience()))
        return psprintf("The token is for another database: none of its audiences is \"%s\".",
                        crm_token_audience());
    return NULL;
}

const CrmTokenClaims *
crm_token_now(const char **problem)
{
    const char *why = NULL;

    Assert(current != NULL);
    if (current->problem != NULL)
        why = current->problem;
    else
        why = signature_problem(current, token);
    if (why == NULL)
        why = claims_problem(&current->claims);
    if (problem != NULL)
        *problem = why;
    return why == NULL ? &current->claims : NULL;
}

TimestampTz
crm_token_expires_at(void)
{
    return from_unix_us(current->claims.expires_us);
}
