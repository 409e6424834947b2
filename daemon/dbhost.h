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

#include <libpq-fe.h>
#include <stdbool.h>

#include "dns.h"

struct DbHost;

/* Zeroed before it is used first. */
struct DbHosts {
    char error[400]; /* "", or why there is nowhere to connect to */

    /* the module's own; three are host, hostaddr, port */
    char *lists[3]; /* of the answer; NULL: libpq needs no help */
    char *turned
        [3]; /* what libpq itself read, in another order, for where it needs no help; NULL: as it reads it */
    int turns; /* how often the order was changed */
    void (*done)(void *arg);
    void *arg;
    struct DbHost *list;
    int count, waiting;
};

/* True: the answer is there. False: done is called from the loop when it is, after timeout_ms at the latest. */
bool dbhost_find(struct DbHosts *hosts, struct Dns *dns, const char *dsn, int timeout_ms,
                 void (*done)(void *arg), void *arg);

/* What libpq is told behind the connection string, three of each at most; a NULL follows. Valid until dbhost_drop. */
void dbhost_keywords(const struct DbHosts *hosts, const char **keys, const char **values);

/*
 * Of several hosts one that takes a connection and then says nothing would hold up all tries, since time runs out before libpq
 * asks the next one. After this the next try begins with that one. pg is the connection that was tried; NULL: none was.
 */
void dbhost_turn(struct DbHosts *hosts, PGconn *pg);

/* Begins with the first host again. */
void dbhost_turn_back(struct DbHosts *hosts);

/* Frees the answer; done is not called any more. The order is kept until dbhost_turn_back. */
void dbhost_drop(struct DbHosts *hosts);

#endif
