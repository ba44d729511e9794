/*
 * head - a parsed head: start line, fields, and what they mean.
 *
 * The texts are slices of the bytes that were scanned, or of the arena; both
 * outlive the head. A head is changed only by marking a field dropped or by
 * adding one; it is written anew from here, never copied from the wire.
 */
#ifndef SP_HTTP_HEAD_H
#define SP_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/arena.h"
#include "sp/base/str.h"

/* Names that somebody acts on; all others are SP_F_OTHER. Fewer than 64: a head keeps a bit for each. */
enum sp_field_id {
	SP_F_OTHER,
	SP_F_ACCEPT, SP_F_AUTHORIZATION, SP_F_CACHE_CONTROL, SP_F_CONNECTION, SP_F_CONTENT_LENGTH, SP_F_CONTENT_TYPE,
	SP_F_COOKIE, SP_F_DATE, SP_F_EXPECT, SP_F_FORWARDED, SP_F_FRONT_END_HTTPS, SP_F_HOST, SP_F_HTTP2_SETTINGS, SP_F_KEEP_ALIVE, SP_F_ORIGIN, SP_F_PROXY,
	SP_F_PROXY_AUTHENTICATE, SP_F_PROXY_AUTHORIZATION, SP_F_PROXY_CONNECTION, SP_F_REFERER, SP_F_REFERRER_POLICY,
	SP_F_SEC_WEBSOCKET_KEY, SP_F_SEC_WEBSOCKET_VERSION, SP_F_SERVER, SP_F_SET_COOKIE, SP_F_STRICT_TRANSPORT_SECURITY,
	SP_F_TE, SP_F_TRACEPARENT, SP_F_TRACESTATE, SP_F_TRAILER, SP_F_TRANSFER_ENCODING, SP_F_TRUE_CLIENT_IP, SP_F_UPGRADE,
	SP_F_USER_AGENT, SP_F_VIA, SP_F_X_CLIENT_IP, SP_F_X_CLUSTER_CLIENT_IP, SP_F_X_CONTENT_TYPE_OPTIONS,
	SP_F_X_FORWARDED_FOR, SP_F_X_FORWARDED_HOST, SP_F_X_FORWARDED_PORT, SP_F_X_FORWARDED_PROTO, SP_F_X_FRAME_OPTIONS,
	SP_F_X_ORIGINAL_HOST, SP_F_X_ORIGINAL_URL, SP_F_X_REAL_IP, SP_F_X_REQUEST_ID, SP_F_X_REWRITE_URL,
	SP_F_COUNT
};

enum sp_field_id sp_field_id(struct sp_str name);       /* without regard to case */
struct sp_str sp_field_name(enum sp_field_id id);        /* as we write it: "X-Forwarded-For"; empty for OTHER */

struct sp_field {
	struct sp_str name, value;      /* value without blanks at its ends */
	enum sp_field_id id;
	bool is_dropped;                /* not written */
};

enum sp_method {
	SP_M_OTHER, SP_M_GET, SP_M_HEAD, SP_M_POST, SP_M_PUT, SP_M_PATCH, SP_M_DELETE, SP_M_OPTIONS, SP_M_CONNECT, SP_M_TRACE
};

/* RFC 9112 6.3: where the body ends. Never two at once. */
enum sp_framing { SP_BODY_NONE, SP_BODY_LENGTH, SP_BODY_CHUNKED, SP_BODY_CLOSE };

struct sp_head {
	bool is_request;
	uint8_t minor;                  /* of HTTP/1.x: 0 or 1 */

	/* request */
	enum sp_method method;
	struct sp_str method_text;
	struct sp_str target;           /* as sent */
	struct sp_str host;             /* lower case, no port, no trailing dot; [v6] in brackets */
	struct sp_str host_text;        /* with the port, as sent: what is written when `host = client` */
	uint16_t port;                  /* 0 = none was given */
	struct sp_str path;             /* the one normal form, begins with "/" ("*" for OPTIONS *) */
	struct sp_str query;            /* with its "?", or empty */
	bool has_encoded_slash;         /* %2f or %5c, kept in `path`: a route must allow it */
	/* "//", ";" anywhere but in the last segment, "..;", double encoding, overlong UTF-8 or an encoded control byte:
	 * readers differ on these, so they are refused where a rule guards by path. */
	bool has_odd_path;
	bool has_path_parameter;        /* ";" or "%3B" in the path, the last segment included: Java backends cut there */
	bool expects_continue;

	/* response */
	uint16_t status;                /* 100 to 599 */
	struct sp_str reason;

	/* both */
	struct sp_field *fields;        /* in the arena */
	uint32_t field_count, field_room;
	uint64_t present;               /* a bit for each sp_field_id that was ever added: a quick "not there" */
	enum sp_framing framing;        /* NONE for every answer without a body: to HEAD, 1xx, 204, 304 */
	bool has_length;                /* LENGTH, or NONE with the length that such an answer tells (HEAD, 304) */
	uint64_t length;                /* if has_length */
	bool is_keep_alive;             /* what version and Connection ask for */
	bool has_upgrade;               /* Connection names upgrade and there is an Upgrade field */
	struct sp_str upgrade;          /* its value */
	bool has_connection_names;      /* Connection names fields, beside close, keep-alive and upgrade */
	uint32_t bytes;                 /* of the head on the wire, blank line included; 0: made by us */
};

/* Is there anything to be read behind the head? */
static inline bool sp_head_has_body(const struct sp_head *head)
{
	return head->framing != SP_BODY_NONE && !(head->framing == SP_BODY_LENGTH && head->length == 0);
}

void sp_head_init(struct sp_head *head, bool is_request);
/* The first field that is not dropped, or NULL. */
struct sp_field *sp_head_find(const struct sp_head *head, enum sp_field_id id);
struct sp_field *sp_head_find_name(const struct sp_head *head, struct sp_str name);
/* name and value must live as long as the head. false: no memory. */
SP_MUST_USE bool sp_head_add(struct sp_head *head, struct sp_arena *arena, struct sp_str name, struct sp_str value);
SP_MUST_USE bool sp_head_add_id(struct sp_head *head, struct sp_arena *arena, enum sp_field_id id, struct sp_str value);
void sp_head_drop(struct sp_head *head, enum sp_field_id id);           /* all of that name */
void sp_head_drop_name(struct sp_head *head, struct sp_str name);

/* Walks a comma list (RFC 9110 5.6.1): *item trimmed, empty items skipped. false at the end. */
bool sp_list_next(struct sp_str *rest, struct sp_str *item);

#endif
