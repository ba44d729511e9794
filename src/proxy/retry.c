#include "retry.h"

#include "pool.h"

static bool is_idempotent(enum sp_method method)
{
	switch (method) {
	case SP_M_GET:
	case SP_M_HEAD:
	case SP_M_PUT:
	case SP_M_DELETE:
	case SP_M_OPTIONS: return true;
	default: return false;
	}
}

enum sp_retry sp_retry_how(const struct sp_exchange *x)
{
	bool is_unsent = !x->is_sent_up;

	/* Nothing of an answer, and the whole request still in our hands. */
	if (x->is_answered || x->times.first_byte != 0 || x->up_pipe.taken > 0)
		return SP_RETRY_NO;
	if (!is_unsent && !is_idempotent(x->request.method))
		return SP_RETRY_NO;
	switch (x->why) {
	case SP_WHY_BACKEND_ABORT:
		if (x->is_reused && !x->is_stale_replayed)
			return SP_RETRY_STALE;
		break;
	case SP_WHY_BACKEND_REFUSED:
	case SP_WHY_CONNECT_TIMEOUT: break;
	default: return SP_RETRY_NO;    /* a late or bad answer would be late or bad again */
	}
	return x->tries <= x->pool->conf->retries ? SP_RETRY_OTHER : SP_RETRY_NO;
}
