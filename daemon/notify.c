#include "notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

bool
notify_address(const char *name, struct sockaddr_un *address, socklen_t *length)
{
    size_t size = strlen(name);

    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if ((name[0] != '/' && name[0] != '@') || size < 2 || size >= sizeof address->sun_path)
        return false;
    memcpy(address->sun_path, name, size);
    *length = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + size);
    if (name[0] == '@')
        address->sun_path[0] = '\0'; /* an abstract name ends with its length */
    else
        (*length)++;
    return true;
}

void
notify_tell(const struct Notify *notify, const char *lines)
{
    if (notify->fd >= 0 &&
        sendto(notify->fd, lines, strlen(lines), MSG_NOSIGNAL | MSG_DONTWAIT,
               (const struct sockaddr *) (const void *) &notify->address, notify->length) < 0)
        log_debug("not-notified", LOG_TEXT("error", strerror(errno)));
}

static void
on_beat(void *arg)
{
    struct Notify *notify = arg;

    notify_tell(notify, "WATCHDOG=1");
    loop_timer_in(&notify->timer, notify->beat_ms);
}

/* Half of what systemd waits; 0 where it does not wait for this process. */
static int64_t
beat_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t wait_ms = usec == NULL ? 0 : strtoll(usec, NULL, 10) / 1000;

    if (wait_ms <= 0 || (pid != NULL && strtoll(pid, NULL, 10) != (long long) getpid()))
        return 0;
    return wait_ms / 2 > 0 ? wait_ms / 2 : 1;
}

void
notify_open(struct Notify *notify, struct Loop *loop)
{
    const char *name = getenv("NOTIFY_SOCKET");

    memset(notify, 0, sizeof *notify);
    notify->fd = -1;
    if (name == NULL || name[0] == '\0')
        return;
    if (!notify_address(name, &notify->address, &notify->length))
        log_warning("not-notified",
                    LOG_TEXT("error", "NOTIFY_SOCKET is neither a path nor an abstract name"));
    else
        notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd < 0)
        return;
    notify->beat_ms = beat_ms();
    notify->timer.due = on_beat;
    notify->timer.arg = notify;
    loop_timer_add(loop, &notify->timer);
    if (notify->beat_ms > 0)
        loop_timer_in(&notify->timer, 0);
}

void
notify_close(struct Notify *notify)
{
    loop_timer_off(&notify->timer);
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

void
notify_reloading(const struct Notify *notify)
{
    struct timespec now = {0};
    char lines[64];

    (void) clock_gettime(CLOCK_MONOTONIC, &now); /* systemd compares it with its own */
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long) now.tv_sec * 1000000 + now.tv_nsec / 1000);
    notify_tell(notify, lines);
}

void
notify_status(struct Notify *notify, const char *words)
{
    char line[sizeof notify->status + sizeof "STATUS="];

    if (strncmp(notify->status, words, sizeof notify->status - 1) == 0)
        return;
    snprintf(notify->status, sizeof notify->status, "%s", words);
    snprintf(line, sizeof line, "STATUS=%s", notify->status);
    notify_tell(notify, line);
}
