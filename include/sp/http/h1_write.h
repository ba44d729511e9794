/*
 * h1_write - heads to bytes. What is written is the model: start line, one Host
 * (requests), one framing, then every field that is not dropped. Framing fields
 * and Host among the fields are never written as such.
 */
#ifndef SP_HTTP_H1_WRITE_H
#define SP_HTTP_H1_WRITE_H

#include "sp/base/chain.h"
#include "sp/http/head.h"

/* host: the Host to send. framing NONE for a request writes no Content-Length unless the method is POST, PUT or
 * PATCH ("Content-Length: 0"). false: no chunk. */
SP_MUST_USE bool sp_h1_write_request(struct sp_chain *to, const struct sp_head *head, struct sp_str host);

enum sp_h1_connection { SP_H1_CONN_DEFAULT, SP_H1_CONN_KEEP_ALIVE, SP_H1_CONN_CLOSE, SP_H1_CONN_UPGRADE };

/* The framing written is head->framing as the client will get it: LENGTH (also for HEAD and 304, where length is what
 * the backend said and no body follows; has_length false in head->framing NONE writes none), CHUNKED, CLOSE. */
SP_MUST_USE bool sp_h1_write_response(struct sp_chain *to, const struct sp_head *head, enum sp_h1_connection connection);

#endif
