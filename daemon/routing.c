#include "routing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

bool
routing_key_is_good(const char *key)
{
    size_t length = strlen(key);

    return length >= 1 && length <= ROUTING_KEY_MAX && strspn(key, LETTERS "-") == length;
}

bool
routing_chat_is_good(const char *chat)
{
    size_t length = strlen(chat);

    return length >= 2 && length <= ROUTING_KEY_MAX &&
           (chat[0] == '@' ? strspn(chat + 1, LETTERS) == length - 1
                           : strspn(chat + 1, "0123456789") == length - 1 &&
                                 (chat[0] == '-' || (chat[0] >= '0' && chat[0] <= '9')));
}

char *
routing_fill(const char *body, const char *name, const char *secret)
{
    char before[64], place[64];
    char *filled = NULL;
    int length = snprintf(before, sizeof before, "{\"%s\" : \"", name);
    int place_length = snprintf(place, sizeof place, "{%s}", name);

    if (strncmp(body, before, (size_t) length) != 0 ||
        strncmp(body + length, place, (size_t) place_length) != 0 || body[length + place_length] != '"' ||
        asprintf(&filled, "%s%s%s", before, secret, body + length + place_length) < 0)
        return NULL;
    return filled;
}
