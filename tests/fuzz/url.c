// links: daemon/resolve.c daemon/address.c daemon/status.c daemon/nameserver.c
/* The address guard: of any url that it lets through, host and port are known, and what is an address in it, however written, is used where it is a public one only. */
#include <arpa/inet.h>

#include "address.h"
#include "fuzz.h"
#include "resolve.h"

TARGET(url)
{
    static CURL *easy;
    static const struct ResolvePolicy policy = {.allow_http = false};
    struct Input input = {data, size};
    char *url = take_text(&input, 3000, NULL);
    struct ResolveGuard guard;

    if (easy == NULL)
        easy = curl_easy_init();
    CHECK(easy != NULL);
    if (resolve_guard(&guard, &policy, easy, url, false) == STATUS_OK) {
        struct DnsAnswer answer = {.count = 1};
        struct DnsAddress *address = &answer.list[0];

        CHECK(guard.host[0] != '\0' && guard.port >= 0 && guard.port <= 65535 && guard.refused[0] == '\0');
        CHECK(strncasecmp(url + strspn(url, " "), "http", 4) == 0 ||
              strncasecmp(url + strspn(url, " "), "smtp", 4) == 0);
        if (inet_pton(AF_INET, guard.host, &address->v4.sin_addr) == 1) {
            address->v4.sin_family = AF_INET;
            address->length = sizeof address->v4;
        } else if (inet_pton(AF_INET6, guard.host, &address->v6.sin6_addr) == 1) {
            address->v6.sin6_family = AF_INET6;
            address->length = sizeof address->v6;
        }
        CHECK(guard.literal == (address->length != 0));
        if (guard.literal)
            CHECK((resolve_pin(&guard, easy, &answer) == STATUS_OK) ==
                  (address_kind(&address->any, address->length) == ADDRESS_PUBLIC));
        CHECK(!resolve_fits(&guard, "127.0.0.1") && !resolve_fits(&guard, "169.254.169.254") &&
              !resolve_fits(&guard, "::1"));
    } else
        CHECK(memchr(guard.refused, '\0', sizeof guard.refused) != NULL);
    resolve_drop(&guard);
    free(url);
}
