/*
 * routing.h: the secret that stands inside a body: PagerDuty's routing key, Telegram's chat.
 *
 * The database writes a body once, with a place for the secret at its very beginning and nowhere else; crmd puts it there just before it
 * signs and sends. What else a body says, a name that looks like the place for example, is never looked at. Pure.
 */
#ifndef CRMD_ROUTING_H
#define CRMD_ROUTING_H

#include <stdbool.h>

#define ROUTING_KEY_MAX 64

/* 1 to ROUTING_KEY_MAX letters and digits, "-" and "_": nothing that JSON would have to escape. */
bool routing_key_is_good(const char *key);

/* A number, negative for groups, or @name: nothing that JSON would have to escape. */
bool routing_chat_is_good(const char *chat);

/*
 * The body with the secret in the place of that name (routing_key, chat_id), which the caller frees; NULL where it does not begin with
 * the place, or memory is out.
 */
char *routing_fill(const char *body, const char *name, const char *secret);

#endif
