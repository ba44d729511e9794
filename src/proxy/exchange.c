#include "exchange.h"

#include "sp/base/check.h"
#include "sp/base/clock.h"

#include "answer.h"
#include "judge.h"
#include "lend.h"
#include "proxy_int.h"
#include "record.h"
#include "respond.h"
#include "retry.h"
#include "sticky.h"

enum {                                  /* facts */
	F_REQUEST = SP_BIT(0),          /* x->request is there */
	F_RESPONSE = SP_BIT(1),         /* x->response is there */
	F_READY = SP_BIT(2),            /* the lease's connection stands */
	F_DOWN_BYTES = SP_BIT(3),       /* the client's body has more, or its end */
	F_UP_BYTES = SP_BIT(4),         /* the answer's */
	F_DOWN_SENT = SP_BIT(5),        /* the answer is written */
	F_UP_SENT = SP_BIT(6),          /* the request is written */
	F_COMPLETE = SP_BIT(7),         /* the up end is through */
	F_DOWN_FAILED = SP_BIT(8),
	F_UP_FAILED = SP_BIT(9),
	F_WOKEN = SP_BIT(10),           /* a policy has its answer */
	F_SOON = SP_BIT(11),            /* the turn's events were heard */
	F_CALLED = SP_BIT(12),          /* the queue has called, or its time is over */
};

#define F_OF_UP (F_RESPONSE | F_READY | F_UP_BYTES | F_UP_SENT | F_COMPLETE | F_UP_FAILED)

static bool take(struct sp_exchange *x, unsigned fact)
{
	bool is_noted = (x->facts & fact) != 0;

	x->facts &= ~fact;
	return is_noted;
}

static void on_called(struct sp_wait *w);

/* ---- steps; each returns the next state, or its own to wait */

/* The backend had all of the request, and the route's time ran out without a byte of an answer. */
static bool is_backend_late(const struct sp_exchange *x)
{
	return x->why == SP_WHY_EXCHANGE_TIMEOUT && x->lease != NULL && x->is_request_ended && x->times.first_byte == 0;
}

static enum sp_exchange_state after_down_failure(struct sp_exchange *x)
{
	sp_wait_cancel(&x->place.wait);
	if (is_backend_late(x))
		sp_eject_failed(x->lease->backend, x->why);
	sp_lend_drop(x, SP_LEASE_CLOSE);
	if (x->is_answered || x->why == SP_WHY_CLIENT_ABORT || x->has_drop) {
		x->is_aborted = true;
		return SP_EX_DONE;
	}
	return SP_EX_ANSWER;
}

static enum sp_exchange_state step_head(struct sp_exchange *x)
{
	if (take(x, F_DOWN_FAILED))
		return after_down_failure(x);
	return take(x, F_REQUEST) ? SP_EX_POLICY : SP_EX_HEAD;
}

static enum sp_exchange_state step_policy(struct sp_exchange *x)
{
	if (take(x, F_DOWN_FAILED))
		return after_down_failure(x);
	if (sp_wait_is_on(&x->wait))
		return SP_EX_POLICY;
	take(x, F_WOKEN);
	return sp_judge(x);
}

/* The answer went wrong before any of it has left (its first chunk is broken, say): we can still say so. */
static bool take_back(struct sp_exchange *x)
{
	if (!x->down->ops->take_back(x->down))
		return false;
	x->is_answered = x->is_bodyless = false;
	sp_pipe_fini(&x->down_pipe);
	sp_pipe_init(&x->down_pipe, x->proxy->chunks);
	return true;
}

/* A pooled connection that was closed while it was idle tells nothing of its backend. */
static bool is_stale(const struct sp_exchange *x)
{
	return x->why == SP_WHY_BACKEND_ABORT && x->is_reused && x->times.first_byte == 0;
}

/* The exchange had a backend and lost it before anything of an answer was passed on. */
static enum sp_exchange_state after_up_failure(struct sp_exchange *x)
{
	enum sp_retry how = sp_retry_how(x);

	if (!is_stale(x))
		sp_eject_failed(x->lease->backend, x->why);
	if (how == SP_RETRY_OTHER && !sp_lend_may_retry(x))
		how = SP_RETRY_NO;
	if (how == SP_RETRY_OTHER)
		sp_lend_tried(x, x->lease->backend);
	else if (how == SP_RETRY_STALE) {
		x->is_stale_replayed = true;
		x->tries--;                     /* spec: replayed once without counting */
	}
	sp_lend_drop(x, SP_LEASE_CLOSE);
	x->facts &= ~F_OF_UP;
	if (x->is_answered && !take_back(x)) {
		x->is_aborted = true;
		return SP_EX_DONE;
	}
	if (how == SP_RETRY_NO)
		return SP_EX_ANSWER;
	return SP_EX_CONNECT;
}

/*
 * A byte that nobody asked for on an idle backend connection, or its end, may have come with its event still behind
 * the one that brought this request: written behind such a byte, the request would get it as its answer. So the pool
 * is asked behind all the events of this turn.
 */
static bool must_hear_events(struct sp_exchange *x)
{
	if (!sp_loop_is_hearing(x->proxy->loop))
		return false;
	sp_soon_add(x->proxy->loop, &x->soon);
	return true;
}

static enum sp_exchange_state late_in_queue(struct sp_exchange *x)
{
	x->times.queued = sp_now_us();
	return sp_lend_none(x, SP_WHY_QUEUE_TIMEOUT);
}

static enum sp_exchange_state step_connect(struct sp_exchange *x)
{
	enum sp_exchange_state next;

	if (take(x, F_DOWN_FAILED))
		return after_down_failure(x);
	if (take(x, F_UP_FAILED)) {
		next = after_up_failure(x);
		if (next != SP_EX_CONNECT)
			return next;
	}
	take(x, F_SOON);
	if (sp_wait_is_on(&x->place.wait))
		return SP_EX_CONNECT;
	if (take(x, F_CALLED)) {
		if (x->place.is_late)
			return late_in_queue(x);
		x->is_called = true;
	}
	if (x->lease == NULL && must_hear_events(x))
		return SP_EX_CONNECT;
	if (x->lease == NULL && ((next = sp_lend(x, on_called)) != SP_EX_CONNECT || x->lease == NULL))
		return next;
	if (!x->lease->is_ready && !take(x, F_READY))
		return SP_EX_CONNECT;
	x->times.connected = sp_now_us();
	x->why = SP_WHY_OK;                     /* of an earlier try */
	x->at = SP_AT_NONE;
	if (!sp_judge_host(x)) {
		x->why = SP_WHY_NO_MEMORY;
		return SP_EX_ANSWER;
	}
	x->down->ops->room(x->down, 0);         /* body bytes that are here go out with the head */
	if ((x->facts & F_DOWN_FAILED) != 0)
		return SP_EX_CONNECT;
	x->up->ops->head(x->up, &x->request);
	x->facts |= F_DOWN_BYTES;
	return SP_EX_FORWARD;
}

static enum sp_exchange_state on_response(struct sp_exchange *x)
{
	switch (sp_respond(x)) {
	case SP_RESPOND_INTERIM:
		x->down->ops->head(x->down, &x->response);
		x->down->ops->kick(x->down);
		return SP_EX_FORWARD;
	case SP_RESPOND_SKIP:
		return SP_EX_FORWARD;
	case SP_RESPOND_FINAL:
		x->is_answered = true;
		x->status = x->response.status;
		x->down->ops->head(x->down, &x->response);
		return SP_EX_FORWARD;
	case SP_RESPOND_TUNNEL:
		x->is_answered = true;
		x->status = x->response.status;
		sp_eject_answered(x->lease->backend, x->status);
		x->down->ops->head(x->down, &x->response);
		x->down->ops->tunnel(x->down);
		x->up->ops->tunnel(x->up);
		x->down->ops->room(x->down, 0);
		x->facts |= F_UP_BYTES | F_DOWN_BYTES;
		return SP_EX_TUNNEL;
	case SP_RESPOND_MEMORY:
		x->why = SP_WHY_NO_MEMORY;
		break;
	case SP_RESPOND_BAD:
		x->why = SP_WHY_BAD_ANSWER;
		sp_eject_failed(x->lease->backend, x->why);
		break;
	}
	x->at = SP_AT_ANSWER;
	sp_lend_drop(x, SP_LEASE_CLOSE);
	x->facts &= ~F_OF_UP;
	return SP_EX_ANSWER;
}

static enum sp_exchange_state step_forward(struct sp_exchange *x)
{
	enum sp_exchange_state next;

	if (take(x, F_DOWN_FAILED))
		return after_down_failure(x);
	if (take(x, F_UP_FAILED))
		return after_up_failure(x);
	if (take(x, F_RESPONSE) && (next = on_response(x)) != SP_EX_FORWARD)
		return next;
	if (take(x, F_COMPLETE)) {
		sp_eject_answered(x->lease->backend, x->backend_status);
		sp_lend_drop(x, SP_LEASE_REUSE);
		x->facts |= F_UP_BYTES;
	}
	if (take(x, F_DOWN_BYTES) && x->up != NULL)
		x->up->ops->kick(x->up);
	if (x->is_answered && take(x, F_UP_BYTES))
		x->down->ops->kick(x->down);
	take(x, F_UP_SENT);
	if (!take(x, F_DOWN_SENT))
		return SP_EX_FORWARD;
	sp_lend_drop(x, SP_LEASE_CLOSE);          /* it answered before it had the whole request, or is not to be used again */
	return SP_EX_DONE;
}

static void on_deadline(struct sp_deadline *deadline)
{
	struct sp_exchange *x = SP_OBJ(SP_HOLDER(deadline, struct sp_exchange, deadline), struct sp_exchange, SP_EXCHANGE_MAGIC);

	if (x->state == SP_EX_TUNNEL)
		sp_notice(&x->proxy->notices, SP_NOTICE_TUNNEL_IDLE, &x->from->client);
	sp_exchange_failed(x, SP_DOWN, x->state == SP_EX_TUNNEL ? SP_WHY_CLIENT_TIMEOUT : SP_WHY_EXCHANGE_TIMEOUT);
}

void sp_exchange_arm(struct sp_exchange *x, uint64_t ms)
{
	sp_deadline_set(&x->deadline, sp_loop_deadlines(x->proxy->loop, ms), on_deadline);
}

static enum sp_exchange_state step_tunnel(struct sp_exchange *x)
{
	if (take(x, F_DOWN_FAILED) || take(x, F_UP_FAILED)) {
		sp_lend_drop(x, SP_LEASE_CLOSE);
		x->is_aborted = true;
		return SP_EX_DONE;
	}
	if ((x->facts & (F_DOWN_BYTES | F_UP_BYTES)) != 0 && x->route->tunnel_idle != 0)
		sp_exchange_arm(x, x->route->tunnel_idle);
	if (take(x, F_DOWN_BYTES))
		x->up->ops->kick(x->up);
	if (take(x, F_UP_BYTES))
		x->down->ops->kick(x->down);
	if ((x->facts & (F_DOWN_SENT | F_UP_SENT)) != (F_DOWN_SENT | F_UP_SENT))
		return SP_EX_TUNNEL;
	sp_lend_drop(x, SP_LEASE_CLOSE);
	return SP_EX_DONE;
}

static enum sp_exchange_state step_answer(struct sp_exchange *x)
{
	sp_lend_drop(x, SP_LEASE_CLOSE);
	if (take(x, F_DOWN_FAILED)) {
		x->is_aborted = true;
		return SP_EX_DONE;
	}
	if (!x->is_answered) {
		if (!sp_answer_make(x)) {
			x->is_aborted = true;
			return SP_EX_DONE;
		}
		x->is_answered = true;
		x->down->ops->head(x->down, &x->response);
		x->down->ops->kick(x->down);
	}
	return take(x, F_DOWN_SENT) ? SP_EX_DONE : SP_EX_ANSWER;
}

static const struct {
	enum sp_exchange_state (*run)(struct sp_exchange *x);
	unsigned may_follow;
} step[SP_EX_COUNT] = {
	[SP_EX_HEAD] = { step_head, SP_BIT(SP_EX_POLICY) | SP_BIT(SP_EX_ANSWER) | SP_BIT(SP_EX_DONE) },
	[SP_EX_POLICY] = { step_policy, SP_BIT(SP_EX_CONNECT) | SP_BIT(SP_EX_ANSWER) | SP_BIT(SP_EX_DONE) },
	[SP_EX_CONNECT] = { step_connect, SP_BIT(SP_EX_FORWARD) | SP_BIT(SP_EX_ANSWER) | SP_BIT(SP_EX_DONE) },
	[SP_EX_FORWARD] = { step_forward, SP_BIT(SP_EX_CONNECT) | SP_BIT(SP_EX_TUNNEL) | SP_BIT(SP_EX_ANSWER) |
	                                          SP_BIT(SP_EX_DONE) },
	[SP_EX_TUNNEL] = { step_tunnel, SP_BIT(SP_EX_DONE) },
	[SP_EX_ANSWER] = { step_answer, SP_BIT(SP_EX_DONE) },
};

/* ---- the end of it */

static void free_grave(struct sp_grave *grave)
{
	struct sp_exchange *x = SP_HOLDER(grave, struct sp_exchange, grave);

	SP_ASSERT(x->lease == NULL && x->down == NULL && !sp_deadline_is_set(&x->deadline));
	x->magic = 0;
	sp_slab_put(x->proxy->exchanges, x);
}

static void release(struct sp_exchange *x)
{
	sp_deadline_clear(&x->deadline);
	sp_soon_cancel(&x->soon);
	sp_wait_cancel(&x->wait);
	sp_wait_cancel(&x->place.wait);
	sp_pipe_fini(&x->up_pipe);
	sp_pipe_fini(&x->down_pipe);
	sp_arena_fini(&x->arena);
	if (x->pool != NULL)
		x->pool->users--;
	if (x->lent_of != NULL)
		sp_serve_release(x->lent_of);
	sp_serve_release(x->serve);
	x->down = NULL;
	sp_loop_bury(x->proxy->loop, &x->grave, free_grave);
}

static void finish(struct sp_exchange *x)
{
	struct sp_end *down = x->down;

	sp_record(x);
	release(x);
	if (x->is_aborted)
		down->ops->abort(down, x->why);
	else
		down->ops->done(down);
}

static void run(struct sp_exchange *x)
{
	x->is_running = true;
	while (x->state != SP_EX_DONE) {
		enum sp_exchange_state next;

		x->is_noted = false;
		next = step[x->state].run(x);
		if (next != x->state) {
			SP_ASSERT((step[x->state].may_follow & SP_BIT(next)) != 0);
			x->state = next;
		} else if (!x->is_noted) {
			break;
		}
	}
	x->is_running = false;
	if (x->state == SP_EX_DONE)
		finish(x);
}

/* ---- what ends tell */

static void note(struct sp_exchange *x, unsigned fact)
{
	SP_ASSERT(x->magic == SP_EXCHANGE_MAGIC);
	x->facts |= fact;
	x->is_noted = true;
	if (!x->is_running && x->down != NULL)
		run(x);
}

void sp_exchange_head(struct sp_exchange *x, enum sp_side from)
{
	if (from == SP_DOWN)
		x->times.head = sp_now_us();
	note(x, from == SP_DOWN ? F_REQUEST : F_RESPONSE);
}

void sp_exchange_ready(struct sp_exchange *x)
{
	note(x, F_READY);
}

void sp_exchange_bytes(struct sp_exchange *x, enum sp_side from)
{
	note(x, from == SP_DOWN ? F_DOWN_BYTES : F_UP_BYTES);
}

void sp_exchange_sent(struct sp_exchange *x, enum sp_side to)
{
	note(x, to == SP_DOWN ? F_DOWN_SENT : F_UP_SENT);
}

void sp_exchange_complete(struct sp_exchange *x)
{
	note(x, F_COMPLETE);
}

/* Where in its life the exchange is, in the words of spec 5. */
static enum sp_at at_now(const struct sp_exchange *x, enum sp_side from)
{
	switch (x->state) {
	case SP_EX_HEAD: return SP_AT_HEADER;
	case SP_EX_POLICY: return SP_AT_HEADER;
	case SP_EX_CONNECT:
		if (sp_wait_is_on(&x->place.wait))
			return SP_AT_QUEUE;
		/* The client's body is read as soon as the connection stands, before the head goes out with it. */
		return from == SP_DOWN && !x->is_request_ended && x->lease != NULL && x->lease->is_ready ? SP_AT_BODY :
		                                                                                          SP_AT_CONNECT;
	case SP_EX_FORWARD:
		if (x->is_answered)
			return SP_AT_DATA;
		return from == SP_DOWN && !x->is_request_ended ? SP_AT_BODY : SP_AT_ANSWER;
	default: return SP_AT_DATA;
	}
}

void sp_exchange_failed(struct sp_exchange *x, enum sp_side from, enum sp_why why)
{
	unsigned fact = from == SP_DOWN ? F_DOWN_FAILED : F_UP_FAILED;

	if ((x->facts & (F_DOWN_FAILED | fact)) == 0) {
		x->why = why;
		x->at = at_now(x, from);
	}
	note(x, fact);
}

void sp_exchange_refused(struct sp_exchange *x, enum sp_refuse why)
{
	unsigned status = sp_refuse_status(why);

	x->refuse = why;
	x->answer_status = status;
	sp_exchange_failed(x, SP_DOWN,
	                   status == 413 || status == 414 || status == 431 ? SP_WHY_TOO_LARGE : SP_WHY_BAD_REQUEST);
}

void sp_exchange_discard(struct sp_exchange *x)
{
	SP_ASSERT(x->state == SP_EX_HEAD && x->lease == NULL);
	release(x);
}

void sp_exchange_cut(struct sp_exchange *x)
{
	x->has_drop = true;
	sp_exchange_failed(x, SP_DOWN, SP_WHY_DRAINING);
}

void sp_exchange_follow(struct sp_exchange *x)
{
	struct sp_serve *before = x->serve;

	SP_ASSERT(x->state == SP_EX_HEAD);
	x->serve = sp_serve_hold(x->proxy->serve);
	sp_serve_release(before);
}

/* ---- its beginning */

const char *sp_exchange_cause(const struct sp_exchange *x)
{
	return x->why == SP_WHY_RULE && x->ask.cause != NULL ? x->ask.cause : sp_why_cause(x->why);
}

bool sp_exchange_name(struct sp_exchange *x)
{
	const struct sp_field *f = x->from->is_trusted ? sp_head_find(&x->request, SP_F_X_REQUEST_ID) : NULL;
	char *text;

	if (f != NULL && sp_request_id_is_valid(f->value)) {
		x->request_id = f->value;
		return true;
	}
	text = sp_arena_alloc(&x->arena, SP_REQUEST_ID_TEXT);
	if (text != NULL)
		x->request_id = sp_request_id_make(&x->proxy->ids, text);
	return text != NULL;
}

static void on_soon(struct sp_soon *soon)
{
	note(SP_HOLDER(soon, struct sp_exchange, soon), F_SOON);
}

static void on_called(struct sp_wait *w)
{
	note(SP_HOLDER(w, struct sp_exchange, place.wait), F_CALLED);
}

static void on_woken(struct sp_wait *w)
{
	note(SP_HOLDER(w, struct sp_exchange, wait), F_WOKEN);
}

void sp_exchange_expect_wake(struct sp_exchange *x)
{
	x->wait.wake = on_woken;
}

struct sp_exchange *sp_exchange_new(struct sp_proxy *proxy, struct sp_end *down, const struct sp_from *from)
{
	struct sp_exchange *x = sp_slab_take(proxy->exchanges);

	if (x == NULL)
		return NULL;
	memset(x, 0, offsetof(struct sp_exchange, first));
	x->magic = SP_EXCHANGE_MAGIC;
	x->state = SP_EX_HEAD;
	x->proxy = proxy;
	x->serve = sp_serve_hold(proxy->serve);
	x->from = from;
	x->down = down;
	sp_arena_init(&x->arena, x->arena_first, sizeof(x->arena_first), 0);
	sp_head_init(&x->request, true);
	sp_pipe_init(&x->up_pipe, proxy->chunks);
	sp_pipe_init(&x->down_pipe, proxy->chunks);
	x->up_pipe.from = down;
	sp_deadline_init(&x->deadline);
	sp_soon_init(&x->soon, on_soon);
	sp_place_init(&x->place);
	x->times.begun = sp_now_us();
	return x;
}
