/*
 * nameserver.h: reads the option dns_servers. Pure.
 */
#ifndef CRMD_NAMESERVER_H
#define CRMD_NAMESERVER_H

#include "status.h"

#define NAMESERVERS_MAX 8
#define NAMESERVERS_LIST_MAX (NAMESERVERS_MAX * 64)

/*
 * Reads addresses such as 10.0.0.53, 127.0.0.1:5353 and [fd00::53]:53, with commas or spaces between, and writes each with
 * its port (53 where none is said) and a comma between. Names are refused: who would resolve them?
 */
enum Status nameserver_read(const char *text, char list[NAMESERVERS_LIST_MAX],
                            struct Problem *problem) MUST_CHECK;

#endif
