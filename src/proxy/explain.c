#include "sp/proxy/explain.h"

#include <stdlib.h>

#include "sp/conf/units.h"
#include "sp/http/h1_write.h"

#include "answer.h"
#include "client.h"
#include "judge.h"
#include "proxy_int.h"

struct run {
	struct sp_explanation out; /* first: what the caller has */
	struct sp_witness witness;
	struct sp_loop *loop; /* owned, as the proxy */
	struct sp_proxy *proxy;
	struct sp_from from;
	struct sp_end down; /* sends nothing */
	struct sp_exchange *x; /* owned by down; NULL: the handshake was refused */
	struct sp_explained_rule *last;
	bool is_short; /* of memory */
};

/* A policy may not tell where it stands: then it is at the key of its name, in the section whose rules are asked. */
static struct sp_conf_at place_of(const struct run *run, const struct sp_met *met)
{
	const struct sp_conf_section *listener = &run->from.listening->serve->conf->section;

	if (met->at.file != NULL)
		return met->at;
	return sp_conf_at(run->x->route != NULL ? &run->x->route->section : listener, met->rule);
}

static void on_met(struct sp_witness *witness, const struct sp_met *met)
{
	struct run *run = SP_HOLDER(witness, struct run, witness);
	struct sp_explained_rule *rule = sp_arena_alloc(&run->x->arena, sizeof(*rule));

	run->is_short |= rule == NULL;
	if (rule == NULL)
		return;
	*rule = (struct sp_explained_rule){ .met = *met };
	rule->met.at = place_of(run, met);
	if (run->last == NULL)
		run->out.rules = rule;
	else
		run->last->next = rule;
	run->last = rule;
}

/* ---- the end towards the client, which there is none of */

static void op_head(struct sp_end *e, struct sp_head *h)
{
	(void)e;
	(void)h;
}

static void op_nothing(struct sp_end *e)
{
	(void)e;
}

static void op_room(struct sp_end *e, size_t taken)
{
	(void)e;
	(void)taken;
}

static void op_abort(struct sp_end *e, enum sp_why why)
{
	(void)why;
	e->x = NULL;
}

static bool op_take_back(struct sp_end *e)
{
	(void)e;
	return false;
}

static const struct sp_end_ops ops = { .head = op_head, .kick = op_nothing, .room = op_room, .tunnel = op_nothing,
				       .abort = op_abort, .take_back = op_take_back, .done = op_nothing };

/* ---- what comes of it */

/* All bytes of the chain in one piece; p == NULL: no memory. */
static struct sp_str take_text(struct run *run, struct sp_chain *chain)
{
	size_t all = chain->bytes, n = 0;
	char *text = sp_arena_alloc(&run->x->arena, all + 1);
	struct iovec v;

	while (text != NULL && sp_chain_peek(chain, chain->bytes, &v, 1) == 1) {
		memcpy(text + n, v.iov_base, v.iov_len);
		n += v.iov_len;
		sp_chain_consume(chain, v.iov_len);
	}
	sp_chain_clear(chain);
	run->is_short |= text == NULL;
	return sp_str_of(text, n);
}

/* Whether our answer is the connection's last, as far as this request decides it (down_h1.c: op_head). */
static enum sp_h1_connection connection_of(const struct sp_exchange *x)
{
	if (x->refuse != SP_REFUSE_NONE || x->must_close || !x->request.is_keep_alive || sp_head_has_body(&x->request))
		return SP_H1_CONN_CLOSE;
	return x->request.minor == 0 ? SP_H1_CONN_KEEP_ALIVE : SP_H1_CONN_DEFAULT;
}

static void note_answer(struct run *run)
{
	struct sp_exchange *x = run->x;
	struct sp_chain out;
	struct iovec v;

	run->out.outcome = SP_OUTCOME_ANSWERED;
	run->out.status = x->status;
	sp_chain_init(&out, run->proxy->chunks);
	run->is_short |= !sp_h1_write_response(&out, &x->response, connection_of(x));
	while (sp_pipe_peek(&x->down_pipe, sp_pipe_bytes(&x->down_pipe), &v, 1) == 1) {
		run->is_short |= !sp_chain_put(&out, sp_str_of(v.iov_base, v.iov_len));
		sp_pipe_take(&x->down_pipe, v.iov_len);
	}
	run->out.answer = take_text(run, &out);
}

static const struct sp_conf_backend *first_candidate(const struct sp_conf_pool *pool)
{
	for (size_t i = 0; i < pool->backend_count; i++)
		if (!pool->backends[i].is_down)
			return &pool->backends[i];
	return pool->backends;
}

static void note_head(struct run *run)
{
	struct sp_exchange *x = run->x;
	const struct sp_conf_pool *pool = x->pool->conf;
	const struct sp_conf_backend *first = first_candidate(pool);
	struct sp_str *hosts = sp_arena_zalloc(&x->arena, (pool->backend_count + 1) * sizeof(*hosts));
	struct sp_chain out;

	run->out.outcome = SP_OUTCOME_FORWARDED;
	run->out.pool = pool;
	run->out.hosts = hosts;
	run->is_short |= hosts == NULL;
	for (size_t i = 0; hosts != NULL && i < pool->backend_count; i++) {
		x->backend = &pool->backends[i];
		run->is_short |= !sp_judge_host(x);
		hosts[i] = x->host_out;
	}
	x->backend = first;
	sp_chain_init(&out, run->proxy->chunks);
	run->is_short |= !sp_judge_host(x) || !sp_h1_write_request(&out, &x->request, x->host_out);
	run->out.head = take_text(run, &out);
}

/* A policy that has to ask somebody has nobody here. */
static enum sp_exchange_state judge(struct sp_exchange *x)
{
	enum sp_exchange_state next;

	while ((next = sp_judge(x)) == SP_EX_POLICY) {
		sp_wait_cancel(&x->wait);
		x->ask.at++;
	}
	return next;
}

static void explain_request(struct run *run)
{
	struct sp_exchange *x = run->x;

	x->is_request_ended = !sp_head_has_body(&x->request);
	switch (judge(x)) {
	case SP_EX_CONNECT:
		note_head(run);
		break;
	case SP_EX_ANSWER:
		run->is_short |= !sp_answer_make(x);
		note_answer(run);
		break;
	default:
		run->out.outcome = SP_OUTCOME_CLOSED;
		break;
	}
}

static void tell_refusal(struct run *run, enum sp_refuse why)
{
	static const char *const keys[SP_REFUSE_COUNT] = { [SP_REFUSE_TARGET_TOO_LONG] = "uri_max",
							   [SP_REFUSE_HEAD_TOO_LARGE] = "header_max",
							   [SP_REFUSE_TOO_MANY_FIELDS] = "header_count_max",
							   [SP_REFUSE_UNDERSCORE] = "underscore_headers" };
	struct sp_met met = { .rule = keys[why] != NULL ? keys[why] : "http", .how = SP_MET_ANSWERED };

	met.text = sp_arena_printf(&run->x->arena, "the head is refused as it is read: %s", sp_refuse_word(why));
	if (met.text == NULL)
		met.text = "";
	on_met(&run->witness, &met);
}

/* The caps by address (admission.c): met before a byte of a request is read. */
static void tell_admission(struct run *run)
{
	const struct sp_conf_listener *listener = run->from.listening->serve->conf;
	const enum sp_conf_behind behind = run->proxy->serve->conf->gateway.behind;
	struct sp_met met = { .rule = "max_connections_per_ip", .how = SP_MET_UNASKED };
	char rate[SP_UNITS_TEXT];

	if (run->from.is_trusted || run->from.client.family == SP_ADDR_UNIX || behind == SP_BEHIND_ALB ||
	    behind == SP_BEHIND_CLOUDFRONT)
		return;
	met.text = sp_arena_printf(&run->x->arena, "%llu%s%s: the running gateway counts",
				   (unsigned long long)listener->max_connections_per_ip,
				   run->from.is_tls ? ", and handshakes " : "",
				   run->from.is_tls ? sp_units_rate_text(listener->max_handshakes_per_ip, rate) : "");
	if (met.text == NULL)
		met.text = "";
	on_met(&run->witness, &met);
}

static bool explain_head(struct run *run, struct sp_str head, struct sp_err *err)
{
	struct sp_exchange *x = run->x;
	struct sp_h1_reader reader;
	size_t used;

	tell_admission(run);
	sp_h1_reader_init(&reader, &run->from.listening->serve->limits, &x->arena);
	switch (sp_h1_read_request(&reader, head.p, head.n, &x->request, &used)) {
	case SP_H1_MORE:
		return sp_err_set(err, "the request's head has no end");
	case SP_H1_REFUSED:
		tell_refusal(run, reader.why);
		sp_exchange_refused(x, reader.why); /* its machine goes on to the answer */
		note_answer(run);
		break;
	case SP_H1_HEAD:
		explain_request(run);
		break;
	}
	run->out.client = x->client.family == SP_ADDR_NONE ? run->from.client : x->client;
	run->out.is_trusted = run->from.is_trusted;
	run->out.route = x->route;
	run->out.cause = sp_exchange_cause(x);
	run->out.rule = x->ask.rule;
	return !run->is_short || sp_err_set(err, "no memory for an explanation");
}

/* ---- its life */

static bool begin(struct run *run, struct sp_serve *serve, const struct sp_explain_ask *ask, struct sp_err *err)
{
	struct sp_proxy_env env = { .serve = serve, .access_fd = -1, .worker = 1 };

	env.loop = run->loop = sp_loop_new(err);
	if (run->loop == NULL)
		return false;
	run->proxy = sp_proxy_new(&env, err);
	if (run->proxy == NULL)
		return false;
	run->witness.met = on_met;
	run->proxy->witness = &run->witness;
	run->from = (struct sp_from){ .listening = run->proxy->listenings[ask->listener],
				      .peer = ask->client,
				      .port = ask->port,
				      .tls_us = UINT64_MAX };
	sp_client_note(&run->from, &serve->conf->gateway.trusted, &ask->client);
	run->from.is_tls = run->from.listening->serve->tls != NULL;
	if (run->from.is_tls)
		run->from.site = sp_tls_listener_site(run->from.listening->serve->tls, ask->server_name);
	run->out.client = ask->client;
	run->out.site = run->from.site;
	return true;
}

struct sp_explanation *sp_explain(struct sp_serve *serve, const struct sp_explain_ask *ask, struct sp_err *err)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run == NULL || !begin(run, serve, ask, err)) {
		sp_err_set(err, "no memory for an explanation");
		sp_challenges_free(ask->challenges);
		goto fail;
	}
	sp_proxy_set_challenges(run->proxy, ask->listener, ask->challenges);
	if (run->from.is_tls && run->from.site == NULL) {
		run->out.outcome = SP_OUTCOME_NO_HANDSHAKE;
		run->out.cause = "";
		return &run->out;
	}
	run->down = (struct sp_end){ .magic = SP_END_MAGIC, .ops = &ops };
	run->x = run->down.x = sp_exchange_new(run->proxy, &run->down, &run->from);
	if (run->x == NULL)
		sp_err_set(err, "no memory for an explanation");
	else if (explain_head(run, ask->head, err))
		return &run->out;
fail:
	sp_explanation_free(run == NULL ? NULL : &run->out);
	return NULL;
}

void sp_explanation_free(struct sp_explanation *explanation)
{
	struct run *run = explanation == NULL ? NULL : SP_HOLDER(explanation, struct run, out);

	if (run == NULL)
		return;
	if (run->x != NULL) {
		run->x->is_quiet = true;
		sp_exchange_cut(run->x);
	}
	sp_proxy_free(run->proxy);
	sp_loop_free(run->loop);
	free(run);
}
