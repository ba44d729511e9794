#include "proxy_status.h"

#include <errno.h>
#include <string.h>

#include "exchange.h"

static const char *const words[SP_FAULT_COUNT] = {
	[SP_FAULT_NONE] = "",
	[SP_FAULT_NOT_FOUND] = "destination_not_found",
	[SP_FAULT_UNAVAILABLE] = "destination_unavailable",
	[SP_FAULT_IP_PROHIBITED] = "destination_ip_prohibited",
	[SP_FAULT_IP_UNROUTABLE] = "destination_ip_unroutable",
	[SP_FAULT_CONNECTION_REFUSED] = "connection_refused",
	[SP_FAULT_CONNECTION_TERMINATED] = "connection_terminated",
	[SP_FAULT_CONNECTION_TIMEOUT] = "connection_timeout",
	[SP_FAULT_READ_TIMEOUT] = "connection_read_timeout",
	[SP_FAULT_WRITE_TIMEOUT] = "connection_write_timeout",
	[SP_FAULT_LIMIT_REACHED] = "connection_limit_reached",
	[SP_FAULT_TLS_PROTOCOL] = "tls_protocol_error",
	[SP_FAULT_TLS_CERTIFICATE] = "tls_certificate_error",
	[SP_FAULT_TLS_ALERT] = "tls_alert_received",
	[SP_FAULT_REQUEST] = "http_request_error",
	[SP_FAULT_DENIED] = "http_request_denied",
	[SP_FAULT_INCOMPLETE] = "http_response_incomplete",
	[SP_FAULT_HEADER_SIZE] = "http_response_header_section_size",
	[SP_FAULT_CODING] = "http_response_transfer_coding",
	[SP_FAULT_RESPONSE_TIMEOUT] = "http_response_timeout",
	[SP_FAULT_PROTOCOL] = "http_protocol_error",
	[SP_FAULT_INTERNAL] = "proxy_internal_error",
};

/* What a cause is when no more is known. NONE: it never has an answer, or that is no error. */
static const uint8_t by_why[SP_WHY_COUNT] = {
	[SP_WHY_OK] = SP_FAULT_NONE,
	[SP_WHY_CLIENT_ABORT] = SP_FAULT_NONE,
	[SP_WHY_CLIENT_TIMEOUT] = SP_FAULT_REQUEST,
	[SP_WHY_CLIENT_SLOW] = SP_FAULT_REQUEST,
	[SP_WHY_BAD_REQUEST] = SP_FAULT_REQUEST,
	[SP_WHY_TOO_LARGE] = SP_FAULT_REQUEST,
	[SP_WHY_NO_HOST] = SP_FAULT_NOT_FOUND,
	[SP_WHY_NO_ROUTE] = SP_FAULT_NOT_FOUND,
	[SP_WHY_RULE] = SP_FAULT_DENIED,
	[SP_WHY_PATH] = SP_FAULT_REQUEST,
	[SP_WHY_NO_BACKEND] = SP_FAULT_UNAVAILABLE,
	[SP_WHY_QUEUE_FULL] = SP_FAULT_LIMIT_REACHED,
	[SP_WHY_QUEUE_TIMEOUT] = SP_FAULT_LIMIT_REACHED,
	[SP_WHY_BACKEND_REFUSED] = SP_FAULT_UNAVAILABLE,
	[SP_WHY_CONNECT_TIMEOUT] = SP_FAULT_CONNECTION_TIMEOUT,
	[SP_WHY_BACKEND_TLS] = SP_FAULT_TLS_PROTOCOL,
	[SP_WHY_ANSWER_TIMEOUT] = SP_FAULT_RESPONSE_TIMEOUT,
	[SP_WHY_READ_TIMEOUT] = SP_FAULT_WRITE_TIMEOUT,
	[SP_WHY_BACKEND_ABORT] = SP_FAULT_CONNECTION_TERMINATED,
	[SP_WHY_BAD_ANSWER] = SP_FAULT_PROTOCOL,
	[SP_WHY_EXCHANGE_TIMEOUT] = SP_FAULT_RESPONSE_TIMEOUT,
	[SP_WHY_DRAINING] = SP_FAULT_NONE,
	[SP_WHY_NO_MEMORY] = SP_FAULT_INTERNAL,
};

const char *sp_fault_word(enum sp_fault fault)
{
	SP_ASSERT(fault < SP_FAULT_COUNT);
	return words[fault];
}

static enum sp_fault of_bad_answer(enum sp_refuse refuse)
{
	switch (refuse) {
	case SP_REFUSE_HEAD_TOO_LARGE:
	case SP_REFUSE_TOO_MANY_FIELDS: return SP_FAULT_HEADER_SIZE;
	case SP_REFUSE_CODING: return SP_FAULT_CODING;
	default: return SP_FAULT_PROTOCOL;
	}
}

enum sp_fault sp_fault_of(const struct sp_trouble *t)
{
	SP_ASSERT(t->why < SP_WHY_COUNT);
	switch (t->why) {
	case SP_WHY_RULE: /* who is let in asks for the impossible: a method, an expectation */
		return t->status == 403 || t->status == 429 ? SP_FAULT_DENIED : SP_FAULT_REQUEST;
	case SP_WHY_BACKEND_REFUSED:
	case SP_WHY_BACKEND_TLS:
		if (t->connect != SP_FAULT_NONE)
			return t->connect;
		break;
	case SP_WHY_READ_TIMEOUT: /* it takes none of the request; or it stopped amid its answer */
		return t->has_first_byte ? SP_FAULT_READ_TIMEOUT : SP_FAULT_WRITE_TIMEOUT;
	case SP_WHY_BACKEND_ABORT:
		return t->has_first_byte ? SP_FAULT_INCOMPLETE : SP_FAULT_CONNECTION_TERMINATED;
	case SP_WHY_BAD_ANSWER: return of_bad_answer(t->refuse);
	default: break;
	}
	return (enum sp_fault)by_why[t->why];
}

enum sp_fault sp_fault_of_connect(int error, enum sp_egress_verdict refused)
{
	if (refused != SP_EGRESS_OK)
		return SP_FAULT_IP_PROHIBITED;
	switch (error) {
	case ECONNREFUSED: return SP_FAULT_CONNECTION_REFUSED;
	case EHOSTUNREACH:
	case ENETUNREACH: return SP_FAULT_IP_UNROUTABLE;
	case ETIMEDOUT: return SP_FAULT_CONNECTION_TIMEOUT;
	case EPIPE:
	case ECONNRESET: return SP_FAULT_CONNECTION_TERMINATED;
	case 0: /* no memory for the connection */
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM: return SP_FAULT_INTERNAL;
	default: return SP_FAULT_UNAVAILABLE;
	}
}

enum sp_fault sp_fault_of_tls(const char *word, bool is_certificate)
{
	if (is_certificate)
		return SP_FAULT_TLS_CERTIFICATE;
	if (strncmp(word, "alert_", sizeof("alert_") - 1) == 0 || strcmp(word, "tls_alert") == 0)
		return SP_FAULT_TLS_ALERT;
	return strcmp(word, "tls_truncated") == 0 ? SP_FAULT_CONNECTION_TERMINATED : SP_FAULT_TLS_PROTOCOL;
}

/* "bad_request at header: line_end". All are words of ours, so nothing has to be escaped. */
static const char *details_of(struct sp_exchange *x)
{
	const bool has_word = (x->why == SP_WHY_BAD_REQUEST || x->why == SP_WHY_BAD_ANSWER) && x->refuse != SP_REFUSE_NONE;

	return sp_arena_printf(&x->arena, "%s%s%s%s%s", sp_exchange_cause(x), x->at == SP_AT_NONE ? "" : " at ",
			       sp_at_word(x->at), has_word ? ": " : "", has_word ? sp_refuse_word(x->refuse) : "");
}

bool sp_proxy_status_add(struct sp_exchange *x)
{
	const struct sp_trouble trouble = { .why = x->why,
					    .refuse = x->refuse,
					    .status = x->response.status,
					    .connect = x->fault,
					    .has_first_byte = x->times.first_byte != 0 };
	const enum sp_fault fault = sp_fault_of(&trouble);
	const char *details, *text, *code = "";

	if (!x->from->is_trusted || x->is_quiet || fault == SP_FAULT_NONE || x->response.status < 400)
		return true;
	if (fault == SP_FAULT_REQUEST)
		code = sp_arena_printf(&x->arena, "; status-code=%u", x->response.status);
	details = details_of(x);
	if (code == NULL || details == NULL)
		return false;
	text = sp_arena_printf(&x->arena, "sallyport; error=%s%s; details=\"%s\"", sp_fault_word(fault), code, details);
	return text != NULL && sp_head_add(&x->response, &x->arena, SP_STR("Proxy-Status"), sp_str(text));
}
