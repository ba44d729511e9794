#include "sp/proxy/route.h"

#include <stdlib.h>

#include "sp/base/map.h"

/*
 * A level is everything that routes say of one host: a prefix tree over its
 * paths. A node stands for the bytes from the root to the end of its label; the
 * routes whose prefix, or whose exact path, ends there hang on it, best first.
 *
 *     "/" prefixes: all        find("/api/v2") goes down "/" -> "api" -> "/",
 *      +-"api" exacts: a       the deeper list wins unless its priority is lower
 *      |   +-"/" prefixes: b
 *      +-"img/" prefixes: c
 *
 * The tree is built once out of a sorted array, so a list of kids or of routes
 * is one array of the right length. A route that others of its list leave no
 * method is not kept, so a list is never longer than there are methods.
 */
struct route_list {
	const struct sp_conf_route **items; /* borrowed, highest priority first, then file order */
	size_t count;
};

struct node {
	struct sp_str label; /* borrowed from the configuration */
	const char *firsts; /* the first byte of each kid's label */
	struct node *kids;
	size_t kid_count;
	struct route_list prefixes, exacts;
};

struct level {
	struct node root;
	size_t number; /* in the order of their first route */
};

struct sp_router {
	struct sp_arena arena; /* owned: levels and nodes */
	struct sp_map *exact, *wild; /* owned: host name to level */
	struct level *any; /* "*", or NULL */
	size_t level_count;
	size_t longest_wild; /* name behind "*.": a longer suffix needs no look-up */
};

/* One route at one host and one path: what the tree is built from. */
struct place {
	struct level *level;
	const struct sp_conf_path_rule *rule;
	const struct sp_conf_route *route;
};

static const struct sp_conf_host_rule any_host[] = { { .is_wildcard = true } };
static const struct sp_conf_path_rule any_path[] = { { .path = { "/", 1 }, .is_prefix = true } };

struct rules {
	const struct sp_conf_host_rule *hosts;
	size_t host_count;
	const struct sp_conf_path_rule *paths;
	size_t path_count;
};

static struct rules rules_of(const struct sp_conf_route *route)
{
	struct rules rules = { any_host, 1, any_path, 1 };

	if (route->host_count > 0) {
		rules.hosts = route->hosts;
		rules.host_count = route->host_count;
	}
	if (route->path_count > 0) {
		rules.paths = route->paths;
		rules.path_count = route->path_count;
	}
	return rules;
}

static bool takes_all(const struct sp_conf_route *route)
{
	return route->method_count == 0;
}

static bool takes(const struct sp_conf_route *route, struct sp_str method)
{
	for (size_t i = 0; i < route->method_count; i++) {
		if (sp_str_eq(route->methods[i], method))
			return true;
	}
	return takes_all(route);
}

/* ---- the levels ---- */

static struct level *known_level(const struct sp_router *router, const struct sp_conf_host_rule *host)
{
	if (host->name.n == 0)
		return router->any;
	return sp_map_get(host->is_wildcard ? router->wild : router->exact, host->name);
}

/* The level of this host rule, made when it is the first of it. NULL: no memory. */
static struct level *level_for(struct sp_router *router, const struct sp_conf_host_rule *host)
{
	struct level *level = known_level(router, host);

	if (level != NULL)
		return level;
	level = sp_arena_zalloc(&router->arena, sizeof(*level));
	if (level == NULL)
		return NULL;
	level->number = router->level_count++;
	if (host->name.n == 0) {
		router->any = level;
		return level;
	}
	if (host->is_wildcard && host->name.n > router->longest_wild)
		router->longest_wild = host->name.n;
	return sp_map_set(host->is_wildcard ? router->wild : router->exact, host->name, level) ? level : NULL;
}

static const struct level *find_level(const struct sp_router *router, struct sp_str host)
{
	const struct level *level = host.n > 0 ? sp_map_get(router->exact, host) : NULL;
	struct sp_str label;

	while (level == NULL && router->longest_wild > 0 && sp_str_split(&host, '.', &label) && label.n > 0) {
		if (host.n > 0 && host.n <= router->longest_wild)
			level = sp_map_get(router->wild, host);
	}
	return level != NULL ? level : router->any;
}

/* ---- building ---- */

static int compare_text(struct sp_str a, struct sp_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* By level and path; of one path exact rules first, then by priority, then in file order. */
static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	int order;

	if (a->level != b->level)
		return a->level->number < b->level->number ? -1 : 1;
	order = compare_text(a->rule->path, b->rule->path);
	if (order != 0)
		return order;
	if (a->rule->is_prefix != b->rule->is_prefix)
		return a->rule->is_prefix ? 1 : -1;
	if (a->route->priority != b->route->priority)
		return a->route->priority > b->route->priority ? -1 : 1;
	return (a->route->index > b->route->index) - (a->route->index < b->route->index);
}

static bool is_method_left(const struct route_list *list, const struct sp_conf_route *route)
{
	for (size_t i = 0; i < list->count; i++) {
		if (takes_all(list->items[i]))
			return false;
	}
	if (takes_all(route))
		return true;
	for (size_t m = 0; m < route->method_count; m++) {
		bool is_taken = false;

		for (size_t i = 0; i < list->count && !is_taken; i++)
			is_taken = takes(list->items[i], route->methods[m]);
		if (!is_taken)
			return true;
	}
	return false;
}

static bool keep_routes(struct sp_arena *arena, const struct place *places, size_t count, struct route_list *list)
{
	if (count == 0)
		return true;
	list->items = sp_arena_alloc(arena, count * sizeof(void *));
	if (list->items == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (is_method_left(list, places[i].route))
			list->items[list->count++] = places[i].route;
	}
	return true;
}

/* How many of the places, from the first on, have the same byte at `depth` as the first. */
static size_t run_length(const struct place *places, size_t count, size_t depth)
{
	size_t n = 1;

	while (n < count && places[n].rule->path.p[depth] == places[0].rule->path.p[depth])
		n++;
	return n;
}

static bool build_node(struct sp_arena *arena, struct node *node, const struct place *places, size_t count,
		       size_t depth);

/* places: those whose path goes on behind `depth`. */
static bool build_kids(struct sp_arena *arena, struct node *node, const struct place *places, size_t count,
		       size_t depth)
{
	size_t kids = 0;
	char *firsts;

	for (size_t i = 0; i < count; i += run_length(places + i, count - i, depth))
		kids++;
	if (kids == 0)
		return true;
	node->kids = sp_arena_zalloc(arena, kids * sizeof(*node->kids));
	node->firsts = firsts = sp_arena_alloc(arena, kids);
	if (node->kids == NULL || firsts == NULL)
		return false;
	for (size_t i = 0; i < count;) {
		size_t n = run_length(places + i, count - i, depth);

		firsts[node->kid_count] = places[i].rule->path.p[depth];
		if (!build_node(arena, &node->kids[node->kid_count++], places + i, n, depth))
			return false;
		i += n;
	}
	return true;
}

/* places: one or more, sorted, equal in their first `depth` bytes. */
static bool build_node(struct sp_arena *arena, struct node *node, const struct place *places, size_t count,
		       size_t depth)
{
	struct sp_str first = places[0].rule->path, last = places[count - 1].rule->path;
	size_t end = depth, exacts = 0, here;

	while (end < first.n && end < last.n && first.p[end] == last.p[end])
		end++;
	node->label = sp_str_of(first.p + depth, end - depth);
	while (exacts < count && places[exacts].rule->path.n == end && !places[exacts].rule->is_prefix)
		exacts++;
	here = exacts;
	while (here < count && places[here].rule->path.n == end)
		here++;
	return keep_routes(arena, places, exacts, &node->exacts) &&
	       keep_routes(arena, places + exacts, here - exacts, &node->prefixes) &&
	       build_kids(arena, node, places + here, count - here, end);
}

static size_t count_places(const struct sp_conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->route_count; i++) {
		struct rules rules = rules_of(&conf->routes[i]);

		n += rules.host_count * rules.path_count;
	}
	return n;
}

static bool list_places(struct sp_router *router, const struct sp_conf *conf, struct place *places)
{
	for (size_t i = 0; i < conf->route_count; i++) {
		const struct sp_conf_route *route = &conf->routes[i];
		struct rules rules = rules_of(route);

		for (size_t h = 0; h < rules.host_count; h++) {
			struct level *level = level_for(router, &rules.hosts[h]);

			if (level == NULL)
				return false;
			for (size_t p = 0; p < rules.path_count; p++)
				*places++ = (struct place){ level, &rules.paths[p], route };
		}
	}
	return true;
}

static bool build_levels(struct sp_router *router, const struct sp_conf *conf)
{
	size_t count = count_places(conf);
	struct place *places = calloc(count > 0 ? count : 1, sizeof(*places));
	bool is_built = places != NULL && list_places(router, conf, places);

	if (is_built && count > 0)
		qsort(places, count, sizeof(*places), compare_places);
	for (size_t i = 0, n; is_built && i < count; i += n) {
		struct level *level = places[i].level;

		for (n = 1; i + n < count && places[i + n].level == level;)
			n++;
		is_built = build_node(&router->arena, &level->root, places + i, n, 0);
	}
	free(places);
	return is_built;
}

struct sp_router *sp_router_new(const struct sp_conf *conf)
{
	struct sp_router *router = calloc(1, sizeof(*router));

	if (router == NULL)
		return NULL;
	sp_arena_init(&router->arena, NULL, 0, 0);
	router->exact = sp_map_new();
	router->wild = sp_map_new();
	if (router->exact == NULL || router->wild == NULL || !build_levels(router, conf)) {
		sp_router_free(router);
		return NULL;
	}
	return router;
}

void sp_router_free(struct sp_router *router)
{
	if (router == NULL)
		return;
	sp_map_free(router->exact);
	sp_map_free(router->wild);
	sp_arena_fini(&router->arena);
	free(router);
}

/* ---- finding ---- */

/* A walk down one path: each step is at the next node whose bytes the path begins with. */
struct walk {
	const struct node *next;
	struct sp_str rest; /* of the path, behind the node */
};

/* Most labels are short, many a single byte. */
static inline bool begins_with(struct sp_str rest, struct sp_str label)
{
	if (label.n == 0)
		return true;
	return rest.n >= label.n && rest.p[0] == label.p[0] &&
	       (label.n == 1 || memcmp(rest.p + 1, label.p + 1, label.n - 1) == 0);
}

static const struct node *walk_on(struct walk *walk)
{
	const struct node *node = walk->next;
	const char *first;

	if (node == NULL || !begins_with(walk->rest, node->label))
		return NULL;
	walk->rest.p += node->label.n;
	walk->rest.n -= node->label.n;
	walk->next = NULL;
	if (walk->rest.n > 0 && node->kid_count > 0) {
		first = memchr(node->firsts, walk->rest.p[0], node->kid_count);
		if (first != NULL)
			walk->next = &node->kids[first - node->firsts];
	}
	return node;
}

struct found {
	const struct sp_conf_route *route; /* best that takes the method */
	const struct sp_conf_route *by_path; /* best whatever the method */
};

/* A list that is looked at later is the more specific one: it wins unless its priority is lower. */
static void look_at(const struct route_list *list, struct sp_str method, struct found *found)
{
	if (list->count == 0)
		return;
	if (found->by_path == NULL || list->items[0]->priority >= found->by_path->priority)
		found->by_path = list->items[0];
	for (size_t i = 0; i < list->count; i++) {
		const struct sp_conf_route *route = list->items[i];

		if (!takes(route, method))
			continue;
		if (found->route == NULL || route->priority >= found->route->priority)
			found->route = route;
		return;
	}
}

enum sp_route_rc sp_router_find(const struct sp_router *router, struct sp_str host, struct sp_str path,
				struct sp_str method, const struct sp_conf_route **out)
{
	const struct level *level = find_level(router, host);
	struct found found = { NULL, NULL };
	const struct node *node;
	struct walk walk;

	*out = NULL;
	if (level == NULL)
		return SP_ROUTE_NO_HOST;
	walk = (struct walk){ &level->root, path };
	while ((node = walk_on(&walk)) != NULL) {
		look_at(&node->prefixes, method, &found);
		if (walk.rest.n == 0)
			look_at(&node->exacts, method, &found);
	}
	*out = found.route != NULL ? found.route : found.by_path;
	if (*out == NULL)
		return SP_ROUTE_NO_PATH;
	return found.route != NULL ? SP_ROUTE_FOUND : SP_ROUTE_NO_METHOD;
}

/* ---- the Allow field of a 405 ---- */

static bool is_listed(struct sp_str list, struct sp_str method)
{
	struct sp_str item;

	while (sp_list_next(&list, &item)) {
		if (sp_str_eq(item, method))
			return true;
	}
	return false;
}

/* Appends what is new behind the n bytes of `text`, which has room for all methods of the path. Returns the new n. */
static size_t add_methods(const struct route_list *list, char *text, size_t n)
{
	for (size_t i = 0; i < list->count; i++) {
		for (size_t m = 0; m < list->items[i]->method_count; m++) {
			struct sp_str method = list->items[i]->methods[m];

			if (is_listed(sp_str_of(text, n), method))
				continue;
			if (n > 0) {
				text[n++] = ',';
				text[n++] = ' ';
			}
			memcpy(text + n, method.p, method.n);
			n += method.n;
		}
	}
	return n;
}

static size_t methods_length(const struct route_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->count; i++) {
		for (size_t m = 0; m < list->items[i]->method_count; m++)
			n += list->items[i]->methods[m].n + 2;
	}
	return n;
}

struct sp_str sp_router_allow(const struct sp_router *router, struct sp_str host, struct sp_str path,
			      struct sp_arena *arena)
{
	const struct level *level = find_level(router, host);
	struct walk from = { level != NULL ? &level->root : NULL, path }, walk = from;
	const struct node *node;
	size_t room = 1, n = 0;
	char *text;

	while ((node = walk_on(&walk)) != NULL)
		room += methods_length(&node->prefixes) + (walk.rest.n == 0 ? methods_length(&node->exacts) : 0);
	text = sp_arena_alloc(arena, room);
	if (text == NULL)
		return SP_STR_NONE;
	for (walk = from; (node = walk_on(&walk)) != NULL;) {
		n = add_methods(&node->prefixes, text, n);
		if (walk.rest.n == 0)
			n = add_methods(&node->exacts, text, n);
	}
	return sp_str_of(text, n);
}

/* ---- vetting ---- */

/* The route of `list` that takes what `route` takes (that method; all of them when method is NULL) and, being of at
 * least this rank, is asked before it. */
static const struct sp_conf_route *taker_of(const struct route_list *list, const struct sp_conf_route *route,
					    const struct sp_str *method, bool is_same_rank)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct sp_conf_route *by = list->items[i];
		bool is_first = by->priority > route->priority ||
				(is_same_rank && by->priority == route->priority && by->index < route->index);

		if (is_first && (method != NULL ? takes(by, *method) : takes_all(by)))
			return by;
	}
	return NULL;
}

/* The same over every node that this rule's paths pass: a shorter prefix hides by priority alone. */
static const struct sp_conf_route *hider_of(const struct level *level, const struct sp_conf_path_rule *rule,
					    const struct sp_conf_route *route, const struct sp_str *method)
{
	struct walk walk = { &level->root, rule->path };
	const struct sp_conf_route *by = NULL;
	const struct node *node;

	while (by == NULL && (node = walk_on(&walk)) != NULL) {
		bool is_end = walk.rest.n == 0;

		by = taker_of(&node->prefixes, route, method, is_end && rule->is_prefix);
		if (by == NULL && is_end && !rule->is_prefix)
			by = taker_of(&node->exacts, route, method, true);
	}
	return by;
}

/* Hidden at this place: every method of it goes to others. *by gets one of them. */
static bool is_place_hidden(const struct level *level, const struct sp_conf_path_rule *rule,
			    const struct sp_conf_route *route, const struct sp_conf_route **by)
{
	const struct sp_conf_route *hider;

	if (takes_all(route)) {
		hider = hider_of(level, rule, route, NULL);
		*by = hider != NULL ? hider : *by;
		return hider != NULL;
	}
	for (size_t m = 0; m < route->method_count; m++) {
		hider = hider_of(level, rule, route, &route->methods[m]);
		if (hider == NULL)
			return false;
		*by = hider;
	}
	return true;
}

static bool is_hidden(const struct sp_router *router, const struct sp_conf_route *route,
		      const struct sp_conf_route **by)
{
	struct rules rules = rules_of(route);

	for (size_t h = 0; h < rules.host_count; h++) {
		const struct level *level = known_level(router, &rules.hosts[h]);

		for (size_t p = 0; p < rules.path_count; p++) {
			if (!is_place_hidden(level, &rules.paths[p], route, by))
				return false;
		}
	}
	return true;
}

void sp_router_vet(const struct sp_conf *conf, struct sp_conf_report *report)
{
	struct sp_router *router = sp_router_new(conf);

	for (size_t i = 0; router != NULL && i < conf->route_count; i++) {
		const struct sp_conf_route *route = &conf->routes[i], *by = NULL;

		if (!is_hidden(router, route, &by))
			continue;
		sp_conf_report_add(report, SP_CONF_WARNING, route->section.at,
				   "[route:%.*s] can never match: [route:%.*s] (%s:%d) is asked before it for the same "
				   "hosts, paths and methods [route-hidden]",
				   SP_STR_ARG(route->section.name), SP_STR_ARG(by->section.name), by->section.at.file,
				   by->section.at.line);
	}
	sp_router_free(router);
}
