#include "path.h"

#include <string.h>

#include "bytes.h"

struct path {
	char *text; /* the normal form under way; text[0] is "/" */
	size_t n;
	struct sp_head *head;
};

static bool ends_segment(char c)
{
	return c == '/' || c == '\0';
}

/* Most paths are their own normal form; those need no copy. The first byte that may be more than itself, or the end. */
static size_t plain_length(struct sp_str raw)
{
	size_t i = 1;

	for (; i < raw.n; i++) {
		if (sp_byte_is(raw.p[i], SP_BYTE_SEGMENT) && (raw.p[i] != '.' || raw.p[i - 1] != '/'))
			continue;
		if (raw.p[i] == '/' && raw.p[i - 1] != '/')
			continue;
		return i;
	}
	return i;
}

/* One escape of raw at i to what stands for it in the normal form: 1 byte, or 3 with upper-case digits. */
static enum sp_refuse put_escape(struct path *to, struct sp_str raw, size_t i)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned value;

	if (raw.n - i < 3 || !sp_byte_is(raw.p[i + 1], SP_BYTE_HEX) || !sp_byte_is(raw.p[i + 2], SP_BYTE_HEX))
		return SP_REFUSE_PATH;
	value = sp_hex_value(raw.p[i + 1]) << 4 | sp_hex_value(raw.p[i + 2]);
	if (value == 0)
		return SP_REFUSE_PATH;
	if (sp_byte_is((char)value, SP_BYTE_UNRESERVED)) {
		to->text[to->n++] = (char)value;
		return SP_REFUSE_NONE;
	}
	to->text[to->n++] = '%';
	to->text[to->n++] = digits[value >> 4];
	to->text[to->n++] = digits[value & 15];
	return SP_REFUSE_NONE;
}

static enum sp_refuse decode(struct path *to, struct sp_str raw)
{
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] != '%') {
			to->text[to->n++] = raw.p[i];
			continue;
		}
		if (put_escape(to, raw, i) != SP_REFUSE_NONE)
			return SP_REFUSE_PATH;
		i += 2;
	}
	return SP_REFUSE_NONE;
}

/* RFC 3986 5.2.4, in place; above the root is refused rather than clamped, since servers differ there. */
static enum sp_refuse resolve_dots(struct path *path)
{
	char *t = path->text;
	size_t in = 0, out = 0;

	t[path->n] = '\0';
	while (in < path->n) { /* t[in] is the "/" in front of a segment */
		if (t[in + 1] == '.' && ends_segment(t[in + 2])) {
			in += 2;
			if (in == path->n)
				t[out++] = '/';
			continue;
		}
		if (t[in + 1] == '.' && t[in + 2] == '.' && ends_segment(t[in + 3])) {
			if (out == 0)
				return SP_REFUSE_PATH;
			do
				out--;
			while (t[out] != '/');
			in += 3;
			if (in == path->n)
				t[out++] = '/';
			continue;
		}
		do
			t[out++] = t[in++];
		while (in < path->n && t[in] != '/');
	}
	path->n = out;
	return SP_REFUSE_NONE;
}

static bool is_escape(const struct path *path, size_t i, const char *digits)
{
	return i + 2 < path->n && path->text[i] == '%' && path->text[i + 1] == digits[0] &&
	       path->text[i + 2] == digits[1];
}

/* "/" or a byte that some backend takes for one; 0 = neither, else its length. */
static size_t slash_length(const struct path *path, size_t i)
{
	if (path->text[i] == '/')
		return 1;
	return is_escape(path, i, "2F") || is_escape(path, i, "5C") ? 3 : 0;
}

static bool has_parameter(const struct path *path, size_t i)
{
	return (i < path->n && path->text[i] == ';') || is_escape(path, i, "3B");
}

/* What begins at i, behind a slash of any spelling. was_encoded: that slash was an escape. */
static enum sp_refuse judge_segment(struct path *path, size_t i, bool was_encoded)
{
	size_t dots = 0, after;

	while (dots < 3 && i + dots < path->n && path->text[i + dots] == '.')
		dots++;
	after = i + dots;
	if (dots == 0 && has_parameter(path, after))
		path->head->has_odd_path = true; /* "/;x/": an empty segment to who cuts there */
	if (dots == 0 || dots > 2)
		return SP_REFUSE_NONE;
	/* "..%2f", "%5c.." and the like climb for a backend that decodes before it resolves. There is no honest use. */
	if (was_encoded && (after == path->n || slash_length(path, after) > 0))
		return SP_REFUSE_PATH;
	if (after < path->n && slash_length(path, after) == 3)
		return SP_REFUSE_PATH;
	if (has_parameter(path, after))
		path->head->has_odd_path = true; /* "..;" */
	return SP_REFUSE_NONE;
}

/* Escapes that mean something else to a second decoder, to a lax UTF-8 reader or to who trims. */
static bool is_odd_escape(const struct path *path, size_t i)
{
	const char *t = path->text + i;
	unsigned value = sp_hex_value(t[1]) << 4 | sp_hex_value(t[2]), next = 0;

	if (value < 0x20 || value == 0x7f || value == 0xc0 || value == 0xc1)
		return true;
	if (value == '%')
		return i + 4 < path->n && sp_byte_is(t[3], SP_BYTE_HEX) && sp_byte_is(t[4], SP_BYTE_HEX);
	if (value != 0xe0 && value != 0xf0)
		return false;
	if (i + 5 < path->n && t[3] == '%')
		next = sp_hex_value(t[4]) << 4 | sp_hex_value(t[5]);
	return next >= 0x80 && next < (value == 0xe0 ? 0xa0U : 0x90U);
}

static enum sp_refuse judge(struct path *path)
{
	for (size_t i = 0; i < path->n;) {
		size_t slash = slash_length(path, i);

		if (slash > 0) {
			if (judge_segment(path, i + slash, slash == 3) != SP_REFUSE_NONE)
				return SP_REFUSE_PATH;
			path->head->has_encoded_slash |= slash == 3;
			path->head->has_odd_path |= path->head->has_path_parameter; /* "/a;x/b" is "/a/b" to some */
			path->head->has_odd_path |= i + 1 < path->n && slash == 1 && path->text[i + 1] == '/';
			i += slash;
			continue;
		}
		path->head->has_path_parameter |= has_parameter(path, i);
		if (path->text[i] == '%') {
			path->head->has_odd_path |= is_odd_escape(path, i);
			i += 2;
		}
		i++;
	}
	return SP_REFUSE_NONE;
}

enum sp_refuse sp_path_read(struct sp_head *head, struct sp_arena *arena, struct sp_str raw)
{
	struct path path = { .head = head };

	if (plain_length(raw) == raw.n) {
		head->path = raw;
		return SP_REFUSE_NONE;
	}
	path.text = sp_arena_alloc(arena, raw.n + 1);
	if (path.text == NULL)
		return SP_REFUSE_MEMORY;
	if (decode(&path, raw) != SP_REFUSE_NONE || resolve_dots(&path) != SP_REFUSE_NONE ||
	    judge(&path) != SP_REFUSE_NONE)
		return SP_REFUSE_PATH;
	head->path = sp_str_of(path.text, path.n);
	return SP_REFUSE_NONE;
}
