#include "clock.h"

#include <time.h>

static int64_t
read_us(clockid_t id)
{
    struct timespec now = {0};

    (void) clock_gettime(id, &now); /* cannot fail for a clock that exists */
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_now_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

int64_t
clock_now_ms(void)
{
    return clock_now_us() / 1000;
}

int64_t
clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}
