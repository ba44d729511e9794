#include "eject.h"

#include "sp/base/clock.h"
#include "sp/base/log.h"

#include "crowd.h"
#include "pool.h"

#define DOUBLINGS 5U

/* How long it is out the n-th time. */
static uint64_t length_ms(const struct sp_backend *b, unsigned times)
{
	unsigned doublings = times > DOUBLINGS ? DOUBLINGS : times;

	return b->pool->conf->eject_time << doublings;
}

static void log_event(const struct sp_backend *b, bool is_out, const char *reason, uint64_t ms)
{
	struct sp_str pool = b->pool->conf->section.name, name = b->conf->name;

	if (is_out)
		sp_warn("backend_ejected", SP_KV_STR("pool", pool), SP_KV_STR("backend", name), SP_KV_TEXT("reason", reason),
		        SP_KV_U64("failures", b->eject.failures), SP_KV_U64("for_ms", ms));
	else
		sp_info("backend_back", SP_KV_STR("pool", pool), SP_KV_STR("backend", name), SP_KV_TEXT("reason", reason));
}

static bool may_one_more_be_out(struct sp_pool *pool)
{
	size_t out = 1;

	for (size_t i = 0; i < pool->conf->backend_count; i++)
		out += sp_eject_is_out(&pool->backends[i]) ? 1 : 0;
	return out * 100 <= pool->conf->backend_count * pool->conf->eject_max;
}

static void put_out(struct sp_backend *b, const char *reason)
{
	struct sp_eject *e = &b->eject;
	uint64_t now = sp_now_ms(), ms;

	/* In for twice as long as it was out: that spell is forgotten. */
	if (e->times > 0 && now - e->back_ms > 2 * length_ms(b, e->times - 1))
		e->times = 0;
	ms = length_ms(b, e->times);
	e->times++;
	e->until_ms = now + ms;
	log_event(b, true, reason, ms);
}

static void count(struct sp_backend *b, const char *reason)
{
	struct sp_eject *e = &b->eject;

	if (b->pool->conf->eject == 0 || e->until_ms != 0)
		return;
	e->failures++;
	if (e->failures >= b->pool->conf->eject && may_one_more_be_out(b->pool))
		put_out(b, reason);
	sp_crowd_tell_eject(b);
}

void sp_eject_failed(struct sp_backend *b, enum sp_why why)
{
	switch (why) {
	case SP_WHY_BACKEND_REFUSED: count(b, "connect_failed"); break;
	case SP_WHY_CONNECT_TIMEOUT: count(b, "connect_timeout"); break;
	case SP_WHY_BACKEND_TLS: count(b, "tls_failed"); break;
	case SP_WHY_ANSWER_TIMEOUT:
	case SP_WHY_EXCHANGE_TIMEOUT: count(b, "answer_timeout"); break;
	case SP_WHY_READ_TIMEOUT: count(b, "read_timeout"); break;
	case SP_WHY_BACKEND_ABORT: count(b, "abort"); break;
	case SP_WHY_BAD_ANSWER: count(b, "bad_answer"); break;
	default: break;
	}
}

void sp_eject_answered(struct sp_backend *b, unsigned status)
{
	if (status == 502 || status == 503 || status == 504) {
		count(b, status == 502 ? "status_502" : status == 503 ? "status_503" : "status_504");
		return;
	}
	if (b->eject.until_ms == 0 && b->eject.failures != 0) {
		b->eject.failures = 0;
		sp_crowd_tell_eject(b);
	}
}

bool sp_eject_is_out(struct sp_backend *b)
{
	struct sp_eject *e = &b->eject;

	if (e->until_ms == 0)
		return false;
	if (sp_now_ms() < e->until_ms)
		return true;
	e->until_ms = 0;
	e->back_ms = sp_now_ms();
	e->failures = b->pool->conf->eject - 1;
	sp_crowd_tell_eject(b);
	log_event(b, false, "eject_time_over", 0);
	return false;
}
