#include "lines.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

struct line { /* one that was found good */
	struct sp_str title; /* a header's; empty for a key */
	struct sp_str key, value;
	struct sp_conf_at at;
};

struct lines {
	struct sp_doc *doc;
	const char *file;
	struct line *all; /* in the arena */
	size_t count, room;
	size_t given; /* to inih so far */
	struct sp_doc_part *part; /* the section that inih is in */
	bool has_section; /* a header was seen, good or bad */
	bool is_skipping; /* the header was bad: its keys would only repeat that */
};

#define LINE_ERROR(l, at, ...) sp_conf_report_add((l)->doc->report, SP_CONF_ERROR, (at), __VA_ARGS__)

static bool keep_line(struct lines *l, const struct line *line)
{
	if (l->count == l->room) {
		size_t room = l->room == 0 ? 64 : l->room * 2;
		struct line *more = sp_doc_take(l->doc, room * sizeof(*more));

		if (more == NULL)
			return false;
		if (l->count > 0)
			memcpy(more, l->all, l->count * sizeof(*more));
		l->all = more;
		l->room = room;
	}
	l->all[l->count++] = *line;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool has_only(struct sp_str s, const char *more)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr(more, c) != NULL)))
			return false;
	}
	return true;
}

static bool is_name(struct sp_str s)
{
	return s.n > 0 && has_only(s, "._-") && strchr("._-", s.p[0]) == NULL;
}

static bool has_control(struct lines *l, struct sp_str text, struct sp_conf_at at)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			LINE_ERROR(l, at, "control byte 0x%02x at column %zu", c, i + 1);
			return true;
		}
	}
	return false;
}

static bool take_header(struct lines *l, struct sp_str text, struct sp_conf_at at)
{
	struct line line = { .at = at };
	const char *end = memchr(text.p, ']', text.n);
	struct sp_str type, name;

	if (end == NULL) {
		LINE_ERROR(l, at, "no \"]\" at the end of the section");
		return false;
	}
	line.title = sp_str_of(text.p + 1, (size_t)(end - text.p) - 1);
	if (sp_str_trim(sp_str_of(end + 1, text.n - line.title.n - 2)).n > 0) {
		LINE_ERROR(l, at, "nothing may follow the \"]\" of a section");
		return false;
	}
	if (line.title.n > SP_LINES_NAME_MAX) {
		LINE_ERROR(l, at, "a section of %zu bytes: at most %d", line.title.n, SP_LINES_NAME_MAX);
		return false;
	}
	name = line.title;
	(void)sp_str_split(&name, ':', &type);
	if (!is_name(type) || (name.p != NULL && !is_name(name))) {
		LINE_ERROR(l, at, "[%.*s] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"",
			   SP_STR_ARG(line.title));
		return false;
	}
	return keep_line(l, &line);
}

/* Says what is wrong with the part before the "=" and returns false, or true. */
static bool is_key_good(struct lines *l, struct sp_str key, struct sp_conf_at at)
{
	if (memchr(key.p, ':', key.n) != NULL)
		LINE_ERROR(l, at, "between a key and its value stands \"=\", not \":\"");
	else if (key.n == 0)
		LINE_ERROR(l, at, "no key before the \"=\"");
	else if (key.n > SP_LINES_NAME_MAX)
		LINE_ERROR(l, at, "a key of %zu bytes: at most %d", key.n, SP_LINES_NAME_MAX);
	else if (!has_only(key, "_"))
		LINE_ERROR(l, at, "\"%.*s\" is no key: only a-z, 0-9 and \"_\"", SP_STR_ARG(key));
	else
		return true;
	return false;
}

static bool is_value_good(struct lines *l, const struct line *line)
{
	struct sp_str v = line->value;

	if (v.n == 0) {
		LINE_ERROR(l, line->at, "\"%.*s\" has no value", SP_STR_ARG(line->key));
		return false;
	}
	if (v.n > SP_LINES_VALUE_MAX) {
		LINE_ERROR(l, line->at, "the value of \"%.*s\" has %zu bytes: at most %d", SP_STR_ARG(line->key), v.n,
			   SP_LINES_VALUE_MAX);
		return false;
	}
	for (size_t i = 0; i + 1 < v.n; i++) {
		if (is_blank(v.p[i]) && v.p[i + 1] == ';') {
			LINE_ERROR(
				l, line->at,
				"a blank and \";\" inside the value of \"%.*s\": a comment stands on a line of its own",
				SP_STR_ARG(line->key));
			return false;
		}
	}
	return true;
}

static void take_key(struct lines *l, struct sp_str text, struct sp_conf_at at)
{
	struct line line = { .at = at };
	const char *equals = memchr(text.p, '=', text.n);

	if (equals == NULL) {
		if (memchr(text.p, ':', text.n) != NULL)
			LINE_ERROR(l, at, "between a key and its value stands \"=\", not \":\"");
		else
			LINE_ERROR(l, at, "neither a section, a key with \"=\", nor a comment");
		return;
	}
	line.key = sp_str_trim(sp_str_of(text.p, (size_t)(equals - text.p)));
	line.value = sp_str_trim(sp_str_of(equals + 1, text.n - (size_t)(equals - text.p) - 1));
	if (!is_key_good(l, line.key, at) || !is_value_good(l, &line))
		return;
	if (!l->has_section)
		LINE_ERROR(l, at, "\"%.*s\" stands before any section", SP_STR_ARG(line.key));
	else if (!l->is_skipping && !keep_line(l, &line))
		return;
}

static void take_line(struct lines *l, struct sp_str text, struct sp_conf_at at)
{
	struct sp_str bare = sp_str_trim(text);

	if (has_control(l, text, at) || bare.n == 0 || bare.p[0] == '#' || bare.p[0] == ';')
		return;
	if (bare.p != text.p) {
		LINE_ERROR(l, at, "a line must not begin with a blank");
		return;
	}
	if (bare.p[0] != '[') {
		take_key(l, bare, at);
		return;
	}
	l->has_section = true;
	l->is_skipping = !take_header(l, bare, at);
}

/* inih asks for a line: "[title]" or "key = number". Names are short and plain by now, so 200 bytes hold any. */
static char *on_line_wanted(char *to, int room, void *arg)
{
	struct lines *l = arg;
	const struct line *line;
	int n;

	if (l->given == l->count)
		return NULL;
	line = &l->all[l->given];
	if (line->title.n > 0) {
		n = snprintf(to, (size_t)room, "[%.*s]\n", SP_STR_ARG(line->title));
		l->part = sp_doc_open(l->doc, line->title, line->at);
	} else {
		n = snprintf(to, (size_t)room, "%.*s = %zu\n", SP_STR_ARG(line->key), l->given);
	}
	l->given++;
	return n > 0 && n < room ? to : NULL;
}

static int on_item(void *arg, const char *section, const char *name, const char *number)
{
	struct lines *l = arg;
	uint64_t i = 0;

	if (l->part == NULL || !sp_str_u64(sp_str(number), l->count - 1, &i))
		return 0;
	if (!sp_str_eq(sp_str(section), l->part->title) || !sp_str_eq(sp_str(name), l->all[i].key))
		return 0; /* inih read it differently: its error number is not 0 then */
	return sp_doc_add(l->doc, l->part, l->all[i].key, l->all[i].value, l->all[i].at);
}

void sp_lines_read(struct sp_doc *doc, const char *file, struct sp_str text)
{
	struct lines l = { .doc = doc, .file = file };
	struct sp_conf_at at = { .file = file };
	struct sp_str line;
	size_t before = doc->report->errors;
	int failed;

	if (sp_str_starts(text, SP_STR("\xef\xbb\xbf")))
		text = sp_str_of(text.p + 3, text.n - 3);
	while (sp_str_split(&text, '\n', &line)) {
		at.line++;
		if (text.p != NULL && line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		take_line(&l, line, at);
	}
	failed = ini_parse_stream(on_line_wanted, &l, on_item, &l);
	doc->is_torn = doc->is_torn || doc->report->errors > before;
	if (failed != 0 && !doc->is_failed) {
		at.line = failed > 0 && (size_t)failed <= l.count ? l.all[failed - 1].at.line : 0;
		LINE_ERROR(&l, at, "the ini library reads this line differently");
	}
}
