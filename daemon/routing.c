#include "routing.h"

#include <stdio.h>
#include <string.h>

#define PLACE_BEFORE "{\"routing_key\" : \""
#define PLACE "{routing_key}"

bool
routing_key_is_good(const char *key)
{
    size_t length = strlen(key);

    return length >= 1 && length <= ROUTING_KEY_MAX &&
           strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == length;
}

char *
routing_fill(const char *body, const char *key)
{
    char *filled = NULL;

    if (strncmp(body, PLACE_BEFORE PLACE "\"", strlen(PLACE_BEFORE PLACE "\"")) != 0 ||
        asprintf(&filled, PLACE_BEFORE "%s%s", key, body + strlen(PLACE_BEFORE PLACE)) < 0)
        return NULL;
    return filled;
}
