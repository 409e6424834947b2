/*
 * address.h: which network addresses a message may be sent to. Pure.
 *
 * Somebody who may create an endpoint must not be able to reach what only this machine reaches: metadata services,
 * neighbours, this machine itself. Addresses that embed an IPv4 address are judged by that.
 */
#ifndef CRMD_ADDRESS_H
#define CRMD_ADDRESS_H

#include <sys/socket.h>

enum AddressKind {
    ADDRESS_PUBLIC,
    ADDRESS_LOOPBACK,
    ADDRESS_PRIVATE, /* private, shared, link-local, unique local */
    ADDRESS_UNUSABLE /* unspecified, multicast, broadcast, reserved, not an internet address */
};

enum AddressKind address_kind(const struct sockaddr *address, socklen_t length);

#endif
