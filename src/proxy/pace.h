/*
 * pace - how fast a client must be (spec [listener] min_rate): while a body is due
 * from it, or bytes wait for it, so many a second must move, after a grace.
 */
#ifndef SP_PROXY_PACE_H
#define SP_PROXY_PACE_H

#include <stdbool.h>

struct sp_down_h1;

/* Now it owes us something, or nothing. Uses the client's deadline while it does. */
void sp_pace_follow(struct sp_down_h1 *d, bool is_owing);

#endif
