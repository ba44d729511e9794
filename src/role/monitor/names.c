#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"

enum { AT_ONCE = 32, TEXT = 512 };

struct sp_name { /* of one backend */
	struct sp_name_list *of;
	struct sp_watched *watched; /* borrowed */
	struct sp_lookup *lookup; /* owned: under way; NULL */
	uint64_t next_ms;
	char why[32]; /* of the last failure that was told; empty: it is resolved */
	char refused[SP_ADDR_TEXT]; /* the address that was told last */
};

/* ---- what came of a look-up */

static void tell_failed(struct sp_name *name, const char *why)
{
	const struct sp_watched *w = name->watched;

	if (strcmp(name->why, why) == 0)
		return;
	(void)snprintf(name->why, sizeof(name->why), "%s", why);
	sp_warn("name_not_resolved", SP_KV_STR("pool", w->pool->section.name), SP_KV_STR("backend", w->backend->name),
		SP_KV_STR("name", w->backend->host), SP_KV_TEXT("why", why), SP_KV_U64("kept", w->addr_count));
}

/* Whoever has the name's zone must not lead us to the instance's metadata, or to our own listeners. */
static bool may_use(struct sp_name *name, const struct sp_addr *addr)
{
	const struct sp_watched *w = name->watched;
	enum sp_egress_verdict verdict = sp_egress_check(&name->of->egress, addr);
	char text[SP_ADDR_TEXT];

	if (verdict == SP_EGRESS_OK)
		return true;
	sp_watched_count_refused(name->of->list, verdict);
	(void)sp_addr_text(addr, text);
	if (strcmp(text, name->refused) != 0)
		sp_error("egress_refused", SP_KV_STR("pool", w->pool->section.name), SP_KV_STR("backend", w->backend->name),
			 SP_KV_TEXT("addr", text), SP_KV_TEXT("why", sp_egress_word(verdict)));
	memcpy(name->refused, text, sizeof(text));
	return false;
}

struct found {
	struct sp_addr addrs[2 * SP_DNS_ADDRS + SP_BACKEND_ADDRS];
	uint32_t count, refused;
};

static void add_answer(struct sp_name *name, const struct sp_lookup_part *part, struct found *found)
{
	for (uint32_t i = 0; part->rc == SP_DNS_ADDRESSES && i < part->answer.count; i++) {
		struct sp_addr addr = part->answer.addrs[i];

		addr.port = name->watched->backend->addr.port;
		if (may_use(name, &addr))
			found->addrs[found->count++] = addr;
		else
			found->refused++;
	}
}

/* A family that could not be asked for stays as it was. */
static void keep_family(const struct sp_watched *w, enum sp_addr_family family, struct found *found)
{
	for (uint32_t i = 0; i < w->addr_count; i++)
		if (w->addrs[i].addr.family == family)
			found->addrs[found->count++] = w->addrs[i].addr;
}

static void tell_changed(const struct sp_watched *w)
{
	char text[TEXT] = "", one[SP_ADDR_TEXT];
	size_t n = 0;

	for (uint32_t i = 0; i < w->addr_count && n < sizeof(text) - SP_ADDR_TEXT; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? " " : "",
				      sp_addr_text(&w->addrs[i].addr, one));
	sp_info("backend_addresses", SP_KV_STR("pool", w->pool->section.name), SP_KV_STR("backend", w->backend->name),
		SP_KV_TEXT("addresses", text));
}

static const char *failure_of(const struct sp_lookup_part *v4, const struct sp_lookup_part *v6)
{
	if (v4->rc == SP_DNS_FAILED)
		return v4->answer.why;
	return v6->rc == SP_DNS_FAILED ? v6->answer.why : "no_address";
}

static uint32_t ttl_of(const struct sp_lookup_part *v4, const struct sp_lookup_part *v6)
{
	uint32_t ttl = UINT32_MAX;

	if (v4->rc == SP_DNS_ADDRESSES)
		ttl = v4->answer.ttl;
	if (v6->rc == SP_DNS_ADDRESSES && v6->answer.ttl < ttl)
		ttl = v6->answer.ttl;
	return ttl;
}

/* Nothing good came: the last good answer stays, and it is asked again soon. */
static void set_next(struct sp_name *name, uint32_t ttl)
{
	const struct sp_conf_pool *pool = name->watched->pool;
	uint64_t ms = ttl == UINT32_MAX ? pool->resolve_min : (uint64_t)ttl * 1000;

	if (ms < pool->resolve_min)
		ms = pool->resolve_min;
	if (ms > pool->resolve_max)
		ms = pool->resolve_max;
	name->next_ms = sp_now_ms() + ms;
}

static void arm(struct sp_name_list *names);

static void on_done(void *arg, void *of, const struct sp_lookup_part *v4, const struct sp_lookup_part *v6)
{
	struct sp_name_list *names = arg;
	struct sp_name *name = of;
	struct sp_watched *w = name->watched;
	struct found found = { .count = 0 };

	set_next(name, ttl_of(v4, v6));
	add_answer(name, v4, &found);
	add_answer(name, v6, &found);
	if (found.count == 0) {
		tell_failed(name, found.refused > 0 ? "egress_refused" : failure_of(v4, v6));
	} else {
		name->why[0] = '\0';
		if (v4->rc == SP_DNS_FAILED)
			keep_family(w, SP_ADDR_V4, &found);
		if (v6->rc == SP_DNS_FAILED)
			keep_family(w, SP_ADDR_V6, &found);
		if (sp_watched_set_addrs(w, found.addrs, found.count)) {
			tell_changed(w);
			sp_watched_publish(names->list, w);
			names->on_change(names->arg);
		}
	}
	arm(names);
}

/* ---- when */

static void arm(struct sp_name_list *names)
{
	uint64_t now = sp_now_ms(), next_ms = UINT64_MAX, wait;
	struct timeval tv;

	if (!names->is_begun)
		return;
	for (size_t i = 0; i < names->count; i++)
		if (names->names[i].lookup == NULL && names->names[i].next_ms < next_ms)
			next_ms = names->names[i].next_ms;
	if (next_ms == UINT64_MAX)
		return;
	wait = next_ms > now ? next_ms - now : 1;
	tv = (struct timeval){ (time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000) };
	(void)event_add(&names->timer, &tv);
}

static void look(struct sp_name_list *names)
{
	uint64_t now = sp_now_ms();
	size_t under_way = 0;

	for (size_t i = 0; i < names->count; i++)
		under_way += names->names[i].lookup != NULL ? 1 : 0;
	for (size_t i = 0; i < names->count && under_way < AT_ONCE; i++) {
		struct sp_name *name = &names->names[i];

		if (name->lookup != NULL || name->next_ms > now)
			continue;
		name->lookup = sp_lookup_new(&names->env, name->watched->backend->host, name, &name->lookup);
		under_way++;
		if (name->lookup == NULL)
			name->next_ms = now + 1000;
	}
	if (under_way < AT_ONCE)
		arm(names); /* else the next that is done does */
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sp_name_list *names = arg;

	(void)fd, (void)what;
	sp_loop_woke(names->env.loop);
	look(names);
}

/* ---- its life */

void sp_name_list_begin(struct sp_name_list *names)
{
	if (names->is_begun || names->count == 0)
		return;
	names->is_begun = true;
	look(names);
}

void sp_name_list_stop(struct sp_name_list *names)
{
	if (!names->is_begun)
		return;
	names->is_begun = false;
	(void)event_del(&names->timer);
	for (size_t i = 0; i < names->count; i++)
		if (names->names[i].lookup != NULL)
			sp_lookup_cancel(names->names[i].lookup);
}

bool sp_name_list_init(struct sp_name_list *names, const struct sp_conf *conf, struct sp_watch_list *list,
		       const struct sp_lookup_env *env, struct sp_err *err)
{
	*names = (struct sp_name_list){ .env = *env, .egress = sp_conf_egress_rules(conf), .list = list };
	names->env.servers = conf->egress.resolver_count;
	names->env.on_done = on_done;
	names->env.arg = names;
	names->names = calloc(list->count + 1, sizeof(*names->names));
	if (names->names == NULL)
		return sp_err_set(err, "no memory for the names of backends");
	for (size_t i = 0; names->env.servers > 0 && i < list->count; i++)
		if (sp_conf_backend_is_named(list->items[i].backend))
			names->names[names->count++] = (struct sp_name){ .of = names, .watched = &list->items[i] };
	return event_assign(&names->timer, sp_loop_base(env->loop), -1, 0, on_timer, names) == 0 ||
	       sp_err_set(err, "no timer for the names of backends");
}

void sp_name_list_fini(struct sp_name_list *names)
{
	sp_name_list_stop(names);
	free(names->names);
	names->names = NULL;
}
