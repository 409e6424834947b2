/*
 * clock.h: the two clocks of the daemon.
 *
 * Deadlines and leases are measured by CLOCK_BOOTTIME, which goes on while the machine is suspended and does not jump
 * when somebody sets the time. The wall clock is only for what leaves the process: log lines and signatures.
 */
#ifndef CRMD_CLOCK_H
#define CRMD_CLOCK_H

#include <stdint.h>

int64_t clock_now_ms(void);
int64_t clock_now_us(void);
int64_t clock_wall_ms(void);

#endif
