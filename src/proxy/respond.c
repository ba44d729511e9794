#include "respond.h"

#include "sp/http/hop.h"
#include "sp/policy/edit.h"

#include "proxy_int.h"
#include "sticky.h"

/* RFC 9110 15.2; threats.md "Backends": bounded in number, never towards HTTP/1.0. 100 is answered by us. */
static enum sp_respond judge_interim(struct sp_exchange *x)
{
	if (++x->interim > SP_INTERIM_MAX)
		return SP_RESPOND_BAD;
	if (x->response.status == 100 || x->request.minor == 0)
		return SP_RESPOND_SKIP;
	if (!sp_hop_response(&x->response, &x->arena, false))
		return SP_RESPOND_MEMORY;
	return SP_RESPOND_INTERIM;
}

/* RFC 9110 15.2.2: only to who asked, and for the protocol that was asked for. */
static enum sp_respond judge_switch(struct sp_exchange *x)
{
	x->backend_status = 101;
	if (!x->is_upgrade || !x->response.has_upgrade || !sp_str_eq_nocase(x->response.upgrade, SP_STR("websocket"))) {
		x->refuse = SP_REFUSE_STATUS;
		return SP_RESPOND_BAD;
	}
	if (!sp_hop_response(&x->response, &x->arena, true) || !sp_rate_respond(&x->ask, 101) ||
	    !sp_edit_apply(&x->response, &x->arena, x->route->response_edits, x->route->response_edit_count))
		return SP_RESPOND_MEMORY;
	return SP_RESPOND_TUNNEL;
}

static bool has_no_body(const struct sp_exchange *x)
{
	return x->request.method == SP_M_HEAD || x->response.status == 204 || x->response.status == 304;
}

enum sp_respond sp_respond(struct sp_exchange *x)
{
	struct sp_head *h = &x->response;

	if (h->status == 101)
		return judge_switch(x);
	if (h->status < 200)
		return judge_interim(x);
	x->backend_status = h->status;
	x->is_bodyless = has_no_body(x);
	if (!sp_hop_response(h, &x->arena, false) || !sp_sticky_give(x))
		return SP_RESPOND_MEMORY;
	if (x->route->has_security_headers && !sp_edit_security(h, &x->arena))
		return SP_RESPOND_MEMORY;
	if (x->from->is_tls && x->from->site != NULL && !sp_edit_hsts(h, &x->arena, x->from->site))
		return SP_RESPOND_MEMORY;
	if (!sp_rate_respond(&x->ask, h->status) ||
	    !sp_edit_apply(h, &x->arena, x->route->response_edits, x->route->response_edit_count))
		return SP_RESPOND_MEMORY;
	return SP_RESPOND_FINAL;
}
