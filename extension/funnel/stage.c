/*
 * stage.c: input, output, comparison and hashing of crm.stage. See stage.h.
 */
#include "base/bytes.h"
#include "base/error.h"
#include "funnel/stage.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/sortsupport.h"

#define STAGE_BINARY_VERSION 1
#define POSITION_SIZE ((int) sizeof(uint32))

/* Reads with any header, also a short one. */
#define PG_GETARG_STAGE_PP(n) ((struct varlena *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(n)))

CrmStageParts
crm_stage_parts(struct varlena *value)
{
    const char *data = VARDATA_ANY(value);
    int size = (int) VARSIZE_ANY_EXHDR(value);
    const char *end_of_funnel = memchr(data, '\0', (size_t) size);
    CrmStageParts parts;
    uint32 position;

    if (end_of_funnel == NULL || data + size - end_of_funnel <= 1 + POSITION_SIZE)
        ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid stored value of type stage"));
    memcpy(&position, end_of_funnel + 1, sizeof(position));
    parts.funnel = data;
    parts.funnel_length = (int) (end_of_funnel - data);
    parts.position = (int32) pg_ntoh32(position);
    parts.key = end_of_funnel + 1 + POSITION_SIZE;
    parts.key_length = (int) (data + size - parts.key);
    return parts;
}

struct varlena *
crm_stage_make(const CrmStageParts *parts)
{
    int size = VARHDRSZ + parts->funnel_length + 1 + POSITION_SIZE + parts->key_length;
    struct varlena *value = palloc((Size) size);
    char *at = VARDATA(value);
    uint32 position = pg_hton32((uint32) parts->position);

    SET_VARSIZE(value, size);
    memcpy(at, parts->funnel, (size_t) parts->funnel_length);
    at += parts->funnel_length;
    *at++ = '\0';
    memcpy(at, &position, sizeof(position));
    memcpy(at + POSITION_SIZE, parts->key, (size_t) parts->key_length);
    return value;
}

/* What is wrong with a name, or NULL. */
static const char *
name_problem(const char *name, int length)
{
    if (length == 0)
        return "A name of a funnel or stage cannot be empty.";
    if (length > CRM_STAGE_NAME_MAX)
        return "A name of a funnel or stage has at most 63 bytes.";
    if (name[0] == ' ' || name[length - 1] == ' ')
        return "A name of a funnel or stage cannot begin or end with a blank.";
    for (int i = 0; i < length; i++)
        if ((unsigned char) name[i] < ' ' || name[i] == 0x7f || name[i] == ':')
            return "A name of a funnel or stage cannot hold colons or control characters.";
    return NULL;
}

static const char *
parts_problem(const CrmStageParts *parts)
{
    const char *problem = name_problem(parts->funnel, parts->funnel_length);

    if (problem == NULL)
        problem = name_problem(parts->key, parts->key_length);
    if (problem == NULL && parts->position < 0)
        problem = "A position cannot be negative.";
    return problem;
}

/* Digits only, within the range of a position. */
static bool
read_position(const char *text, int length, int32 *position)
{
    int64 number = 0;

    if (length == 0)
        return false;
    for (int i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
        if (number > PG_INT32_MAX)
            return false;
    }
    *position = (int32) number;
    return true;
}

PG_FUNCTION_INFO_V1(crm_stage_in);

/* funnel:position:key stands for itself, funnel:key is looked up. */
Datum
crm_stage_in(PG_FUNCTION_ARGS)
{
    char *text = PG_GETARG_CSTRING(0);
    char *first = strchr(text, ':');
    char *last = strrchr(text, ':');
    CrmStageParts parts = {0};
    const char *problem;

    if (first == NULL)
        crm_input_error(fcinfo->context, (Datum) 0, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                        errmsg("invalid input syntax for type stage: \"%s\"", text),
                        errhint("Type funnel:key, as in sales:proposal, or funnel:position:key."));
    parts.funnel = text;
    parts.funnel_length = (int) (first - text);
    parts.key = last + 1;
    parts.key_length = (int) strlen(last + 1);
    if (first != last && !read_position(first + 1, (int) (last - first - 1), &parts.position))
        crm_input_error(fcinfo->context, (Datum) 0, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                        errmsg("invalid input syntax for type stage: \"%s\"", text),
                        errdetail("The position between the colons is a whole number from 0 to 2147483647."),
                        errhint("Type funnel:key, as in sales:proposal, or funnel:position:key."));
    problem = parts_problem(&parts);
    if (problem != NULL)
        crm_input_error(fcinfo->context, (Datum) 0, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                        errmsg("invalid input syntax for type stage: \"%s\"", text), errdetail("%s", problem),
                        errhint("Type funnel:key, as in sales:proposal, or funnel:position:key."));
    if (first == last && !crm_stage_look_up(&parts, fcinfo->context))
        PG_RETURN_NULL();
    PG_RETURN_POINTER(crm_stage_make(&parts));
}

PG_FUNCTION_INFO_V1(crm_stage_out);

Datum
crm_stage_out(PG_FUNCTION_ARGS)
{
    CrmStageParts parts = crm_stage_parts(PG_GETARG_STAGE_PP(0));

    PG_RETURN_CSTRING(psprintf("%.*s:%d:%.*s", parts.funnel_length, parts.funnel, parts.position,
                               parts.key_length, parts.key));
}

PG_FUNCTION_INFO_V1(crm_stage_recv);

/* A version byte, the position, and "funnel:key" in the client's encoding. */
Datum
crm_stage_recv(PG_FUNCTION_ARGS)
{
    StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
    CrmStageParts parts;
    const char *colon;
    char *names;
    const char *problem;
    int length;
    int version = pq_getmsgbyte(message);

    if (version != STAGE_BINARY_VERSION)
        ereport(ERROR, errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                errmsg("unsupported version %d of the binary form of type stage", version));
    parts.position = (int32) pq_getmsgint(message, POSITION_SIZE);
    names = pq_getmsgtext(message, message->len - message->cursor, &length);
    colon = memchr(names, ':', (size_t) length);
    if (colon == NULL)
        ereport(ERROR, errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                errmsg("invalid binary form of type stage"),
                errdetail("There is no colon between funnel and key."));
    parts.funnel = names;
    parts.funnel_length = (int) (colon - names);
    parts.key = colon + 1;
    parts.key_length = length - parts.funnel_length - 1;
    problem = parts_problem(&parts);
    if (problem != NULL)
        ereport(ERROR, errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                errmsg("invalid binary form of type stage"), errdetail("%s", problem));
    PG_RETURN_POINTER(crm_stage_make(&parts));
}

PG_FUNCTION_INFO_V1(crm_stage_send);

Datum
crm_stage_send(PG_FUNCTION_ARGS)
{
    CrmStageParts parts = crm_stage_parts(PG_GETARG_STAGE_PP(0));
    char *names = psprintf("%.*s:%.*s", parts.funnel_length, parts.funnel, parts.key_length, parts.key);
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendbyte(&message, STAGE_BINARY_VERSION);
    pq_sendint32(&message, (uint32) parts.position);
    pq_sendtext(&message, names, (int) strlen(names));
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* A value from its parts, checked as input is. */
PG_FUNCTION_INFO_V1(crm_stage_from_parts);

Datum
crm_stage_from_parts(PG_FUNCTION_ARGS)
{
    text *funnel = PG_GETARG_TEXT_PP(0);
    text *key = PG_GETARG_TEXT_PP(2);
    CrmStageParts parts = {.funnel = VARDATA_ANY(funnel),
                           .funnel_length = (int) VARSIZE_ANY_EXHDR(funnel),
                           .position = PG_GETARG_INT32(1),
                           .key = VARDATA_ANY(key),
                           .key_length = (int) VARSIZE_ANY_EXHDR(key)};
    const char *problem = parts_problem(&parts);

    if (problem != NULL)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("invalid stage"),
                errdetail("%s", problem));
    PG_RETURN_POINTER(crm_stage_make(&parts));
}

PG_FUNCTION_INFO_V1(crm_stage_funnel);

Datum
crm_stage_funnel(PG_FUNCTION_ARGS)
{
    CrmStageParts parts = crm_stage_parts(PG_GETARG_STAGE_PP(0));

    PG_RETURN_TEXT_P(cstring_to_text_with_len(parts.funnel, parts.funnel_length));
}

PG_FUNCTION_INFO_V1(crm_stage_position);

Datum
crm_stage_position(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32(crm_stage_parts(PG_GETARG_STAGE_PP(0)).position);
}

PG_FUNCTION_INFO_V1(crm_stage_key);

Datum
crm_stage_key(PG_FUNCTION_ARGS)
{
    CrmStageParts parts = crm_stage_parts(PG_GETARG_STAGE_PP(0));

    PG_RETURN_TEXT_P(cstring_to_text_with_len(parts.key, parts.key_length));
}

CRM_BYTES_COMPARISON(stage, eq, ==)
CRM_BYTES_COMPARISON(stage, ne, !=)
CRM_BYTES_COMPARISON(stage, lt, <)
CRM_BYTES_COMPARISON(stage, le, <=)
CRM_BYTES_COMPARISON(stage, gt, >)
CRM_BYTES_COMPARISON(stage, ge, >=)

PG_FUNCTION_INFO_V1(crm_stage_cmp);

Datum
crm_stage_cmp(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32(crm_bytes_compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

static int
compare_for_sort(Datum left, Datum right, SortSupport support)
{
    return crm_bytes_compare(left, right);
}

PG_FUNCTION_INFO_V1(crm_stage_sortsupport);

Datum
crm_stage_sortsupport(PG_FUNCTION_ARGS)
{
    ((SortSupport) PG_GETARG_POINTER(0))->comparator = compare_for_sort;
    PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(crm_stage_smaller);

Datum
crm_stage_smaller(PG_FUNCTION_ARGS)
{
    bool first = crm_bytes_compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) <= 0;

    PG_RETURN_DATUM(PG_GETARG_DATUM(first ? 0 : 1));
}

PG_FUNCTION_INFO_V1(crm_stage_larger);

Datum
crm_stage_larger(PG_FUNCTION_ARGS)
{
    bool first = crm_bytes_compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) >= 0;

    PG_RETURN_DATUM(PG_GETARG_DATUM(first ? 0 : 1));
}

PG_FUNCTION_INFO_V1(crm_stage_hash);

Datum
crm_stage_hash(PG_FUNCTION_ARGS)
{
    return crm_bytes_hash(PG_GETARG_DATUM(0));
}

PG_FUNCTION_INFO_V1(crm_stage_hash_extended);

Datum
crm_stage_hash_extended(PG_FUNCTION_ARGS)
{
    return crm_bytes_hash_extended(PG_GETARG_DATUM(0), (uint64) PG_GETARG_INT64(1));
}
