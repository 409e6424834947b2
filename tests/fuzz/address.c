// links: daemon/address.c daemon/listen.c daemon/nameserver.c daemon/notify.c daemon/loop.c daemon/metrics.c daemon/clock.c daemon/schedule.c daemon/nearest.c daemon/status.c
/* Addresses: networks, name servers, places to listen at; what an address embeds decides what it is. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "address.h"
#include "fuzz.h"
#include "listen.h"
#include "nameserver.h"
#include "nearest.h"
#include "notify.h"
#include "schedule.h"

static void
check_kinds(const uint8_t *bytes)
{
    static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct AddressNetworks networks = {.count = 1, .list = {{.bits = bytes[4] % 129}}};
    enum AddressKind kind;

    memcpy(&v4.sin_addr, bytes, 4);
    memcpy(&v6.sin6_addr.s6_addr[0], mapped, 12);
    memcpy(&v6.sin6_addr.s6_addr[12], bytes, 4);
    kind = address_kind((struct sockaddr *) &v4, sizeof v4);
    CHECK(kind == address_kind((struct sockaddr *) &v6, sizeof v6));
    CHECK(bytes[0] != 127 || kind == ADDRESS_LOOPBACK);
    CHECK(bytes[0] != 10 || kind == ADDRESS_PRIVATE);
    memcpy(networks.list[0].bytes, &v6.sin6_addr, 16);
    CHECK(address_in_networks(&networks, (struct sockaddr *) &v4, sizeof v4) &&
          address_in_networks(&networks, (struct sockaddr *) &v6, sizeof v6));
    memcpy(&v6.sin6_addr, bytes, 16);
    kind = address_kind((struct sockaddr *) &v6, sizeof v6);
    CHECK(kind <= ADDRESS_UNUSABLE &&
          ((bytes[0] & 0xfe) != 0xfc || kind == ADDRESS_PRIVATE || kind == ADDRESS_SERVICE));
    CHECK(address_kind((struct sockaddr *) &v6, 4) == ADDRESS_UNUSABLE);
}

TARGET(address)
{
    struct Input input = {data, size};
    char *text = take_text(&input, 4000, NULL), list[NAMESERVERS_LIST_MAX], again[NAMESERVERS_LIST_MAX];
    static const char *const words[] = {"alpha", "beta", "allow_networks", "dns_servers"};
    struct AddressNetworks networks;
    struct Problem problem = {""};
    struct sockaddr_storage place;
    struct sockaddr_un unix_place;
    struct HourSpan span;
    socklen_t length;

    if (address_networks_read(&networks, text, &problem) == STATUS_OK)
        for (int i = 0; i < networks.count; i++)
            CHECK(networks.list[i].bits >= 0 && networks.list[i].bits <= 128 &&
                  networks.count <= ADDRESS_NETWORKS_MAX);
    else
        CHECK(problem.text[0] != '\0');
    if (nameserver_read(text, list, &problem) == STATUS_OK) {
        CHECK(nameserver_read(list, again, &problem) == STATUS_OK && strcmp(list, again) == 0);
    }
    if (listen_address(text, &place))
        CHECK(address_kind((struct sockaddr *) &place, sizeof place) == ADDRESS_LOOPBACK);
    if (notify_address(text, &unix_place, &length))
        CHECK(length <= sizeof unix_place && (text[0] == '/' || text[0] == '@'));
    if (schedule_read_hours(text, &span))
        CHECK(span.never || (span.from >= 0 && span.from <= 23 && span.until >= 0 && span.until <= 24 &&
                             (schedule_hour_is_in(&span, span.from))));
    (void) nearest_word(text, words, sizeof words / sizeof words[0]);
    if (size >= 16)
        check_kinds(data);
    free(text);
}
