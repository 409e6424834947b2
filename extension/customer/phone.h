/*
 * phone.h: the SQL type crm.phone.
 *
 * A varlena that holds the canonical number of phone_syntax.h: ASCII, always valid, the same bytes as its
 * text form. Equal means equal bytes, so its B-tree class offers "equalimage".
 */
#ifndef CRM_CUSTOMER_PHONE_H
#define CRM_CUSTOMER_PHONE_H

#include "postgres.h"

typedef struct varlena Phone;

#endif
