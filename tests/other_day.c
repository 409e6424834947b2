/*
 * The clock of another day: a program that is started with this library in LD_PRELOAD is told a time of day that is CRM_DAYS
 * days later. Intervals, timers and the times of files stay the machine's.
 *
 * libfaketime does more, but takes a lock where it is asked for the time; a server asks inside signal handlers, where its
 * timeouts come due, and would wait for itself for ever.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#define SECONDS_OF_DAY 86400

static int (*machine_clock)(clockid_t, struct timespec *);
static time_t later;

__attribute__((constructor)) static void
set_clock(void)
{
    const char *days = getenv("CRM_DAYS");

    later = days ? atol(days) * SECONDS_OF_DAY : 0;
    machine_clock = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    int result;

    if (!machine_clock) /* asked by the constructor of another library */
        set_clock();
    result = machine_clock(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += later;
    return result;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec time;

    (void) zone;
    if (clock_gettime(CLOCK_REALTIME, &time) != 0)
        return -1;
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t
time(time_t *now)
{
    struct timespec time;

    if (clock_gettime(CLOCK_REALTIME, &time) != 0)
        return (time_t) -1;
    if (now)
        *now = time.tv_sec;
    return time.tv_sec;
}
