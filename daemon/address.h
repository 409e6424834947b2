/*
 * address.h: which network addresses a message may be sent to. Pure.
 *
 * Somebody who may create an endpoint must not be able to reach what only this machine reaches: metadata services,
 * neighbours, this machine itself. Addresses that embed an IPv4 address are judged by that.
 */
#ifndef CRMD_ADDRESS_H
#define CRMD_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "status.h"

enum AddressKind {
    ADDRESS_PUBLIC,
    ADDRESS_LOOPBACK,
    ADDRESS_PRIVATE, /* private, shared, unique local */
    ADDRESS_SERVICE, /* link-local, and where clouds have services for the machine itself: metadata, keys */
    ADDRESS_UNUSABLE /* unspecified, multicast, broadcast, reserved, documentation, not an internet address */
};

/* Whether a host is written as an address, IPv6 without brackets. */
bool address_is_number(const char *host);

/* Writes the address as a number, IPv6 without brackets; false where it is no internet address. */
bool address_number(const struct sockaddr *address, socklen_t length, char number[INET6_ADDRSTRLEN]);

/* Whether both are the same internet address, whatever their ports. */
bool address_same(const struct sockaddr *one, socklen_t one_length, const struct sockaddr *other,
                  socklen_t other_length);

enum AddressKind address_kind(const struct sockaddr *address, socklen_t length);

#define ADDRESS_NETWORKS_MAX 32

/* IPv4 is kept as the IPv6 address that maps it. */
struct AddressNetwork {
    uint8_t bytes[16];
    int bits;
};

struct AddressNetworks {
    struct AddressNetwork list[ADDRESS_NETWORKS_MAX];
    int count;
};

/* Reads networks such as 10.1.0.0/16 and fd00:1::/64, with commas or spaces between; a single address is one, too. */
enum Status address_networks_read(struct AddressNetworks *networks, const char *text,
                                  struct Problem *problem) MUST_CHECK;

bool address_in_networks(const struct AddressNetworks *networks, const struct sockaddr *address,
                         socklen_t length);

#endif
