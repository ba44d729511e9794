/*
 * answer_drain - drain and undrain of one backend: it gets no new request, what runs is finished. It stands on the board by
 * the names of pool and backend, so it outlives reloads and the monitor.
 */
#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"
#include "sp/board/backends.h"

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

static const char *set(struct sp_asking *asking, enum sp_backend_is is)
{
	static struct found found; /* its text is the answer */
	const struct sp_json_member *name = sp_json_find(asking->request, "backend");
	struct sp_board *board = asking->facts->board;
	struct sp_backend_state state = { .since_ms = sp_now_ms(), .is = is, .weight = -1 };
	struct sp_backends *backends;
	uint32_t slot;

	if (name == NULL || name->is_number || name->text.n == 0)
		return "backend has to be a name, as \"app/10.0.0.1:80\"";
	find(asking->facts->conf, name->text, &found);
	if (found.count != 1)
		return found.why;
	backends = board == NULL ? NULL : sp_board_write(board, SP_BLOCK_BACKENDS, 0);
	if (backends == NULL ||
	    !sp_board_slot(board, SP_NAME_BACKEND, found.pool->section.name, found.backend->name, &slot))
		return "it has no place on the board";
	state.key = sp_name_key(SP_NAME_BACKEND, found.pool->section.name, found.backend->name);
	(void)snprintf(state.why, sizeof(state.why), "%s", is == SP_BACKEND_DRAIN ? "operator" : "");
	sp_backend_set(backends, slot, &state);
	sp_info(is == SP_BACKEND_DRAIN ? "backend_drains" : "backend_undrained",
		SP_KV_STR("pool", found.pool->section.name), SP_KV_STR("backend", found.backend->name),
		SP_KV_U64("uid", asking->uid));
	return NULL;
}

const char *sp_answer_drain(struct sp_asking *asking)
{
	return set(asking, SP_BACKEND_DRAIN);
}

const char *sp_answer_undrain(struct sp_asking *asking)
{
	return set(asking, SP_BACKEND_UP);
}
