// links: daemon/address.c daemon/status.c
/* Which addresses a message may go to. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "address.h"

static enum AddressKind
kind_of(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_kind((const struct sockaddr *) &v4, sizeof v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return address_kind((const struct sockaddr *) &v6, sizeof v6);
}

static void
test_kinds(void **state)
{
    static const struct {
        const char *address;
        enum AddressKind kind;
    } cases[] = {
        {"93.184.216.34", ADDRESS_PUBLIC},
        {"0.0.0.0", ADDRESS_UNUSABLE},
        {"0.255.255.255", ADDRESS_UNUSABLE},
        {"1.0.0.0", ADDRESS_PUBLIC},
        {"9.255.255.255", ADDRESS_PUBLIC},
        {"10.0.0.1", ADDRESS_PRIVATE},
        {"10.255.255.255", ADDRESS_PRIVATE},
        {"11.0.0.0", ADDRESS_PUBLIC},
        {"100.64.0.1", ADDRESS_PRIVATE},
        {"100.128.0.0", ADDRESS_PUBLIC},
        {"127.0.0.1", ADDRESS_LOOPBACK},
        {"127.255.255.254", ADDRESS_LOOPBACK},
        {"128.0.0.0", ADDRESS_PUBLIC},
        {"169.254.169.254", ADDRESS_SERVICE}, /* the metadata service of clouds */
        {"172.15.255.255", ADDRESS_PUBLIC},
        {"172.16.0.1", ADDRESS_PRIVATE},
        {"172.31.255.255", ADDRESS_PRIVATE},
        {"172.32.0.0", ADDRESS_PUBLIC},
        {"192.0.0.1", ADDRESS_PRIVATE},
        {"192.168.1.1", ADDRESS_PRIVATE},
        {"198.18.0.1", ADDRESS_PRIVATE},
        {"198.20.0.0", ADDRESS_PUBLIC},
        {"223.255.255.255", ADDRESS_PUBLIC},
        {"224.0.0.1", ADDRESS_UNUSABLE},
        {"255.255.255.255", ADDRESS_UNUSABLE},
        {"2606:2800:220:1:248:1893:25c8:1946", ADDRESS_PUBLIC},
        {"::", ADDRESS_UNUSABLE},
        {"::1", ADDRESS_LOOPBACK},
        {"::2", ADDRESS_UNUSABLE},
        {"::127.0.0.1", ADDRESS_LOOPBACK},
        {"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
        {"::ffff:10.1.2.3", ADDRESS_PRIVATE},
        {"::ffff:93.184.216.34", ADDRESS_PUBLIC},
        {"64:ff9b::10.1.2.3", ADDRESS_PRIVATE},
        {"64:ff9b::93.184.216.34", ADDRESS_PUBLIC},
        {"2002:a00:1::", ADDRESS_PRIVATE}, /* 6to4 of 10.0.0.1 */
        {"2002:7f00:1::", ADDRESS_LOOPBACK},
        {"2001:0:a00:1::", ADDRESS_UNUSABLE}, /* Teredo */
        {"fc00::1", ADDRESS_PRIVATE},
        {"fd12:3456::1", ADDRESS_PRIVATE},
        {"fe80::1", ADDRESS_SERVICE},
        {"fec0::1", ADDRESS_PRIVATE},
        {"ff02::1", ADDRESS_UNUSABLE},
        {"4000::1", ADDRESS_UNUSABLE},
        {"100.100.100.200", ADDRESS_SERVICE},
        {"100.100.100.201", ADDRESS_PRIVATE},
        {"168.63.129.16", ADDRESS_SERVICE},
        {"168.63.129.17", ADDRESS_PUBLIC},
        {"192.0.0.192", ADDRESS_SERVICE},
        {"::ffff:169.254.169.254", ADDRESS_SERVICE},
        {"64:ff9b::a9fe:a9fe", ADDRESS_SERVICE},
        {"64:ff9b:1::a9fe:a9fe", ADDRESS_UNUSABLE},
        {"2002:a9fe:a9fe::1", ADDRESS_SERVICE},
        {"fd00:ec2::254", ADDRESS_SERVICE},
        {"febf::1", ADDRESS_SERVICE},
        {"192.0.2.1", ADDRESS_UNUSABLE},
        {"192.88.99.1", ADDRESS_UNUSABLE},
        {"198.51.100.7", ADDRESS_UNUSABLE},
        {"203.0.113.7", ADDRESS_UNUSABLE},
        {"2001:db8::1", ADDRESS_UNUSABLE},
        {"2001:2::1", ADDRESS_UNUSABLE},
        {"2001:200::1", ADDRESS_PUBLIC},
        {"3fff::1", ADDRESS_UNUSABLE},
        {"3fff:1000::1", ADDRESS_PUBLIC},
        {"2606:2800::5efe:a00:1", ADDRESS_PRIVATE}, /* ISATAP of 10.0.0.1 */
        {"2606:2800::200:5efe:7f00:1", ADDRESS_LOOPBACK},
        {"100::1", ADDRESS_UNUSABLE},
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (kind_of(cases[i].address) != cases[i].kind)
            fail_msg("%s is of kind %d", cases[i].address, (int) kind_of(cases[i].address));
}

/* Neither another family nor a structure that is too short. */
static void
test_not_internet(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    struct sockaddr_in v4 = {.sin_family = AF_INET};

    (void) state;
    assert_int_equal(address_kind((const struct sockaddr *) &local, sizeof local), ADDRESS_UNUSABLE);
    inet_pton(AF_INET, "93.184.216.34", &v4.sin_addr);
    assert_int_equal(address_kind((const struct sockaddr *) &v4, 4), ADDRESS_UNUSABLE);
}

static bool
is_in(const char *list, const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct AddressNetworks networks;
    struct Problem problem;

    assert_int_equal(address_networks_read(&networks, list, &problem), STATUS_OK);
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_in_networks(&networks, (const struct sockaddr *) &v4, sizeof v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return address_in_networks(&networks, (const struct sockaddr *) &v6, sizeof v6);
}

static void
test_networks(void **state)
{
    struct AddressNetworks networks;
    struct Problem problem;
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0/8", "10.0.0.0/",  "10.0.0.0/-1",
                                      "fd00::/129",  "host",     "10.0.0.0/8x"};

    (void) state;
    assert_false(is_in("", "10.1.2.3"));
    assert_true(is_in("10.1.0.0/16", "10.1.2.3"));
    assert_true(is_in("10.1.0.0/16", "::ffff:10.1.2.3"));
    assert_false(is_in("10.1.0.0/16", "10.2.2.3"));
    assert_true(is_in("10.1.0.0/15", "10.0.2.3"));
    assert_true(is_in("10.1.2.3", "10.1.2.3"));
    assert_false(is_in("10.1.2.3", "10.1.2.2"));
    assert_true(is_in("0.0.0.0/0", "192.168.1.1"));
    assert_false(is_in("0.0.0.0/0", "fd00::1"));
    assert_true(is_in("192.168.0.0/16, fd00:1::/33", "fd00:1:7fff::9"));
    assert_false(is_in("192.168.0.0/16, fd00:1::/33", "fd00:1:8000::9"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(address_networks_read(&networks, bad[i], &problem), STATUS_INVALID);
}

static void
test_numbers(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = 80}, other = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    char number[INET6_ADDRSTRLEN];

    (void) state;
    assert_true(address_is_number("10.1.2.3") && address_is_number("fd00::1"));
    assert_false(address_is_number("[fd00::1]") || address_is_number("10.1.2") || address_is_number(""));
    assert_int_equal(inet_pton(AF_INET, "10.1.2.3", &v4.sin_addr), 1);
    assert_int_equal(inet_pton(AF_INET, "10.1.2.3", &other.sin_addr), 1);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:10.1.2.3", &v6.sin6_addr), 1);
    assert_true(address_number((const struct sockaddr *) &v4, sizeof v4, number));
    assert_string_equal(number, "10.1.2.3");
    assert_true(address_number((const struct sockaddr *) &v6, sizeof v6, number));
    assert_string_equal(number, "::ffff:10.1.2.3");
    assert_false(address_number((const struct sockaddr *) &local, sizeof local, number));
    assert_false(address_number((const struct sockaddr *) &v4, sizeof v4 - 1, number));
    assert_true(address_same((const struct sockaddr *) &v4, sizeof v4, (const struct sockaddr *) &other,
                             sizeof other));
    assert_false(
        address_same((const struct sockaddr *) &v4, sizeof v4, (const struct sockaddr *) &v6, sizeof v6));
    assert_false(address_same((const struct sockaddr *) &local, sizeof local,
                              (const struct sockaddr *) &local, sizeof local));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds), cmocka_unit_test(test_not_internet),
                                       cmocka_unit_test(test_networks), cmocka_unit_test(test_numbers)};

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
