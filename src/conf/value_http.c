/*
 * value_http - what rules say about requests: hosts, paths, methods, fields.
 */
#include "value.h"

#include <stdio.h>

#include "sp/conf/units.h"

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* RFC 9110 5.6.2 */
bool sp_value_is_token(struct sp_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && !is_one_of(s.p[i], "!#$%&'*+-.^_`|~"))
			return false;
	}
	return s.n > 0;
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c = sp_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 2.3: these are the same with and without percent encoding. */
static bool is_unreserved(char c)
{
	return is_alpha(c) || is_digit(c) || is_one_of(c, "-._~");
}

/* Reads the percent triple at s[i]; -1 when it is none. */
static int percent_value(struct sp_str s, size_t i)
{
	int high, low;

	if (i + 2 >= s.n)
		return -1;
	high = hex_value(s.p[i + 1]);
	low = hex_value(s.p[i + 2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* The normal form that requests are brought to: unreserved bytes plain, other triples in upper case. */
static const char *normalise(struct sp_str s, char *out, size_t *n)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		int value;

		if (s.p[i] != '%') {
			if (!is_unreserved(s.p[i]) && !is_one_of(s.p[i], "/!$&'()*+,;=:@"))
				return "a path holds only what RFC 3986 allows; encode the rest as %XX, and no query";
			out[(*n)++] = s.p[i];
			continue;
		}
		value = percent_value(s, i);
		if (value < 0)
			return "\"%\" without two hex digits behind it";
		if (value == 0)
			return "%00 is refused in every request";
		i += 2;
		if (is_unreserved((char)value)) {
			out[(*n)++] = (char)value;
			continue;
		}
		out[(*n)++] = '%';
		out[(*n)++] = digits[value >> 4];
		out[(*n)++] = digits[value & 15];
	}
	return NULL;
}

/* NULL, or what is wrong with the normal form: one that no request can have after normalising. */
static const char *vet_segments(struct sp_str path)
{
	struct sp_str rest = sp_str_of(path.p + 1, path.n - 1), segment;
	bool is_first = true;

	while (sp_str_split(&rest, '/', &segment)) {
		if (sp_str_eq(segment, SP_STR(".")) || sp_str_eq(segment, SP_STR("..")))
			return "no request has \".\" or \"..\" as a segment when it is matched";
		if (segment.n == 0 && rest.p != NULL)
			return is_first ? "a path begins with one \"/\"" : "\"//\" inside a path";
		is_first = false;
	}
	return NULL;
}

static bool parse_path(struct sp_value *v, struct sp_str text, struct sp_str *out)
{
	const char *why;
	char *path;
	size_t n = 0;

	if (text.n == 0 || text.p[0] != '/')
		return sp_value_bad(v, "a path begins with \"/\"");
	path = sp_doc_take(v->doc, text.n + 1);
	if (path == NULL)
		return false;
	why = normalise(text, path, &n);
	*out = sp_str_of(path, n);
	if (why == NULL)
		why = vet_segments(*out);
	return why == NULL || sp_value_bad(v, "%s", why);
}

bool sp_value_url_path(struct sp_value *v)
{
	if (memchr(v->text.p, '*', v->text.n) != NULL)
		return sp_value_bad(v, "a plain path, without \"*\"");
	return parse_path(v, v->text, v->to);
}

bool sp_value_paths(struct sp_value *v)
{
	struct sp_conf_path_rule rule = { .at = v->at }, *item;
	struct sp_str text = v->text;

	if (text.n > 0 && text.p[text.n - 1] == '*') {
		rule.is_prefix = true;
		text.n--;
	}
	if (memchr(text.p, '*', text.n) != NULL)
		return sp_value_bad(v, "\"*\" stands only at the end of a path");
	if (!parse_path(v, text, &rule.path))
		return false;
	item = sp_value_add(v, sizeof(*item));
	if (item == NULL)
		return false;
	*item = rule;
	return true;
}

/* NULL, or what is wrong with a host name in lower case. */
static const char *vet_host(struct sp_str name)
{
	struct sp_str rest = name, label;
	struct sp_addr addr;

	if (name.n > 253)
		return "a host name has at most 253 bytes";
	if (name.n > 0 && name.p[0] == '[')
		return name.p[name.n - 1] == ']' && sp_addr_parse_ip(name, &addr) ? NULL : "not an IPv6 address";
	if (memchr(name.p, ':', name.n) != NULL)
		return "a host is matched without its port";
	while (sp_str_split(&rest, '.', &label)) {
		if (label.n == 0)
			return rest.p == NULL && name.n > 0 ? "write it without the dot at its end" : "an empty label";
		if (label.n > 63)
			return "a label of a host name has at most 63 bytes";
		for (size_t i = 0; i < label.n; i++) {
			if ((unsigned char)label.p[i] >= 0x80)
				return "write an international name in its xn-- form";
			if (!is_alpha(label.p[i]) && !is_digit(label.p[i]) && !is_one_of(label.p[i], "-_"))
				return "not a host name, as example.com, *.example.com or *";
		}
	}
	return NULL;
}

static bool parse_host(struct sp_value *v, struct sp_str text, struct sp_str *out)
{
	char *name = sp_doc_take(v->doc, text.n + 1);
	const char *why;

	if (name == NULL)
		return false;
	for (size_t i = 0; i < text.n; i++)
		name[i] = sp_lower(text.p[i]);
	*out = sp_str_of(name, text.n);
	why = vet_host(*out);
	return why == NULL || sp_value_bad(v, "%s", why);
}

bool sp_value_hosts(struct sp_value *v)
{
	struct sp_conf_host_rule rule = { .at = v->at }, *item;
	struct sp_str text = v->text;

	if (sp_str_eq(text, SP_STR("*"))) {
		rule.is_wildcard = true;
		text = SP_STR_NONE;
	} else if (sp_str_starts(text, SP_STR("*."))) {
		rule.is_wildcard = true;
		text = sp_str_of(text.p + 2, text.n - 2);
	}
	if (text.p != NULL && !parse_host(v, text, &rule.name))
		return false;
	item = sp_value_add(v, sizeof(*item));
	if (item == NULL)
		return false;
	*item = rule;
	return true;
}

bool sp_value_host_sent(struct sp_value *v)
{
	struct sp_conf_pool *pool = v->section;

	for (const struct sp_conf_word *w = v->key->words; w->text != NULL; w++) {
		if (sp_str_eq(v->text, sp_str(w->text))) {
			pool->host = (enum sp_conf_host)w->value;
			return true;
		}
	}
	pool->host = SP_HOST_NAME;
	return parse_host(v, v->text, &pool->host_name);
}

static bool add_method(struct sp_value *v, struct sp_str method)
{
	struct sp_str *item;

	if (sp_str_eq(method, SP_STR("CONNECT")) || sp_str_eq(method, SP_STR("TRACE")))
		return sp_value_bad(v, "%.*s is never served", SP_STR_ARG(method));
	for (size_t i = 0; i < method.n; i++) {
		if (method.p[i] < 'A' || method.p[i] > 'Z')
			return sp_value_bad(v, "methods are words in capitals, as GET, HEAD");
	}
	for (size_t i = 0; i < v->list->count; i++) {
		if (sp_str_eq(((const struct sp_str *)v->list->items)[i], method))
			return true;
	}
	item = sp_value_add(v, sizeof(*item));
	if (item == NULL)
		return false;
	*item = method;
	return true;
}

/* Blanks may stand for commas here: no method has one. */
bool sp_value_methods(struct sp_value *v)
{
	struct sp_str rest = v->text, method;

	while (sp_value_word(&rest, &method)) {
		if (!add_method(v, method))
			return false;
	}
	return true;
}

bool sp_value_names(struct sp_value *v)
{
	struct sp_conf_text *item;

	for (size_t i = 0; i < v->text.n; i++) {
		if (v->text.p[i] <= ' ' || v->text.p[i] > '~' || is_one_of(v->text.p[i], "&=#"))
			return sp_value_bad(v, "no name; commas between several");
	}
	item = sp_value_add(v, sizeof(*item));
	if (item == NULL)
		return false;
	*item = (struct sp_conf_text){ .text = v->text, .at = v->at };
	return true;
}

/* Fields that framing, hops and we ourselves own: an edit of them would undo the guarantees of the rewritten head. */
static bool is_owned_field(struct sp_str name)
{
	static const char *const owned[] = {
		"connection", "content-length",    "expect",  "host",           "keep-alive", "proxy-connection", "te",
		"trailer",    "transfer-encoding", "upgrade", "http2-settings",
	};

	for (size_t i = 0; i < SP_COUNT(owned); i++) {
		if (sp_str_eq_nocase(name, sp_str(owned[i])))
			return true;
	}
	return false;
}

static bool parse_field(struct sp_value *v, struct sp_str rest, struct sp_conf_edit *edit)
{
	edit->name = rest;
	if (edit->verb != SP_EDIT_REMOVE) {
		(void)sp_str_split(&rest, ':', &edit->name);
		if (rest.p == NULL)
			return sp_value_bad(v, "no \":\" between name and value");
		edit->value = sp_str_trim(rest);
	}
	if (!sp_value_is_token(edit->name))
		return sp_value_bad(v, "no name of a field");
	if (sp_str_eq_nocase(edit->name, SP_STR("host")))
		return sp_value_bad(v, "Host is not set here: the pool's key host says what backends see");
	if (is_owned_field(edit->name))
		return sp_value_bad(v, "%.*s belongs to the connection and cannot be edited", (int)edit->name.n,
				    edit->name.p);
	for (size_t i = 0; i < edit->value.n; i++) {
		if ((unsigned char)edit->value.p[i] >= 0x80)
			return sp_value_bad(v, "a field's value is plain ASCII");
	}
	return true;
}

bool sp_value_edits(struct sp_value *v)
{
	struct sp_conf_edit edit = { .at = v->at }, *item;
	struct sp_str rest = v->text, verb;

	(void)sp_value_word(&rest, &verb);
	if (sp_str_eq(verb, SP_STR("set")))
		edit.verb = SP_EDIT_SET;
	else if (sp_str_eq(verb, SP_STR("add")))
		edit.verb = SP_EDIT_ADD;
	else if (sp_str_eq(verb, SP_STR("remove")))
		edit.verb = SP_EDIT_REMOVE;
	else
		return sp_value_bad(v, "write \"set Name: value\", \"add Name: value\" or \"remove Name\"");
	if (!parse_field(v, rest, &edit))
		return false;
	item = sp_value_add(v, sizeof(*item));
	if (item == NULL)
		return false;
	*item = edit;
	return true;
}

bool sp_value_redirect(struct sp_value *v)
{
	struct sp_conf_route *route = v->section;
	struct sp_str url = v->text, status;

	(void)sp_value_word(&url, &status);
	if (!sp_str_u64(status, 399, &route->redirect_status) ||
	    (route->redirect_status != 301 && route->redirect_status != 302 && route->redirect_status != 303 &&
	     route->redirect_status != 307 && route->redirect_status != 308))
		return sp_value_bad(v, "begins with 301, 302, 303, 307 or 308, then the URL");
	if (!sp_str_starts(url, SP_STR("https://")) && !sp_str_starts(url, SP_STR("http://")) &&
	    (!sp_str_starts(url, SP_STR("/")) || sp_str_starts(url, SP_STR("//"))))
		return sp_value_bad(v, "the URL begins with https://, http:// or one \"/\"");
	for (size_t i = 0; i < url.n; i++) {
		if (url.p[i] <= ' ' || url.p[i] > '~' || is_one_of(url.p[i], "\"<>\\^`{|}"))
			return sp_value_bad(
				v, "a URL has no blank and only what RFC 3986 allows; encode the rest as %%XX");
	}
	route->redirect_url = url;
	return true;
}

bool sp_value_respond(struct sp_value *v)
{
	struct sp_conf_route *route = v->section;
	struct sp_str text = v->text, status;

	(void)sp_value_word(&text, &status);
	if (!sp_str_u64(status, 599, &route->respond_status) || route->respond_status < 200)
		return sp_value_bad(v, "begins with a status from 200 to 599, then the text");
	if (text.n > 0 &&
	    (route->respond_status == 204 || route->respond_status == 205 || route->respond_status == 304))
		return sp_value_bad(v, "an answer of that status has no text");
	route->respond_text = text;
	return true;
}

/* "1y", "180d includeSubDomains preload", "off" */
bool sp_value_hsts(struct sp_value *v)
{
	struct sp_conf_tls *tls = v->section;
	struct sp_str rest = v->text, word;
	const char *why = "";
	uint64_t ms = 0;

	tls->hsts = 0;
	if (sp_str_eq(v->text, SP_STR("off")))
		return true;
	(void)sp_value_word(&rest, &word);
	if (!sp_units_duration(word, &ms, &why))
		return sp_value_bad(v, "%s", why);
	if (ms < 1000 || ms > 10 * 365 * SP_DAY)
		return sp_value_bad(v, "from 1s to 10y, or off");
	tls->hsts = ms / 1000;
	while (sp_value_word(&rest, &word)) {
		if (sp_str_eq_nocase(word, SP_STR("includeSubDomains")))
			tls->has_hsts_subdomains = true;
		else if (sp_str_eq_nocase(word, SP_STR("preload")))
			tls->has_hsts_preload = true;
		else
			return sp_value_bad(v, "behind the duration stands at most includeSubDomains and preload");
	}
	return true;
}

/* ---- health checks ---- */

static bool parse_status(struct sp_str text, uint16_t *status)
{
	uint64_t n;

	if (!sp_str_u64(sp_str_trim(text), 599, &n) || n < 100)
		return false;
	*status = (uint16_t)n;
	return true;
}

bool sp_value_status_ranges(struct sp_value *v)
{
	struct sp_conf_status_range range, *item;
	struct sp_str to = v->text, from;
	bool is_range = sp_str_split(&to, '-', &from) && to.p != NULL;

	if (!parse_status(from, &range.from) || !parse_status(is_range ? to : from, &range.to) || range.to < range.from)
		return sp_value_bad(v, "no status code from 100 to 599, and no range of them as 200-299");
	item = sp_value_add(v, sizeof(*item));
	if (item == NULL)
		return false;
	*item = range;
	return true;
}

bool sp_value_check(struct sp_value *v)
{
	struct sp_conf_check *to = v->to;
	struct sp_str rest = v->text, word, path;

	if (sp_str_eq(v->text, SP_STR("tcp"))) {
		to->kind = SP_CHECK_TCP;
		return true;
	}
	if (!sp_value_word(&rest, &word) || !sp_str_eq(word, SP_STR("GET")) || !sp_value_word(&rest, &path) || rest.n > 0 ||
	    path.p[0] != '/')
		return sp_value_bad(v, "must be tcp, or GET and a path as GET /healthz");
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] <= ' ' || path.p[i] > '~' || path.p[i] == '#')
			return sp_value_bad(v, "a path has no blanks, \"#\" or bytes outside ASCII");
	to->kind = SP_CHECK_HTTP;
	to->path = path;
	return true;
}
