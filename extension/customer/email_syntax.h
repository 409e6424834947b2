/*
 * email_syntax.h: what an e-mail address is, how two compare, and which ones probably reach the same person.
 *
 * Plain C, nothing of Postgres: lengths are explicit, nothing is allocated, no text need end in NUL.
 *
 * An address is local@domain as it is used in practice (RFC 5321 and 6531 without what nobody types): a
 * dot-atom local part of 1 to 64 bytes, a domain of at least two labels of letters, digits and hyphens or
 * UTF-8, at most 254 bytes together. Quoted local parts, comments, address literals and display names are
 * refused, each with its own reason.
 *
 * Equality: ASCII letters compare without case, in both parts. The RFC leaves the case of the local part to
 * the receiving host, but no host of note tells "Ann@" from "ann@", and a CRM that did would hold everybody
 * twice. Bytes outside ASCII compare as they are, since folding them needs a locale. Dots and plus tags never
 * count as equal: they depend on the provider, and are for matching only (email_syntax_match_key).
 */
#ifndef CRM_CUSTOMER_EMAIL_SYNTAX_H
#define CRM_CUSTOMER_EMAIL_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

#define EMAIL_MAX_LENGTH 254
#define EMAIL_MAX_LOCAL 64
#define EMAIL_MAX_LABEL 63

typedef enum EmailFault {
    EMAIL_OK,
    EMAIL_EMPTY,
    EMAIL_NO_AT,
    EMAIL_TWO_AT,
    EMAIL_DISPLAY_NAME,
    EMAIL_QUOTED_LOCAL,
    EMAIL_LOCAL_EMPTY,
    EMAIL_LOCAL_LONG,
    EMAIL_LOCAL_DOT,
    EMAIL_LOCAL_CHARACTER,
    EMAIL_DOMAIN_EMPTY,
    EMAIL_DOMAIN_LITERAL,
    EMAIL_DOMAIN_NO_DOT,
    EMAIL_DOMAIN_LABEL,
    EMAIL_DOMAIN_CHARACTER,
    EMAIL_DOMAIN_NUMERIC,
    EMAIL_LONG,
    EMAIL_INVISIBLE
} EmailFault;

/*
 * Checks text and writes its canonical form (blanks around it dropped, ASCII letters of the domain
 * lower-cased) to out, which must hold EMAIL_MAX_LENGTH bytes. utf8 says that bytes of 128 and more are
 * UTF-8, so that control, blank and bidirectional characters can be told and refused.
 */
extern EmailFault email_syntax_parse(const char *text, size_t length, bool utf8, char *out,
                                     size_t *out_length);

/* What is wrong, for DETAIL, and what to do, for HINT. Sentences; the hint may be NULL. */
extern const char *email_syntax_fault(EmailFault fault);
extern const char *email_syntax_hint(EmailFault fault);

/* A total order that agrees with equality as described above: negative, 0 or positive. */
extern int email_syntax_compare(const char *a, size_t a_length, const char *b, size_t b_length);

/* Writes the form under which equal addresses are byte for byte the same. out must hold length bytes. */
extern void email_syntax_fold(const char *address, size_t length, char *out);

/* Offset of the '@' of a valid address. */
extern size_t email_syntax_at(const char *address, size_t length);

/*
 * Writes the key for matching to out (EMAIL_MAX_LENGTH bytes) and returns its length: folded; a plus tag
 * dropped where the provider is known to deliver tagged mail to the untagged box; dots dropped for Google's;
 * domains of the same provider made one. An address of a company's own domain only has its case folded.
 */
extern size_t email_syntax_match_key(const char *address, size_t length, char *out);

#endif
