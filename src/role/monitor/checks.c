#include "checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/base/siphash.h"

/* ---- outcomes */

static void note_good(const struct sp_conf_check *check, struct sp_watched_addr *a)
{
	a->bad = 0;
	a->good++;
	if (!a->is_known || a->good >= check->rise)
		a->is_up = a->is_known = true;
}

static void note_bad(const struct sp_conf_check *check, struct sp_watched_addr *a)
{
	a->good = 0;
	a->bad++;
	if (!a->is_known || a->bad >= check->fall) {
		a->is_up = false;
		a->is_known = true;
	}
}

/* Of a name each address has its own outcome; the backend's is told when it changes. */
static void tell_addr(const struct sp_watched *w, const struct sp_watched_addr *a)
{
	if (!sp_conf_backend_is_named(w->backend))
		return;
	sp_info(a->is_up ? "backend_address_up" : "backend_address_down", SP_KV_STR("pool", w->pool->section.name),
		SP_KV_STR("backend", w->backend->name), SP_KV_ADDR("addr", &a->addr), SP_KV_TEXT("why", a->last));
}

static void on_done(void *arg, void *of, const struct sp_addr *addr, const char *why)
{
	struct sp_checks *checks = arg;
	struct sp_watched *w = of;
	struct sp_watched_addr *a = sp_watched_find_addr(w, addr);
	bool was_up, was_known;

	if (a == NULL || !a->is_probed)
		return; /* it is no address of its any more */
	was_up = a->is_up;
	was_known = a->is_known;
	a->is_probed = false;
	sp_watched_count_check(checks->list, w, why == NULL);
	a->last_ms = sp_now_ms();
	(void)snprintf(a->last, sizeof(a->last), "%s", why == NULL ? "ok" : why);
	if (why == NULL)
		note_good(&w->pool->check, a);
	else
		note_bad(&w->pool->check, a);
	if (a->is_up != was_up || !was_known) {
		tell_addr(w, a);
		sp_watched_publish(checks->list, w);
	}
}

static void on_refused(void *arg, enum sp_egress_verdict why)
{
	sp_watched_count_refused(((struct sp_checks *)arg)->list, why);
}

/* ---- when */

/* xorshift64*: only so that checks do not march in step. */
static uint64_t next_random(struct sp_checks *checks)
{
	checks->random ^= checks->random >> 12;
	checks->random ^= checks->random << 25;
	checks->random ^= checks->random >> 27;
	return checks->random * UINT64_C(2685821657736338717);
}

static uint64_t jittered(struct sp_checks *checks, uint64_t ms)
{
	uint64_t tenth = ms / 10;

	return ms - tenth + next_random(checks) % (2 * tenth + 1);
}

static size_t free_place(const struct sp_checks *checks)
{
	for (size_t i = 0; i < SP_PROBES_MOST; i++)
		if (checks->probes[i] == NULL)
			return i;
	return SP_PROBES_MOST;
}

static void begin_one(struct sp_checks *checks, struct sp_watched *w, uint32_t nth, size_t place)
{
	struct sp_watched_addr *a = &w->addrs[nth];
	const struct sp_probe_of of = {
		.pool = w->pool,
		.backend = w->backend,
		.tls = checks->tls[w->pool - checks->conf->pools],
		.addr = a->addr,
		.nth = nth,
		.of = w,
		.place = &checks->probes[place],
	};

	a->next_ms = sp_now_ms() + jittered(checks, w->pool->check.interval);
	checks->probes[place] = sp_probe_new(&checks->env, &of);
	a->is_probed = checks->probes[place] != NULL;
}

static void arm(struct sp_checks *checks, uint64_t next_ms)
{
	uint64_t now = sp_now_ms(), wait = next_ms > now ? next_ms - now : 1;
	struct timeval tv = { (time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000) };

	(void)event_add(&checks->timer, &tv);
}

static void look(struct sp_checks *checks)
{
	uint64_t now = sp_now_ms(), next_ms = UINT64_MAX;

	for (size_t i = 0; i < checks->list->count; i++) {
		struct sp_watched *w = &checks->list->items[i];

		for (uint32_t k = 0; w->pool->check.kind != SP_CHECK_NONE && k < w->addr_count; k++) {
			struct sp_watched_addr *a = &w->addrs[k];
			size_t place = a->is_probed || a->next_ms > now ? SP_PROBES_MOST : free_place(checks);

			if (place < SP_PROBES_MOST)
				begin_one(checks, w, k, place);
			if (a->next_ms < next_ms)
				next_ms = a->next_ms > now ? a->next_ms : now + 10; /* no place: soon again */
		}
	}
	if (next_ms != UINT64_MAX)
		arm(checks, next_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sp_checks *checks = arg;

	(void)fd, (void)what;
	sp_loop_woke(checks->env.loop);
	look(checks);
}

void sp_checks_look(struct sp_checks *checks)
{
	if (checks->is_begun)
		look(checks);
}

void sp_checks_begin(struct sp_checks *checks)
{
	if (checks->is_begun)
		return;
	checks->is_begun = true;
	look(checks);
}

/* ---- its life */

static bool make_clients(struct sp_checks *checks, struct sp_signer *signer, struct sp_err *err)
{
	const struct sp_conf *conf = checks->conf;

	checks->tls = calloc(conf->pool_count + 1, sizeof(struct sp_tls_client *));
	if (checks->tls == NULL)
		return sp_err_set(err, "no memory for health checks");
	for (size_t i = 0; i < conf->pool_count; i++) {
		if (!conf->pools[i].has_tls || conf->pools[i].check.kind == SP_CHECK_NONE)
			continue;
		checks->tls[i] = sp_tls_client_new(&conf->pools[i], signer, err);
		if (checks->tls[i] == NULL)
			return false;
	}
	return true;
}

bool sp_checks_init(struct sp_checks *checks, const struct sp_conf *conf, struct sp_watch_list *list,
		    struct sp_signer *signer, const struct sp_probe_env *env, struct sp_err *err)
{
	*checks = (struct sp_checks){ .env = *env, .conf = conf, .list = list };
	checks->env.on_done = on_done;
	checks->env.on_refused = on_refused;
	checks->env.arg = checks;
	checks->random = sp_siphash_process_key()->k0 | 1;
	if (!make_clients(checks, signer, err))
		return false;
	return event_assign(&checks->timer, sp_loop_base(env->loop), -1, 0, on_timer, checks) == 0 ||
	       sp_err_set(err, "no timer for health checks");
}

void sp_checks_stop(struct sp_checks *checks)
{
	if (!checks->is_begun)
		return;
	checks->is_begun = false;
	(void)event_del(&checks->timer);
	for (size_t i = 0; i < SP_PROBES_MOST; i++)
		if (checks->probes[i] != NULL)
			sp_probe_cancel(checks->probes[i]);
	for (size_t i = 0; i < checks->list->count; i++)
		for (uint32_t k = 0; k < checks->list->items[i].addr_count; k++)
			checks->list->items[i].addrs[k].is_probed = false;
}

void sp_checks_fini(struct sp_checks *checks)
{
	sp_checks_stop(checks);
	for (size_t i = 0; checks->tls != NULL && i < checks->conf->pool_count; i++)
		sp_tls_client_free(checks->tls[i]);
	free(checks->tls);
	checks->tls = NULL;
}
