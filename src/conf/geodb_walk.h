/*
 * geodb_walk - a MaxMind database to ranges of addresses: the only place of libmaxminddb.
 *
 * It believes nothing: neither that the tree is one, nor that its data are whole. What it is fed may still find a fault in
 * the library, so it runs in a process that has given up its rights (geodb.c).
 */
#ifndef SP_CONF_GEODB_WALK_H
#define SP_CONF_GEODB_WALK_H

#include <maxminddb.h>

#include "sp/base/err.h"
#include "sp/base/geo.h"

/* false with *err: it is not to be believed, or says nothing of countries and networks. */
SP_MUST_USE bool sp_geodb_walk(const MMDB_s *db, struct sp_geo_maker *maker, struct sp_err *err);

#endif
