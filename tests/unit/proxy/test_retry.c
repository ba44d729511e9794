/* retry: what may be sent twice. */
#include "../../../src/proxy/pool.h"
#include "../../../src/proxy/retry.h"
#include "t.h"

static const struct {
	const char *name;
	enum sp_method method;
	enum sp_why why;
	bool is_sent, is_reused, was_replayed, has_answer, is_answered;
	uint64_t body_taken;
	unsigned tries;
	enum sp_retry want;
} cases[] = {
	{ "GET, refused", SP_M_GET, SP_WHY_BACKEND_REFUSED, .tries = 1, .want = SP_RETRY_OTHER },
	{ "POST, refused: nothing was sent", SP_M_POST, SP_WHY_BACKEND_REFUSED, .tries = 1, .want = SP_RETRY_OTHER },
	{ "GET, connect too late", SP_M_GET, SP_WHY_CONNECT_TIMEOUT, .tries = 1, .want = SP_RETRY_OTHER },
	{ "tried often enough", SP_M_GET, SP_WHY_BACKEND_REFUSED, .tries = 2, .want = SP_RETRY_NO },
	{ "GET, cut after it was sent", SP_M_GET, SP_WHY_BACKEND_ABORT, .is_sent = true, .tries = 1, .want = SP_RETRY_OTHER },
	{ "GET, pooled connection had died", SP_M_GET, SP_WHY_BACKEND_ABORT, .is_sent = true, .is_reused = true, .tries = 1,
	  .want = SP_RETRY_STALE },
	{ "the same, the last try used up", SP_M_GET, SP_WHY_BACKEND_ABORT, .is_sent = true, .is_reused = true, .tries = 2,
	  .want = SP_RETRY_STALE },
	{ "stale is replayed once", SP_M_GET, SP_WHY_BACKEND_ABORT, .is_sent = true, .is_reused = true, .was_replayed = true,
	  .tries = 2, .want = SP_RETRY_NO },
	{ "POST, cut after it was sent", SP_M_POST, SP_WHY_BACKEND_ABORT, .is_sent = true, .tries = 1, .want = SP_RETRY_NO },
	{ "POST, stale, sent", SP_M_POST, SP_WHY_BACKEND_ABORT, .is_sent = true, .is_reused = true, .tries = 1,
	  .want = SP_RETRY_NO },
	{ "POST, stale, unsent", SP_M_POST, SP_WHY_BACKEND_ABORT, .is_reused = true, .tries = 1, .want = SP_RETRY_STALE },
	{ "PATCH, sent", SP_M_PATCH, SP_WHY_BACKEND_ABORT, .is_sent = true, .tries = 1, .want = SP_RETRY_NO },
	{ "unknown method, sent", SP_M_OTHER, SP_WHY_BACKEND_ABORT, .is_sent = true, .tries = 1, .want = SP_RETRY_NO },
	{ "PUT with its body gone", SP_M_PUT, SP_WHY_BACKEND_ABORT, .is_sent = true, .body_taken = 1, .tries = 1,
	  .want = SP_RETRY_NO },
	{ "PUT with its body here", SP_M_PUT, SP_WHY_BACKEND_ABORT, .is_sent = true, .tries = 1, .want = SP_RETRY_OTHER },
	{ "a byte of the answer came", SP_M_GET, SP_WHY_BACKEND_ABORT, .is_sent = true, .has_answer = true, .tries = 1,
	  .want = SP_RETRY_NO },
	{ "answered", SP_M_GET, SP_WHY_BACKEND_ABORT, .is_sent = true, .is_answered = true, .tries = 1, .want = SP_RETRY_NO },
	{ "answer too late", SP_M_GET, SP_WHY_ANSWER_TIMEOUT, .is_sent = true, .tries = 1, .want = SP_RETRY_NO },
	{ "bad answer", SP_M_GET, SP_WHY_BAD_ANSWER, .is_sent = true, .tries = 1, .want = SP_RETRY_NO },
	{ "no memory", SP_M_GET, SP_WHY_NO_MEMORY, .tries = 1, .want = SP_RETRY_NO },
};

static void test_cases(void **state)
{
	static const struct sp_conf_pool conf = { .retries = 1 };
	static struct sp_pool pool = { .conf = &conf };
	static struct sp_exchange x;

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		print_message("  %s\n", cases[i].name);
		memset(&x, 0, sizeof(x));
		x.pool = &pool;
		x.request.method = cases[i].method;
		x.why = cases[i].why;
		x.is_sent_up = cases[i].is_sent;
		x.is_reused = cases[i].is_reused;
		x.is_stale_replayed = cases[i].was_replayed;
		x.is_answered = cases[i].is_answered;
		x.times.first_byte = cases[i].has_answer ? 1 : 0;
		x.up_pipe.taken = cases[i].body_taken;
		x.tries = cases[i].tries;
		assert_int_equal(sp_retry_how(&x), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
