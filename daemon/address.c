#include "address.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct Range {
    uint32_t network;
    int bits;
    enum AddressKind kind;
};

#define IP(a, b, c, d)                                                                                       \
    (((uint32_t) (a) << 24) | ((uint32_t) (b) << 16) | ((uint32_t) (c) << 8) | (uint32_t) (d))

/* The registry of special-purpose addresses (RFC 6890 and its successors). */
static const struct Range ranges[] = {
    {IP(0, 0, 0, 0), 8, ADDRESS_UNUSABLE},     {IP(10, 0, 0, 0), 8, ADDRESS_PRIVATE},
    {IP(100, 64, 0, 0), 10, ADDRESS_PRIVATE},  {IP(127, 0, 0, 0), 8, ADDRESS_LOOPBACK},
    {IP(169, 254, 0, 0), 16, ADDRESS_PRIVATE}, {IP(172, 16, 0, 0), 12, ADDRESS_PRIVATE},
    {IP(192, 0, 0, 0), 24, ADDRESS_PRIVATE},   {IP(192, 168, 0, 0), 16, ADDRESS_PRIVATE},
    {IP(198, 18, 0, 0), 15, ADDRESS_PRIVATE},  {IP(224, 0, 0, 0), 3, ADDRESS_UNUSABLE},
};

static enum AddressKind
kind_of_v4(uint32_t address)
{
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if ((address ^ ranges[i].network) >> (32 - ranges[i].bits) == 0)
            return ranges[i].kind;
    return ADDRESS_PUBLIC;
}

static bool
starts_with(const uint8_t *bytes, const char *prefix, size_t length)
{
    return memcmp(bytes, prefix, length) == 0;
}

static uint32_t
read_v4(const uint8_t *bytes)
{
    return IP(bytes[0], bytes[1], bytes[2], bytes[3]);
}

static enum AddressKind
kind_of_v6(const uint8_t *bytes)
{
    static const char zeros[16];

    if (starts_with(bytes, zeros, 15) && bytes[15] <= 1)
        return bytes[15] == 1 ? ADDRESS_LOOPBACK : ADDRESS_UNUSABLE;
    if (starts_with(bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) || starts_with(bytes, zeros, 12) ||
        starts_with(bytes, "\0\x64\xff\x9b\0\0\0\0\0\0\0\0", 12))
        return kind_of_v4(read_v4(bytes + 12)); /* mapped, compatible, NAT64 */
    if (starts_with(bytes, "\x20\x02", 2))
        return kind_of_v4(read_v4(bytes + 2)); /* 6to4 */
    if ((bytes[0] & 0xfe) == 0xfc || (bytes[0] == 0xfe && bytes[1] >= 0x80))
        return ADDRESS_PRIVATE; /* unique local, link-local, the old site-local */
    if ((bytes[0] & 0xe0) == 0x20 && !starts_with(bytes, "\x20\x01\x00\x00", 4))
        return ADDRESS_PUBLIC; /* 2000::/3 without Teredo */
    return ADDRESS_UNUSABLE;
}

enum AddressKind
address_kind(const struct sockaddr *address, socklen_t length)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->sa_family == AF_INET && length >= sizeof v4) {
        memcpy(&v4, address, sizeof v4);
        return kind_of_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6 && length >= sizeof v6) {
        memcpy(&v6, address, sizeof v6);
        return kind_of_v6(v6.sin6_addr.s6_addr);
    }
    return ADDRESS_UNUSABLE;
}
