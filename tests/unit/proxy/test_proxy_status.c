/* What went wrong in the words of RFC 9209: each cause, and what is known more exactly. */
#include "t.h"

#include <errno.h>
#include <string.h>

#include "../../../src/proxy/proxy_status.h"
#include "sp/base/check.h"

static const struct {
	const char *name;
	struct sp_trouble trouble;
	const char *want;
} cases[] = {
	{ "fine", { SP_WHY_OK, .status = 200 }, "" },
	{ "the client left", { SP_WHY_CLIENT_ABORT, .status = 499 }, "" },
	{ "slow head", { SP_WHY_CLIENT_TIMEOUT, .status = 408 }, "http_request_error" },
	{ "slow body", { SP_WHY_CLIENT_SLOW, .status = 408 }, "http_request_error" },
	{ "malformed", { SP_WHY_BAD_REQUEST, .refuse = SP_REFUSE_LINE_END, .status = 400 }, "http_request_error" },
	{ "head too large: the client's", { SP_WHY_TOO_LARGE, .refuse = SP_REFUSE_HEAD_TOO_LARGE, .status = 431 }, "http_request_error" },
	{ "body too large", { SP_WHY_TOO_LARGE, .status = 413 }, "http_request_error" },
	{ "unknown host", { SP_WHY_NO_HOST, .status = 421 }, "destination_not_found" },
	{ "unknown path", { SP_WHY_NO_ROUTE, .status = 404 }, "destination_not_found" },
	{ "denied", { SP_WHY_RULE, .status = 403 }, "http_request_denied" },
	{ "limited", { SP_WHY_RULE, .status = 429 }, "http_request_denied" },
	{ "method", { SP_WHY_RULE, .status = 405 }, "http_request_error" },
	{ "odd path", { SP_WHY_PATH, .status = 400 }, "http_request_error" },
	{ "all down", { SP_WHY_NO_BACKEND, .status = 503 }, "destination_unavailable" },
	{ "queue full", { SP_WHY_QUEUE_FULL, .status = 503 }, "connection_limit_reached" },
	{ "queue timeout", { SP_WHY_QUEUE_TIMEOUT, .status = 503 }, "connection_limit_reached" },
	{ "refused", { SP_WHY_BACKEND_REFUSED, .status = 502, .connect = SP_FAULT_CONNECTION_REFUSED }, "connection_refused" },
	{ "not connected, and no more is known", { SP_WHY_BACKEND_REFUSED, .status = 502 }, "destination_unavailable" },
	{ "egress", { SP_WHY_BACKEND_REFUSED, .status = 502, .connect = SP_FAULT_IP_PROHIBITED }, "destination_ip_prohibited" },
	{ "connect timeout, after another try", { SP_WHY_CONNECT_TIMEOUT, .status = 504, .connect = SP_FAULT_CONNECTION_REFUSED },
	  "connection_timeout" },
	{ "TLS", { SP_WHY_BACKEND_TLS, .status = 502 }, "tls_protocol_error" },
	{ "its certificate", { SP_WHY_BACKEND_TLS, .status = 502, .connect = SP_FAULT_TLS_CERTIFICATE }, "tls_certificate_error" },
	{ "answer timeout", { SP_WHY_ANSWER_TIMEOUT, .status = 504 }, "http_response_timeout" },
	{ "route's timeout", { SP_WHY_EXCHANGE_TIMEOUT, .status = 504 }, "http_response_timeout" },
	{ "takes none of the request", { SP_WHY_READ_TIMEOUT, .status = 504 }, "connection_write_timeout" },
	{ "stops amid its answer", { SP_WHY_READ_TIMEOUT, .status = 504, .has_first_byte = true }, "connection_read_timeout" },
	{ "cut before an answer", { SP_WHY_BACKEND_ABORT, .status = 502 }, "connection_terminated" },
	{ "cut amid the answer's head", { SP_WHY_BACKEND_ABORT, .status = 502, .has_first_byte = true },
	  "http_response_incomplete" },
	{ "bad answer", { SP_WHY_BAD_ANSWER, .refuse = SP_REFUSE_LINE_END, .status = 502, .has_first_byte = true }, "http_protocol_error" },
	{ "bad answer: too large", { SP_WHY_BAD_ANSWER, .refuse = SP_REFUSE_HEAD_TOO_LARGE, .status = 502 }, "http_response_header_section_size" },
	{ "bad answer: fields", { SP_WHY_BAD_ANSWER, .refuse = SP_REFUSE_TOO_MANY_FIELDS, .status = 502 }, "http_response_header_section_size" },
	{ "bad answer: coding", { SP_WHY_BAD_ANSWER, .refuse = SP_REFUSE_CODING, .status = 502 }, "http_response_transfer_coding" },
	{ "cut at the end of a drain", { SP_WHY_DRAINING, .status = 503 }, "" },
	{ "no memory", { SP_WHY_NO_MEMORY, .status = 503 }, "proxy_internal_error" },
};

static void test_causes(void **state)
{
	bool has_case[SP_WHY_COUNT] = { false };

	(void)state;
	for (size_t i = 0; i < SP_COUNT(cases); i++) {
		print_message("  %s\n", cases[i].name);
		assert_string_equal(sp_fault_word(sp_fault_of(&cases[i].trouble)), cases[i].want);
		has_case[cases[i].trouble.why] = true;
	}
	for (size_t why = 0; why < SP_WHY_COUNT; why++)
		assert_true(has_case[why]);
}

/* Tokens of RFC 8941, each its own. */
static void test_words(void **state)
{
	(void)state;
	for (unsigned i = 1; i < SP_FAULT_COUNT; i++) {
		const char *word = sp_fault_word((enum sp_fault)i);

		assert_true(word != NULL && word[0] != '\0');
		assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz_"), strlen(word));
		for (unsigned k = 1; k < i; k++)
			assert_string_not_equal(word, sp_fault_word((enum sp_fault)k));
	}
}

static void test_connect(void **state)
{
	static const struct {
		int error;
		enum sp_egress_verdict refused;
		enum sp_fault want;
	} rows[] = {
		{ ECONNREFUSED, SP_EGRESS_OK, SP_FAULT_CONNECTION_REFUSED },
		{ 0, SP_EGRESS_LINK_LOCAL, SP_FAULT_IP_PROHIBITED },
		{ 0, SP_EGRESS_NOT_ALLOWED, SP_FAULT_IP_PROHIBITED },
		{ EHOSTUNREACH, SP_EGRESS_OK, SP_FAULT_IP_UNROUTABLE },
		{ ENETUNREACH, SP_EGRESS_OK, SP_FAULT_IP_UNROUTABLE },
		{ ETIMEDOUT, SP_EGRESS_OK, SP_FAULT_CONNECTION_TIMEOUT },
		{ ECONNRESET, SP_EGRESS_OK, SP_FAULT_CONNECTION_TERMINATED },
		{ EMFILE, SP_EGRESS_OK, SP_FAULT_INTERNAL },
		{ 0, SP_EGRESS_OK, SP_FAULT_INTERNAL },
		{ EINVAL, SP_EGRESS_OK, SP_FAULT_UNAVAILABLE },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++)
		assert_int_equal(sp_fault_of_connect(rows[i].error, rows[i].refused), rows[i].want);
	assert_int_equal(sp_fault_of_tls("bad_client_certificate", true), SP_FAULT_TLS_CERTIFICATE);
	assert_int_equal(sp_fault_of_tls("alert_unknown_ca", false), SP_FAULT_TLS_ALERT);
	assert_int_equal(sp_fault_of_tls("tls_alert", false), SP_FAULT_TLS_ALERT);
	assert_int_equal(sp_fault_of_tls("tls_truncated", false), SP_FAULT_CONNECTION_TERMINATED);
	assert_int_equal(sp_fault_of_tls("wrong_version", false), SP_FAULT_TLS_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_causes),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_connect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
