/*
 * clock - the time, read once a turn of the loop.
 *
 * sp_now_* give the time of the last sp_clock_tick; nobody else calls
 * clock_gettime. Tests set the time by sp_clock_set.
 */
#ifndef SP_BASE_CLOCK_H
#define SP_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

void sp_clock_tick(void);
uint64_t sp_now_us(void);               /* monotonic, microseconds; never 0 after the first tick */
uint64_t sp_now_ms(void);               /* monotonic, milliseconds */
uint64_t sp_wall_ms(void);              /* UTC since 1970, milliseconds */
void sp_clock_set(uint64_t mono_us, uint64_t wall_ms);          /* tests: stops the clock there */

#define SP_CLOCK_RFC3339 25             /* "2026-11-24T16:20:00.123Z" and NUL */
void sp_clock_rfc3339(uint64_t wall_ms, char out[static SP_CLOCK_RFC3339]);
#define SP_CLOCK_HTTP 30                /* "Tue, 24 Nov 2026 16:20:00 GMT" and NUL, RFC 9110 5.6.7 */
void sp_clock_http(uint64_t wall_ms, char out[static SP_CLOCK_HTTP]);
#define SP_CLOCK_CLF 27                 /* "24/Nov/2026:16:20:00 +0000" and NUL */
void sp_clock_clf(uint64_t wall_ms, char out[static SP_CLOCK_CLF]);

#endif
