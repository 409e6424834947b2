/*
 * token_recall.h: tokens that this session verified before. A pool's connection is handed the same few hundred tokens
 * again with each transaction: each is verified once, and again only where the keys changed.
 *
 * Holds good tokens only; the newest takes the place of one before. What depends on the clock, the audience or the
 * principals is not decided here. Never raises: where memory runs out nothing is kept.
 */
#ifndef CRM_ORG_TOKEN_RECALL_H
#define CRM_ORG_TOKEN_RECALL_H

#include "postgres.h"

#include "org/token.h"

/* The claims of a token, and the version of the keys that it was verified with; false where it is not known. */
extern bool crm_token_recall(const char *token, uint64 *keys_version, CrmTokenClaims *claims);
/* Of a token whose form and signature are good. Replaces what was known of it. */
extern void crm_token_remember(const char *token, uint64 keys_version, const CrmTokenClaims *claims);

#endif
