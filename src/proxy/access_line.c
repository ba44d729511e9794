#include "access_line.h"

#include <assert.h>
#include <string.h>

#include "sp/base/clock.h"

/*
 * Everything here writes at `to` and returns the place behind. Nobody asks
 * whether there is room: each text is cut to the room of its field, counted
 * after escaping, and all rooms together with names and numbers stay within
 * SP_ACCESS_LINE_MAX.
 */
enum {
	ROOM_WORD = 24, /* tls, proto, country, cause, at, flags */
	ROOM_METHOD = 32,
	ROOM_ID = 64,
	ROOM_NAME = 64, /* listener, route, pool */
	ROOM_ADDR = 64, /* peer, client */
	ROOM_BACKEND = 112,
	ROOM_FILE = 128,
	ROOM_HOST = 256, /* host, sni */
	ROOM_TARGET = 2048, /* path and query */
	ROOM_REFERER = 1024,
	ROOM_AGENT = 768,
	JSON_REST = 736, /* member names, punctuation, the time, the longest numbers */
	COMBINED_REST = 128,
};

static_assert(6 * ROOM_WORD + ROOM_METHOD + ROOM_ID + 3 * ROOM_NAME + 2 * ROOM_ADDR + ROOM_BACKEND + ROOM_FILE +
			      2 * ROOM_HOST + ROOM_TARGET + JSON_REST <=
		      SP_ACCESS_LINE_MAX,
	      "a JSON line fits");
static_assert(ROOM_ADDR + ROOM_METHOD + ROOM_TARGET + ROOM_WORD + ROOM_REFERER + ROOM_AGENT + COMBINED_REST <=
		      SP_ACCESS_LINE_MAX,
	      "a combined line fits");

enum style { JSON, COMBINED };

#define PUT(to, literal) put_bytes((to), (literal), sizeof(literal) - 1)

static inline char *put_bytes(char *to, const char *bytes, size_t n)
{
	memcpy(to, bytes, n);
	return to + n;
}

/* ---- numbers ---- */

static const char two_digits[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
				 "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
				 "8081828384858687888990919293949596979899";

static inline char *put_pair(char *to, uint32_t below_100)
{
	return put_bytes(to, two_digits + (size_t)2 * below_100, 2);
}

static inline char *put_small(char *to, uint32_t below_1000)
{
	if (below_1000 >= 100) {
		*to++ = (char)('0' + below_1000 / 100);
		return put_pair(to, below_1000 % 100);
	}
	if (below_1000 >= 10)
		return put_pair(to, below_1000);
	*to++ = (char)('0' + below_1000);
	return to;
}

static char *put_large(char *to, uint64_t value)
{
	uint64_t left = value;
	char *end = to;

	do {
		end++;
		left /= 10;
	} while (left > 0);
	for (to = end; value >= 100; value /= 100) {
		to -= 2;
		put_pair(to, (uint32_t)(value % 100));
	}
	put_small(value >= 10 ? to - 2 : to - 1, (uint32_t)value);
	return end;
}

static inline char *put_u64(char *to, uint64_t value)
{
	return value < 1000 ? put_small(to, (uint32_t)value) : put_large(to, value);
}

/* Seconds with six decimals. */
static char *put_seconds(char *to, uint64_t us)
{
	uint32_t rest = (uint32_t)us;

	if (us == SP_ACCESS_NOT_REACHED)
		return PUT(to, "null");
	if (us < 1000000) {
		to = PUT(to, "0.");
	} else {
		to = put_u64(to, us / 1000000);
		rest = (uint32_t)(us % 1000000);
		*to++ = '.';
	}
	to = put_pair(to, rest / 10000);
	to = put_pair(to, rest / 100 % 100);
	return put_pair(to, rest % 100);
}

/* ---- texts ---- */

/* Printable ASCII, no quote, no backslash. */
static const bool plain_bytes[256] = {
	[0x20 ... 0x21] = true,
	[0x23 ... 0x5b] = true,
	[0x5d ... 0x7e] = true,
};

static inline bool is_plain(unsigned char c)
{
	return plain_bytes[c];
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/*
 * Eight bytes at once: a high bit is set when one of them is not printable
 * ASCII, or a quote or a backslash. Each term sets the high bit of such a byte,
 * and a carry or borrow leaves only a byte that has set its own.
 */
static inline uint64_t odd_bytes(uint64_t word)
{
	uint64_t odd = word | (word + EACH_BYTE(1)) | (word - EACH_BYTE(0x20)) |
		       ((word ^ EACH_BYTE('"')) - EACH_BYTE(1)) | ((word ^ EACH_BYTE('\\')) - EACH_BYTE(1));

	return odd & EACH_BYTE(0x80);
}

typedef signed char bytes_16 __attribute__((vector_size(16)));

/* The same for sixteen: a byte that is not 0 where one is odd. Signed, so bytes from 0x80 on are below 0x20 too. */
static inline bytes_16 copy_16(char *to, const char *from)
{
	bytes_16 bytes;

	memcpy(&bytes, from, sizeof(bytes));
	memcpy(to, &bytes, sizeof(bytes));
	return (bytes < 0x20) | (bytes == 0x7f) | (bytes == '"') | (bytes == '\\');
}

static inline uint64_t copy_8(char *to, const char *from)
{
	uint64_t word;

	memcpy(&word, from, sizeof(word));
	memcpy(to, &word, sizeof(word));
	return odd_bytes(word);
}

static inline bool copy_long(char *to, struct sp_str s)
{
	bytes_16 odd = copy_16(to + s.n - 16, s.p + s.n - 16);
	uint64_t halves[2];

	for (size_t i = 0; i + 16 < s.n; i += 16)
		odd |= copy_16(to + i, s.p + i);
	memcpy(halves, &odd, sizeof(halves));
	return (halves[0] | halves[1]) == 0;
}

static inline bool copy_short(char *to, struct sp_str s)
{
	uint32_t head, tail;

	if (s.n >= 4) {
		memcpy(&head, s.p, 4);
		memcpy(&tail, s.p + s.n - 4, 4);
		memcpy(to, &head, 4);
		memcpy(to + s.n - 4, &tail, 4);
		return odd_bytes(head | (uint64_t)tail << 32) == 0;
	}
	for (size_t i = 0; i < s.n; i++) {
		to[i] = s.p[i];
		if (!is_plain((unsigned char)s.p[i]))
			return false;
	}
	return true;
}

/* Copies; false when a byte needs an escape, and then what was copied is to be written over. */
__attribute__((always_inline)) static inline bool copy_plain(char *to, struct sp_str s)
{
	if (s.n >= 16)
		return copy_long(to, s);
	if (s.n >= 8)
		return (copy_8(to, s.p) | copy_8(to + s.n - 8, s.p + s.n - 8)) == 0;
	return copy_short(to, s);
}

/* As Apache's ap_escape_logitem: its short forms, else \xhh. JSON knows \u00hh for all of them. */
static size_t escape(char to[static 6], unsigned char c, enum style style)
{
	static const char hex[] = "0123456789abcdef";
	static const char plain[] = "\"\\\b\n\r\t\v", shorts[] = "\"\\bnrtv";
	const char *known = memchr(plain, c, style == JSON ? 2 : sizeof(plain) - 1);
	char *at = to;

	*at++ = '\\';
	if (known != NULL) {
		*at++ = shorts[known - plain];
		return 2;
	}
	at = style == JSON ? PUT(at, "u00") : PUT(at, "x");
	*at++ = hex[c >> 4];
	*at++ = hex[c & 15];
	return (size_t)(at - to);
}

/* Apart from the fast way, which shall not pay for its frame. */
__attribute__((noinline, cold)) static char *put_slowly(char *to, const char *end, struct sp_str s, enum style style)
{
	char escaped[6];

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		size_t n = 1;

		if (is_plain(c))
			escaped[0] = (char)c;
		else
			n = escape(escaped, c, style);
		if ((size_t)(end - to) < n)
			break;
		to = put_bytes(to, escaped, n);
	}
	return to;
}

/* Stops before `end`, between two characters. */
static char *put_escaped(char *to, const char *end, struct sp_str s, enum style style)
{
	if (s.n <= (size_t)(end - to) && copy_plain(to, s))
		return to + s.n;
	return put_slowly(to, end, s, style);
}

/* A JSON value. */
static char *put_text(char *to, size_t room, struct sp_str s)
{
	if (s.p == NULL)
		return PUT(to, "null");
	*to++ = '"';
	if (s.n <= room && copy_plain(to, s))
		to += s.n;
	else
		to = put_slowly(to, to + room, s, JSON);
	*to++ = '"';
	return to;
}

/* The same of a literal: most have two to eight letters. */
static inline char *put_word(char *to, const char *word)
{
	size_t n = 0;

	if (word == NULL)
		return PUT(to, "null");
	*to++ = '"';
	while (n < ROOM_WORD && is_plain((unsigned char)word[n])) {
		to[n] = word[n];
		n++;
	}
	to = word[n] == '\0' ? to + n : put_slowly(to, to + ROOM_WORD, sp_str(word), JSON);
	*to++ = '"';
	return to;
}

/* ---- what never appears ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = sp_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Is this parameter ("name=value" or "name") of that name? Percent-decoded and without regard to case: a backend
 * that is lax about either would still find its secret. */
static bool has_name(struct sp_str parameter, struct sp_str name)
{
	size_t at = 0, i;

	for (i = 0; at < parameter.n && parameter.p[at] != '='; i++) {
		char c = parameter.p[at++];

		if (c == '%' && at + 2 <= parameter.n && hex_digit(parameter.p[at]) >= 0 &&
		    hex_digit(parameter.p[at + 1]) >= 0) {
			c = (char)(hex_digit(parameter.p[at]) * 16 + hex_digit(parameter.p[at + 1]));
			at += 2;
		}
		if (i >= name.n || sp_lower(c) != sp_lower(name.p[i]))
			return false;
	}
	return i == name.n;
}

static bool is_redacted(struct sp_str parameter, const struct sp_conf_texts *redact)
{
	for (size_t i = 0; i < redact->count; i++) {
		if (has_name(parameter, redact->items[i].text))
			return true;
	}
	return false;
}

static bool is_separator(char c)
{
	return c == '?' || c == '&' || c == ';' || c == '#';
}

/* query: from its first separator on ("?a=1&b=2", "#b=2"), or empty. Name and value of a redacted parameter are left
 * out. Whatever some backend takes for a separator is one here. */
static char *put_query(char *to, const char *end, struct sp_str query, const struct sp_conf_texts *redact,
		       enum style style)
{
	bool is_first = true;

	if (redact->count == 0)
		return put_escaped(to, end, query, style);
	while (query.n > 0) {
		size_t n = 1;

		while (n < query.n && !is_separator(query.p[n]))
			n++;
		if (!is_redacted(sp_str_of(query.p + 1, n - 1), redact)) {
			char separator = is_first && query.p[0] != '#' ? '?' : query.p[0];

			to = put_escaped(to, end, sp_str_of(&separator, 1), style);
			to = put_escaped(to, end, sp_str_of(query.p + 1, n - 1), style);
			is_first = false;
		}
		query.p += n;
		query.n -= n;
	}
	return to;
}

static char *put_target(char *to, const struct sp_conf_log *conf, const struct sp_access_record *record,
			enum style style)
{
	const char *end = to + ROOM_TARGET;

	to = put_escaped(to, end, record->path, style);
	return put_query(to, end, record->query, &conf->redact, style);
}

/* ---- addresses and times ---- */

static char *put_v4(char *to, const struct sp_addr *addr)
{
	for (size_t i = 0; i < 4; i++) {
		to = put_small(to, addr->ip[i]);
		*to++ = '.';
	}
	return to - 1;
}

static char *put_other_addr(char *to, const struct sp_addr *addr, bool has_port, enum style style)
{
	char text[SP_ADDR_TEXT];

	if (addr->family == SP_ADDR_UNIX && style == COMBINED)
		return PUT(to, "unix:"); /* a path could hold a blank, which ends the field */
	return put_escaped(to, to + ROOM_ADDR,
			   sp_str(has_port ? sp_addr_text(addr, text) : sp_addr_ip_text(addr, text)), style);
}

static bool is_known(const struct sp_addr *addr)
{
	return addr != NULL && addr->family != SP_ADDR_NONE;
}

static char *put_addr(char *to, const struct sp_addr *addr, bool has_port)
{
	if (!is_known(addr))
		return PUT(to, "null");
	*to++ = '"';
	if (addr->family != SP_ADDR_V4) {
		to = put_other_addr(to, addr, has_port, JSON);
	} else {
		to = put_v4(to, addr);
		if (has_port) {
			*to++ = ':';
			to = put_u64(to, addr->port);
		}
	}
	*to++ = '"';
	return to;
}

static char *put_json_time(char *to, uint64_t wall_ms, struct sp_access_time *time)
{
	uint32_t ms = (uint32_t)(wall_ms % 1000);
	char text[SP_CLOCK_RFC3339];

	if (time->json_s != wall_ms / 1000 || time->json[0] == '\0') {
		sp_clock_rfc3339(wall_ms, text);
		memcpy(time->json, text, sizeof(time->json));
		time->json_s = wall_ms / 1000;
	}
	to = put_bytes(to, time->json, sizeof(time->json));
	*to++ = (char)('0' + ms / 100);
	to = put_pair(to, ms % 100);
	*to++ = 'Z';
	return to;
}

static char *put_clf_time(char *to, uint64_t wall_ms, struct sp_access_time *time)
{
	char text[SP_CLOCK_CLF];

	if (time->clf_s != wall_ms / 1000 || time->clf[0] == '\0') {
		sp_clock_clf(wall_ms, text);
		memcpy(time->clf, text, sizeof(time->clf));
		time->clf_s = wall_ms / 1000;
	}
	return put_bytes(to, time->clf, sizeof(time->clf));
}

/* ---- JSON ---- */

static char *put_who(char *to, const struct sp_access_record *r, struct sp_access_time *time)
{
	to = PUT(to, "{\"time\":\"");
	to = put_json_time(to, r->wall_ms, time);
	to = PUT(to, "\",\"id\":");
	to = put_text(to, ROOM_ID, r->id);
	to = PUT(to, ",\"peer\":");
	to = put_addr(to, r->peer, true);
	to = PUT(to, ",\"client\":");
	to = put_addr(to, r->client, false);
	to = PUT(to, ",\"country\":");
	to = put_text(to, ROOM_WORD, r->country);
	to = PUT(to, ",\"listener\":");
	to = put_text(to, ROOM_NAME, r->listener);
	to = PUT(to, ",\"sni\":");
	to = put_text(to, ROOM_HOST, r->sni);
	to = PUT(to, ",\"tls\":");
	return put_word(to, r->tls);
}

static char *put_status(char *to, unsigned status)
{
	return status != 0 ? put_u64(to, status) : PUT(to, "null");
}

static char *put_what(char *to, const struct sp_access_record *r, const struct sp_conf_log *conf)
{
	to = PUT(to, ",\"proto\":");
	to = put_word(to, r->proto);
	to = PUT(to, ",\"method\":");
	to = put_text(to, ROOM_METHOD, r->method);
	to = PUT(to, ",\"host\":");
	to = put_text(to, ROOM_HOST, r->host);
	if (r->path.p == NULL) {
		to = PUT(to, ",\"path\":null");
	} else {
		to = PUT(to, ",\"path\":\"");
		to = put_target(to, conf, r, JSON);
		*to++ = '"';
	}
	to = PUT(to, ",\"status\":");
	to = put_status(to, r->status);
	to = PUT(to, ",\"backend_status\":");
	to = put_status(to, r->backend_status);
	to = PUT(to, ",\"bytes_in\":");
	to = put_u64(to, r->bytes_in);
	to = PUT(to, ",\"bytes_out\":");
	return put_u64(to, r->bytes_out);
}

static char *put_way(char *to, const struct sp_access_record *r)
{
	to = PUT(to, ",\"route\":");
	to = put_text(to, ROOM_NAME, r->route);
	to = PUT(to, ",\"pool\":");
	to = put_text(to, ROOM_NAME, r->pool);
	to = PUT(to, ",\"backend\":");
	to = put_text(to, ROOM_BACKEND, r->backend);
	to = PUT(to, ",\"tries\":");
	to = put_u64(to, r->tries);
	to = PUT(to, ",\"t_tls\":");
	to = put_seconds(to, r->t_tls);
	to = PUT(to, ",\"t_header\":");
	to = put_seconds(to, r->t_header);
	to = PUT(to, ",\"t_queue\":");
	to = put_seconds(to, r->t_queue);
	to = PUT(to, ",\"t_connect\":");
	to = put_seconds(to, r->t_connect);
	to = PUT(to, ",\"t_first_byte\":");
	to = put_seconds(to, r->t_first_byte);
	to = PUT(to, ",\"t_total\":");
	return put_seconds(to, r->t_total);
}

static char *put_end(char *to, const struct sp_access_record *r)
{
	to = r->reused ? PUT(to, ",\"reused\":true,\"cause\":") : PUT(to, ",\"reused\":false,\"cause\":");
	to = put_word(to, r->cause);
	to = PUT(to, ",\"at\":");
	to = put_word(to, r->at);
	to = PUT(to, ",\"flags\":");
	to = put_word(to, r->flags);
	if (r->rule.file == NULL) {
		to = PUT(to, ",\"rule\":null");
	} else {
		to = PUT(to, ",\"rule\":\"");
		to = put_escaped(to, to + ROOM_FILE, sp_str(r->rule.file), JSON);
		*to++ = ':';
		to = put_u64(to, (uint32_t)r->rule.line);
		*to++ = '"';
	}
	to = PUT(to, ",\"gen\":");
	to = put_u64(to, r->gen);
	return PUT(to, "}\n");
}

/* ---- combined: %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i" ---- */

static char *put_request_line(char *to, const struct sp_access_record *r, const struct sp_conf_log *conf)
{
	if (r->method.p == NULL)
		return PUT(to, "-");
	to = put_escaped(to, to + ROOM_METHOD, r->method, COMBINED);
	*to++ = ' ';
	to = put_target(to, conf, r, COMBINED);
	*to++ = ' ';
	return put_escaped(to, to + ROOM_WORD, r->proto != NULL ? sp_str(r->proto) : SP_STR_NONE, COMBINED);
}

/* The page a client came from: its query is as secret as ours. */
static char *put_referer(char *to, struct sp_str referer, const struct sp_conf_log *conf)
{
	const char *end = to + ROOM_REFERER;
	struct sp_str rest = referer, page;

	if (referer.p == NULL)
		return PUT(to, "-");
	(void)sp_str_split(&rest, '?', &page);
	rest = page;
	(void)sp_str_split(&rest, '#', &page);
	to = put_escaped(to, end, page, COMBINED);
	return put_query(to, end, sp_str_of(referer.p + page.n, referer.n - page.n), &conf->redact, COMBINED);
}

static char *put_combined(char *to, const struct sp_access_record *r, const struct sp_conf_log *conf,
			  struct sp_access_time *time)
{
	if (!is_known(r->client))
		to = PUT(to, "-");
	else if (r->client->family == SP_ADDR_V4)
		to = put_v4(to, r->client);
	else
		to = put_other_addr(to, r->client, false, COMBINED);
	to = PUT(to, " - - [");
	to = put_clf_time(to, r->wall_ms, time);
	to = PUT(to, "] \"");
	to = put_request_line(to, r, conf);
	to = PUT(to, "\" ");
	to = r->status != 0 ? put_u64(to, r->status) : PUT(to, "-");
	*to++ = ' ';
	to = r->body_out != 0 ? put_u64(to, r->body_out) : PUT(to, "-");
	to = PUT(to, " \"");
	to = put_referer(to, r->referer, conf);
	to = PUT(to, "\" \"");
	to = r->user_agent.p == NULL ? PUT(to, "-") : put_escaped(to, to + ROOM_AGENT, r->user_agent, COMBINED);
	return PUT(to, "\"\n");
}

size_t sp_access_line(char to[static SP_ACCESS_LINE_MAX], const struct sp_conf_log *conf,
		      const struct sp_access_record *record, struct sp_access_time *time)
{
	char *end;

	if (conf->format == SP_LOG_FORMAT_COMBINED) {
		end = put_combined(to, record, conf, time);
	} else {
		end = put_who(to, record, time);
		end = put_what(end, record, conf);
		end = put_way(end, record);
		end = put_end(end, record);
	}
	return (size_t)(end - to);
}
