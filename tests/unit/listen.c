// links: daemon/listen.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "listen.h"

static void
test_this_machine(void **state)
{
    struct sockaddr_storage address;

    (void) state;
    assert_true(listen_address("127.0.0.1:8480", &address));
    assert_int_equal(address.ss_family, AF_INET);
    assert_int_equal(ntohs(((struct sockaddr_in *) (void *) &address)->sin_port), 8480);
    assert_int_equal(ntohl(((struct sockaddr_in *) (void *) &address)->sin_addr.s_addr), INADDR_LOOPBACK);
    assert_true(listen_address("[::1]:65535", &address));
    assert_int_equal(address.ss_family, AF_INET6);
    assert_int_equal(ntohs(((struct sockaddr_in6 *) (void *) &address)->sin6_port), 65535);
}

static void
test_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "8480",
                                      ":8480",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "0.0.0.0:80",
                                      "127.0.0.1:0",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:80x",
                                      "127.0.0.1: 80",
                                      "127.0.0.1:-1",
                                      "localhost:8480",
                                      "[::]:8480",
                                      "::1:8480",
                                      "10.0.0.1:8480",
                                      "127.0.0.1:99999999999999999999"};
    struct sockaddr_storage address;

    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(listen_address(bad[i], &address));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_this_machine), cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
