#include "value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "files.h"
#include "near.h"
#include "sp/conf/units.h"

bool sp_value_bad(const struct sp_value *v, const char *fmt, ...)
{
	static const char cut[] = "…";
	char reason[600];
	va_list args;
	bool is_long = v->shown.n > 120;
	bool has_comment = false;

	va_start(args, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	for (size_t i = 0; i + 1 < v->shown.n; i++)
		has_comment = has_comment || (v->shown.p[i] == ' ' && v->shown.p[i + 1] == '#');
	sp_conf_report_add(v->doc->report, SP_CONF_ERROR, v->at, "%s = %.*s%s: %s%s", v->key->name,
			   (int)(is_long ? 120 : v->shown.n), v->shown.p, is_long ? cut : "", reason,
			   has_comment ? "; a comment stands on a line of its own" : "");
	return false;
}

void *sp_value_add(struct sp_value *v, size_t size)
{
	struct sp_vec *list = v->list;

	if (list->count == list->room) {
		size_t room = list->room == 0 ? 4 : list->room * 2;
		void *more = sp_doc_take(v->doc, room * size);

		if (more == NULL)
			return NULL;
		if (list->count > 0)
			memcpy(more, list->items, list->count * size);
		list->items = more;
		list->room = room;
	}
	return (char *)list->items + size * list->count++;
}

const char *sp_value_absolute(struct sp_doc *doc, const char *folder, struct sp_str path)
{
	if (path.n > 0 && path.p[0] == '/')
		return sp_doc_printf(doc, "%.*s", SP_STR_ARG(path));
	return sp_doc_printf(doc, "%s/%.*s", strcmp(folder, "/") == 0 ? "" : folder, SP_STR_ARG(path));
}

bool sp_value_word(struct sp_str *rest, struct sp_str *word)
{
	size_t n = 0;

	*rest = sp_str_trim(*rest);
	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
		n++;
	*word = sp_str_of(rest->p, n);
	*rest = sp_str_trim(sp_str_of(rest->p + n, rest->n - n));
	return word->n > 0;
}

static bool parse_bool(struct sp_value *v)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = {
		{ "yes", true }, { "no", false },  { "true", true }, { "false", false },
		{ "on", true },  { "off", false }, { "1", true },    { "0", false },
	};

	for (size_t i = 0; i < SP_COUNT(words); i++) {
		if (sp_str_eq(v->text, sp_str(words[i].text))) {
			*(bool *)v->to = words[i].value;
			return true;
		}
	}
	return sp_value_bad(v, "neither yes nor no");
}

static bool is_none(const struct sp_value *v)
{
	return v->key->none != NULL && sp_str_eq(v->text, sp_str(v->key->none));
}

/* Keeps n when it is within the bounds of the row. */
static bool keep_number(struct sp_value *v, uint64_t n,
			const char *(*print)(uint64_t n, char text[static SP_UNITS_TEXT]))
{
	char bound[SP_UNITS_TEXT];

	if (n < v->key->min)
		return sp_value_bad(v, "at least %s%s%s", print(v->key->min, bound),
				    v->key->none != NULL ? ", or " : "", v->key->none != NULL ? v->key->none : "");
	if (v->key->max > 0 && n > v->key->max)
		return sp_value_bad(v, "at most %s", print(v->key->max, bound));
	*(uint64_t *)v->to = n;
	return true;
}

static const char *count_text(uint64_t n, char text[static SP_UNITS_TEXT])
{
	(void)snprintf(text, SP_UNITS_TEXT, "%" PRIu64, n);
	return text;
}

static bool parse_count(struct sp_value *v)
{
	uint64_t n = 0;

	if (is_none(v))
		return *(uint64_t *)v->to = 0, true;
	if (!sp_str_u64(v->text, UINT64_MAX, &n))
		return sp_value_bad(v, "not a number%s%s", v->key->none != NULL ? " and not " : "",
				    v->key->none != NULL ? v->key->none : "");
	return keep_number(v, n, count_text);
}

/* The one signed kind: from -min to max. */
static bool parse_number(struct sp_value *v)
{
	bool is_negative = v->text.n > 0 && v->text.p[0] == '-';
	struct sp_str digits = is_negative ? sp_str_of(v->text.p + 1, v->text.n - 1) : v->text;
	uint64_t n = 0;

	if (!sp_str_u64(digits, UINT64_MAX, &n))
		return sp_value_bad(v, "not a number");
	if (n > (is_negative ? v->key->min : v->key->max))
		return sp_value_bad(v, "from -%" PRIu64 " to %" PRIu64, v->key->min, v->key->max);
	*(int64_t *)v->to = is_negative ? -(int64_t)n : (int64_t)n;
	return true;
}

static bool parse_size(struct sp_value *v)
{
	const char *why = "";
	uint64_t n = 0;

	if (is_none(v))
		return *(uint64_t *)v->to = 0, true;
	if (!sp_units_size(v->text, &n, &why))
		return sp_value_bad(v, "%s", why);
	return keep_number(v, n, sp_units_size_text);
}

static bool parse_duration(struct sp_value *v)
{
	const char *why = "";
	uint64_t n = 0;

	if (is_none(v))
		return *(uint64_t *)v->to = 0, true;
	if (!sp_units_duration(v->text, &n, &why))
		return sp_value_bad(v, "%s", why);
	return keep_number(v, n, sp_units_duration_text);
}

static bool parse_rate(struct sp_value *v)
{
	const char *why = "";
	uint64_t n = 0;

	if (is_none(v))
		return *(uint64_t *)v->to = 0, true;
	if (!sp_units_rate(v->text, &n, &why))
		return sp_value_bad(v, "%s", why);
	return keep_number(v, n, sp_units_rate_text);
}

static bool parse_pace(struct sp_value *v)
{
	const char *why = "";

	return sp_units_pace(v->text, v->to, &why) || sp_value_bad(v, "%s", why);
}

static bool parse_percent(struct sp_value *v)
{
	uint64_t n = 0;

	if (v->text.n == 0 || v->text.p[v->text.n - 1] != '%' ||
	    !sp_str_u64(sp_str_of(v->text.p, v->text.n - 1), 100, &n))
		return sp_value_bad(v, "not a percentage, as 20%%");
	*(uint64_t *)v->to = n;
	return true;
}

/* "a, b or c" of what is in this build. */
static const char *list_words(const struct sp_conf_word *words, char *text, size_t room)
{
	size_t left = 0, n = 0;

	for (const struct sp_conf_word *w = words; w->text != NULL; w++)
		left += w->is_later ? 0 : 1;
	text[0] = '\0';
	for (const struct sp_conf_word *w = words; w->text != NULL; w++) {
		int put;

		if (w->is_later)
			continue;
		left--;
		put = snprintf(text + n, room - n, "%s%s", w->text, left > 1 ? ", " : left == 1 ? " or " : "");
		if (put < 0 || (size_t)put >= room - n)
			break;
		n += (size_t)put;
	}
	return text;
}

static const struct sp_conf_word *find_word(struct sp_value *v)
{
	struct sp_near near = sp_near_to(v->text);
	char hint[SP_NEAR_TEXT], all[200];

	for (const struct sp_conf_word *w = v->key->words; w->text != NULL; w++) {
		if (sp_str_eq(v->text, sp_str(w->text))) {
			if (w->is_later)
				(void)sp_value_bad(v, "not in this build");
			return w->is_later ? NULL : w;
		}
		sp_near_offer(&near, sp_str(w->text), (struct sp_conf_at){ .file = NULL });
	}
	if (near.best.n > 0)
		(void)sp_value_bad(v, "no such value%s", sp_near_text(&near, hint));
	else
		(void)sp_value_bad(v, "must be %s", list_words(v->key->words, all, sizeof(all)));
	return NULL;
}

static bool parse_word(struct sp_value *v)
{
	const struct sp_conf_word *word = find_word(v);

	if (word == NULL)
		return false;
	memcpy(v->to, &word->value, sizeof(word->value)); /* an enum of ours is an unsigned int */
	return true;
}

static bool parse_switch(struct sp_value *v)
{
	const struct sp_conf_word *word = find_word(v);

	if (word == NULL)
		return false;
	*(bool *)v->to = word->value != 0;
	return true;
}

static bool parse_balance(struct sp_value *v)
{
	struct sp_conf_pool *pool = v->section;
	struct sp_str header = SP_STR("hash:header:"), cookie = SP_STR("cookie:"), prefix;

	if (sp_str_starts(v->text, header))
		prefix = header;
	else if (sp_str_starts(v->text, cookie))
		prefix = cookie;
	else
		return parse_word(v);
	pool->balance = prefix.n == header.n ? SP_BALANCE_HASH_HEADER : SP_BALANCE_COOKIE;
	pool->balance_name = sp_str_of(v->text.p + prefix.n, v->text.n - prefix.n);
	return sp_value_is_token(pool->balance_name) || sp_value_bad(v, "no name behind %.*s", SP_STR_ARG(prefix));
}

static bool parse_limit_key(struct sp_value *v)
{
	struct sp_conf_limit *limit = v->section;
	struct sp_str header = SP_STR("header:");

	if (!sp_str_starts(v->text, header))
		return parse_word(v);
	limit->key = SP_LIMIT_BY_HEADER;
	limit->header = sp_str_of(v->text.p + header.n, v->text.n - header.n);
	return sp_value_is_token(limit->header) || sp_value_bad(v, "no name behind header:");
}

static bool add_status(struct sp_value *v)
{
	uint64_t status = 0;
	uint16_t *item;

	if (sp_str_eq(v->text, SP_STR("requests")))
		return true; /* no code: rules.c sees to it */
	if (!sp_str_u64(v->text, 599, &status) || status < 200)
		return sp_value_bad(v, "neither requests nor a status code from 200 to 599");
	item = sp_value_add(v, sizeof(*item));
	if (item != NULL)
		*item = (uint16_t)status;
	return item != NULL;
}

static bool parse_text(struct sp_value *v)
{
	*(struct sp_str *)v->to = v->text;
	return true;
}

static bool add_text(struct sp_value *v)
{
	struct sp_conf_text *item = sp_value_add(v, sizeof(*item));

	if (item == NULL)
		return false;
	*item = (struct sp_conf_text){ .text = v->text, .at = v->at };
	return true;
}

static bool parse_user(struct sp_value *v)
{
	for (size_t i = 0; i < v->text.n; i++) {
		char c = v->text.p[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (!is_letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.')))
			return sp_value_bad(v, "no name of a user or group");
	}
	if (v->text.n > 32)
		return sp_value_bad(v, "at most 32 bytes");
	return parse_text(v);
}

static bool is_section_name(struct sp_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (i > 0 && strchr("._-", c) != NULL)))
			return false;
	}
	return s.n > 0;
}

static bool parse_ref(struct sp_value *v)
{
	struct sp_conf_text *to = v->to;

	if (!is_section_name(v->text))
		return sp_value_bad(v, "no name of a section: a-z, 0-9, \".\", \"_\" and \"-\"");
	*to = (struct sp_conf_text){ .text = v->text, .at = v->at };
	return true;
}

static bool add_ref(struct sp_value *v)
{
	if (!is_section_name(v->text))
		return sp_value_bad(v,
				    "no name of a section: a-z, 0-9, \".\", \"_\" and \"-\"; commas between several");
	return add_text(v);
}

static bool parse_file(struct sp_value *v)
{
	const char *path = sp_value_absolute(v->doc, v->folder, v->text);
	struct sp_err err = { .text = "" };

	if (!sp_source_read(&v->doc->source, path, SP_FILE_PUBLIC, v->to, &err))
		return sp_value_bad(v, "%s", err.text);
	if (((struct sp_str *)v->to)->n == 0)
		return sp_value_bad(v, "is empty");
	return true;
}

static bool parse_database(struct sp_value *v)
{
	const char *path = sp_value_absolute(v->doc, v->folder, v->text);
	struct sp_err err = { .text = "" };

	return sp_source_read_geo(&v->doc->source, path, v->to, &err) || sp_value_bad(v, "%s", err.text);
}

static bool parse_paired(struct sp_value *v)
{
	*(struct sp_conf_text *)v->to = (struct sp_conf_text){ .text = v->text, .at = v->at };
	return true;
}

static bool parse_folder(struct sp_value *v)
{
	*(struct sp_str *)v->to = sp_str(sp_value_absolute(v->doc, v->folder, v->text));
	return true;
}

static bool parse_log_to(struct sp_value *v)
{
	for (const struct sp_conf_word *w = v->key->words; w->text != NULL; w++) {
		if (sp_str_eq(v->text, sp_str(w->text)))
			return parse_text(v);
	}
	if (memchr(v->text.p, '/', v->text.n) == NULL && memchr(v->text.p, '.', v->text.n) == NULL) {
		char all[200];

		return sp_value_bad(v, "must be %s, or a path with a \"/\" or \".\" in it",
				    list_words(v->key->words, all, sizeof(all)));
	}
	return parse_folder(v);
}

bool sp_value_parse(struct sp_value *v)
{
	static bool (*const parsers[SP_CONF_KIND_COUNT])(struct sp_value * v) = {
		[SP_CONF_BOOL] = parse_bool,
		[SP_CONF_COUNT] = parse_count,
		[SP_CONF_NUMBER] = parse_number,
		[SP_CONF_SIZE] = parse_size,
		[SP_CONF_DURATION] = parse_duration,
		[SP_CONF_RATE] = parse_rate,
		[SP_CONF_PACE] = parse_pace,
		[SP_CONF_PERCENT] = parse_percent,
		[SP_CONF_WORD] = parse_word,
		[SP_CONF_SWITCH] = parse_switch,
		[SP_CONF_TEXT] = parse_text,
		[SP_CONF_TEXTS] = add_text,
		[SP_CONF_USER] = parse_user,
		[SP_CONF_REF] = parse_ref,
		[SP_CONF_REFS] = add_ref,
		[SP_CONF_URL_PATH] = sp_value_url_path,
		[SP_CONF_FILE] = parse_file,
		[SP_CONF_FILES] = add_text,
		[SP_CONF_PAIRED] = parse_paired,
		[SP_CONF_DATABASE] = parse_database,
		[SP_CONF_FOLDER] = parse_folder,
		[SP_CONF_LOG_TO] = parse_log_to,
		[SP_CONF_INCLUDE] = add_text,
		[SP_CONF_BIND] = sp_value_bind,
		[SP_CONF_BINDS] = sp_value_binds,
		[SP_CONF_CIDRS] = sp_value_cidrs,
		[SP_CONF_EGRESS] = sp_value_egress,
		[SP_CONF_BACKEND] = sp_value_backend,
		[SP_CONF_BACKENDS] = sp_value_backends,
		[SP_CONF_METHODS] = sp_value_methods,
		[SP_CONF_NAMES] = sp_value_names,
		[SP_CONF_HOSTS] = sp_value_hosts,
		[SP_CONF_PATHS] = sp_value_paths,
		[SP_CONF_EDITS] = sp_value_edits,
		[SP_CONF_REDIRECT] = sp_value_redirect,
		[SP_CONF_RESPOND] = sp_value_respond,
		[SP_CONF_HSTS] = sp_value_hsts,
		[SP_CONF_BALANCE] = parse_balance,
		[SP_CONF_LIMIT_KEY] = parse_limit_key,
		[SP_CONF_STATUSES] = add_status,
		[SP_CONF_STATUS_RANGES] = sp_value_status_ranges,
		[SP_CONF_CHECK] = sp_value_check,
		[SP_CONF_PLACES] = sp_value_places,
		[SP_CONF_HOST_SENT] = sp_value_host_sent,
	};

	return parsers[v->key->kind](v);
}
