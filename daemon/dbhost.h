/*
 * dbhost.h: the addresses of the database's hosts, so that libpq, which would wait for a name server, need not resolve them.
 *
 * Reads the connection string (and libpq's environment) as libpq does: one host or several, each with a port. Names are
 * resolved by dns.h; a name with several addresses stands once for each. libpq is then told hosts, addresses and ports;
 * host stays the name, by which it checks certificates and looks for passwords. Sockets, addresses, a hostaddr and what comes from a
 * service are left to libpq, and so is a name that the DNS does not know: the machine may know it otherwise.
 */
#ifndef CRMD_DBHOST_H
#define CRMD_DBHOST_H

#include <stdbool.h>

#include "dns.h"

struct DbHost;

/* Zeroed before it is used first. */
struct DbHosts {
    /* for libpq, behind the connection string; NULL: nothing to say */
    char *lists[3];  /* host, hostaddr, port */
    char error[400]; /* "", or why there is nowhere to connect to */

    /* the module's own */
    void (*done)(void *arg);
    void *arg;
    struct DbHost *list;
    int count, waiting;
};

/* True: the answer is there. False: done is called from the loop when it is, after timeout_ms at the latest. */
bool dbhost_find(struct DbHosts *hosts, struct Dns *dns, const char *dsn, int timeout_ms,
                 void (*done)(void *arg), void *arg);

/* Has the answer begin with another host: so many further on. */
void dbhost_turn(struct DbHosts *hosts, int turns);

/* "a,b,c" as "b,c,a", to be freed; NULL where there is nothing to turn, or no memory. */
char *dbhost_turned(const char *list);

/* Frees the answer; done is not called any more. */
void dbhost_drop(struct DbHosts *hosts);

#endif
