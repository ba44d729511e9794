#include "retry.h"

#include "balance.h"

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

/* Where this backend is late or was lost, is there another that may be asked? */
static bool has_other(const struct sp_exchange *x)
{
	size_t index = x->lease == NULL ? 64 : sp_backend_index(x->lease->backend);

	return sp_balance_has_room(x->pool, x->tried | (index < 64 ? (uint64_t)1 << index : 0));
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
	case SP_WHY_BACKEND_TLS:                /* whose certificate is wrong has a wrong one again, … */
	case SP_WHY_ANSWER_TIMEOUT:             /* … who is late would be late again */
		if (!has_other(x))
			return SP_RETRY_NO;
		break;
	default: return SP_RETRY_NO;            /* a bad answer would be bad again */
	}
	return x->tries <= x->pool->conf->retries ? SP_RETRY_OTHER : SP_RETRY_NO;
}
