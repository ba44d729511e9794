#include "status.h"

#include <stdio.h>

#include "figures.h"
#include "sp/base/clock.h"
#include "sp/board/backends.h"
#include "sp/board/counters.h"
#include "watched.h"

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
	sp_report_count(report, "checks_good", sp_metrics_get(backend, SP_BACKEND_CHECKS_GOOD));
	sp_report_count(report, "checks_bad", sp_metrics_get(backend, SP_BACKEND_CHECKS_BAD));
}

enum { ADDRESSES = 512, LAST = SP_BACKEND_WHY };

/* What was found last, and of a name where it leads. */
static void report_watched(const struct sp_watched *w, struct sp_report *report)
{
	char text[ADDRESSES] = "", one[SP_ADDR_TEXT];
	const char *last = "";
	uint64_t usable = 0, last_ms = 0;
	size_t n = 0;

	for (uint32_t i = 0; i < w->addr_count; i++) {
		const struct sp_watched_addr *a = &w->addrs[i];

		usable += a->is_up ? 1 : 0;
		if (a->last_ms >= last_ms && a->last[0] != '\0') {
			last_ms = a->last_ms;
			last = a->last;
		}
		if (sp_conf_backend_is_named(w->backend) && n < sizeof(text) - SP_ADDR_TEXT)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? " " : "",
					      sp_addr_ip_text(&a->addr, one));
	}
	sp_report_text(report, "last_check", sp_str(last));
	sp_report_text(report, "addresses", sp_str(text));
	sp_report_count(report, "usable_addresses", usable);
}

static void report_backend(const struct sp_facts *facts, const struct sp_watched *w, struct sp_report *report)
{
	static const char *const words[SP_BACKEND_STATES] = { "up", "down", "drain", "maint" };
	const struct sp_conf_backend *backend = w->backend;
	uint64_t in_flight = 0, ejecting = 0;

	if (w->has_slot) {
		in_flight = sp_counters_in_flight(facts->board, w->slot, (uint32_t)facts->conf->gateway.max_connections);
		ejecting = count_ejecting(facts->board, w->slot);
	}
	sp_report_text(report, "pool", w->pool->section.name);
	sp_report_text(report, "backend", backend->name);
	sp_report_count(report, "weight", w->weight < 0 ? backend->weight : (uint64_t)w->weight);
	sp_report_text(report, "state", sp_str(backend->is_down ? "down" : words[w->is]));
	sp_report_text(report, "reason", sp_str(backend->is_down ? "configuration" : w->why));
	sp_report_count(report, "in_flight", in_flight);
	sp_report_count(report, "ejecting_workers", ejecting);
	if (facts->figures != NULL)
		report_counts(facts->figures->sum, w->pool,
			      sp_name_key(SP_NAME_BACKEND, w->pool->section.name, backend->name), report);
	report_watched(w, report);
}

void sp_status_pools(const struct sp_facts *facts, struct sp_report *report)
{
	sp_report_table(report, "pools");
	for (size_t i = 0; i < facts->watched->count; i++) {
		sp_report_row(report);
		report_backend(facts, &facts->watched->items[i], report);
	}
}
