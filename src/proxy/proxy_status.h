/*
 * proxy_status - why we answered instead of the backend, in the words of RFC 9209: the field Proxy-Status of an error of
 * our own, towards trusted peers alone.
 *
 *   Proxy-Status: sallyport; error=connection_refused; details="backend_refused at connect"
 *
 * Who gets it may pass it on (a load balancer does), so nothing is in it that tells of what lies behind: no address, no
 * name, no line of the configuration. details has the access log's cause and at.
 */
#ifndef SP_PROXY_PROXY_STATUS_H
#define SP_PROXY_PROXY_STATUS_H

#include <stdbool.h>

#include "sp/base/egress.h"
#include "sp/http/refuse.h"

#include "why.h"

enum sp_fault {                         /* RFC 9209 2.3: the proxy error types that can be said of us */
	SP_FAULT_NONE,
	SP_FAULT_NOT_FOUND,             /* destination_not_found */
	SP_FAULT_UNAVAILABLE,           /* destination_unavailable */
	SP_FAULT_IP_PROHIBITED,
	SP_FAULT_IP_UNROUTABLE,
	SP_FAULT_CONNECTION_REFUSED,
	SP_FAULT_CONNECTION_TERMINATED,
	SP_FAULT_CONNECTION_TIMEOUT,
	SP_FAULT_READ_TIMEOUT,
	SP_FAULT_WRITE_TIMEOUT,
	SP_FAULT_LIMIT_REACHED,         /* connection_limit_reached */
	SP_FAULT_TLS_PROTOCOL,
	SP_FAULT_TLS_CERTIFICATE,
	SP_FAULT_TLS_ALERT,
	SP_FAULT_REQUEST,               /* http_request_error */
	SP_FAULT_DENIED,                /* http_request_denied */
	SP_FAULT_INCOMPLETE,            /* http_response_incomplete */
	SP_FAULT_HEADER_SIZE,           /* http_response_header_section_size */
	SP_FAULT_CODING,                /* http_response_transfer_coding */
	SP_FAULT_RESPONSE_TIMEOUT,
	SP_FAULT_PROTOCOL,              /* http_protocol_error */
	SP_FAULT_INTERNAL,              /* proxy_internal_error */
	SP_FAULT_COUNT
};

struct sp_trouble {                     /* what is known of an exchange that we answer */
	enum sp_why why;
	enum sp_refuse refuse;          /* with SP_WHY_BAD_ANSWER */
	unsigned status;                /* of our answer */
	enum sp_fault connect;          /* of the last try to connect, where more is known than `why` */
	bool has_first_byte;            /* of the backend's answer */
};

const char *sp_fault_word(enum sp_fault fault);         /* the token; "" for NONE */
enum sp_fault sp_fault_of(const struct sp_trouble *trouble);    /* NONE: no error of ours */
/* Of a connection that was not made. */
enum sp_fault sp_fault_of_connect(int error, enum sp_egress_verdict refused);
/* Of a handshake, by sp_tls_stream_refusal's word; is_certificate: it was the backend's certificate. */
enum sp_fault sp_fault_of_tls(const char *word, bool is_certificate);

struct sp_exchange;
/* Adds the field to x->response, whose status is set, where it has to be. false: no memory. */
SP_MUST_USE bool sp_proxy_status_add(struct sp_exchange *x);

#endif
