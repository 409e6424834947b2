/*
 * token_json.h: reads the top members of one JSON object, as strict as RFC 8259 allows, in bounded memory.
 *
 * Pure, and never raises: input is what a stranger sent. The whole text is checked, nested values included, to a
 * depth of CRM_JSON_DEPTH; text must be UTF-8, and \u0000 is refused everywhere, since no name can hold it.
 */
#ifndef CRM_ORG_TOKEN_JSON_H
#define CRM_ORG_TOKEN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRM_JSON_DEPTH 16
/* Member names longer than this, in bytes, are not told apart: none that is asked for is longer. */
#define CRM_JSON_NAME_MAX 31

typedef struct CrmJsonReader {
    const unsigned char *at;
    const unsigned char *end;
    int depth;
} CrmJsonReader;

/*
 * Called for each member of the object, standing at its value, which it must read with one of the functions
 * below. False refuses the whole.
 */
typedef bool (*CrmJsonMember)(CrmJsonReader *reader, const char *name, void *target);

/* Whether the text is one object, nothing after it, and each member was accepted. */
extern bool crm_json_object(const void *text, size_t length, CrmJsonMember member, void *target);

/* False where the value is no string, or with its NUL does not fit into size bytes. */
extern bool crm_json_string(CrmJsonReader *reader, char *out, size_t size);
/* False where the value is no number, or lies outside minimum .. maximum. */
extern bool crm_json_number(CrmJsonReader *reader, double minimum, double maximum, double *out);
/* Whether the value that comes is an array. */
extern bool crm_json_is_array(const CrmJsonReader *reader);
/* Each element of an array, by the same rules as members; name is empty. */
extern bool crm_json_array(CrmJsonReader *reader, CrmJsonMember element, void *target);
/* Passes over a value of any kind. */
extern bool crm_json_skip(CrmJsonReader *reader);

#endif
