/*
 * golden.h: golden records as an aggregate over a customer's records, and the rules of survivorship for SQL.
 *
 * Owns the aggregates golden_values and golden_choices (sql/customer/46-golden.sql) and survivor. The rules themselves are in
 * survivorship.h; what may be read is decided before a value comes here, by the mask of attributes that each record brings.
 */
#ifndef CRM_CUSTOMER_GOLDEN_H
#define CRM_CUSTOMER_GOLDEN_H

/* A mask is a bit for each attribute, and the sign is left alone. */
#define GOLDEN_MAX_ATTRIBUTES 31

#endif
