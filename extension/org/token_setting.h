/*
 * token_setting.h: the settings crm.token, crm.token_audience and crm.require_local_token, and what the token says
 * of the statement that runs.
 *
 * Assigning checks form and signature; the clock, the audience and whether the key still lives are asked when the
 * token is used. A token that stands in the setting and is no good makes the caller nobody: nothing here ever falls
 * back to the database role.
 */
#ifndef CRM_ORG_TOKEN_SETTING_H
#define CRM_ORG_TOKEN_SETTING_H

#include "postgres.h"
#include "datatype/timestamp.h"

#include "org/token.h"

/* Defines the settings; from _PG_init, before the prefix is reserved. */
extern void crm_token_setting_init(void);
/* Whether a token, good or bad, says who asks. */
extern bool crm_token_is_set(void);
/*
 * What the token claims, where it holds at the start of the current statement. Otherwise NULL, and *problem (where
 * problem is not NULL) is why, a palloc'd or constant sentence.
 */
extern const CrmTokenClaims *crm_token_now(const char **problem);
/* When the token that holds now ends to hold. */
extern TimestampTz crm_token_expires_at(void);
/* The audience that a token must name: crm.token_audience, or the database's name. palloc'd or constant. */
extern const char *crm_token_audience(void);

#endif
