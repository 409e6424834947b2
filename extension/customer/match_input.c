/*
 * match_input.c: see match_input.h.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/schema.h"
#include "customer/match_input.h"
#include "customer/record_input.h"
#include "customer/record_kind.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

static void
raise_shape(void)
{
    ereport(ERROR, (errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("attributes must be a JSON object"),
                    errhint("For example: '{\"full_name\": \"Ann Lee\", \"email\": \"ann@example.com\"}'.")));
}

/* Says which names there are. */
static void
raise_unknown(const char *name)
{
    Oid type = TEXTOID;
    Datum value = CStringGetTextDatum(name);

    SPI_execute_with_args(
        psprintf("SELECT %1$s.raise_unknown('attribute of a customer', $1, %1$s.link_fields() "
                 "OPERATOR(pg_catalog.||) 'kind'::pg_catalog.text)",
                 crm_schema_quoted()),
        1, &type, &value, NULL, true, 0);
    elog(ERROR, "raise_unknown returned");
}

/* NULL for null. */
static text *
value_text(const JsonbValue *value, const char *attribute)
{
    switch (value->type) {
    case jbvNull:
        return NULL;
    case jbvString:
        return cstring_to_text_with_len(value->val.string.val, value->val.string.len);
    case jbvNumeric:
        return cstring_to_text(
            DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric))));
    default:
        ereport(ERROR,
                (errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                 errmsg("attribute \"%s\" is neither text nor a number", attribute),
                 errhint("For example: '{\"full_name\": \"Ann Lee\", \"email\": \"ann@example.com\"}'.")));
    }
    return NULL;
}

void
match_input_read(Jsonb *attributes, LinkInput *input)
{
    text *field[LINK_FIELDS] = {NULL};
    text *kind = NULL;
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    JsonbValue value;
    char *name = NULL;

    if (attributes == NULL || !JB_ROOT_IS_OBJECT(attributes))
        raise_shape();
    iterator = JsonbIteratorInit(&attributes->root);
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
        if (token == WJB_KEY) {
            name = pnstrdup(value.val.string.val, value.val.string.len);
        } else if (token == WJB_VALUE) {
            int number = record_input_field(name, strlen(name));

            if (number >= 0)
                field[number] = value_text(&value, name);
            else if (strcmp(name, "kind") == 0)
                kind = value_text(&value, name);
            else
                raise_unknown(name);
        }
    }
    for (int i = 0; i < LINK_FIELDS; i++)
        if (field[i] != NULL)
            input->field[i] = record_input_text(PointerGetDatum(field[i]));
    input->kind = record_kind(kind, field[LINK_GIVEN_NAME], field[LINK_FAMILY_NAME], field[LINK_FULL_NAME],
                              field[LINK_COMPANY]);
}
