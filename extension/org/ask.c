/*
 * ask.c: see ask.h.
 *
 * What does not change between rows is worked out once and kept in fn_extra; a row then costs a comparison of
 * counters. It is worked out again when the session heard of a change, the role or the statement's start is
 * another one (FETCH from an open cursor is a statement of its own), or an argument that is no constant may
 * differ. At the first row of a statement messages of other sessions are taken in: a callback alone is not
 * called inside a transaction that holds all its locks.
 */
#include "base/compat.h"
#include "org/ask.h"
#include "org/change.h"

#include "access/xact.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"

/* A parameter does not count: a simple expression of PL/pgSQL keeps fn_extra while its variables change. */
static bool
is_constant(FmgrInfo *flinfo, int arg)
{
    Node *node = flinfo->fn_expr;

    return arg < 0 || (node != NULL && IsA(node, FuncExpr) && arg < list_length(((FuncExpr *) node)->args) &&
                       IsA(list_nth(((FuncExpr *) node)->args, arg), Const));
}

static CrmAsked *
make_asked(FunctionCallInfo fcinfo, const CrmShape *shape)
{
    CrmAsked *asked = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CrmAsked));
    const int arguments[] = {shape->principal, shape->object,   shape->privilege,
                             shape->hierarchy, shape->fallback, shape->relation};

    asked->constant = true;
    for (Size i = 0; i < lengthof(arguments); i++)
        asked->constant &= is_constant(fcinfo->flinfo, arguments[i]);
    return asked;
}

static bool
is_missing(FunctionCallInfo fcinfo, int arg)
{
    return arg >= 0 && PG_ARGISNULL(arg);
}

static const text *
text_or_null(FunctionCallInfo fcinfo, int arg)
{
    return arg < 0 || PG_ARGISNULL(arg) ? NULL : PG_GETARG_TEXT_PP(arg);
}

/* -1 for somebody outside the rules. */
static int
find_principal(FunctionCallInfo fcinfo, const CrmShape *shape, const CrmOrganisation *organisation)
{
    const CrmIdentity *identity;

    if (shape->principal >= 0)
        return crm_identity_named(organisation, text_to_cstring(PG_GETARG_TEXT_PP(shape->principal)));
    identity = crm_identity_current(organisation);
    if (identity->principal < 0 && !identity->outside)
        crm_identity_missing(organisation);
    return identity->outside ? -1 : identity->principal;
}

static void
find_answer(FunctionCallInfo fcinfo, const CrmShape *shape, CrmAsked *asked, CrmOrganisation *organisation)
{
    int principal = find_principal(fcinfo, shape, organisation);

    if (shape->relation >= 0) {
        asked->relation = PG_GETARG_OID(shape->relation);
        asked->privilege = crm_privilege_parse(text_to_cstring(PG_GETARG_TEXT_PP(shape->privilege)));
        asked->shares = principal < 0 ? NULL : crm_shares(organisation, principal, &asked->share_changes);
    } else {
        CrmQuestionText texts = {text_or_null(fcinfo, shape->object), text_or_null(fcinfo, shape->privilege),
                                 text_or_null(fcinfo, shape->hierarchy),
                                 text_or_null(fcinfo, shape->fallback)};

        asked->question = crm_question(organisation, principal, &texts);
    }
}

static const CrmAsked *
ask_again(FunctionCallInfo fcinfo, const CrmShape *shape)
{
    CrmAsked *asked = fcinfo->flinfo->fn_extra;
    CrmOrganisation *organisation;
    CrmMoment now;

    if (is_missing(fcinfo, shape->principal) || is_missing(fcinfo, shape->object) ||
        is_missing(fcinfo, shape->privilege) || is_missing(fcinfo, shape->relation))
        return NULL;
    if (asked == NULL)
        asked = fcinfo->flinfo->fn_extra = make_asked(fcinfo, shape);
    if (asked->moment.statement != GetCurrentStatementStartTimestamp())
        crm_change_accept();
    asked->moment.changes = 0; /* not answered until the end */
    organisation = crm_organisation();
    /* Taken now: looking up names below may take in messages. */
    now = crm_moment_now();
    if (organisation->changes != crm_org_changes) /* even this copy is out of date already */
        now.changes = 0;
    find_answer(fcinfo, shape, asked, organisation);
    asked->organisation = organisation;
    asked->moment = now;
    return asked;
}

const CrmAsked *
crm_ask(FunctionCallInfo fcinfo, const CrmShape *shape)
{
    const CrmAsked *asked = fcinfo->flinfo->fn_extra;

    if (likely(asked != NULL && asked->constant && crm_moment_holds(&asked->moment) &&
               (asked->shares == NULL || asked->share_changes == crm_share_changes)))
        return asked;
    return ask_again(fcinfo, shape);
}
