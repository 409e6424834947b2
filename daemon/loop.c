/*
 * loop.c: each event carries its descriptor and the generation in which that was watched; a watch made later under the
 * same number has another generation, so a stale event finds nobody. The daemon has a handful of timers, and two for each
 * e-mail on its way: they are kept in a list that is looked through.
 */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "metrics.h"

#define EVENTS_AT_ONCE 64
#define SLEEP_MAX_MS 60000

enum Status
loop_open(struct Loop *loop)
{
    memset(loop, 0, sizeof *loop);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll_fd < 0 ? STATUS_SYSTEM : STATUS_OK;
}

void
loop_close(struct Loop *loop)
{
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    free(loop->watches);
    loop->watches = NULL;
    loop->epoll_fd = -1;
}

static enum Status
grow(struct Loop *loop, size_t count)
{
    struct LoopWatch *watches;

    if (count <= loop->watch_count)
        return STATUS_OK;
    count = count < 64 ? 64 : count * 2;
    watches = realloc(loop->watches, count * sizeof *watches);
    if (watches == NULL)
        return STATUS_MEMORY;
    memset(watches + loop->watch_count, 0, (count - loop->watch_count) * sizeof *watches);
    loop->watches = watches;
    loop->watch_count = count;
    return STATUS_OK;
}

enum Status
loop_watch(struct Loop *loop, int fd, uint32_t events, LoopReady ready, void *arg)
{
    enum Status status = grow(loop, (size_t) fd + 1);
    struct LoopWatch *watch;
    struct epoll_event event = {0};

    if (status != STATUS_OK)
        return status;
    watch = &loop->watches[fd];
    if (watch->ready == NULL)
        watch->generation++;
    watch->ready = ready;
    watch->arg = arg;
    event.events =
        (events & LOOP_READ ? (uint32_t) EPOLLIN : 0) | (events & LOOP_WRITE ? (uint32_t) EPOLLOUT : 0);
    event.data.u64 = ((uint64_t) watch->generation << 32) | (uint32_t) fd;

    /* A library may have closed and reopened the number behind our back: the kernel then forgot it. */
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
        return STATUS_OK;
    if (errno == ENOENT && epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return STATUS_OK;
    watch->ready = NULL;
    return STATUS_SYSTEM;
}

void
loop_unwatch(struct Loop *loop, int fd)
{
    if (fd < 0 || (size_t) fd >= loop->watch_count || loop->watches[fd].ready == NULL)
        return;
    loop->watches[fd].ready = NULL;
    (void) epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* already closed is as good */
}

void
loop_timer_add(struct Loop *loop, struct LoopTimer *timer)
{
    timer->next = loop->timers;
    loop->timers = timer;
}

void
loop_timer_remove(struct Loop *loop, struct LoopTimer *timer)
{
    struct LoopTimer **link = &loop->timers;

    while (*link != NULL && *link != timer)
        link = &(*link)->next;
    if (*link != NULL)
        *link = timer->next;
    if (loop->next_timer == timer)
        loop->next_timer = timer->next;
}

void
loop_timer_in(struct LoopTimer *timer, int64_t ms)
{
    timer->at_ms = clock_now_ms() + (ms > 0 ? ms : 0);
}

void
loop_timer_off(struct LoopTimer *timer)
{
    timer->at_ms = 0;
}

/* How long epoll may sleep: until the next timer. */
static int
sleep_ms(const struct Loop *loop)
{
    int64_t now = clock_now_ms(), wait = SLEEP_MAX_MS;

    for (const struct LoopTimer *timer = loop->timers; timer != NULL; timer = timer->next)
        if (timer->at_ms != 0 && timer->at_ms - now < wait)
            wait = timer->at_ms - now;
    return wait < 0 ? 0 : (int) wait;
}

static void
fire_timers(struct Loop *loop)
{
    int64_t now = clock_now_ms();

    for (struct LoopTimer *timer = loop->timers; timer != NULL && !loop->stopped; timer = loop->next_timer) {
        loop->next_timer = timer->next;
        if (timer->at_ms == 0 || timer->at_ms > now)
            continue;
        timer->at_ms = 0;
        timer->due(timer->arg);
    }
}

static void
dispatch(struct Loop *loop, const struct epoll_event *event)
{
    uint32_t fd = (uint32_t) event->data.u64, events = 0;
    const struct LoopWatch *watch;

    if (fd >= loop->watch_count)
        return;
    watch = &loop->watches[fd];
    if (watch->ready == NULL || watch->generation != (uint32_t) (event->data.u64 >> 32))
        return;
    if (event->events & EPOLLIN)
        events |= LOOP_READ;
    if (event->events & EPOLLOUT)
        events |= LOOP_WRITE;
    if (event->events & (EPOLLERR | EPOLLHUP))
        events |= LOOP_ERROR;
    watch->ready(watch->arg, (int) fd, events);
}

enum Status
loop_run(struct Loop *loop, void (*after_each)(void *arg), void *arg)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int64_t woken_us;
    int count;

    while (!loop->stopped) {
        count = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, sleep_ms(loop));
        if (count < 0 && errno != EINTR)
            return STATUS_SYSTEM;
        woken_us = clock_now_us();
        for (int i = 0; i < count && !loop->stopped; i++)
            dispatch(loop, &events[i]);
        fire_timers(loop);
        if (!loop->stopped)
            after_each(arg);
        metrics_observe(METRIC_LOOP_BUSY, (double) (clock_now_us() - woken_us) / 1e6);
    }
    return STATUS_OK;
}

void
loop_stop(struct Loop *loop)
{
    loop->stopped = true;
}
