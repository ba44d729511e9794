#include "explain.h"

#include <string.h>

#include "sp/base/json.h"

static const char *const outcomes[] = { [SP_OUTCOME_FORWARDED] = "forwarded",
					[SP_OUTCOME_ANSWERED] = "answered",
					[SP_OUTCOME_CLOSED] = "closed",
					[SP_OUTCOME_NO_HANDSHAKE] = "no_handshake" };

static const char *const hows[] = { [SP_MET_PASSED] = "passed",
				    [SP_MET_ANSWERED] = "answered",
				    [SP_MET_DROPPED] = "closed",
				    [SP_MET_UNASKED] = "not_asked" };

static const char *const balances[] = { [SP_BALANCE_LEAST_CONN] = "least_conn",
					[SP_BALANCE_ROUND_ROBIN] = "round_robin",
					[SP_BALANCE_RANDOM_TWO] = "random_two",
					[SP_BALANCE_HASH_CLIENT] = "hash:client",
					[SP_BALANCE_HASH_HEADER] = "hash:header",
					[SP_BALANCE_COOKIE] = "cookie" };

static const struct sp_conf_listener *listener_of(const struct sp_explain_told *told)
{
	return &told->conf->listeners[told->ask->listener];
}

static const char *at_text(struct sp_conf_at at, struct sp_buf *buf)
{
	buf->n = 0;
	if (at.file == NULL)
		sp_buf_put(buf, SP_STR(""));
	else if (at.line > 0)
		sp_buf_printf(buf, "%s:%d", at.file, at.line);
	else
		sp_buf_printf(buf, "%s", at.file);
	return buf->is_failed ? "" : buf->p;
}

/* ---- words */

/* A terminal gets no byte of the request that it would act upon. */
static void put_byte(char c, FILE *to)
{
	if (c >= ' ' && c <= '~')
		(void)fputc(c, to);
	else
		(void)fprintf(to, "\\x%02x", (unsigned)(unsigned char)c);
}

static void put_safe(struct sp_str s, FILE *to)
{
	for (size_t i = 0; i < s.n; i++)
		put_byte(s.p[i], to);
}

static void put_at(const char *before, struct sp_conf_at at, FILE *to)
{
	if (at.file == NULL)
		return;
	(void)fprintf(to, "%s%s", before, at.file);
	if (at.line > 0)
		(void)fprintf(to, ":%d", at.line);
}

/* A head, and a body behind it: a line each, set in. */
static void put_lines(struct sp_str text, FILE *to)
{
	struct sp_str line;

	while (text.n > 0 && sp_str_split(&text, '\n', &line)) {
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		(void)fputs(line.n > 0 ? "    " : "", to);
		put_safe(line, to);
		(void)fputc('\n', to);
	}
}

/* Behind these the client is known by the head alone; who forgets that asks about a request that never comes. */
static void print_note(const struct sp_explain_told *told, FILE *to)
{
	const struct sp_conf_gateway *gateway = &told->conf->gateway;
	const char *behind = gateway->behind == SP_BEHIND_ALB	      ? "alb" :
			     gateway->behind == SP_BEHIND_CLOUDFRONT ? "cloudfront" :
								       NULL;

	if (behind == NULL || told->what->is_trusted)
		return;
	(void)fprintf(to, "note: behind = %s (", behind);
	put_at("", sp_conf_at(&gateway->section, "behind"), to);
	(void)fputs("), but this comes from an address that is not in `trusted`. A request through the balancer:\n"
		    "      --from THE-BALANCER -H 'X-Forwarded-For: THE-CLIENT'\n\n",
		    to);
}

static void print_request(const struct sp_explain_told *told, FILE *to)
{
	const struct sp_conf_listener *l = listener_of(told);
	const struct sp_conf_tls *site = told->what->site;
	char ip[SP_ADDR_TEXT];

	put_safe(told->request->method, to);
	(void)fputs(told->request->is_tls ? " https://" : " http://", to);
	put_safe(told->request->host, to);
	if (told->request->port != 0)
		(void)fprintf(to, ":%u", told->request->port);
	(void)fputs(told->request->target.p[0] == '/' ? "" : " ", to);
	put_safe(told->request->target, to);
	(void)fprintf(to, "\nfrom %s%s to [listener:%.*s] (", sp_addr_ip_text(&told->ask->client, ip),
		      l->proxy_protocol == SP_PROXY_REQUIRED ? ", by a PROXY header," : "", SP_STR_ARG(l->section.name));
	put_at("", l->section.at, to);
	(void)fputc(')', to);
	if (site != NULL)
		put_at(", certificate at ", site->section.at, to);
	(void)fputs("\n\n", to);
	print_note(told, to);
}

static void print_rules(const struct sp_explain_told *told, FILE *to)
{
	struct sp_buf at;
	size_t at_wide = 0, rule_wide = 0;

	sp_buf_init(&at);
	for (const struct sp_explained_rule *r = told->what->rules; r != NULL; r = r->next) {
		size_t n = strlen(at_text(r->met.at, &at)), rule = strlen(r->met.rule);

		at_wide = n > at_wide ? n : at_wide;
		rule_wide = rule > rule_wide ? rule : rule_wide;
	}
	for (const struct sp_explained_rule *r = told->what->rules; r != NULL; r = r->next) {
		(void)fprintf(to, "  %-9s  %-*s  %-*s  ", hows[r->met.how], (int)at_wide,
			      r->met.at.file != NULL ? at_text(r->met.at, &at) : "-", (int)rule_wide, r->met.rule);
		put_safe(sp_str(r->met.text), to);
		(void)fputc('\n', to);
	}
	sp_buf_fini(&at);
	if (told->what->rules != NULL)
		(void)fputc('\n', to);
}

static void print_backend(const struct sp_conf_backend *b, FILE *to)
{
	char addr[SP_ADDR_TEXT];

	(void)fprintf(to, "    %.*s", SP_STR_ARG(b->name));
	if (sp_conf_backend_is_named(b))
		(void)fprintf(to, " (%.*s:%u, looked up by the running gateway)", SP_STR_ARG(b->host), b->addr.port);
	else if (!sp_str_eq(b->name, sp_str(sp_addr_text(&b->addr, addr))))
		(void)fprintf(to, " (%s)", addr);
	(void)fprintf(to, ", weight %llu", (unsigned long long)b->weight);
	if (b->max_inflight > 0)
		(void)fprintf(to, ", max_inflight %llu", (unsigned long long)b->max_inflight);
	(void)fputs(b->is_down ? ", down = yes" : "", to);
	put_at("  ", b->at, to);
	(void)fputc('\n', to);
}

static void print_forwarded(const struct sp_explain_told *told, FILE *to)
{
	const struct sp_explanation *w = told->what;
	const struct sp_conf_pool *pool = w->pool;

	(void)fprintf(to, "forwarded by [route:%.*s] to [pool:%.*s], balance = %s", SP_STR_ARG(w->route->section.name),
		      SP_STR_ARG(pool->section.name), balances[pool->balance]);
	if (pool->balance_name.n > 0)
		(void)fprintf(to, ":%.*s", SP_STR_ARG(pool->balance_name));
	(void)fprintf(to, "%s%s, to one of these (which are up and have room, the running gateway knows):\n", pool->has_tls ? ", TLS" : "",
		      pool->has_proxy_header ? ", PROXY header" : "");
	for (size_t i = 0; i < pool->backend_count; i++)
		print_backend(&pool->backends[i], to);
	(void)fputs(pool->host == SP_HOST_BACKEND && pool->backend_count > 1 ?
			    "\nwith this head, where Host is that of the backend:\n\n" :
			    "\nwith this head:\n\n",
		    to);
	put_lines(w->head, to);
}

static void print_answered(const struct sp_explain_told *told, FILE *to)
{
	(void)fprintf(to, "answered %u, cause %s", told->what->status, told->what->cause);
	put_at(", rule ", told->what->rule, to);
	(void)fputs(":\n\n", to);
	put_lines(told->what->answer, to);
}

void sp_explain_print(const struct sp_explain_told *told, FILE *to)
{
	print_request(told, to);
	print_rules(told, to);
	switch (told->what->outcome) {
	case SP_OUTCOME_FORWARDED: print_forwarded(told, to); break;
	case SP_OUTCOME_ANSWERED: print_answered(told, to); break;
	case SP_OUTCOME_CLOSED:
		(void)fprintf(to, "closed without an answer, cause %s", told->what->cause);
		put_at(", rule ", told->what->rule, to);
		(void)fputc('\n', to);
		break;
	case SP_OUTCOME_NO_HANDSHAKE:
		(void)fprintf(to, "refused in the TLS handshake (unrecognized_name): no certificate of the listener has the name %s\n",
			      told->request->server_name);
		break;
	}
}

/* ---- JSON */

static void put_name(struct sp_buf *buf, const char *name)
{
	char last = buf->n > 0 && !buf->is_failed ? buf->p[buf->n - 1] : '{';

	sp_buf_printf(buf, "%s\"%s\":", last == '{' || last == '[' ? "" : ",", name);
}

/* p == NULL: null. */
static void put_member(struct sp_buf *buf, const char *name, struct sp_str text)
{
	put_name(buf, name);
	if (text.p == NULL)
		sp_buf_put(buf, SP_STR("null"));
	else
		sp_json_put(buf, text);
}

static void put_place(struct sp_buf *buf, const char *name, struct sp_conf_at at)
{
	struct sp_buf text;

	sp_buf_init(&text);
	put_member(buf, name, at.file == NULL ? SP_STR_NONE : sp_str(at_text(at, &text)));
	sp_buf_fini(&text);
}

static void put_section(struct sp_buf *buf, const char *name, const char *at, const struct sp_conf_section *section)
{
	put_member(buf, name, section == NULL ? SP_STR_NONE : section->name);
	put_place(buf, at, section == NULL ? (struct sp_conf_at){ NULL, 0 } : section->at);
}

static void put_rules(struct sp_buf *buf, const struct sp_explanation *what)
{
	put_name(buf, "rules");
	sp_buf_put(buf, SP_STR("["));
	for (const struct sp_explained_rule *r = what->rules; r != NULL; r = r->next) {
		sp_buf_put(buf, r == what->rules ? SP_STR("{") : SP_STR(",{"));
		put_member(buf, "rule", sp_str(r->met.rule));
		put_place(buf, "at", r->met.at);
		put_member(buf, "outcome", sp_str(hows[r->met.how]));
		put_member(buf, "text", sp_str(r->met.text));
		sp_buf_put(buf, SP_STR("}"));
	}
	sp_buf_put(buf, SP_STR("]"));
}

static void put_backends(struct sp_buf *buf, const struct sp_explanation *what)
{
	char addr[SP_ADDR_TEXT];

	put_name(buf, "backends");
	sp_buf_put(buf, SP_STR("["));
	for (size_t i = 0; what->pool != NULL && i < what->pool->backend_count; i++) {
		const struct sp_conf_backend *b = &what->pool->backends[i];
		bool is_named = sp_conf_backend_is_named(b);

		sp_buf_put(buf, i == 0 ? SP_STR("{") : SP_STR(",{"));
		put_member(buf, "name", b->name);
		put_member(buf, "address", is_named ? SP_STR_NONE : sp_str(sp_addr_text(&b->addr, addr)));
		sp_buf_printf(buf, ",\"weight\":%llu,\"max_inflight\":%llu,\"down\":%s", (unsigned long long)b->weight,
			      (unsigned long long)b->max_inflight, b->is_down ? "true" : "false");
		put_member(buf, "host", what->hosts[i]);
		put_place(buf, "at", b->at);
		sp_buf_put(buf, SP_STR("}"));
	}
	sp_buf_put(buf, SP_STR("]"));
}

void sp_explain_print_json(const struct sp_explain_told *told, FILE *to)
{
	const struct sp_explanation *w = told->what;
	char ip[SP_ADDR_TEXT];
	struct sp_buf buf;

	sp_buf_init(&buf);
	sp_buf_put(&buf, SP_STR("{"));
	put_member(&buf, "outcome", sp_str(outcomes[w->outcome]));
	sp_buf_printf(&buf, ",\"status\":%u", w->status);
	put_member(&buf, "cause", sp_str(w->cause));
	put_place(&buf, "rule", w->rule);
	put_member(&buf, "client", sp_str(sp_addr_ip_text(&w->client, ip)));
	put_member(&buf, "from", sp_str(sp_addr_ip_text(&told->ask->client, ip)));
	put_section(&buf, "listener", "listener_at", &listener_of(told)->section);
	put_section(&buf, "tls", "tls_at", w->site == NULL ? NULL : &w->site->section);
	put_section(&buf, "route", "route_at", w->route == NULL ? NULL : &w->route->section);
	put_section(&buf, "pool", "pool_at", w->pool == NULL ? NULL : &w->pool->section);
	put_member(&buf, "balance", w->pool == NULL ? SP_STR_NONE : sp_str(balances[w->pool->balance]));
	put_backends(&buf, w);
	put_rules(&buf, w);
	put_member(&buf, "request", told->ask->head);
	put_member(&buf, "head", w->outcome == SP_OUTCOME_FORWARDED ? w->head : SP_STR_NONE);
	put_member(&buf, "answer", w->outcome == SP_OUTCOME_ANSWERED ? w->answer : SP_STR_NONE);
	sp_buf_put(&buf, SP_STR("}\n"));
	if (!buf.is_failed)
		(void)fwrite(buf.p, 1, buf.n, to);
	sp_buf_fini(&buf);
}
