/*
 * top_text - numbers as few letters, and what a peer or a configuration says as letters that a terminal shows and obeys
 * none of. All in the arena; "-" where there is nothing, or no memory.
 */
#ifndef SP_CLI_TOP_TEXT_H
#define SP_CLI_TOP_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/arena.h"
#include "sp/base/str.h"

const char *sp_top_clean(struct sp_arena *arena, struct sp_str text); /* each byte that is no printable ASCII: '?' */
const char *sp_top_count(struct sp_arena *arena, uint64_t n); /* "1234", "56.7k", "1.20M" */
const char *sp_top_whole(struct sp_arena *arena, uint64_t n); /* every figure of it; 0: "-" */
/* As many more as `before`, a second; us: between the two, 0: there is no before. */
const char *sp_top_rate(struct sp_arena *arena, uint64_t now, uint64_t before, uint64_t us);
const char *sp_top_time(struct sp_arena *arena, uint64_t us); /* "820us", "1.2ms", "3.4s" */
const char *sp_top_span(struct sp_arena *arena, uint64_t s); /* "42s", "3m12s", "5h3m", "2d7h" */
const char *sp_top_bytes(struct sp_arena *arena, uint64_t n); /* "7.1M"; 0: "-" */

#endif
