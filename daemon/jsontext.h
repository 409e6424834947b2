/*
 * jsontext.h: texts out of JSON that the database wrote, for crmd's pages. What is not there, or is no text, is "". They live as long as the JSON.
 */
#ifndef CRMD_JSONTEXT_H
#define CRMD_JSONTEXT_H

#include <jansson.h>

static inline const char *
jsontext(const json_t *value)
{
    const char *text = json_string_value(value);

    return text == NULL ? "" : text;
}

static inline const char *
jsontext_of(const json_t *object, const char *name)
{
    return jsontext(json_object_get(object, name));
}

static inline const char *
jsontext_at(const json_t *array, size_t index)
{
    return jsontext(json_array_get(array, index));
}

#endif
