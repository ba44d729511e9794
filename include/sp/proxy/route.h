/*
 * route - host and path to a route, at a cost that does not grow with their number.
 *
 * Exact hosts by hash, wildcards by suffix (one look-up a label), paths by a
 * prefix tree. The most specific host wins (exact, then the longest wildcard,
 * then "*"); within the host the highest priority, then the longest path (exact
 * before a prefix of the same length), then file order.
 *
 * `*.example.com` is any name below example.com, however deep, and not
 * example.com itself. A path rule is compared byte by byte with the normal form
 * of the path, and what stands before its star is the prefix: that of "/api/"
 * and a star takes "/api/" and all below it but not "/api" (nginx's `location
 * /api/` and HAProxy's path_beg decide the same); who wants both writes both.
 * Methods are taken at their word: `method = GET` does not take HEAD. A route
 * whose methods do not fit leaves the request to the next best one.
 */
#ifndef SP_PROXY_ROUTE_H
#define SP_PROXY_ROUTE_H

#include "sp/base/arena.h"
#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/conf/read.h"
#include "sp/http/head.h"

struct sp_router;

enum sp_route_rc {
	SP_ROUTE_FOUND,
	SP_ROUTE_NO_HOST,               /* 421: no route names this host */
	SP_ROUTE_NO_PATH,               /* 404 */
	SP_ROUTE_NO_METHOD,             /* 405: a route has the path, none the method */
};

/* conf is borrowed and outlives the router. NULL: no memory. */
SP_MUST_USE struct sp_router *sp_router_new(const struct sp_conf *conf);
void sp_router_free(struct sp_router *router);          /* NULL is fine */

/* host: lower case, no port. A host level whose paths do not match does not fall back to a less specific host.
 * With NO_METHOD, *out is the best route by path; with NO_HOST and NO_PATH it is NULL. Allocates nothing. */
enum sp_route_rc sp_router_find(const struct sp_router *router, struct sp_str host, struct sp_str path,
                                struct sp_str method, const struct sp_conf_route **out);

/* After NO_METHOD: the Allow field of that 405, "GET, POST": the methods of every route that has the path.
 * p == NULL when there was no memory. */
struct sp_str sp_router_allow(const struct sp_router *router, struct sp_str host, struct sp_str path,
                              struct sp_arena *arena);

/* Warns of each route that can never match, naming the one that hides it with its file and line [route-hidden]. */
void sp_router_vet(const struct sp_conf *conf, struct sp_conf_report *report);

#endif
