/*
 * explain - parts of `sallyport explain`: the arguments to the bytes that a client would send, the listener that would
 * get them, and what comes of it in words or as JSON.
 */
#ifndef SP_CLI_EXPLAIN_H
#define SP_CLI_EXPLAIN_H

#include <stdio.h>

#include "args.h"
#include "sp/base/buf.h"
#include "sp/conf/conf.h"
#include "sp/proxy/explain.h"

struct sp_explain_request {
	bool is_tls; /* https */
	struct sp_str host; /* as in the URL, with the brackets of IPv6; borrowed from it, as the next */
	struct sp_str target; /* what stands in the request line */
	uint16_t port; /* 0: the URL has none */
	struct sp_str method;
	struct sp_addr ip; /* of the host; SP_ADDR_NONE: it is a name */
	char server_name[256]; /* of the client hello; empty: none */
	struct sp_buf head; /* owned */
};

/* false with *err: wrong usage. sp_explain_request_fini either way. */
SP_MUST_USE bool sp_explain_request_read(const struct sp_args *args, struct sp_explain_request *out,
					 struct sp_err *err);
void sp_explain_request_fini(struct sp_explain_request *request);

/* Which listener gets it, at which port, from whom: fills *ask, but for challenges. false with *err: wrong usage. */
SP_MUST_USE bool sp_explain_aim(const struct sp_conf *conf, const struct sp_args *args,
				const struct sp_explain_request *request, struct sp_explain_ask *ask,
				struct sp_err *err);

struct sp_explain_told { /* all that is printed; borrowed */
	const struct sp_conf *conf;
	const struct sp_explain_request *request;
	const struct sp_explain_ask *ask;
	const struct sp_explanation *what;
};

void sp_explain_print(const struct sp_explain_told *told, FILE *to);
void sp_explain_print_json(const struct sp_explain_told *told, FILE *to);

#endif
