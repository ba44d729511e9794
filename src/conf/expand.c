#include "expand.h"

#include <stdio.h>
#include <stdlib.h>

#include "sp/base/buf.h"

#include "lines.h"

static bool is_variable_name(struct sp_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = sp_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return s.n > 0 && s.n <= 64;
}

static bool is_credential_name(struct sp_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = sp_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || (i > 0 && c == '.')))
			return false;
	}
	return s.n > 0 && s.n <= 64;
}

static bool put_credential(struct sp_buf *to, struct sp_str name, struct sp_doc *doc, struct sp_err *err)
{
	const char *folder = sp_source_variable(&doc->source, "CREDENTIALS_DIRECTORY");
	struct sp_err why = { .text = "" };
	struct sp_str content;
	char path[1024];
	int n;

	if (!is_credential_name(name))
		return sp_err_set(err, "${cred:%.*s}: no name of a credential", SP_STR_ARG(name));
	if (folder == NULL || folder[0] != '/')
		return sp_err_set(err, "${cred:%.*s}: no credentials were passed ($CREDENTIALS_DIRECTORY is not set)",
				  SP_STR_ARG(name));
	n = snprintf(path, sizeof(path), "%s/%.*s", folder, SP_STR_ARG(name));
	if (n < 0 || (size_t)n >= sizeof(path))
		return sp_err_set(err, "${cred:%.*s}: its path is too long", SP_STR_ARG(name));
	if (!sp_source_read(&doc->source, path, SP_FILE_KEY, &content, &why))
		return sp_err_set(err, "${cred:%.*s}: %.200s %s", SP_STR_ARG(name), path, why.text);
	sp_doc_keep_secret(doc, content);
	if (content.n > 0 && content.p[content.n - 1] == '\n')
		content.n--;
	sp_buf_put(to, content);
	return true;
}

static bool put_variable(struct sp_buf *to, struct sp_str inside, struct sp_doc *doc, struct sp_err *err)
{
	struct sp_str name = inside, fallback = SP_STR_NONE;
	const char *value;
	char name_z[80];

	for (size_t i = 0; i + 1 < inside.n; i++) {
		if (inside.p[i] == ':' && inside.p[i + 1] == '-') {
			name = sp_str_of(inside.p, i);
			fallback = sp_str_of(inside.p + i + 2, inside.n - i - 2);
			break;
		}
	}
	if (!is_variable_name(name))
		return sp_err_set(err, "${%.*s}: write ${NAME}, ${NAME:-default} or ${cred:name}",
				  (int)(inside.n < 80 ? inside.n : 80), inside.p);
	(void)snprintf(name_z, sizeof(name_z), "%.*s", SP_STR_ARG(name));
	value = sp_source_variable(&doc->source, name_z);
	if (value != NULL && value[0] != '\0')
		sp_buf_put(to, sp_str(value));
	else if (fallback.p != NULL)
		sp_buf_put(to, fallback);
	else
		return sp_err_set(err, "${%s}: not set in the environment; ${%s:-default} gives a default", name_z,
				  name_z);
	return true;
}

static bool put_expanded(struct sp_buf *to, struct sp_str text, struct sp_doc *doc, bool *is_secret, struct sp_err *err)
{
	for (size_t i = 0; i < text.n;) {
		struct sp_str rest = sp_str_of(text.p + i, text.n - i), inside;
		const char *end;

		if (sp_str_starts(rest, SP_STR("$${"))) {
			sp_buf_put(to, SP_STR("${"));
			i += 3;
			continue;
		}
		if (!sp_str_starts(rest, SP_STR("${"))) {
			sp_buf_put(to, sp_str_of(rest.p, 1));
			i++;
			continue;
		}
		end = memchr(rest.p, '}', rest.n);
		if (end == NULL)
			return sp_err_set(err, "\"${\" without its \"}\"");
		inside = sp_str_of(rest.p + 2, (size_t)(end - rest.p) - 2);
		i += inside.n + 3;
		if (sp_str_starts(inside, SP_STR("cred:"))) {
			*is_secret = true;
			if (!put_credential(to, sp_str_of(inside.p + 5, inside.n - 5), doc, err))
				return false;
		} else if (!put_variable(to, inside, doc, err)) {
			return false;
		}
	}
	return true;
}

/* What comes from outside the file must be such as could stand in it. */
static bool is_value(struct sp_str s, struct sp_err *err)
{
	if (s.n == 0)
		return sp_err_set(err, "expands to nothing");
	if (s.n > SP_LINES_VALUE_MAX)
		return sp_err_set(err, "expands to %zu bytes: at most %d", s.n, SP_LINES_VALUE_MAX);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return sp_err_set(err, "expands to a text with the control byte 0x%02x", c);
		if (c == ';' && i > 0 && (s.p[i - 1] == ' ' || s.p[i - 1] == '\t'))
			return sp_err_set(err, "expands to a text with a blank and \";\" in it");
	}
	return true;
}

bool sp_expand(struct sp_doc *doc, struct sp_str text, struct sp_str *out, bool *is_secret, struct sp_err *err)
{
	struct sp_buf buf;
	bool is_good;

	*is_secret = false;
	*out = text;
	if (memchr(text.p, '$', text.n) == NULL)
		return true;
	sp_buf_init(&buf);
	is_good = put_expanded(&buf, text, doc, is_secret, err);
	if (is_good && buf.is_failed)
		is_good = sp_err_set(err, "no memory to expand it");
	if (is_good) {
		*out = sp_arena_copy(doc->arena, sp_str_trim(sp_buf_str(&buf)));
		is_good = out->p != NULL && is_value(*out, err);
		if (*is_secret && out->p != NULL)
			sp_doc_keep_secret(doc, *out);
	}
	if (buf.p != NULL)
		explicit_bzero(buf.p, buf.n);
	sp_buf_fini(&buf);
	return is_good;
}
