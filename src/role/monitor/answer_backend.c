/*
 * answer_backend - what an operator says of one backend: drain (it gets no new request, what runs is finished), undrain,
 * another weight; drain and undrain without one are of the whole gateway. It stands on the board by the names of pool and backend, so it outlives reloads and the monitor.
 */
#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "sp/base/log.h"
#include "sp/board/backends.h"
#include "watched.h"

enum { FOUND_WHY = 160 };

struct found {
	const struct sp_conf_pool *pool;
	const struct sp_conf_backend *backend;
	unsigned count;
	char why[FOUND_WHY];
};

/* "app/10.0.0.1:80", or the backend alone where one pool has it. */
static bool is_meant(struct sp_str text, const struct sp_conf_pool *pool, const struct sp_conf_backend *backend)
{
	const size_t n = pool->section.name.n;

	if (sp_str_eq(text, backend->name))
		return true;
	return text.n == n + 1 + backend->name.n && text.p[n] == '/' && sp_str_starts(text, pool->section.name) &&
	       sp_str_eq(sp_str_of(text.p + n + 1, backend->name.n), backend->name);
}

static void find(const struct sp_conf *conf, struct sp_str text, struct found *found)
{
	struct sp_str near = SP_STR("");
	unsigned least = 4;

	*found = (struct found){ .count = 0 };
	for (size_t i = 0; i < conf->pool_count; i++) {
		for (size_t k = 0; k < conf->pools[i].backend_count; k++) {
			const struct sp_conf_backend *backend = &conf->pools[i].backends[k];
			unsigned distance = sp_str_distance(text, backend->name, least);

			if (is_meant(text, &conf->pools[i], backend)) {
				found->pool = &conf->pools[i];
				found->backend = backend;
				found->count++;
			} else if (distance < least) {
				least = distance;
				near = backend->name;
			}
		}
	}
	if (found->count == 0 && near.n > 0)
		(void)snprintf(found->why, FOUND_WHY, "no such backend; did you mean \"%.*s\"?", (int)(near.n < 80 ? near.n : 80),
			       near.p);
	else if (found->count == 0)
		(void)snprintf(found->why, FOUND_WHY, "no such backend; sallyport status lists them");
	else if (found->count > 1)
		(void)snprintf(found->why, FOUND_WHY, "several pools have it: name one, as \"%.*s/%.*s\"",
			       SP_STR_ARG(found->pool->section.name), (int)(text.n < 80 ? text.n : 80), text.p);
}

/* NULL: *watched is the one that is meant. */
static const char *find_watched(struct sp_asking *asking, struct sp_watched **watched)
{
	static struct found found; /* its text is the answer */
	const struct sp_json_member *name = sp_json_find(asking->request, "backend");

	if (name == NULL || name->is_number || name->text.n == 0)
		return "backend has to be a name, as \"app/10.0.0.1:80\"";
	find(asking->facts->conf, name->text, &found);
	if (found.count != 1)
		return found.why;
	*watched = &asking->facts->watched->items[found.backend->index];
	return (*watched)->has_slot ? NULL : "it has no place on the board";
}

static const char *set_drained(struct sp_asking *asking, bool is_drained)
{
	struct sp_watched *w;
	const char *why = find_watched(asking, &w);

	if (why != NULL)
		return why;
	w->is_drained = is_drained;
	sp_watched_publish(asking->facts->watched, w);
	return NULL;
}

/* Without a backend the whole gateway is meant, which is the master's. */
static const char *drain(struct sp_asking *asking, bool is_drained)
{
	if (sp_json_find(asking->request, "backend") != NULL)
		return set_drained(asking, is_drained);
	sp_answer_order(asking, is_drained ? SP_IPC_ORDER_DRAIN : SP_IPC_ORDER_UNDRAIN, 0);
	return NULL;
}

const char *sp_answer_drain(struct sp_asking *asking)
{
	return drain(asking, true);
}

const char *sp_answer_undrain(struct sp_asking *asking)
{
	return drain(asking, false);
}

const char *sp_answer_weight(struct sp_asking *asking)
{
	const struct sp_json_member *weight = sp_json_find(asking->request, "weight");
	struct sp_watched *w;
	const char *why = find_watched(asking, &w);

	if (why != NULL)
		return why;
	if (weight != NULL && (!weight->is_number || weight->number > SP_BACKEND_WEIGHT_MAX))
		return "weight has to be a number from 0 to 256, or absent for the configuration's";
	w->weight = weight == NULL ? -1 : (int32_t)weight->number;
	sp_watched_publish(asking->facts->watched, w);
	sp_info("backend_weight", SP_KV_STR("pool", w->pool->section.name), SP_KV_STR("backend", w->backend->name),
		SP_KV_I64("weight", w->weight < 0 ? (int64_t)w->backend->weight : w->weight),
		SP_KV_U64("uid", asking->uid));
	return NULL;
}
