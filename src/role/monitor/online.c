#include "sp/role/online.h"

#include <stdlib.h>
#include <string.h>

#include "dial_here.h"
#include "lookup.h"
#include "probe.h"
#include "sp/base/clock.h"
#include "sp/net/deadline.h"

enum {
	LOOKUPS_MOST = 32, /* at a time */
	PROBES_MOST = 64,
	PROBE_MOST_MS = 10000, /* whatever check_timeout says: somebody waits */
	TLS_CHUNKS = 1024,
};

enum outcome { UNKNOWN, FINE, SILENT, USELESS }; /* does not answer; or could not be used if it did */

struct spot { /* one address of a backend */
	struct sp_addr addr; /* with its port */
	struct sp_probe *probe; /* owned: under way; NULL */
	bool is_begun;
	enum outcome is;
	uint64_t begun_us, took_us;
	char why[SP_PROBE_WHY];
};

struct place { /* a backend */
	struct sp_online *of;
	const struct sp_conf_pool *pool; /* borrowed */
	const struct sp_conf_backend *backend;
	struct sp_lookup *lookup; /* owned: under way; NULL */
	bool is_looked_up;
	const char *why; /* of a name that leads nowhere; NULL: not known yet */
	struct spot *spots; /* owned */
	uint32_t count;
};

struct sp_online {
	const struct sp_conf *conf; /* borrowed */
	struct sp_loop *loop; /* owned, as all that follows */
	struct sp_chunk_pool *chunks;
	struct sp_signer *signer;
	struct sp_dial *dial;
	struct sp_tls_client **tls; /* by pool; NULL: plain text */
	struct sp_conf_pool *pools; /* as they are tried: each has a check */
	struct place *places; /* by the index of the backend */
	size_t place_count, lookups, probes;
	struct sp_lookup_env lookup_env;
	struct sp_probe_env probe_env;
	struct sp_egress egress; /* borrows from the configuration */
	struct sp_deadline patience;
};

static void go_on(struct sp_online *o);

/* ---- what is found */

static void judge(struct spot *spot, const char *why)
{
	(void)snprintf(spot->why, sizeof(spot->why), "%s", why);
	spot->is = strncmp(why, "tls: ", 5) == 0 || strncmp(why, "egress: ", 8) == 0 ? USELESS : SILENT;
}

static void on_probed(void *arg, void *of, const struct sp_addr *addr, const char *why)
{
	struct sp_online *o = arg;
	struct spot *spot = of;

	(void)addr;
	o->probes--;
	spot->took_us = sp_now_us() - spot->begun_us;
	if (why == NULL)
		spot->is = FINE;
	else
		judge(spot, why);
	go_on(o);
}

/* An address is judged before it is connected to, so the dialer has nothing new to say. */
static void on_refused(void *arg, enum sp_egress_verdict why)
{
	(void)arg, (void)why;
}

static void add_spot(struct place *place, struct sp_addr addr)
{
	struct spot *spot = &place->spots[place->count];
	enum sp_egress_verdict verdict;

	addr.port = place->backend->addr.port;
	*spot = (struct spot){ .addr = addr };
	verdict = sp_egress_check(&place->of->egress, &addr);
	if (verdict != SP_EGRESS_OK) {
		spot->is = USELESS;
		spot->is_begun = true;
		(void)snprintf(spot->why, sizeof(spot->why), "%s", sp_egress_text(verdict));
	}
	place->count++;
}

/* false: no memory. */
static bool make_room(struct place *place, size_t n)
{
	place->spots = calloc(n + 1, sizeof(*place->spots));
	return place->spots != NULL;
}

static void on_looked_up(void *arg, void *of, const struct sp_lookup_part *v4, const struct sp_lookup_part *v6)
{
	const struct sp_lookup_part *parts[] = { v4, v6 };
	struct sp_online *o = arg;
	struct place *place = of;

	o->lookups--;
	if (!make_room(place, v4->answer.count + v6->answer.count)) {
		place->why = "no memory";
		go_on(o);
		return;
	}
	place->why = v4->rc == SP_DNS_FAILED ? v4->answer.why : v6->rc == SP_DNS_FAILED ? v6->answer.why : "no address";
	for (size_t i = 0; i < SP_COUNT(parts); i++)
		for (uint32_t k = 0; parts[i]->rc == SP_DNS_ADDRESSES && k < parts[i]->answer.count; k++)
			add_spot(place, parts[i]->answer.addrs[k]);
	go_on(o);
}

static bool find_address(void *arg, uint32_t index, uint32_t nth, struct sp_addr *addr)
{
	const struct sp_online *o = arg;

	if (index >= o->place_count || nth >= o->places[index].count)
		return false;
	*addr = o->places[index].spots[nth].addr;
	return true;
}

/* ---- asking */

static void look_up(struct sp_online *o, struct place *place)
{
	place->is_looked_up = true;
	if (o->lookup_env.servers == 0) {
		place->why = "no name server is known";
		return;
	}
	place->lookup = sp_lookup_new(&o->lookup_env, place->backend->host, place, &place->lookup);
	if (place->lookup == NULL)
		place->why = "no memory";
	else
		o->lookups++;
}

static void probe(struct sp_online *o, struct place *place, uint32_t nth)
{
	const size_t pool = (size_t)(place->pool - o->conf->pools);
	struct spot *spot = &place->spots[nth];
	const struct sp_probe_of of = { .pool = &o->pools[pool],
					.backend = place->backend,
					.tls = o->tls[pool],
					.addr = spot->addr,
					.nth = nth,
					.of = spot,
					.place = &spot->probe };

	spot->is_begun = true;
	spot->begun_us = sp_now_us();
	spot->probe = sp_probe_new(&o->probe_env, &of);
	if (spot->probe == NULL)
		judge(spot, "no memory");
	else
		o->probes++;
}

/* As much as may be under way; stops the loop when there is nothing more. */
static void go_on(struct sp_online *o)
{
	for (size_t i = 0; i < o->place_count; i++) {
		struct place *place = &o->places[i];

		if (place->backend->is_down)
			continue;
		if (!place->is_looked_up && o->lookups < LOOKUPS_MOST)
			look_up(o, place);
		for (uint32_t k = 0; k < place->count && o->probes < PROBES_MOST; k++)
			if (!place->spots[k].is_begun)
				probe(o, place, k);
	}
	if (o->lookups + o->probes == 0)
		sp_loop_stop(o->loop);
}

static void on_patience_over(struct sp_deadline *deadline)
{
	struct sp_online *o = SP_HOLDER(deadline, struct sp_online, patience);

	for (size_t i = 0; i < o->place_count; i++) {
		struct place *place = &o->places[i];

		if (place->lookup != NULL)
			sp_lookup_cancel(place->lookup);
		for (uint32_t k = 0; k < place->count; k++)
			if (place->spots[k].probe != NULL)
				sp_probe_cancel(place->spots[k].probe);
	}
	sp_loop_stop(o->loop);
}

/* ---- what is told */

static bool has(const struct place *place, enum outcome outcome)
{
	for (uint32_t k = 0; k < place->count; k++)
		if (place->spots[k].is == outcome)
			return true;
	return false;
}

static size_t count_fine(const struct sp_online *o, const struct sp_conf_pool *pool)
{
	size_t n = 0;

	for (size_t k = 0; k < pool->backend_count; k++)
		n += has(&o->places[pool->backends[k].index], FINE) ? 1 : 0;
	return n;
}

/* "the address is fine" is told with what was done there. */
static void tell_fine(const struct sp_online *o, const struct place *place, const struct spot *spot, FILE *to)
{
	const struct sp_conf_pool *as = &o->pools[place->pool - o->conf->pools];
	const struct sp_conf_at at = place->backend->at;
	char text[SP_ADDR_TEXT];

	(void)fprintf(to, "%s:%d: note: backend %.*s/%.*s: ", at.file != NULL ? at.file : o->conf->main_file, at.line,
		      SP_STR_ARG(place->pool->section.name), SP_STR_ARG(place->backend->name));
	if (sp_conf_backend_is_named(place->backend))
		(void)fprintf(to, "%s: ", sp_addr_ip_text(&spot->addr, text));
	if (as->check.kind == SP_CHECK_HTTP)
		(void)fprintf(to, "healthy (GET %.*s%s)", SP_STR_ARG(as->check.path), as->has_tls ? ", TLS" : "");
	else
		(void)fprintf(to, "connects%s", as->has_tls ? " (TLS)" : "");
	(void)fprintf(to, ", %llu.%llu ms\n", (unsigned long long)spot->took_us / 1000,
		      (unsigned long long)spot->took_us / 100 % 10);
}

/* others: backends of its pool that are fine. */
static void tell_bad(const struct place *place, const struct spot *spot, size_t others, struct sp_conf_report *report)
{
	const bool is_named = sp_conf_backend_is_named(place->backend);
	const bool is_error = spot->is == USELESS ? !has(place, FINE) : others == 0;
	char text[SP_ADDR_TEXT];

	sp_conf_report_add(report, is_error ? SP_CONF_ERROR : SP_CONF_WARNING, place->backend->at,
			   "backend %.*s/%.*s: %s%s%s%s", SP_STR_ARG(place->pool->section.name),
			   SP_STR_ARG(place->backend->name), is_named ? sp_addr_ip_text(&spot->addr, text) : "",
			   is_named ? ": " : "", spot->is == UNKNOWN ? "not known in time" : spot->why,
			   is_error ? "" : " [backend-offline]");
}

static void tell(const struct sp_online *o, const struct place *place, struct sp_conf_report *report, FILE *to)
{
	const size_t fine = count_fine(o, place->pool);

	if (place->backend->is_down)
		return;
	if (place->count == 0)
		sp_conf_report_add(report, SP_CONF_ERROR, place->backend->at, "backend %.*s/%.*s: the name does not resolve: %s",
				   SP_STR_ARG(place->pool->section.name), SP_STR_ARG(place->backend->name),
				   place->why != NULL ? place->why : "not known in time");
	for (uint32_t k = 0; k < place->count; k++) {
		if (place->spots[k].is == FINE)
			tell_fine(o, place, &place->spots[k], to);
		else
			tell_bad(place, &place->spots[k], fine, report);
	}
}

void sp_online_run(struct sp_online *o, struct sp_conf_report *report, FILE *to)
{
	sp_clock_tick();
	sp_deadline_set(&o->patience, sp_loop_deadlines(o->loop, SP_ONLINE_MOST_MS), on_patience_over);
	go_on(o);
	sp_loop_run(o->loop);
	sp_deadline_clear(&o->patience);
	for (size_t i = 0; i < o->place_count; i++)
		tell(o, &o->places[i], report, to);
}

/* ---- its life */

static bool take_backends(struct sp_online *o)
{
	for (size_t i = 0; i < o->conf->pool_count; i++) {
		const struct sp_conf_pool *pool = &o->conf->pools[i];
		struct sp_conf_check *check = &o->pools[i].check;

		o->pools[i] = *pool;
		if (check->kind == SP_CHECK_NONE)
			*check = (struct sp_conf_check){ .kind = SP_CHECK_TCP, .timeout = pool->connect_timeout };
		if (check->timeout == 0 || check->timeout > PROBE_MOST_MS)
			check->timeout = PROBE_MOST_MS;
		for (size_t k = 0; k < pool->backend_count; k++) {
			struct place *place = &o->places[pool->backends[k].index];

			*place = (struct place){ .of = o, .pool = pool, .backend = &pool->backends[k] };
			if (sp_conf_backend_is_named(place->backend))
				continue;
			place->is_looked_up = true;
			if (!make_room(place, 1))
				return false;
			add_spot(place, place->backend->addr);
		}
	}
	return true;
}

static bool make_clients(struct sp_online *o, struct sp_err *err)
{
	for (size_t i = 0; i < o->conf->pool_count; i++) {
		if (!o->conf->pools[i].has_tls)
			continue;
		o->tls[i] = sp_tls_client_new(&o->conf->pools[i], o->signer, err);
		if (o->tls[i] == NULL)
			return false;
	}
	return true;
}

struct sp_online *sp_online_new(const struct sp_conf *conf, struct sp_err *err)
{
	struct sp_online *o = calloc(1, sizeof(*o));

	if (o == NULL) {
		sp_err_set(err, "no memory");
		return NULL;
	}
	o->conf = conf;
	o->place_count = conf->backend_count;
	o->egress = sp_conf_egress_rules(conf);
	sp_deadline_init(&o->patience);
	o->loop = sp_loop_new(err);
	o->chunks = sp_chunk_pool_new(TLS_CHUNKS);
	o->signer = sp_signer_new_local();
	o->tls = calloc(conf->pool_count + 1, sizeof(struct sp_tls_client *));
	o->pools = calloc(conf->pool_count + 1, sizeof(*o->pools));
	o->places = calloc(conf->backend_count + 1, sizeof(*o->places));
	o->dial = o->loop == NULL ? NULL : sp_dial_new_here(o->loop, conf, find_address, o);
	if (o->dial == NULL || o->chunks == NULL || o->signer == NULL || o->tls == NULL || o->pools == NULL ||
	    o->places == NULL) {
		sp_err_set(err, "no memory");
		goto fail;
	}
	o->lookup_env = (struct sp_lookup_env){ .loop = o->loop, .dial = o->dial, .servers = conf->egress.resolver_count,
						.on_done = on_looked_up, .arg = o };
	o->probe_env = (struct sp_probe_env){ .loop = o->loop, .dial = o->dial, .chunks = o->chunks,
					      .on_done = on_probed, .on_refused = on_refused, .arg = o };
	if (!make_clients(o, err))
		goto fail;
	if (take_backends(o))
		return o;
	sp_err_set(err, "no memory");
fail:
	sp_online_free(o);
	return NULL;
}

void sp_online_free(struct sp_online *o)
{
	if (o == NULL)
		return;
	if (o->loop != NULL)
		sp_loop_turn(o->loop, false); /* what was closed is freed */
	sp_dial_free(o->dial);
	for (size_t i = 0; o->tls != NULL && i < o->conf->pool_count; i++)
		sp_tls_client_free(o->tls[i]);
	sp_loop_free(o->loop);
	sp_signer_free(o->signer);
	sp_chunk_pool_free(o->chunks);
	for (size_t i = 0; o->places != NULL && i < o->place_count; i++)
		free(o->places[i].spots);
	free(o->tls);
	free(o->pools);
	free(o->places);
	free(o);
}
