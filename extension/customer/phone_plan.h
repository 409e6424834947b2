/*
 * phone_plan.h: country calling codes (ITU-T E.164) and what is dialled before a national number (the trunk
 * prefix).
 *
 * Plain C, constant data. Every assigned calling code is here, so that an unassigned one can be refused;
 * lengths and shapes of national numbers are not, except North America's.
 */
#ifndef CRM_CUSTOMER_PHONE_PLAN_H
#define CRM_CUSTOMER_PHONE_PLAN_H

#include <stddef.h>

typedef struct PhonePlan {
    const char *alpha2; /* ISO 3166; "" for a code that belongs to no country */
    const char *alpha3;
    const char *name;
    int code;          /* calling code */
    const char *trunk; /* trunk prefixes, longest first, '|' between; "" where there is none or it belongs to
                          the number */
} PhonePlan;

/* By alpha-2 or alpha-3 code, English name or the country's own (UTF-8), case of ASCII letters ignored; NULL where there is none. */
extern const PhonePlan *phone_plan_country(const char *country, size_t length);

/* By the calling code that digits begin with (the first country listed with it); NULL where none is assigned.
 */
extern const PhonePlan *phone_plan_code(const char *digits, size_t length);

/* How many digits of a national number are its trunk prefix. */
extern size_t phone_plan_trunk(const PhonePlan *plan, const char *digits, size_t length);

#endif
