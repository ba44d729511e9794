/*
 * geodb - a MaxMind database (.mmdb) from the disk to the bytes of base/geo.h.
 *
 * The file may hold anything, so a child reads it: it can open that file and no other, make no socket and no process, and
 * its memory and its time are bounded. What it makes is checked before anybody believes it. That it falls is one more way
 * for a database to be refused.
 */
#ifndef SP_CONF_GEODB_H
#define SP_CONF_GEODB_H

#include "sp/base/arena.h"
#include "sp/base/err.h"
#include "sp/base/str.h"

/* The bytes, in the arena. false with *err. */
SP_MUST_USE bool sp_geodb_read(const char *path, struct sp_arena *arena, struct sp_str *out, struct sp_err *err);

#endif
