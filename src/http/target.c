#include "target.h"

#include <string.h>

#include "sp/base/addr.h"

#include "bytes.h"
#include "path.h"

enum { NAME_MAX_BYTES = 253, LABEL_MAX = 63, PORT_DIGITS = 5 };

static bool read_port(struct sp_str text, uint16_t *port)
{
	uint64_t value;

	if (text.n == 0) { /* RFC 3986 3.2.3: "a.test:" is "a.test" */
		*port = 0;
		return true;
	}
	if (text.n > PORT_DIGITS || !sp_str_u64(text, 65535, &value) || text.p[0] == '0')
		return false;
	*port = (uint16_t)value;
	return true;
}

/* What some readers take for a number takes no part in names: "127.1", "0x7f.1", "1.2.3.04". */
static bool is_number_like(struct sp_str label)
{
	if (label.n >= 2 && label.p[0] == '0' && (label.p[1] == 'x' || label.p[1] == 'X'))
		return label.n == 2 || sp_bytes_are(sp_str_of(label.p + 2, label.n - 2), SP_BYTE_HEX);
	return sp_bytes_are(label, SP_BYTE_DIGIT);
}

/* Labels of letters, digits, "-" and "_", 1 to 63 bytes each; *last is the last one. */
static bool is_name(struct sp_str text, struct sp_str *last)
{
	const char *p = text.p, *end = text.p + text.n;

	if (text.n == 0 || text.n > NAME_MAX_BYTES)
		return false;
	for (;;) {
		const char *start = p;

		while (p < end && sp_byte_is(*p, SP_BYTE_HOST))
			p++;
		if (p == start || p - start > LABEL_MAX)
			return false;
		if (p == end) {
			*last = sp_str_of(start, (size_t)(p - start));
			return true;
		}
		if (*p++ != '.')
			return false;
	}
}

static enum sp_refuse lower(struct sp_str text, struct sp_arena *arena, struct sp_str *out)
{
	char *copy = NULL;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < 'A' || text.p[i] > 'Z')
			continue;
		if (copy == NULL) {
			copy = sp_arena_alloc(arena, text.n);
			if (copy == NULL)
				return SP_REFUSE_MEMORY;
			memcpy(copy, text.p, text.n);
		}
		copy[i] = sp_lower(text.p[i]);
	}
	*out = copy == NULL ? text : sp_str_of(copy, text.n);
	return SP_REFUSE_NONE;
}

static enum sp_refuse read_name(struct sp_str text, struct sp_arena *arena, struct sp_str *out)
{
	struct sp_str last = SP_STR_NONE;
	struct sp_addr addr;
	bool has_dot = text.n > 1 && text.p[text.n - 1] == '.';

	if (has_dot)
		text.n--;
	if (!is_name(text, &last))
		return SP_REFUSE_HOST;
	if (is_number_like(last) && (has_dot || !sp_addr_parse_ip(text, &addr) || addr.family != SP_ADDR_V4))
		return SP_REFUSE_HOST;
	return lower(text, arena, out);
}

/* text is "[...]". One spelling, so that rules by host cannot be passed by another. */
static enum sp_refuse read_v6(struct sp_str text, struct sp_arena *arena, struct sp_str *out)
{
	char ip[SP_ADDR_TEXT];
	struct sp_addr addr;
	size_t n;
	char *p;

	if (!sp_addr_parse_ip(sp_str_of(text.p + 1, text.n - 2), &addr) || addr.family != SP_ADDR_V6)
		return SP_REFUSE_HOST;
	n = strlen(sp_addr_ip_text(&addr, ip));
	p = sp_arena_alloc(arena, n + 2);
	if (p == NULL)
		return SP_REFUSE_MEMORY;
	p[0] = '[';
	memcpy(p + 1, ip, n);
	p[n + 1] = ']';
	*out = sp_str_of(p, n + 2);
	return SP_REFUSE_NONE;
}

enum sp_refuse sp_authority_read(struct sp_str text, struct sp_arena *arena, struct sp_authority *out)
{
	bool is_v6 = text.n > 0 && text.p[0] == '[';
	const char *end = text.n == 0 ? NULL : memchr(text.p, is_v6 ? ']' : ':', text.n);
	size_t n = end == NULL ? text.n : (size_t)(end - text.p) + is_v6;
	struct sp_str host = sp_str_of(text.p, n);

	*out = (struct sp_authority){ .port = 0 };
	if (is_v6 && end == NULL)
		return SP_REFUSE_HOST;
	if (n < text.n && (text.p[n] != ':' || !read_port(sp_str_of(text.p + n + 1, text.n - n - 1), &out->port)))
		return SP_REFUSE_HOST;
	return is_v6 ? read_v6(host, arena, &out->host) : read_name(host, arena, &out->host);
}

/* A query is handed on as it came; it must only be one that every reader splits and decodes alike. */
static enum sp_refuse judge_query(struct sp_str query)
{
	for (size_t i = 0; i < query.n; i++) {
		if (query.p[i] != '%')
			continue;
		if (query.n - i < 3 || !sp_byte_is(query.p[i + 1], SP_BYTE_HEX) ||
		    !sp_byte_is(query.p[i + 2], SP_BYTE_HEX))
			return SP_REFUSE_TARGET;
		if (query.p[i + 1] == '0' && query.p[i + 2] == '0')
			return SP_REFUSE_TARGET;
	}
	return SP_REFUSE_NONE;
}

static enum sp_refuse read_path_and_query(struct sp_head *head, struct sp_arena *arena, struct sp_str text)
{
	const char *mark = memchr(text.p, '?', text.n);
	size_t n = mark == NULL ? text.n : (size_t)(mark - text.p);
	enum sp_refuse why;

	if (mark != NULL)
		head->query = sp_str_of(mark, text.n - n);
	why = judge_query(head->query);
	if (why != SP_REFUSE_NONE)
		return why;
	return sp_path_read(head, arena, sp_str_of(text.p, n));
}

static uint16_t scheme_port(struct sp_str target, size_t *length)
{
	if (target.n > 7 && sp_str_eq_nocase(sp_str_of(target.p, 7), SP_STR("http://"))) {
		*length = 7;
		return 80;
	}
	if (target.n > 8 && sp_str_eq_nocase(sp_str_of(target.p, 8), SP_STR("https://"))) {
		*length = 8;
		return 443;
	}
	return 0;
}

static uint16_t port_or(uint16_t port, uint16_t otherwise)
{
	return port != 0 ? port : otherwise;
}

/* RFC 9112 3.2.2 lets the target win over Host. A backend that looks at Host would not: they must agree. */
static enum sp_refuse read_absolute(struct sp_head *head, struct sp_arena *arena, const struct sp_authority *host)
{
	struct sp_str target = head->target, rest;
	struct sp_authority said;
	size_t start = 0, n;
	uint16_t scheme = scheme_port(target, &start);

	if (scheme == 0)
		return SP_REFUSE_TARGET;
	for (n = start; n < target.n && target.p[n] != '/' && target.p[n] != '?'; n++)
		continue;
	if (sp_authority_read(sp_str_of(target.p + start, n - start), arena, &said) != SP_REFUSE_NONE)
		return SP_REFUSE_TARGET;
	if (!sp_str_eq(said.host, host->host) || port_or(said.port, scheme) != port_or(host->port, scheme))
		return SP_REFUSE_HOST;
	rest = sp_str_of(target.p + n, target.n - n);
	if (rest.n > 0 && rest.p[0] == '/')
		return read_path_and_query(head, arena, rest);
	head->path = rest.n == 0 && head->method == SP_M_OPTIONS ? SP_STR("*") : SP_STR("/");
	head->query = rest;
	return judge_query(rest);
}

enum sp_refuse sp_target_read(struct sp_head *head, struct sp_arena *arena, const struct sp_authority *host)
{
	struct sp_str target = head->target;

	if (target.p[0] == '/')
		return read_path_and_query(head, arena, target);
	if (sp_str_eq(target, SP_STR("*"))) {
		if (head->method != SP_M_OPTIONS)
			return SP_REFUSE_TARGET;
		head->path = target;
		return SP_REFUSE_NONE;
	}
	return read_absolute(head, arena, host);
}
