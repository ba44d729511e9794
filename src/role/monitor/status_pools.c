#include "status.h"

#include "figures.h"
#include "sp/base/clock.h"
#include "sp/board/backends.h"
#include "sp/board/counters.h"

/* Each worker ejects by what it sees itself. */
static uint64_t count_ejecting(const struct sp_board *board, uint32_t slot)
{
	uint64_t n = 0;

	for (size_t i = 0; i < sp_board_workers(board); i++) {
		const struct sp_counters *c = sp_board_read(board, SP_BLOCK_COUNTERS, i);

		n += atomic_load_explicit(&c->ejected_until_ms[slot], memory_order_relaxed) > sp_now_ms() ? 1U : 0U;
	}
	return n;
}

/* Errors: its 5xx, and exchanges that it did not answer. The queue is the pool's. */
static void report_counts(const struct sp_metrics *sum, const struct sp_conf_pool *pool, uint64_t key,
			  struct sp_report *report)
{
	const sp_cell *backend = sp_metrics_find(sum, SP_METRICS_BACKEND, key, 0);
	const sp_cell *queue = sp_metrics_find(sum, SP_METRICS_POOL, sp_name_key(SP_NAME_POOL, SP_STR(""), pool->section.name), 0);
	uint64_t requests = 0, errors = 0;

	for (unsigned i = 0; i < SP_METRICS_CODES; i++) {
		const uint64_t n = sp_metrics_get(backend, SP_BACKEND_CODES + i);

		requests += n;
		errors += sp_metrics_status(i) >= 500 || i == sp_metrics_code(0) ? n : 0;
	}
	sp_report_count(report, "queue", sp_metrics_get(queue, SP_POOL_QUEUED));
	sp_report_count(report, "requests", requests);
	sp_report_count(report, "errors", errors);
}

static void report_backend(const struct sp_facts *facts, const struct sp_conf_pool *pool,
			   const struct sp_conf_backend *backend, struct sp_report *report)
{
	static const char *const words[SP_BACKEND_STATES] = { "up", "down", "drain", "maint" };
	const uint64_t key = sp_name_key(SP_NAME_BACKEND, pool->section.name, backend->name);
	struct sp_backend_state state = { .is = SP_BACKEND_UP };
	uint64_t in_flight = 0, ejecting = 0;
	uint32_t slot;

	if (facts->board != NULL &&
	    sp_board_slot(facts->board, SP_NAME_BACKEND, pool->section.name, backend->name, &slot)) {
		(void)!sp_backend_get(sp_board_read(facts->board, SP_BLOCK_BACKENDS, 0), slot, key, &state);
		in_flight = sp_counters_in_flight(facts->board, slot, (uint32_t)facts->conf->gateway.max_connections);
		ejecting = count_ejecting(facts->board, slot);
	}
	sp_report_text(report, "pool", pool->section.name);
	sp_report_text(report, "backend", backend->name);
	sp_report_count(report, "weight", backend->weight);
	sp_report_text(report, "state", sp_str(backend->is_down ? "down" : words[state.is]));
	sp_report_text(report, "reason", sp_str(backend->is_down ? "configuration" : state.why));
	sp_report_count(report, "in_flight", in_flight);
	sp_report_count(report, "ejecting_workers", ejecting);
	if (facts->figures != NULL)
		report_counts(facts->figures->sum, pool, key, report);
}

void sp_status_pools(const struct sp_facts *facts, struct sp_report *report)
{
	sp_report_table(report, "pools");
	for (size_t i = 0; i < facts->conf->pool_count; i++) {
		for (size_t k = 0; k < facts->conf->pools[i].backend_count; k++) {
			sp_report_row(report);
			report_backend(facts, &facts->conf->pools[i], &facts->conf->pools[i].backends[k], report);
		}
	}
}
