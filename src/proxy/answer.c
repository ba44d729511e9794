#include "answer.h"

#include "sp/http/reply.h"
#include "sp/policy/edit.h"

#include "proxy_int.h"

static unsigned status_of(const struct sp_exchange *x)
{
	if (x->answer_status != 0)
		return x->answer_status;
	if (x->why == SP_WHY_NO_BACKEND && x->pool != NULL && x->pool->conf->when_all_down != 0)
		return (unsigned)x->pool->conf->when_all_down;
	return sp_why_status(x->why);
}

/* The whole body where it is fixed: health (spec 4.3) and `respond`. false: the standard one. */
static bool has_fixed_body(const struct sp_exchange *x, struct sp_str *body)
{
	if (x->is_quiet && x->answer_status == 200)
		*body = SP_STR("ok\n");
	else if (x->is_quiet && x->why == SP_WHY_DRAINING)
		*body = SP_STR("draining\n");
	else if (x->is_quiet && x->why == SP_WHY_NO_BACKEND)
		*body = SP_STR("not ready\n");
	else if (x->challenge.p != NULL)
		*body = x->challenge;
	else if (x->why == SP_WHY_OK && x->route != NULL && x->route->respond_status != 0)
		*body = x->route->respond_text;
	else
		return false;
	return true;
}

static bool is_redirect(const struct sp_exchange *x)
{
	return x->why == SP_WHY_OK && x->answer_status >= 300 && x->answer_status < 400;
}

static struct sp_str location_of(struct sp_exchange *x)
{
	char *text;

	if (x->route != NULL && x->route->redirect_status != 0 && !x->from->listening->serve->conf->is_redirect_https)
		return x->route->redirect_url;
	text = sp_arena_printf(&x->arena, "https://%.*s%.*s%.*s", SP_STR_ARG(x->request.host), SP_STR_ARG(x->request.path),
	                       SP_STR_ARG(x->request.query));
	return text == NULL ? SP_STR_NONE : sp_str(text);
}

static bool add_retry_after(struct sp_exchange *x)
{
	const uint64_t s = x->ask.retry_after_s;
	const char *text = sp_arena_printf(&x->arena, "%llu", (unsigned long long)(s > 0 ? s : 1));

	return text != NULL && sp_head_add(&x->response, &x->arena, SP_STR("Retry-After"), sp_str(text));
}

static bool add_fields(struct sp_exchange *x)
{
	struct sp_head *h = &x->response;
	struct sp_str location;

	if (is_redirect(x)) {
		location = location_of(x);
		if (location.p == NULL || !sp_head_add(h, &x->arena, SP_STR("Location"), location))
			return false;
	}
	if (x->ask.allow.n > 0 && !sp_head_add(h, &x->arena, SP_STR("Allow"), x->ask.allow))
		return false;
	if (h->status == 429 && !add_retry_after(x))
		return false;
	if (!sp_rate_respond(&x->ask, 0) || !sp_proxy_status_add(x))
		return false;
	if (x->from->is_tls && x->from->site != NULL && !sp_edit_hsts(h, &x->arena, x->from->site))
		return false;
	if (x->route == NULL || x->why != SP_WHY_OK)
		return true;
	if (x->route->has_security_headers && !sp_edit_security(h, &x->arena))
		return false;
	return sp_edit_apply(h, &x->arena, x->route->response_edits, x->route->response_edit_count);
}

static bool wants_json(const struct sp_exchange *x)
{
	const struct sp_field *accept = sp_head_find(&x->request, SP_F_ACCEPT);

	struct sp_str fixed;

	return accept != NULL && sp_reply_wants_json(accept->value) && !has_fixed_body(x, &fixed);
}

bool sp_answer_make(struct sp_exchange *x)
{
	struct sp_str body;
	unsigned status = status_of(x);

	if (x->request_id.n == 0 && !sp_exchange_name(x))
		return false;
	sp_head_init(&x->response, false);
	if (!sp_reply_make(&x->response, &x->arena, status, wants_json(x), SP_STR_NONE, x->request_id, &body))
		return false;
	if (has_fixed_body(x, &body))
		x->response.length = body.n;
	if (!add_fields(x))
		return false;
	x->status = status;
	if (status == 204 || status == 304)
		sp_head_drop(&x->response, SP_F_CONTENT_TYPE);
	x->is_bodyless = x->request.method == SP_M_HEAD || status == 204 || status == 304;
	if (!x->is_bodyless && !sp_pipe_put(&x->down_pipe, body))
		return false;
	sp_pipe_end(&x->down_pipe);
	return true;
}
