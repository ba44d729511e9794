#include "sp/base/json.h"

/* ---- writing */

static bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static void put_one(struct sp_buf *buf, char c)
{
	if (c == '"' || c == '\\')
		sp_buf_printf(buf, "\\%c", c);
	else
		sp_buf_printf(buf, "\\u00%02x", (unsigned)(unsigned char)c);
}

void sp_json_put(struct sp_buf *buf, struct sp_str text)
{
	sp_buf_put(buf, SP_STR("\""));
	for (size_t i = 0; i < text.n;) {
		size_t n = i;

		while (n < text.n && is_plain(text.p[n]))
			n++;
		sp_buf_put(buf, sp_str_of(text.p + i, n - i));
		if (n < text.n)
			put_one(buf, text.p[n++]);
		i = n;
	}
	sp_buf_put(buf, SP_STR("\""));
}

/* ---- reading */

static void skip_blanks(struct sp_json_reader *r)
{
	while (r->rest.n > 0 && (r->rest.p[0] == ' ' || r->rest.p[0] == '\t'))
		r->rest = sp_str_of(r->rest.p + 1, r->rest.n - 1);
}

bool sp_json_take(struct sp_json_reader *r, char c)
{
	skip_blanks(r);
	if (r->rest.n == 0 || r->rest.p[0] != c)
		return false;
	r->rest = sp_str_of(r->rest.p + 1, r->rest.n - 1);
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = sp_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What stands behind a backslash: its length, and the byte that it means; 0: nothing that is known. */
static size_t unescape(struct sp_str s, char *c)
{
	int high, low;

	if (s.n > 0 && (s.p[0] == '"' || s.p[0] == '\\' || s.p[0] == '/')) {
		*c = s.p[0];
		return 1;
	}
	if (s.n < 5 || s.p[0] != 'u' || s.p[1] != '0' || s.p[2] != '0')
		return 0;
	high = hex(s.p[3]);
	low = hex(s.p[4]);
	if (high < 0 || low < 0)
		return 0;
	*c = (char)(high * 16 + low);
	return 5;
}

const char *sp_json_take_text(struct sp_json_reader *r, struct sp_str *out)
{
	*out = sp_str_of(r->to, 0);
	for (size_t i = 0; i < r->rest.n; i++) {
		char c = r->rest.p[i];

		if (c == '"') {
			r->rest = sp_str_of(r->rest.p + i + 1, r->rest.n - i - 1);
			r->to += out->n;
			return NULL;
		}
		if (c == '\\') {
			size_t n = unescape(sp_str_of(r->rest.p + i + 1, r->rest.n - i - 1), &c);

			if (n == 0)
				return "an escape that is not known";
			i += n;
		} else if (!is_plain(c)) {
			return "a byte that has to be escaped";
		}
		r->to[out->n++] = c;
	}
	return "a text without an end";
}

const char *sp_json_take_number(struct sp_json_reader *r, uint64_t *out)
{
	size_t n = 0;

	while (n < r->rest.n && r->rest.p[n] >= '0' && r->rest.p[n] <= '9')
		n++;
	if (!sp_str_u64(sp_str_of(r->rest.p, n), SP_JSON_NUMBER, out))
		return "a value that is neither a text nor a whole number";
	if (n > 1 && r->rest.p[0] == '0')
		return "a number with a zero in front";
	r->rest = sp_str_of(r->rest.p + n, r->rest.n - n);
	return NULL;
}

static const char *read_member(struct sp_json_reader *r, struct sp_json *out)
{
	struct sp_json_member m = { .text = SP_STR_NONE };
	const char *why;

	if (!sp_json_take(r, '"'))
		return "no name where one has to be";
	why = sp_json_take_text(r, &m.name);
	if (why != NULL)
		return why;
	for (size_t i = 0; i < out->count; i++)
		if (sp_str_eq(out->members[i].name, m.name))
			return "a name that is there twice";
	if (!sp_json_take(r, ':'))
		return "no value behind a name";
	m.is_number = !sp_json_take(r, '"');
	why = m.is_number ? sp_json_take_number(r, &m.number) : sp_json_take_text(r, &m.text);
	if (why == NULL && out->count == SP_JSON_MEMBERS)
		why = "too many members";
	if (why == NULL)
		out->members[out->count++] = m;
	return why;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): sp_json_take_text writes there */
const char *sp_json_read(struct sp_str line, char *room, struct sp_json *out)
{
	struct sp_json_reader r = { .rest = line, .to = room };
	const char *why = NULL;

	out->count = 0;
	if (!sp_json_take(&r, '{'))
		return "not an object";
	if (!sp_json_take(&r, '}')) {
		do
			why = read_member(&r, out);
		while (why == NULL && sp_json_take(&r, ','));
		if (why == NULL && !sp_json_take(&r, '}'))
			why = "no end of the object";
	}
	skip_blanks(&r);
	if (why == NULL && r.rest.n > 0)
		why = "something behind the object";
	return why;
}

const struct sp_json_member *sp_json_find(const struct sp_json *json, const char *name)
{
	for (size_t i = 0; i < json->count; i++)
		if (sp_str_eq(json->members[i].name, sp_str(name)))
			return &json->members[i];
	return NULL;
}
