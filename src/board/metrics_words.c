/*
 * metrics_words - what metrics are told apart by: words of the program, never of a peer.
 */
#include <stdio.h>
#include <string.h>

#include "sp/board/metrics.h"

const char *const sp_metrics_method_words[SP_METRICS_METHODS] = { "other", "GET",    "HEAD",    "POST",    "PUT",
								  "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE" };
const char *const sp_metrics_at_words[SP_METRICS_ATS] = { "",      "tls",     "header", "body",
							  "queue", "connect", "answer", "data" };
const char *const sp_metrics_cause_words[SP_METRICS_CAUSES] = {
	"ok",
	"client_abort",
	"client_timeout",
	"client_slow",
	"backend_refused",
	"backend_timeout",
	"backend_abort",
	"backend_bad_answer",
	"backend_tls",
	"no_route",
	"no_backend",
	"queue_full",
	"queue_timeout",
	"denied_ip",
	"denied_geo",
	"limited",
	"banned",
	"bad_request",
	"too_large",
	"draining",
	"internal",
};

unsigned sp_metrics_cause(const char *cause)
{
	for (unsigned i = 0; i < SP_METRICS_CAUSES && sp_metrics_cause_words[i] != NULL; i++)
		if (strcmp(cause, sp_metrics_cause_words[i]) == 0)
			return i;
	return sp_metrics_cause("internal");
}

/* What the IANA registry has, nginx's and our 499, and a few that are met. */
#define CODES(X)                                                                                                       \
	X(100)                                                                                                         \
	X(101) X(103) X(200) X(201) X(202) X(203) X(204) X(205) X(206) X(207) X(226) X(300) X(301) X(302) X(303)       \
		X(304) X(305) X(307) X(308) X(400) X(401) X(402) X(403) X(404) X(405) X(406) X(407) X(408) X(409)      \
			X(410) X(411) X(412) X(413) X(414) X(415) X(416) X(417) X(418) X(421) X(422) X(423) X(424)     \
				X(425) X(426) X(428) X(429) X(431) X(451) X(499) X(500) X(501) X(502) X(503) X(504)    \
					X(505) X(507) X(508) X(511)
#define INDEX(n) CODE_##n,
#define STATUS(n) [CODE_##n] = (n),
#define BACK(n) [n] = CODE_##n,

/* none: it was closed without an answer. */
enum { CODE_OTHER, CODE_NONE, CODES(INDEX) CODE_COUNT };
_Static_assert((int)CODE_COUNT <= (int)SP_METRICS_CODES, "as many as a row has cells");

unsigned sp_metrics_code(unsigned status)
{
	static const uint8_t index_of[600] = { [0] = CODE_NONE, CODES(BACK) };

	return status < SP_COUNT(index_of) ? index_of[status] : CODE_OTHER;
}

const char *sp_metrics_code_word(unsigned code, char word[static SP_METRICS_CODE_WORD])
{
	if (sp_metrics_status(code) == 0)
		return code == CODE_NONE ? "none" : "other";
	snprintf(word, SP_METRICS_CODE_WORD, "%u", sp_metrics_status(code));
	return word;
}

unsigned sp_metrics_status(unsigned code)
{
	static const uint16_t statuses[SP_METRICS_CODES] = { CODES(STATUS) };

	return code < SP_COUNT(statuses) ? statuses[code] : 0;
}
