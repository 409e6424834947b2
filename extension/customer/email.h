/*
 * email.h: the SQL type crm.email.
 *
 * A varlena that holds the canonical address of email_syntax.h, always valid, in the database's encoding,
 * without padding or NUL: the same bytes as its text form, so that it casts to text without a function. Equal
 * values need not have equal bytes (the local part keeps its case), so its B-tree class offers no
 * "equalimage".
 */
#ifndef CRM_CUSTOMER_EMAIL_H
#define CRM_CUSTOMER_EMAIL_H

#include "postgres.h"

typedef struct varlena Email;

/* The value for text, or NULL where it is no address. The result is palloc'd. */
extern Email *crm_email_try(const char *text, size_t length);

#endif
