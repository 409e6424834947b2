// links: daemon/notify.c daemon/loop.c daemon/clock.c daemon/metrics.c daemon/log.c daemon/utf8.c
/* Where datagrams for systemd go, and what is said there; the beat comes from the loop. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "notify.h"

static int
listen_abstract(char *name, size_t size)
{
    struct sockaddr_un address;
    socklen_t length;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    snprintf(name, size, "@crmd-unit-%ld", (long) getpid());
    assert_true(notify_address(name, &address, &length));
    assert_int_equal(bind(fd, (struct sockaddr *) (void *) &address, length), 0);
    return fd;
}

static void
assert_next(int fd, const char *expected)
{
    char got[300] = "";
    ssize_t length = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);

    if (expected == NULL)
        assert_int_equal(length, -1);
    else
        assert_string_equal(got, expected);
}

static void
test_address(void **state)
{
    struct sockaddr_un address;
    socklen_t length;
    char longest[sizeof address.sun_path + 1];

    (void) state;
    assert_true(notify_address("/run/notify", &address, &length));
    assert_string_equal(address.sun_path, "/run/notify");
    assert_int_equal(length, offsetof(struct sockaddr_un, sun_path) + 12);
    assert_true(notify_address("@name", &address, &length));
    assert_memory_equal(address.sun_path, "\0name", 5);
    assert_int_equal(length, offsetof(struct sockaddr_un, sun_path) + 5);
    assert_false(notify_address("", &address, &length));
    assert_false(notify_address("@", &address, &length));
    assert_false(notify_address("relative", &address, &length));
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    assert_false(notify_address(longest, &address, &length));
    longest[sizeof longest - 2] = '\0';
    assert_true(notify_address(longest, &address, &length));
}

static void
end_loop(void *arg)
{
    loop_stop(arg);
}

static void
nothing(void *arg)
{
    (void) arg;
}

static void
test_told(void **state)
{
    struct Loop loop;
    struct Notify notify;
    struct LoopTimer end = {.due = end_loop, .arg = &loop};
    char name[60], long_words[400];
    int fd = listen_abstract(name, sizeof name);

    (void) state;
    assert_int_equal(loop_open(&loop), STATUS_OK);
    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", "40000", 1);
    notify_open(&notify, &loop);
    notify_tell(&notify, "READY=1");
    assert_next(fd, "READY=1");
    notify_status(&notify, "working");
    assert_next(fd, "STATUS=working");
    notify_status(&notify, "working");
    assert_next(fd, NULL);
    memset(long_words, 'w', sizeof long_words);
    long_words[sizeof long_words - 1] = '\0';
    notify_status(&notify, long_words);
    long_words[sizeof notify.status - 1] = '\0';
    memmove(long_words + 7, long_words, sizeof notify.status);
    memcpy(long_words, "STATUS=", 7);
    assert_next(fd, long_words);
    loop_timer_add(&loop, &end);
    loop_timer_in(&end, 70); /* beats at once and every 20 ms, as the loop turns */
    assert_int_equal(loop_run(&loop, nothing, NULL), STATUS_OK);
    assert_next(fd, "WATCHDOG=1");
    assert_next(fd, "WATCHDOG=1");
    notify_close(&notify);
    notify_tell(&notify, "READY=1"); /* nobody listens any more, and nothing happens */
    loop_close(&loop);
    close(fd);
}

static void
test_not_for_us(void **state)
{
    struct Loop loop;
    struct Notify notify;

    (void) state;
    assert_int_equal(loop_open(&loop), STATUS_OK);
    setenv("WATCHDOG_PID", "1", 1);
    notify_open(&notify, &loop);
    assert_int_equal(notify.beat_ms, 0);
    notify_close(&notify);
    unsetenv("NOTIFY_SOCKET");
    notify_open(&notify, &loop);
    assert_int_equal(notify.fd, -1);
    notify_close(&notify);
    loop_close(&loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_not_for_us),
    };

    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
