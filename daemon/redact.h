/*
 * redact.h: what receivers answer may repeat the secrets that they were sent; before it is logged or reported, it goes through here.
 */
#ifndef CRMD_REDACT_H
#define CRMD_REDACT_H

#include "secrets.h"

/* Overwrites with asterisks what text repeats of any key, password, chat, person's address, and of any url beyond its host. */
void redact_secrets(const struct Secrets *secrets, char *text);

#endif
