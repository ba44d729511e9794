#include "why.h"

#include "sp/base/check.h"

static const struct {
	const char *cause;
	uint16_t status;
} whys[SP_WHY_COUNT] = {
	[SP_WHY_OK] = { "ok", 0 },
	[SP_WHY_CLIENT_ABORT] = { "client_abort", 499 },
	[SP_WHY_CLIENT_TIMEOUT] = { "client_timeout", 408 },
	[SP_WHY_CLIENT_SLOW] = { "client_slow", 408 },
	[SP_WHY_BAD_REQUEST] = { "bad_request", 400 },
	[SP_WHY_TOO_LARGE] = { "too_large", 413 },
	[SP_WHY_NO_HOST] = { "no_route", 421 },
	[SP_WHY_NO_ROUTE] = { "no_route", 404 },
	[SP_WHY_RULE] = { "bad_request", 403 },
	[SP_WHY_PATH] = { "bad_request", 400 },
	[SP_WHY_NO_BACKEND] = { "no_backend", 503 },
	[SP_WHY_QUEUE_FULL] = { "queue_full", 503 },
	[SP_WHY_QUEUE_TIMEOUT] = { "queue_timeout", 503 },
	[SP_WHY_BACKEND_REFUSED] = { "backend_refused", 502 },
	[SP_WHY_CONNECT_TIMEOUT] = { "backend_timeout", 504 },
	[SP_WHY_BACKEND_TLS] = { "backend_tls", 502 },
	[SP_WHY_ANSWER_TIMEOUT] = { "backend_timeout", 504 },
	[SP_WHY_READ_TIMEOUT] = { "backend_timeout", 504 },
	[SP_WHY_BACKEND_ABORT] = { "backend_abort", 502 },
	[SP_WHY_BAD_ANSWER] = { "backend_bad_answer", 502 },
	[SP_WHY_EXCHANGE_TIMEOUT] = { "backend_timeout", 504 },
	[SP_WHY_DRAINING] = { "draining", 503 },
	[SP_WHY_NO_MEMORY] = { "internal", 503 },
};

const char *sp_why_cause(enum sp_why why)
{
	SP_ASSERT(why < SP_WHY_COUNT);
	return whys[why].cause;
}

uint16_t sp_why_status(enum sp_why why)
{
	SP_ASSERT(why < SP_WHY_COUNT);
	return whys[why].status;
}

const char *sp_at_word(enum sp_at at)
{
	static const char *const words[] = { "", "tls", "header", "body", "queue", "connect", "answer", "data" };

	SP_ASSERT(at < SP_COUNT(words));
	return words[at];
}
