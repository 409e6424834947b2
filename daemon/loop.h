/*
 * loop.h: the one thread's event loop: descriptors (epoll, level-triggered) and timers.
 *
 * Descriptors belong to whoever opened them; unwatch one before closing it. Any callback may watch, unwatch, set and
 * clear anything: an event that was fetched for a descriptor before it was unwatched is dropped. Timers are structs of
 * their owners, added once, armed and disarmed by setting them, and removed before their memory goes.
 */
#ifndef CRMD_LOOP_H
#define CRMD_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define LOOP_READ 1u
#define LOOP_WRITE 2u
#define LOOP_ERROR 4u /* only reported, never asked for */

typedef void (*LoopReady)(void *arg, int fd, uint32_t events);

struct LoopTimer {
    void (*due)(void *arg);
    void *arg;
    int64_t at_ms; /* clock_now_ms(); 0 is off */
    struct LoopTimer *next;
};

struct LoopWatch {
    LoopReady ready; /* NULL: not watched */
    void *arg;
    uint32_t generation;
};

struct Loop {
    int epoll_fd;
    struct LoopTimer *timers, *next_timer; /* all; the one to look at after the one that is due */
    struct LoopWatch *watches;             /* by descriptor */
    size_t watch_count;
    bool stopped;
};

enum Status loop_open(struct Loop *loop) MUST_CHECK;
void loop_close(struct Loop *loop);

/* Starts watching fd or changes what it is watched for. */
enum Status loop_watch(struct Loop *loop, int fd, uint32_t events, LoopReady ready, void *arg) MUST_CHECK;
void loop_unwatch(struct Loop *loop, int fd);

void loop_timer_add(struct Loop *loop, struct LoopTimer *timer);
void loop_timer_remove(struct Loop *loop, struct LoopTimer *timer);
void loop_timer_in(struct LoopTimer *timer, int64_t ms); /* due once, after that long */
void loop_timer_off(struct LoopTimer *timer);

/* Runs until loop_stop; after_each is called when the events of one wake-up have been handled. */
enum Status loop_run(struct Loop *loop, void (*after_each)(void *arg), void *arg) MUST_CHECK;
void loop_stop(struct Loop *loop);

#endif
