#include "record.h"

#include "sp/base/clock.h"

#include "proxy_int.h"
#include "tally.h"

static uint64_t between(uint64_t from, uint64_t to)
{
	return from == 0 || to == 0 || to < from ? SP_ACCESS_NOT_REACHED : to - from;
}

/* HAProxy's termination letters: who ended it, and where it was. */
static const char *flags_of(const struct sp_exchange *x, char flags[static 3])
{
	static const char where[] = { [SP_AT_NONE] = '-', [SP_AT_TLS] = 'R', [SP_AT_HEADER] = 'R', [SP_AT_BODY] = 'D',
		                      [SP_AT_QUEUE] = 'Q', [SP_AT_CONNECT] = 'C', [SP_AT_ANSWER] = 'H', [SP_AT_DATA] = 'D' };

	switch (x->why) {
	case SP_WHY_OK: return x->pool == NULL && x->status != 0 ? "LR" : "--";
	case SP_WHY_CLIENT_ABORT: flags[0] = 'C'; break;
	case SP_WHY_CLIENT_TIMEOUT:
	case SP_WHY_CLIENT_SLOW: flags[0] = 'c'; break;
	case SP_WHY_BACKEND_REFUSED:
	case SP_WHY_BACKEND_ABORT: flags[0] = 'S'; break;
	case SP_WHY_CONNECT_TIMEOUT:
	case SP_WHY_ANSWER_TIMEOUT:
	case SP_WHY_READ_TIMEOUT:
	case SP_WHY_EXCHANGE_TIMEOUT: flags[0] = 's'; break;
	case SP_WHY_NO_MEMORY:
	case SP_WHY_QUEUE_FULL: flags[0] = 'R'; break;
	case SP_WHY_QUEUE_TIMEOUT: flags[0] = 's'; break;
	case SP_WHY_NO_BACKEND: flags[0] = 'S'; break;
	case SP_WHY_DRAINING: flags[0] = 'K'; break;
	default: flags[0] = 'P'; break;
	}
	flags[1] = where[x->at];
	flags[2] = '\0';
	return flags;
}

static bool is_wanted(const struct sp_exchange *x)
{
	if (x->is_quiet || !x->from->listening->serve->conf->has_access_log)
		return false;
	return x->route == NULL || x->route->has_access_log;
}

static void put_request(const struct sp_exchange *x, struct sp_access_record *r)
{
	if (x->request.method_text.n == 0)
		return;
	r->proto = x->request.minor == 1 ? "HTTP/1.1" : "HTTP/1.0";
	r->method = x->request.method_text;
	r->host = x->log_host;
	r->path = x->log_path.n > 0 ? x->log_path : x->request.target;  /* refused before it had a normal form */
	r->query = x->request.query;
	r->user_agent = x->user_agent;
	r->referer = x->referer;
}

static void put_backend(const struct sp_exchange *x, struct sp_access_record *r)
{
	if (x->pool == NULL)
		return;
	r->pool = x->pool->conf->section.name;
	if (x->backend != NULL)
		r->backend = x->backend->name;
	r->backend_status = x->backend_status;
	r->tries = x->tries;
	r->reused = x->is_reused;
	r->t_queue = between(x->times.head, x->times.queued);
	r->t_connect = between(x->times.lent, x->times.connected);
	r->t_first_byte = between(x->times.connected, x->times.first_byte);
}

static unsigned status_of(const struct sp_exchange *x)
{
	/* 499: the client left before it had an answer of ours or the backend's. */
	return x->why == SP_WHY_CLIENT_ABORT && !x->is_answered ? 499 : x->status;
}

void sp_record(const struct sp_exchange *x)
{
	struct sp_access_record r = SP_ACCESS_RECORD;
	const uint64_t now = sp_now_us();
	const char *cause = sp_exchange_cause(x);
	char flags[3], country[3];

	sp_tally_exchange(x, status_of(x), cause, now);
	if (x->proxy->access == NULL || !is_wanted(x))
		return;
	r.wall_ms = sp_wall_ms() - (now - x->times.begun) / 1000;
	r.id = x->request_id;
	r.peer = &x->from->peer;
	r.client = x->client.family == SP_ADDR_NONE ? &x->from->client : &x->client;
	if (x->ask.country != 0)
		r.country = sp_str(sp_geo_country_text(x->ask.country, country));
	r.listener = x->from->listening->serve->conf->section.name;
	if (x->from->tls != NULL) {
		r.sni = sp_tls_stream_sni(x->from->tls);
		r.tls = sp_tls_stream_version(x->from->tls);
	}
	put_request(x, &r);
	put_backend(x, &r);
	r.status = status_of(x);
	r.bytes_in = x->bytes_in + x->up_pipe.put;
	r.bytes_out = x->bytes_out;
	r.body_out = x->down_pipe.taken;
	if (x->route != NULL)
		r.route = x->route->section.name;
	r.t_tls = x->from->tls_us;
	r.t_header = between(x->times.begun, x->times.head);
	r.t_total = now - x->times.begun;
	r.cause = cause;
	r.at = sp_at_word(x->at);
	r.flags = flags_of(x, flags);
	r.rule = x->ask.rule;
	r.gen = x->serve->number;
	sp_access_write(x->proxy->access, &r);
}
