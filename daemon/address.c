#include "address.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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
    {IP(100, 100, 100, 200), 32, ADDRESS_SERVICE}, /* Alibaba; the first that matches counts */
    {IP(168, 63, 129, 16), 32, ADDRESS_SERVICE},   /* Azure */
    {IP(192, 0, 0, 192), 32, ADDRESS_SERVICE},     /* Oracle */
    {IP(0, 0, 0, 0), 8, ADDRESS_UNUSABLE},         {IP(10, 0, 0, 0), 8, ADDRESS_PRIVATE},
    {IP(100, 64, 0, 0), 10, ADDRESS_PRIVATE},      {IP(127, 0, 0, 0), 8, ADDRESS_LOOPBACK},
    {IP(169, 254, 0, 0), 16, ADDRESS_SERVICE},     {IP(172, 16, 0, 0), 12, ADDRESS_PRIVATE},
    {IP(192, 0, 0, 0), 24, ADDRESS_PRIVATE},       {IP(192, 0, 2, 0), 24, ADDRESS_UNUSABLE},
    {IP(192, 88, 99, 0), 24, ADDRESS_UNUSABLE}, /* relays of 6to4 */
    {IP(192, 168, 0, 0), 16, ADDRESS_PRIVATE},     {IP(198, 18, 0, 0), 15, ADDRESS_PRIVATE},
    {IP(198, 51, 100, 0), 24, ADDRESS_UNUSABLE},   {IP(203, 0, 113, 0), 24, ADDRESS_UNUSABLE},
    {IP(224, 0, 0, 0), 3, ADDRESS_UNUSABLE},
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
    if (starts_with(bytes, "\xfd\x00\x0e\xc2\0\0\0\0\0\0\0\0\0\0\x02\x54", 16))
        return ADDRESS_SERVICE; /* Amazon */
    if ((bytes[0] & 0xfe) == 0xfc)
        return ADDRESS_PRIVATE; /* unique local */
    if (bytes[0] == 0xfe && bytes[1] >= 0x80)
        return bytes[1] < 0xc0 ? ADDRESS_SERVICE : ADDRESS_PRIVATE; /* link-local, the old site-local */
    if ((bytes[0] & 0xe0) != 0x20)
        return ADDRESS_UNUSABLE;                            /* only 2000::/3 is given out */
    if ((starts_with(bytes, "\x20\x01", 2) && bytes[2] < 2) /* Teredo, benchmarks, identifiers */
        || starts_with(bytes, "\x20\x01\x0d\xb8", 4) ||
        (starts_with(bytes, "\x3f\xff", 2) && bytes[2] < 0x10))
        return ADDRESS_UNUSABLE;
    if ((bytes[8] & 0xfc) == 0 && starts_with(bytes + 9, "\0\x5e\xfe", 3))
        return kind_of_v4(read_v4(bytes + 12)); /* ISATAP */
    return ADDRESS_PUBLIC;
}

bool
address_is_number(const char *host)
{
    uint8_t bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* Copies its 4 or 16 bytes, and returns its family; 0 where it is no internet address. */
static int
read_bytes(const struct sockaddr *address, socklen_t length, uint8_t bytes[16])
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->sa_family == AF_INET && length >= sizeof v4) {
        memcpy(&v4, address, sizeof v4);
        memcpy(bytes, &v4.sin_addr, 4);
        return AF_INET;
    }
    if (address->sa_family == AF_INET6 && length >= sizeof v6) {
        memcpy(&v6, address, sizeof v6);
        memcpy(bytes, &v6.sin6_addr, 16);
        return AF_INET6;
    }
    return 0;
}

bool
address_number(const struct sockaddr *address, socklen_t length, char number[INET6_ADDRSTRLEN])
{
    uint8_t bytes[16];
    int family = read_bytes(address, length, bytes);

    return family != 0 && inet_ntop(family, bytes, number, INET6_ADDRSTRLEN) != NULL;
}

bool
address_same(const struct sockaddr *one, socklen_t one_length, const struct sockaddr *other,
             socklen_t other_length)
{
    uint8_t bytes[2][16];
    int family = read_bytes(one, one_length, bytes[0]);

    return family != 0 && read_bytes(other, other_length, bytes[1]) == family &&
           memcmp(bytes[0], bytes[1], family == AF_INET ? 4 : 16) == 0;
}

enum AddressKind
address_kind(const struct sockaddr *address, socklen_t length)
{
    uint8_t bytes[16];

    switch (read_bytes(address, length, bytes)) {
    case AF_INET:
        return kind_of_v4(read_v4(bytes));
    case AF_INET6:
        return kind_of_v6(bytes);
    default:
        return ADDRESS_UNUSABLE;
    }
}

/* Makes of an IPv4 address, the first four bytes, the IPv6 address that maps it. */
static void
map_v4(uint8_t bytes[16])
{
    memcpy(bytes + 12, bytes, 4);
    memset(bytes, 0, 10);
    memset(bytes + 10, 0xff, 2);
}

static bool
read_network(struct AddressNetwork *network, char *word)
{
    char *slash = strchr(word, '/'), *end = word;
    int most = 128;
    long bits;

    if (slash != NULL)
        *slash = '\0';
    if (inet_pton(AF_INET, word, network->bytes) == 1) {
        map_v4(network->bytes);
        most = 32;
    } else if (inet_pton(AF_INET6, word, network->bytes) != 1)
        return false;
    bits = slash == NULL ? most : strtol(slash + 1, &end, 10);
    if (slash != NULL &&
        (end == slash + 1 || *end != '\0' || slash[1] < '0' || slash[1] > '9' || bits > most))
        return false;
    network->bits = (int) bits + 128 - most;
    return true;
}

enum Status
address_networks_read(struct AddressNetworks *networks, const char *text, struct Problem *problem)
{
    char *copy = strdup(text), *rest = copy, *word;
    enum Status status = copy == NULL ? STATUS_MEMORY : STATUS_OK;

    networks->count = 0;
    while (status == STATUS_OK && (word = strsep(&rest, ", \t")) != NULL) {
        if (*word == '\0')
            continue;
        if (networks->count == ADDRESS_NETWORKS_MAX) {
            problem_set(problem, "more than %d networks", ADDRESS_NETWORKS_MAX);
            status = STATUS_INVALID;
        } else if (!read_network(&networks->list[networks->count++], word)) {
            problem_set(problem, "\"%.60s\" is no network such as 10.1.0.0/16 or fd00:1::/64", word);
            status = STATUS_INVALID;
        }
    }
    free(copy);
    return status;
}

bool
address_in_networks(const struct AddressNetworks *networks, const struct sockaddr *address, socklen_t length)
{
    uint8_t bytes[16];
    int family = read_bytes(address, length, bytes);

    if (family == 0)
        return false;
    if (family == AF_INET)
        map_v4(bytes);
    for (int i = 0; i < networks->count; i++) {
        const struct AddressNetwork *network = &networks->list[i];
        int whole = network->bits / 8, rest = network->bits % 8;

        if (memcmp(bytes, network->bytes, (size_t) whole) == 0 &&
            (rest == 0 || (bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0))
            return true;
    }
    return false;
}
