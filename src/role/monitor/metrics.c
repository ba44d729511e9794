#include "metrics.h"

#include <stdio.h>

#include "figures.h"
#include "metrics_text.h"
#include "status.h"
#include "sp/base/clock.h"
#include "sp/base/egress.h"
#include "sp/base/version.h"
#include "sp/board/backends.h"
#include "sp/board/bans.h"
#include "sp/board/counters.h"
#include "sp/http/head.h"

#define COUNTER(name, help) sp_family(t, "sallyport_" name, SP_FAMILY_COUNTER, help)
#define GAUGE(name, help) sp_family(t, "sallyport_" name, SP_FAMILY_GAUGE, help)
#define HISTOGRAM(name, help) sp_family(t, "sallyport_" name, SP_FAMILY_HISTOGRAM, help)

bool sp_metrics_is_open_asked(struct sp_str accept)
{
	struct sp_str item, type;

	while (sp_list_next(&accept, &item)) {
		(void)sp_str_split(&item, ';', &type);
		if (sp_str_eq_nocase(sp_str_trim(type), SP_STR("application/openmetrics-text")))
			return true;
	}
	return false;
}

static void put_one(struct sp_metrics_text *t, uint64_t value)
{
	sp_sample(t, "");
	sp_value(t, value);
}

static const sp_cell *row_of(const struct sp_facts *facts, enum sp_metrics_kind kind, enum sp_name_kind name,
			     struct sp_str text)
{
	return sp_metrics_find(facts->figures->sum, kind, sp_name_key(name, SP_STR(""), text), 0);
}

/* ---- the gateway */

static void put_gateway(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	const struct sp_ipc_message *g = &facts->gateway;
	uint64_t restarts = 0;

	GAUGE("build_info", "The program; always 1.");
	sp_sample(t, "");
	sp_label(t, "version", SP_STR(SP_VERSION));
	sp_value(t, 1);
	GAUGE("config_generation", "Number of the configuration that is served.");
	put_one(t, g->body.gateway.generation);
	GAUGE("config_last_reload_successful", "Whether the last reload was taken; 1 before the first one.");
	put_one(t, g->body.gateway.is_last_reload_refused == 0);
	GAUGE("draining", "Whether health is red: the gateway is about to end, or an operator drained it.");
	put_one(t, g->body.gateway.is_draining != 0 || g->body.gateway.is_drained != 0);
	COUNTER("log_lines_dropped_total", "Lines that a full or stalled log could not take.");
	for (unsigned i = 0; i < SP_IPC_LOG_COUNT; i++) {
		static const char *const logs[SP_IPC_LOG_COUNT] = { "access", "error", "bans" };

		sp_sample(t, "");
		sp_label(t, "log", sp_str(logs[i]));
		sp_value(t, g->body.gateway.dropped[i]);
	}
	for (size_t i = 0; i < facts->process_count; i++)
		if (facts->processes[i].type != SP_IPC_NONE && facts->processes[i].body.process.worker > 0)
			restarts += facts->processes[i].body.process.restarts;
	COUNTER("worker_restarts_total", "Workers that died and were started anew.");
	put_one(t, restarts);
}

/* ---- processes */

typedef bool process_value(const struct sp_ipc_message *process, const struct sp_usage *usage, uint64_t *value);

static bool value_up(const struct sp_ipc_message *p, const struct sp_usage *usage, uint64_t *value)
{
	(void)usage;
	*value = p->body.process.pid > 0 && p->body.process.is_ready != 0;
	return true;
}

static bool value_cpu(const struct sp_ipc_message *p, const struct sp_usage *usage, uint64_t *value)
{
	*value = usage->cpu_us;
	return p->body.process.pid > 0;
}

static bool value_start(const struct sp_ipc_message *p, const struct sp_usage *usage, uint64_t *value)
{
	(void)usage;
	*value = p->body.process.born_wall_ms * 1000;
	return p->body.process.pid > 0;
}

static bool value_resident(const struct sp_ipc_message *p, const struct sp_usage *usage, uint64_t *value)
{
	(void)p;
	return (*value = usage->resident) > 0;
}

static bool value_virtual(const struct sp_ipc_message *p, const struct sp_usage *usage, uint64_t *value)
{
	(void)p;
	return (*value = usage->size) > 0;
}

static bool value_fds(const struct sp_ipc_message *p, const struct sp_usage *usage, uint64_t *value)
{
	(void)p;
	return (*value = usage->fds) > 0;
}

static bool value_fds_max(const struct sp_ipc_message *p, const struct sp_usage *usage, uint64_t *value)
{
	(void)p;
	return (*value = usage->fds_max) > 0;
}

/* As Prometheus names what a process has, each of ours apart; what is not known has no sample. Time on a processor begins
 * anew with each process, as a counter may. */
static const struct {
	const char *name;
	enum sp_family is;
	bool is_us;
	process_value *value;
	const char *help;
} of_processes[] = {
	{ "sallyport_process_up", SP_FAMILY_GAUGE, false, value_up, "Whether the process is there and ready." },
	{ "sallyport_process_cpu_seconds_total", SP_FAMILY_COUNTER, true, value_cpu,
	  "Time on a processor that the process has had." },
	{ "sallyport_process_resident_memory_bytes", SP_FAMILY_GAUGE, false, value_resident,
	  "Memory of the process; what it shares with others counts in each of them." },
	{ "sallyport_process_virtual_memory_bytes", SP_FAMILY_GAUGE, false, value_virtual,
	  "Address space of the process." },
	{ "sallyport_process_open_fds", SP_FAMILY_GAUGE, false, value_fds, "Descriptors that the process has." },
	{ "sallyport_process_max_fds", SP_FAMILY_GAUGE, false, value_fds_max, "Descriptors that the process may have." },
	{ "sallyport_process_start_time_seconds", SP_FAMILY_GAUGE, true, value_start,
	  "When the process was started, in seconds since 1970." },
};

static void label_process(struct sp_metrics_text *t, const struct sp_ipc_message *p)
{
	char number[16] = "";

	if (p->body.process.worker > 0)
		(void)snprintf(number, sizeof(number), "%u", p->body.process.worker);
	sp_sample(t, "");
	sp_label(t, "role", sp_str(sp_ipc_role_name((enum sp_ipc_role)p->body.process.role)));
	sp_label(t, "worker", sp_str(number));
}

static void put_processes(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	static struct sp_usage usage[SP_FACTS_PROCESSES]; /* which the stack need not hold */

	sp_family(t, "process_start_time_seconds", SP_FAMILY_GAUGE,
		  "When the gateway was started, in seconds since 1970.");
	sp_sample(t, "");
	sp_value_us(t, facts->gateway.body.gateway.started_wall_ms * 1000);
	for (size_t i = 0; i < facts->process_count; i++)
		sp_facts_usage(facts, i, &usage[i]);
	for (size_t k = 0; k < SP_COUNT(of_processes); k++) {
		sp_family(t, of_processes[k].name, of_processes[k].is, of_processes[k].help);
		for (size_t i = 0; i < facts->process_count; i++) {
			const struct sp_ipc_message *p = &facts->processes[i];
			uint64_t value;

			if (p->type == SP_IPC_NONE || !of_processes[k].value(p, &usage[i], &value))
				continue;
			label_process(t, p);
			if (of_processes[k].is_us)
				sp_value_us(t, value);
			else
				sp_value(t, value);
		}
	}
}

/* ---- clients */

static void put_connections(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	static const char *const results[SP_CAME_COUNT] = {
		"accepted", "banned", "max_connections_per_ip", "max_handshakes_per_ip", "max_handshakes", "memory_max"
	};
	const struct sp_conf *conf = facts->conf;
	uint32_t slot;

	GAUGE("connections", "Clients that are connected.");
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct sp_str name = conf->listeners[i].section.name;

		if (!sp_board_slot(facts->board, SP_NAME_LISTENER, SP_STR(""), name, &slot))
			continue;
		sp_sample(t, "");
		sp_label(t, "listener", name);
		sp_value(t, sp_counters_listener(facts->board, slot, (uint32_t)conf->gateway.max_connections));
	}
	sp_family(t, "sallyport_connections_total", SP_FAMILY_UNKNOWN,
		  "Clients that connected, by what became of them at once.");
	for (size_t i = 0; i < conf->listener_count; i++) {
		const sp_cell *row = row_of(facts, SP_METRICS_LISTENER, SP_NAME_LISTENER,
					    conf->listeners[i].section.name);

		for (unsigned k = 0; k < SP_CAME_COUNT; k++) {
			sp_sample(t, "");
			sp_label(t, "listener", conf->listeners[i].section.name);
			sp_label(t, "result", sp_str(results[k]));
			sp_value(t, sp_metrics_get(row, SP_LISTENER_CAME + k));
		}
	}
}

static void put_handshakes(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	static const char *const versions[SP_SHOOK_VERSIONS] = { "TLSv1.2", "TLSv1.3", "none" };
	static const char *const results[SP_SHOOK_RESULTS] = { "ok", "failed", "timeout" };
	const struct sp_metrics *sum = facts->figures->sum;

	COUNTER("tls_handshakes_total", "TLS handshakes of clients; version none: it did not come that far.");
	for (unsigned i = 0; i < SP_SHOOK_VERSIONS * SP_SHOOK_RESULTS; i++) {
		uint64_t n = 0, keys[2];

		if ((i / SP_SHOOK_RESULTS == SP_SHOOK_NONE) == (i % SP_SHOOK_RESULTS == SP_SHOOK_OK))
			continue; /* what cannot be */
		for (size_t row = 0; row < sp_metrics_rows(sum, SP_METRICS_LISTENER); row++)
			n += sp_metrics_get(sp_metrics_at(sum, SP_METRICS_LISTENER, row, keys), SP_LISTENER_SHOOK + i);
		sp_sample(t, "");
		sp_label(t, "version", sp_str(versions[i / SP_SHOOK_RESULTS]));
		sp_label(t, "result", sp_str(results[i % SP_SHOOK_RESULTS]));
		sp_value(t, n);
	}
}

static void put_requests(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	const struct sp_figures *f = facts->figures;
	char word[SP_METRICS_CODE_WORD];

	COUNTER("http_requests_total",
		"Requests that are over, but for health checks; code none: closed without an answer.");
	for (size_t row = 0; row < sp_metrics_rows(f->sum, SP_METRICS_ROUTE); row++) {
		uint64_t keys[2];
		const sp_cell *cells = sp_metrics_at(f->sum, SP_METRICS_ROUTE, row, keys);
		struct sp_str listener, route;

		if (!sp_figures_listener(f, keys[0], &listener) || !sp_figures_route(f, keys[1], &route))
			continue;
		for (unsigned i = 0; i < SP_METRICS_METHODS * SP_METRICS_CODES; i++) {
			if (sp_metrics_get(cells, SP_ROUTE_REQUESTS + i) == 0)
				continue;
			sp_sample(t, "");
			sp_label(t, "listener", listener);
			sp_label(t, "route", route);
			sp_label(t, "method", sp_str(sp_metrics_method_words[i / SP_METRICS_CODES]));
			sp_label(t, "code", sp_str(sp_metrics_code_word(i % SP_METRICS_CODES, word)));
			sp_value(t, sp_metrics_get(cells, SP_ROUTE_REQUESTS + i));
		}
	}
}

/* Route i of the configuration; the last one is for requests without. False behind it. */
static bool route_at(const struct sp_figures *f, size_t i, uint64_t *key, struct sp_str *name)
{
	*key = i < f->conf->route_count ? f->route_keys[i] : 0;
	*name = i < f->conf->route_count ? f->conf->routes[i].section.name : SP_STR("");
	return i <= f->conf->route_count;
}

static void put_ends(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	struct sp_str name;
	uint64_t key;

	COUNTER("http_ends_total", "How requests ended: the access log's cause and at.");
	for (size_t i = 0; route_at(facts->figures, i, &key, &name); i++) {
		uint64_t cells[SP_METRICS_CAUSES * SP_METRICS_ATS] = { 0 };

		sp_figures_of_route(facts->figures, key, SP_ROUTE_ENDS, SP_COUNT(cells), cells);
		for (size_t k = 0; k < SP_COUNT(cells); k++) {
			if (cells[k] == 0 || sp_metrics_cause_words[k / SP_METRICS_ATS] == NULL)
				continue;
			sp_sample(t, "");
			sp_label(t, "route", name);
			sp_label(t, "cause", sp_str(sp_metrics_cause_words[k / SP_METRICS_ATS]));
			sp_label(t, "at", sp_str(sp_metrics_at_words[k % SP_METRICS_ATS]));
			sp_value(t, cells[k]);
		}
	}
	HISTOGRAM("http_request_duration_seconds", "From a request's first byte to the last one of its answer.");
	for (size_t i = 0; route_at(facts->figures, i, &key, &name); i++) {
		uint64_t cells[SP_HISTOGRAM_CELLS] = { 0 };

		sp_figures_of_route(facts->figures, key, SP_ROUTE_TOOK, SP_COUNT(cells), cells);
		sp_histogram(t, cells, "route", name);
	}
}

/* ---- backends */

typedef void backend_sample(const struct sp_facts *facts, struct sp_metrics_text *t, uint32_t slot, uint64_t key,
			    const struct sp_conf_backend *backend, const struct sp_str names[2]);

static void label_backend(struct sp_metrics_text *t, const struct sp_str names[2])
{
	sp_sample(t, "");
	sp_label(t, "pool", names[0]);
	sp_label(t, "backend", names[1]);
}

static void put_up(const struct sp_facts *facts, struct sp_metrics_text *t, uint32_t slot, uint64_t key,
		   const struct sp_conf_backend *backend, const struct sp_str names[2])
{
	struct sp_backend_state state = { .is = SP_BACKEND_UP };

	(void)!sp_backend_get(sp_board_read(facts->board, SP_BLOCK_BACKENDS, 0), slot, key, &state);
	label_backend(t, names);
	sp_value(t, !backend->is_down && state.is == SP_BACKEND_UP);
}

static void put_inflight(const struct sp_facts *facts, struct sp_metrics_text *t, uint32_t slot, uint64_t key,
			 const struct sp_conf_backend *backend, const struct sp_str names[2])
{
	(void)key, (void)backend;
	label_backend(t, names);
	sp_value(t, sp_counters_in_flight(facts->board, slot, (uint32_t)facts->conf->gateway.max_connections));
}

static void put_codes(const struct sp_facts *facts, struct sp_metrics_text *t, uint32_t slot, uint64_t key,
		      const struct sp_conf_backend *backend, const struct sp_str names[2])
{
	const sp_cell *row = sp_metrics_find(facts->figures->sum, SP_METRICS_BACKEND, key, 0);
	char word[SP_METRICS_CODE_WORD];

	(void)slot, (void)backend;
	for (unsigned i = 0; i < SP_METRICS_CODES; i++) {
		if (sp_metrics_get(row, SP_BACKEND_CODES + i) == 0)
			continue;
		label_backend(t, names);
		sp_label(t, "code", sp_str(sp_metrics_code_word(i, word)));
		sp_value(t, sp_metrics_get(row, SP_BACKEND_CODES + i));
	}
}

static void put_checks(const struct sp_facts *facts, struct sp_metrics_text *t, uint32_t slot, uint64_t key,
		       const struct sp_conf_backend *backend, const struct sp_str names[2])
{
	static const char *const results[] = { "good", "bad" };
	const sp_cell *row = sp_metrics_find(facts->figures->sum, SP_METRICS_BACKEND, key, 0);

	(void)slot, (void)backend;
	for (unsigned i = 0; i < SP_COUNT(results); i++) {
		label_backend(t, names);
		sp_label(t, "result", sp_str(results[i]));
		sp_value(t, sp_metrics_get(row, SP_BACKEND_CHECKS_GOOD + i));
	}
}

static void each_backend(const struct sp_facts *facts, struct sp_metrics_text *t, backend_sample *put)
{
	for (size_t i = 0; i < facts->conf->pool_count; i++) {
		const struct sp_conf_pool *pool = &facts->conf->pools[i];

		for (size_t k = 0; k < pool->backend_count; k++) {
			const struct sp_str names[2] = { pool->section.name, pool->backends[k].name };
			uint32_t slot;

			if (sp_board_slot(facts->board, SP_NAME_BACKEND, names[0], names[1], &slot))
				put(facts, t, slot, sp_name_key(SP_NAME_BACKEND, names[0], names[1]),
				    &pool->backends[k], names);
		}
	}
}

static void put_backends(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	GAUGE("backend_up", "Whether new requests may go there: neither down nor taken out by an operator.");
	each_backend(facts, t, put_up);
	COUNTER("backend_check_total", "Health checks by their outcome.");
	each_backend(facts, t, put_checks);
	GAUGE("backend_inflight", "Exchanges that the backend has just now.");
	each_backend(facts, t, put_inflight);
	COUNTER("backend_requests_total", "Tries by the backend's status; code none: there was no answer.");
	each_backend(facts, t, put_codes);
}

/* A number of each pool. */
static void each_pool(const struct sp_facts *facts, struct sp_metrics_text *t, unsigned cell)
{
	for (size_t i = 0; i < facts->conf->pool_count; i++) {
		const struct sp_str name = facts->conf->pools[i].section.name;

		sp_sample(t, "");
		sp_label(t, "pool", name);
		sp_value(t, sp_metrics_get(row_of(facts, SP_METRICS_POOL, SP_NAME_POOL, name), cell));
	}
}

static void each_pool_histogram(const struct sp_facts *facts, struct sp_metrics_text *t, unsigned first)
{
	for (size_t i = 0; i < facts->conf->pool_count; i++) {
		const struct sp_str name = facts->conf->pools[i].section.name;
		const sp_cell *row = row_of(facts, SP_METRICS_POOL, SP_NAME_POOL, name);
		uint64_t cells[SP_HISTOGRAM_CELLS];

		for (unsigned k = 0; k < SP_HISTOGRAM_CELLS; k++)
			cells[k] = sp_metrics_get(row, first + k);
		sp_histogram(t, cells, "pool", name);
	}
}

static void put_pools(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	GAUGE("backend_queue", "Requests that wait for a backend of the pool.");
	each_pool(facts, t, SP_POOL_QUEUED);
	COUNTER("backend_stale_reuse_total",
		"Requests that met a kept connection which its backend had closed, and were sent again.");
	each_pool(facts, t, SP_POOL_STALE);
	HISTOGRAM("backend_connect_seconds", "To connect to a backend.");
	each_pool_histogram(facts, t, SP_POOL_CONNECT);
	HISTOGRAM("backend_first_byte_seconds", "From a backend's connection to the first byte of its answer.");
	each_pool_histogram(facts, t, SP_POOL_FIRST_BYTE);
}

/* ---- rules */

static void put_limits(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	COUNTER("limit_decisions_total", "What limits said of requests; in mode observe all of them pass.");
	for (size_t i = 0; i < facts->conf->limit_count * 4; i++) {
		const struct sp_str name = facts->conf->limits[i / 4].section.name;

		sp_sample(t, "");
		sp_label(t, "limit", name);
		sp_label(t, "decision", i % 2 == 0 ? SP_STR("passed") : SP_STR("limited"));
		sp_label(t, "mode", i % 4 < 2 ? SP_STR("enforce") : SP_STR("observe"));
		sp_value(t,
			 sp_metrics_get(row_of(facts, SP_METRICS_LIMIT, SP_NAME_LIMIT, name), SP_LIMIT_PASSED + i % 4));
	}
}

static void put_geos(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	static const struct sp_str decisions[SP_GEO_CELLS] = {
		[SP_GEO_ALLOWED] = { "allowed", 7 },
		[SP_GEO_DENIED] = { "denied", 6 },
		[SP_GEO_UNKNOWN_ALLOWED] = { "unknown_allowed", 15 },
		[SP_GEO_UNKNOWN_DENIED] = { "unknown_denied", 14 },
		[SP_GEO_EXEMPT] = { "exempt", 6 },
	};

	COUNTER("geo_decisions_total", "What rules by country or network said of requests.");
	for (size_t i = 0; i < facts->conf->geo_count * SP_GEO_CELLS; i++) {
		const struct sp_str name = facts->conf->geos[i / SP_GEO_CELLS].section.name;

		sp_sample(t, "");
		sp_label(t, "geo", name);
		sp_label(t, "decision", decisions[i % SP_GEO_CELLS]);
		sp_value(t, sp_metrics_get(row_of(facts, SP_METRICS_GEO, SP_NAME_GEO, name),
					   (unsigned)(i % SP_GEO_CELLS)));
	}
}

static void put_bans(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	const struct sp_bans *bans = sp_board_read(facts->board, SP_BLOCK_BANS, 0);
	const sp_cell *operators = sp_metrics_find(facts->figures->sum, SP_METRICS_LIMIT, 0, 0);
	uint64_t active = 0, until;
	struct sp_ban ban;
	char rule[8 + 64];

	for (size_t at = 0; sp_bans_next(bans, &at, sp_now_ms(), &ban, &until);)
		active++;

	GAUGE("bans_active", "Addresses that are banned.");
	put_one(t, active);
	COUNTER("bans_total", "Bans by the limit that asked for them, or by an operator.");
	for (size_t i = 0; i < facts->conf->limit_count; i++) {
		const struct sp_str name = facts->conf->limits[i].section.name;

		sp_sample(t, "");
		(void)snprintf(rule, sizeof(rule), "limit:%.*s", SP_STR_ARG(name));
		sp_label(t, "rule", sp_str(rule));
		sp_value(t, sp_metrics_get(row_of(facts, SP_METRICS_LIMIT, SP_NAME_LIMIT, name), SP_LIMIT_BANS));
	}
	sp_sample(t, "");
	sp_label(t, "rule", SP_STR("operator"));
	sp_value(t, sp_metrics_get(operators, SP_LIMIT_BANS));
}

static void put_egress(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	const sp_cell *row = sp_metrics_find(facts->figures->sum, SP_METRICS_GATEWAY, 0, 0);

	COUNTER("egress_refused_total",
		"Addresses that the egress rules refused: connections that were not made, answers to names that were not taken.");
	for (unsigned i = SP_EGRESS_OK + 1; i <= SP_EGRESS_FAMILY; i++) {
		sp_sample(t, "");
		sp_label(t, "reason", sp_str(sp_egress_word((enum sp_egress_verdict)i)));
		sp_value(t, sp_metrics_get(row, SP_GATEWAY_EGRESS + i));
	}
}

static void put_certs(const struct sp_facts *facts, struct sp_metrics_text *t)
{
	const struct sp_conf *conf = facts->conf;
	char number[24];

	GAUGE("tls_certificate_expiry_timestamp_seconds",
	      "When a certificate ends, in seconds since 1970; cert counts those of one tls.");
	for (size_t i = 0; i < conf->tls_count; i++) {
		for (size_t k = 0; k < conf->tls[i].cert_count; k++) {
			const int64_t expiry = facts->figures->expiry[conf->tls[i].certs[k].index];

			(void)snprintf(number, sizeof(number), "%zu", k + 1);
			sp_sample(t, "");
			sp_label(t, "tls", conf->tls[i].section.name);
			sp_label(t, "cert", sp_str(number));
			sp_value(t, expiry > 0 ? (uint64_t)expiry : 0);
		}
	}
}

/* ---- all */

void sp_metrics_write(const struct sp_facts *facts, bool is_open, struct sp_buf *out)
{
	static void (*const parts[])(const struct sp_facts *facts, struct sp_metrics_text *t) = {
		put_gateway,  put_processes, put_connections, put_handshakes, put_requests, put_ends,
		put_backends, put_pools,     put_geos,        put_limits,     put_bans,     put_egress,
		put_certs,
	};
	struct sp_metrics_text text = { .out = out, .is_open = is_open };

	for (size_t i = 0; i < SP_COUNT(parts); i++)
		parts[i](facts, &text);
	if (is_open)
		sp_buf_put(out, SP_STR("# EOF\n"));
}
