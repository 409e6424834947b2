/*
 * phone_syntax.h: a phone number as people write it, and the one form in which it is kept.
 *
 * Plain C, nothing of Postgres. The canonical form is that of E.164, "+" and at most 15 digits, and where
 * there is an extension that of RFC 3966 after it: "+14155550123;ext=12". Two numbers are equal where these
 * bytes are.
 *
 * Read are: a leading +, 00 or (from North America) 011; blanks, dots, dashes, slashes and parentheses
 * between digits;
 * "(0)" after a calling code; "tel:" in front; "ext", "x", "#" before an extension. A number without calling
 * code can only be read with a country, whose trunk prefix is taken off. Letters ("1-800-FLOWERS") are
 * refused.
 */
#ifndef CRM_CUSTOMER_PHONE_SYNTAX_H
#define CRM_CUSTOMER_PHONE_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

#include "customer/phone_plan.h"

#define PHONE_MAX_DIGITS 15
#define PHONE_MIN_DIGITS 7
#define PHONE_MAX_EXTENSION 11
#define PHONE_MAX_LENGTH (1 + PHONE_MAX_DIGITS + 5 + PHONE_MAX_EXTENSION)

typedef enum PhoneFault {
    PHONE_OK,
    PHONE_EMPTY,
    PHONE_CHARACTER,
    PHONE_LETTER,
    PHONE_EXTENSION,
    PHONE_NATIONAL,
    PHONE_CODE,
    PHONE_SHORT,
    PHONE_LONG,
    PHONE_NORTH_AMERICA
} PhoneFault;

/*
 * Reads text and writes the canonical form to out, which must hold PHONE_MAX_LENGTH bytes. country is used
 * where the number has no calling code of its own, and may be NULL.
 */
extern PhoneFault phone_syntax_parse(const char *text, size_t length, const PhonePlan *country, char *out,
                                     size_t *out_length);

/* What is wrong, for DETAIL, and what to do, for HINT. Sentences. */
extern const char *phone_syntax_fault(PhoneFault fault);
extern const char *phone_syntax_hint(PhoneFault fault);

/* Length of the part of a canonical number that is E.164: without the extension. */
extern size_t phone_syntax_main(const char *phone, size_t length);

#endif
