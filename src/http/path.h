/*
 * path - the one normal form of a path, which the rules and the backend both see.
 *
 * Unreserved characters decoded, other escapes with upper-case digits, dot
 * segments resolved. What readers are known to take differently is flagged.
 * Normalising a normal form gives the same bytes and the same flags.
 */
#ifndef SP_HTTP_PATH_H
#define SP_HTTP_PATH_H

#include "sp/base/arena.h"
#include "sp/http/head.h"
#include "sp/http/refuse.h"

/* raw begins with "/", has no "?" and bytes of the URI set only. Sets path and its three flags. */
SP_MUST_USE enum sp_refuse sp_path_read(struct sp_head *head, struct sp_arena *arena, struct sp_str raw);

#endif
