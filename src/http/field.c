#include "field.h"

#include "bytes.h"

enum { NAME_LONGEST = 25, NAMES_A_LENGTH = 5 };

#define NAME(id, text, kind) [id] = { { text, sizeof(text) - 1 }, kind }

static const struct {
	struct sp_str text;
	unsigned kind;
} names[SP_F_COUNT] = {
	NAME(SP_F_ACCEPT, "Accept", 0),
	NAME(SP_F_AUTHORIZATION, "Authorization", 0),
	NAME(SP_F_CACHE_CONTROL, "Cache-Control", 0),
	NAME(SP_F_CONNECTION, "Connection", SP_FIELD_HOP),
	NAME(SP_F_CONTENT_LENGTH, "Content-Length", SP_FIELD_FRAMING),
	NAME(SP_F_CONTENT_TYPE, "Content-Type", 0),
	NAME(SP_F_COOKIE, "Cookie", 0),
	NAME(SP_F_DATE, "Date", 0),
	NAME(SP_F_EXPECT, "Expect", 0),
	NAME(SP_F_FORWARDED, "Forwarded", SP_FIELD_FORWARDING),
	NAME(SP_F_FRONT_END_HTTPS, "Front-End-Https", SP_FIELD_FORWARDING),
	NAME(SP_F_HOST, "Host", SP_FIELD_FRAMING),
	NAME(SP_F_HTTP2_SETTINGS, "HTTP2-Settings", SP_FIELD_HOP),
	NAME(SP_F_KEEP_ALIVE, "Keep-Alive", SP_FIELD_HOP),
	NAME(SP_F_ORIGIN, "Origin", 0),
	NAME(SP_F_PROXY, "Proxy", SP_FIELD_HOP),
	NAME(SP_F_PROXY_AUTHENTICATE, "Proxy-Authenticate", SP_FIELD_HOP),
	NAME(SP_F_PROXY_AUTHORIZATION, "Proxy-Authorization", SP_FIELD_HOP),
	NAME(SP_F_PROXY_CONNECTION, "Proxy-Connection", SP_FIELD_HOP),
	NAME(SP_F_REFERER, "Referer", 0),
	NAME(SP_F_REFERRER_POLICY, "Referrer-Policy", 0),
	NAME(SP_F_SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key", 0),
	NAME(SP_F_SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version", 0),
	NAME(SP_F_SERVER, "Server", 0),
	NAME(SP_F_SET_COOKIE, "Set-Cookie", 0),
	NAME(SP_F_STRICT_TRANSPORT_SECURITY, "Strict-Transport-Security", 0),
	NAME(SP_F_TE, "TE", SP_FIELD_HOP),
	NAME(SP_F_TRACEPARENT, "traceparent", 0),
	NAME(SP_F_TRACESTATE, "tracestate", 0),
	NAME(SP_F_TRAILER, "Trailer", SP_FIELD_HOP),
	NAME(SP_F_TRANSFER_ENCODING, "Transfer-Encoding", SP_FIELD_FRAMING),
	NAME(SP_F_TRUE_CLIENT_IP, "True-Client-IP", SP_FIELD_FORWARDING),
	NAME(SP_F_UPGRADE, "Upgrade", SP_FIELD_HOP),
	NAME(SP_F_USER_AGENT, "User-Agent", 0),
	NAME(SP_F_VIA, "Via", SP_FIELD_FORWARDING),
	NAME(SP_F_X_CLIENT_IP, "X-Client-IP", SP_FIELD_FORWARDING),
	NAME(SP_F_X_CLUSTER_CLIENT_IP, "X-Cluster-Client-IP", SP_FIELD_FORWARDING),
	NAME(SP_F_X_CONTENT_TYPE_OPTIONS, "X-Content-Type-Options", 0),
	NAME(SP_F_X_FORWARDED_FOR, "X-Forwarded-For", SP_FIELD_FORWARDING),
	NAME(SP_F_X_FORWARDED_HOST, "X-Forwarded-Host", SP_FIELD_FORWARDING),
	NAME(SP_F_X_FORWARDED_PORT, "X-Forwarded-Port", SP_FIELD_FORWARDING),
	NAME(SP_F_X_FORWARDED_PROTO, "X-Forwarded-Proto", SP_FIELD_FORWARDING),
	NAME(SP_F_X_FRAME_OPTIONS, "X-Frame-Options", 0),
	NAME(SP_F_X_ORIGINAL_HOST, "X-Original-Host", SP_FIELD_FORWARDING),
	NAME(SP_F_X_ORIGINAL_URL, "X-Original-URL", SP_FIELD_FORWARDING),
	NAME(SP_F_X_REAL_IP, "X-Real-IP", SP_FIELD_FORWARDING),
	NAME(SP_F_X_REQUEST_ID, "X-Request-Id", SP_FIELD_FORWARDING),
	NAME(SP_F_X_REWRITE_URL, "X-Rewrite-URL", SP_FIELD_FORWARDING),
};

/* The ids whose names have this many letters; a test looks every name up. */
static const uint8_t by_length[NAME_LONGEST + 1][NAMES_A_LENGTH] = {
	[2] = { SP_F_TE },
	[3] = { SP_F_VIA },
	[4] = { SP_F_HOST, SP_F_DATE },
	[5] = { SP_F_PROXY },
	[6] = { SP_F_ACCEPT, SP_F_COOKIE, SP_F_ORIGIN, SP_F_EXPECT, SP_F_SERVER },
	[7] = { SP_F_REFERER, SP_F_UPGRADE, SP_F_TRAILER },
	[9] = { SP_F_FORWARDED, SP_F_X_REAL_IP },
	[10] = { SP_F_CONNECTION, SP_F_USER_AGENT, SP_F_KEEP_ALIVE, SP_F_SET_COOKIE, SP_F_TRACESTATE },
	[11] = { SP_F_TRACEPARENT, SP_F_X_CLIENT_IP },
	[12] = { SP_F_CONTENT_TYPE, SP_F_X_REQUEST_ID },
	[13] = { SP_F_AUTHORIZATION, SP_F_CACHE_CONTROL, SP_F_X_REWRITE_URL },
	[14] = { SP_F_CONTENT_LENGTH, SP_F_HTTP2_SETTINGS, SP_F_TRUE_CLIENT_IP, SP_F_X_ORIGINAL_URL },
	[15] = { SP_F_X_FORWARDED_FOR, SP_F_X_FRAME_OPTIONS, SP_F_REFERRER_POLICY, SP_F_FRONT_END_HTTPS,
		 SP_F_X_ORIGINAL_HOST },
	[16] = { SP_F_PROXY_CONNECTION, SP_F_X_FORWARDED_HOST, SP_F_X_FORWARDED_PORT },
	[17] = { SP_F_TRANSFER_ENCODING, SP_F_X_FORWARDED_PROTO, SP_F_SEC_WEBSOCKET_KEY },
	[18] = { SP_F_PROXY_AUTHENTICATE },
	[19] = { SP_F_PROXY_AUTHORIZATION, SP_F_X_CLUSTER_CLIENT_IP },
	[21] = { SP_F_SEC_WEBSOCKET_VERSION },
	[22] = { SP_F_X_CONTENT_TYPE_OPTIONS },
	[25] = { SP_F_STRICT_TRANSPORT_SECURITY },
};

_Static_assert(SP_F_COUNT <= 64, "head.present has a bit for each");

static inline uint64_t load_folded(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word | 0x2020202020202020U;
}

/* Setting 0x20 lowers letters and moves of all token bytes only `^` to `~`, which no name of ours has. So `known` is a
 * name of the table or a caller that compares two tokens of a peer, where `^` for `~` means one drop too many. */
static inline bool same_token(const char *a, const char *known, size_t n)
{
	size_t i = 0;

	if (n < 8) {
		for (; i < n; i++)
			if (sp_lower(a[i]) != sp_lower(known[i]))
				return false;
		return true;
	}
	for (; i + 8 <= n; i += 8)
		if (load_folded(a + i) != load_folded(known + i))
			return false;
	return load_folded(a + n - 8) == load_folded(known + n - 8);
}

bool sp_field_same_name(struct sp_str a, struct sp_str b)
{
	return a.n == b.n && same_token(a.p, b.p, a.n);
}

enum sp_field_id sp_field_id_of_token(struct sp_str name)
{
	const uint8_t *of;

	if (name.n == 0 || name.n > NAME_LONGEST)
		return SP_F_OTHER;
	of = by_length[name.n];
	for (size_t i = 0; i < NAMES_A_LENGTH && of[i] != SP_F_OTHER; i++) {
		const char *known = names[of[i]].text.p;

		if ((name.p[0] | 0x20) == (known[0] | 0x20) && same_token(name.p, known, name.n))
			return (enum sp_field_id)of[i];
	}
	return SP_F_OTHER;
}

enum sp_field_id sp_field_id(struct sp_str name)
{
	return sp_bytes_are(name, SP_BYTE_TOKEN) ? sp_field_id_of_token(name) : SP_F_OTHER;
}

struct sp_str sp_field_name(enum sp_field_id id)
{
	return names[id].text;
}

unsigned sp_field_kind(enum sp_field_id id)
{
	return names[id].kind;
}

bool sp_field_is_alias(struct sp_str name)
{
	char folded[NAME_LONGEST];

	if (name.n > NAME_LONGEST)
		return sp_field_is_x_forwarded(name);
	for (size_t i = 0; i < name.n; i++)
		folded[i] = sp_byte_is(name.p[i], SP_BYTE_ALNUM) ? name.p[i] : '-';
	return sp_field_id_of_token(sp_str_of(folded, name.n)) != SP_F_OTHER ||
	       sp_field_is_x_forwarded(sp_str_of(folded, name.n));
}

bool sp_field_is_x_forwarded(struct sp_str name)
{
	static const char prefix[] = "x-forwarded";

	if (name.n < sizeof(prefix) - 1 || (name.p[0] | 0x20) != 'x')
		return false;
	for (size_t i = 1; i < sizeof(prefix) - 1; i++) {
		char c = name.p[i];

		if (prefix[i] == '-' ? sp_byte_is(c, SP_BYTE_ALNUM) : sp_lower(c) != prefix[i])
			return false;
	}
	return true;
}
