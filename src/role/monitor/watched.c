#include "watched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp/base/check.h"
#include "sp/base/clock.h"
#include "sp/base/log.h"

static bool is_named(const struct sp_watched *w)
{
	return sp_conf_backend_is_named(w->backend);
}

static bool has_checks(const struct sp_watched *w)
{
	return w->pool->check.kind != SP_CHECK_NONE;
}

static struct sp_watched_addr fresh_addr(const struct sp_watched *w, const struct sp_addr *addr)
{
	bool is_up = !has_checks(w) || w->pool->check.starts_up;

	return (struct sp_watched_addr){ .addr = *addr, .is_up = is_up, .is_known = is_up };
}

/* ---- what was there before */

static struct sp_addr addr_of(const struct sp_watched *w, const struct sp_backend_addr *from)
{
	struct sp_addr addr = { .family = from->is_v6 ? SP_ADDR_V6 : SP_ADDR_V4, .port = w->backend->addr.port };

	memcpy(addr.ip, from->ip, from->is_v6 ? 16 : 4);
	return addr;
}

static void take_over_addr(struct sp_watched *w, struct sp_watched_addr *to, bool is_up)
{
	if (!has_checks(w))
		return;
	to->is_up = is_up;
	to->is_known = true;
}

static void take_over(const struct sp_watch_list *list, struct sp_watched *w)
{
	struct sp_backend_state state;

	w->has_row = w->has_slot &&
		     sp_backend_get(sp_board_read(list->board, SP_BLOCK_BACKENDS, 0), w->slot,
				    sp_name_key(SP_NAME_BACKEND, w->pool->section.name, w->backend->name), &state);
	if (!w->has_row)
		return;
	w->is = (enum sp_backend_is)state.is;
	w->is_decided = true;
	w->is_drained = state.is == SP_BACKEND_DRAIN;
	w->weight = state.weight;
	w->since_ms = state.since_ms;
	memcpy(w->why, state.why, sizeof(w->why));
	if (!is_named(w)) {
		take_over_addr(w, &w->addrs[0], state.is_healthy != 0);
		return;
	}
	for (uint32_t i = 0; i < state.addr_count; i++) {
		struct sp_addr addr = addr_of(w, &state.addrs[i]);

		w->addrs[w->addr_count] = fresh_addr(w, &addr);
		take_over_addr(w, &w->addrs[w->addr_count++], state.addrs[i].is_usable != 0);
	}
}

static bool init_one(struct sp_watch_list *list, struct sp_watched *w, const struct sp_conf_pool *pool,
		     const struct sp_conf_backend *backend)
{
	*w = (struct sp_watched){ .pool = pool, .backend = backend, .weight = -1, .is = SP_BACKEND_UP };
	w->addrs = calloc(is_named(w) ? SP_BACKEND_ADDRS : 1, sizeof(*w->addrs));
	if (w->addrs == NULL)
		return false;
	w->has_slot = list->board != NULL &&
		      sp_board_slot(list->board, SP_NAME_BACKEND, pool->section.name, backend->name, &w->slot);
	if (!is_named(w)) {
		w->addrs[0] = fresh_addr(w, &backend->addr);
		w->addr_count = 1;
	}
	return true;
}

bool sp_watch_list_init(struct sp_watch_list *list, const struct sp_conf *conf, struct sp_board *board)
{
	*list = (struct sp_watch_list){ .board = board };
	list->metrics = board == NULL ? NULL : sp_board_write(board, SP_BLOCK_METRICS_MONITOR, 0);
	list->items = calloc(conf->backend_count + 1, sizeof(*list->items));
	if (list->items == NULL)
		return false;
	list->count = conf->backend_count;
	for (size_t i = 0; i < conf->pool_count; i++) {
		for (size_t k = 0; k < conf->pools[i].backend_count; k++) {
			const struct sp_conf_backend *backend = &conf->pools[i].backends[k];

			SP_ASSERT(backend->index < list->count);
			if (!init_one(list, &list->items[backend->index], &conf->pools[i], backend))
				return false;
		}
	}
	return true;
}

void sp_watch_list_fini(struct sp_watch_list *list)
{
	for (size_t i = 0; list->items != NULL && i < list->count; i++)
		free(list->items[i].addrs);
	free(list->items);
	*list = (struct sp_watch_list){ .board = NULL };
}

/* ---- what follows */

static bool is_healthy(const struct sp_watched *w)
{
	for (uint32_t i = 0; i < w->addr_count; i++)
		if (w->addrs[i].is_up)
			return true;
	return false;
}

static const char *why_down(const struct sp_watched *w)
{
	if (w->addr_count == 0)
		return "not resolved";
	if (w->addrs[0].last[0] != '\0')
		return w->addrs[0].last;
	return w->why[0] != '\0' ? w->why : "not checked yet"; /* taken over */
}

static void write_row(const struct sp_watch_list *list, struct sp_watched *w)
{
	struct sp_backend_state state = { .since_ms = w->since_ms,
					  .is = w->is,
					  .weight = w->weight,
					  .addr_count = is_named(w) ? w->addr_count : 0,
					  .is_healthy = is_healthy(w) ? 1 : 0 };

	state.key = sp_name_key(SP_NAME_BACKEND, w->pool->section.name, w->backend->name);
	memcpy(state.why, w->why, sizeof(state.why));
	for (uint32_t i = 0; i < state.addr_count; i++) {
		const struct sp_watched_addr *a = &w->addrs[i];

		state.addrs[i].is_v6 = a->addr.family == SP_ADDR_V6;
		state.addrs[i].is_usable = a->is_up;
		memcpy(state.addrs[i].ip, a->addr.ip, state.addrs[i].is_v6 ? 16 : 4);
	}
	sp_backend_set(sp_board_write(list->board, SP_BLOCK_BACKENDS, 0), w->slot, &state);
	w->has_row = true;
}

/* In the order of the addresses: has anybody spoken of them yet? */
static bool is_decided(const struct sp_watched *w)
{
	for (uint32_t i = 0; i < w->addr_count; i++)
		if (!w->addrs[i].is_known && has_checks(w))
			return false;
	return w->addr_count > 0;
}

static void tell(const struct sp_watched *w, enum sp_backend_is was)
{
	static const char *const up = "backend_up", *const down = "backend_down", *const drain = "backend_drains";
	const char *event = w->is == SP_BACKEND_UP ? up : w->is == SP_BACKEND_DRAIN ? drain : down;

	if (was == SP_BACKEND_DRAIN && w->is != SP_BACKEND_DRAIN)
		sp_info("backend_undrained", SP_KV_STR("pool", w->pool->section.name),
			SP_KV_STR("backend", w->backend->name));
	if (w->is == SP_BACKEND_DOWN)
		sp_warn(event, SP_KV_STR("pool", w->pool->section.name), SP_KV_STR("backend", w->backend->name),
			SP_KV_TEXT("why", w->why));
	else
		sp_info(event, SP_KV_STR("pool", w->pool->section.name), SP_KV_STR("backend", w->backend->name),
			SP_KV_TEXT("why", w->is == SP_BACKEND_DRAIN ? w->why : w->addrs[0].last));
}

void sp_watched_publish(struct sp_watch_list *list, struct sp_watched *w)
{
	const enum sp_backend_is was = w->is;
	char why[SP_BACKEND_WHY];

	w->is = w->is_drained ? SP_BACKEND_DRAIN : is_healthy(w) ? SP_BACKEND_UP : SP_BACKEND_DOWN;
	(void)snprintf(why, sizeof(why), "%s",
		       w->is == SP_BACKEND_DRAIN  ? "operator"
		       : w->is == SP_BACKEND_DOWN ? why_down(w)
						  : "");
	memcpy(w->why, why, sizeof(w->why));
	if (w->is != was) {
		w->since_ms = w->is_decided ? sp_now_ms() : 0; /* 0: no slow start at the start of the gateway */
		if (w->has_row || w->is_drained) /* the first row of a start is no news */
			tell(w, was);
	}
	w->is_decided = w->is_decided || is_decided(w);
	if (w->has_slot)
		write_row(list, w);
}

/* Where there is nothing to say the board needs no row: without one a backend is used. */
void sp_watch_list_begin(struct sp_watch_list *list)
{
	if (list->is_begun)
		return;
	list->is_begun = true;
	for (size_t i = 0; i < list->count; i++)
		take_over(list, &list->items[i]);
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].has_row || has_checks(&list->items[i]) || is_named(&list->items[i]))
			sp_watched_publish(list, &list->items[i]);
}

void sp_watched_count_refused(struct sp_watch_list *list, enum sp_egress_verdict why)
{
	if (list->metrics != NULL)
		sp_metrics_add(sp_metrics_row(list->metrics, SP_METRICS_GATEWAY, 0, 0), SP_GATEWAY_EGRESS + why, 1);
}

void sp_watched_count_check(struct sp_watch_list *list, const struct sp_watched *w, bool is_good)
{
	const uint64_t key = sp_name_key(SP_NAME_BACKEND, w->pool->section.name, w->backend->name);

	if (list->metrics != NULL)
		sp_metrics_add(sp_metrics_row(list->metrics, SP_METRICS_BACKEND, key, 0),
			       is_good ? SP_BACKEND_CHECKS_GOOD : SP_BACKEND_CHECKS_BAD, 1);
}

/* ---- the addresses of a name */

struct sp_watched_addr *sp_watched_find_addr(struct sp_watched *w, const struct sp_addr *addr)
{
	for (uint32_t i = 0; i < w->addr_count; i++)
		if (sp_addr_same_ip(&w->addrs[i].addr, addr))
			return &w->addrs[i];
	return NULL;
}

static bool is_among(const struct sp_addr *addr, const struct sp_addr *addrs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (sp_addr_same_ip(addr, &addrs[i]))
			return true;
	return false;
}

bool sp_watched_set_addrs(struct sp_watched *w, const struct sp_addr *addrs, uint32_t count)
{
	uint32_t kept = 0;
	bool is_other = false;

	for (uint32_t i = 0; i < w->addr_count; i++) {
		if (is_among(&w->addrs[i].addr, addrs, count))
			w->addrs[kept++] = w->addrs[i];
		else
			is_other = true;
	}
	w->addr_count = kept;
	for (uint32_t i = 0; i < count && w->addr_count < SP_BACKEND_ADDRS; i++) {
		if (sp_watched_find_addr(w, &addrs[i]) != NULL)
			continue;
		w->addrs[w->addr_count++] = fresh_addr(w, &addrs[i]);
		is_other = true;
	}
	return is_other;
}
