#include "sp/conf/read.h"

#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

#include "expand.h"
#include "files.h"
#include "fill.h"
#include "lines.h"
#include "link.h"
#include "rules.h"

#define READ_ERROR(r, at, ...) sp_conf_report_add((r)->report, SP_CONF_ERROR, (at), __VA_ARGS__)

struct reader {
	struct sp_conf *conf;
	struct sp_conf_report *report; /* borrowed */
	struct sp_doc doc;
	struct sp_fill fill;
	const char *main_path; /* absolute; NULL: from memory */
	const char *vetted; /* the folder that was looked at last */
};

struct sp_conf_at sp_conf_at(const struct sp_conf_section *section, const char *key)
{
	for (size_t i = 0; i < section->set_count; i++) {
		if (strcmp(section->sets[i].key, key) == 0)
			return section->sets[i].at;
	}
	return (struct sp_conf_at){ .file = NULL };
}

struct sp_egress sp_conf_egress_rules(const struct sp_conf *conf)
{
	return (struct sp_egress){
		.allow = conf->egress.allow,
		.allow_count = conf->egress.allow_count,
		.has_allow = conf->egress.has_allow,
		.is_public_ok = conf->egress.is_public,
		.literals = conf->literals,
		.literal_count = conf->literal_count,
		.own = conf->own,
		.own_count = conf->own_count,
		.local = conf->local,
		.local_count = conf->local_count,
	};
}

/* "conf/a.ini" -> "conf/"; "" when there is no folder in it. */
static struct sp_str folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? SP_STR("") : sp_str_of(path, (size_t)(slash - path) + 1);
}

static const char *absolute_folder(struct sp_doc *doc, const char *file)
{
	struct sp_str folder = folder_of(file);
	char *real = realpath(folder.n == 0 ? "." : sp_doc_printf(doc, "%.*s", SP_STR_ARG(folder)), NULL);
	const char *kept = real == NULL ? NULL : sp_doc_printf(doc, "%s", real);

	free(real);
	return kept;
}

/* Reads one file into the doc. `shown` is what messages call it. */
static void read_file(struct reader *r, const char *path, const char *shown)
{
	struct sp_conf_at at = { .file = shown };
	struct sp_str folder = folder_of(path), text = SP_STR("");
	struct sp_err err = { .text = "" };
	const char *folder_z = sp_doc_printf(&r->doc, "%.*s", (int)(folder.n > 1 ? folder.n - 1 : folder.n), folder.p);

	if (r->vetted == NULL || strcmp(folder_z, r->vetted) != 0) {
		r->vetted = folder_z;
		if (!sp_file_vet_folder(folder_z, &err))
			READ_ERROR(r, at, "its folder %s %s", folder_z, err.text);
	}
	err.text[0] = '\0';
	if (!sp_file_read(path, SP_FILE_CONFIG, r->doc.arena, &text, &err))
		READ_ERROR(r, at, "%s", err.text);
	else
		sp_lines_read(&r->doc, shown, text);
}

/* The folder's own name may hold what glob would take for a pattern. */
static const char *full_pattern(struct reader *r, struct sp_str pattern)
{
	char escaped[8192];
	size_t n = 0;

	if (pattern.p[0] == '/')
		return sp_doc_printf(&r->doc, "%.*s", SP_STR_ARG(pattern));
	for (const char *p = r->fill.folder; *p != '\0' && n + 2 < sizeof(escaped); p++) {
		if (strchr("*?[\\", *p) != NULL)
			escaped[n++] = '\\';
		escaped[n++] = *p;
	}
	escaped[n] = '\0';
	return sp_doc_printf(&r->doc, "%s/%.*s", n == 1 ? "" : escaped, SP_STR_ARG(pattern));
}

static const char *shown_name(struct reader *r, const char *path)
{
	struct sp_str prefix = folder_of(r->conf->main_file), folder = sp_str(r->fill.folder);

	if (!sp_str_starts(sp_str(path), folder) || path[folder.n] != '/')
		return sp_doc_printf(&r->doc, "%s", path);
	return sp_doc_printf(&r->doc, "%.*s%s", SP_STR_ARG(prefix), path + folder.n + 1);
}

static void include_pattern(struct reader *r, struct sp_str pattern, struct sp_conf_at at)
{
	bool has_wildcard = false;
	glob_t found;
	int failed;

	if (pattern.n == 0)
		return; /* said when the value is parsed */
	for (size_t i = 0; i < pattern.n; i++)
		has_wildcard = has_wildcard || strchr("*?[", pattern.p[i]) != NULL;
	failed = glob(full_pattern(r, pattern), GLOB_ERR, NULL, &found);
	if (failed == GLOB_NOMATCH) {
		if (!has_wildcard)
			READ_ERROR(r, at, "include = %.*s: no such file", SP_STR_ARG(pattern));
		return;
	}
	if (failed != 0) {
		READ_ERROR(r, at, "include = %.*s: the folder cannot be read", SP_STR_ARG(pattern));
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = sp_doc_printf(&r->doc, "%s", found.gl_pathv[i]);

		if (strcmp(path, r->main_path) == 0)
			READ_ERROR(r, at, "include = %.*s: that is the main file itself", SP_STR_ARG(pattern));
		else
			read_file(r, path, shown_name(r, path));
	}
	globfree(&found);
}

static void include_all(struct reader *r)
{
	struct sp_doc_part *gateway = sp_map_get(r->doc.by_title, SP_STR("gateway"));
	struct sp_doc_item *last = NULL;

	if (gateway == NULL)
		return;
	/* Items that the included files add are refused later: only those of now count. */
	for (struct sp_doc_item *item = gateway->first; item != NULL; item = item->next)
		last = item;
	for (struct sp_doc_item *item = gateway->first; item != NULL; item = item == last ? NULL : item->next) {
		struct sp_str rest = SP_STR_NONE, pattern;
		struct sp_err err = { .text = "" };
		bool is_secret;

		if (!sp_str_eq(item->key, SP_STR("include")))
			continue;
		if (r->main_path == NULL) {
			READ_ERROR(r, item->at, "\"include\" is for files: this configuration comes from memory");
			continue;
		}
		if (!sp_expand(&r->doc, item->written, &rest, &is_secret, &err))
			continue; /* said when the value is parsed */
		while (sp_str_split(&rest, ',', &pattern))
			include_pattern(r, sp_str_trim(pattern), item->at);
	}
}

static bool reader_init(struct reader *r, const char *main_file, struct sp_conf_report *report)
{
	*r = (struct reader){ .report = report };
	r->conf = calloc(1, sizeof(*r->conf));
	if (r->conf == NULL)
		return false;
	sp_arena_init(&r->conf->arena, NULL, 0, 0);
	if (!sp_doc_init(&r->doc, &r->conf->arena, report)) {
		free(r->conf);
		return false;
	}
	r->conf->main_file = sp_doc_printf(&r->doc, "%s", main_file);
	r->fill = (struct sp_fill){ .doc = &r->doc, .main_file = r->conf->main_file };
	return true;
}

/* The three that there is always one of, with their defaults, also where the files do not begin them. */
static void open_singles(struct reader *r)
{
	const struct sp_conf_at nowhere = { .file = NULL };

	(void)sp_doc_open(&r->doc, SP_STR("gateway"), nowhere);
	(void)sp_doc_open(&r->doc, SP_STR("egress"), nowhere);
	(void)sp_doc_open(&r->doc, SP_STR("log"), nowhere);
}

/* From the doc to the tree. NULL, all freed, when the report holds an error. */
static struct sp_conf *reader_end(struct reader *r, bool is_doc_read)
{
	if (is_doc_read && !r->doc.is_failed) {
		open_singles(r);
		sp_fill_all(&r->fill);
		sp_rules_preset(&r->fill);
		sp_link_all(&r->fill, r->conf);
		sp_rules_check(&r->fill, r->conf);
	}
	r->conf->secrets = r->doc.secrets;
	if (r->doc.is_failed)
		READ_ERROR(r, ((struct sp_conf_at){ .file = r->fill.main_file }), "no memory");
	sp_doc_fini(&r->doc);
	if (r->report->errors == 0)
		return r->conf;
	sp_conf_free(r->conf);
	return NULL;
}

struct sp_conf *sp_conf_read(const char *main_file, struct sp_conf_report *report)
{
	struct sp_conf_at at = { .file = main_file };
	struct reader r;
	size_t before = report->errors;

	if (!reader_init(&r, main_file, report)) {
		sp_conf_report_add(report, SP_CONF_ERROR, at, "no memory");
		return NULL;
	}
	r.fill.folder = absolute_folder(&r.doc, main_file);
	if (r.fill.folder == NULL) {
		READ_ERROR(&r, at, "cannot be opened: no such folder");
		return reader_end(&r, false);
	}
	r.main_path = sp_doc_printf(&r.doc, "%s/%s", strcmp(r.fill.folder, "/") == 0 ? "" : r.fill.folder,
				    main_file + folder_of(main_file).n);
	read_file(&r, r.main_path, r.conf->main_file);
	if (r.doc.first == NULL && report->errors > before)
		return reader_end(&r, false); /* nothing was read: more errors would only say that */
	include_all(&r);
	return reader_end(&r, true);
}

struct sp_conf *sp_conf_read_text(const char *name, struct sp_str text, struct sp_conf_report *report)
{
	struct reader r;

	if (!reader_init(&r, name, report)) {
		sp_conf_report_add(report, SP_CONF_ERROR, (struct sp_conf_at){ .file = name }, "no memory");
		return NULL;
	}
	text = sp_arena_copy(r.doc.arena, text);
	r.fill.folder = absolute_folder(&r.doc, "");
	if (text.p == NULL || r.fill.folder == NULL) {
		r.doc.is_failed = true;
		return reader_end(&r, false);
	}
	sp_lines_read(&r.doc, r.conf->main_file, text);
	include_all(&r);
	return reader_end(&r, true);
}

void sp_conf_free(struct sp_conf *conf)
{
	if (conf == NULL)
		return;
	for (struct sp_conf_secret *secret = conf->secrets; secret != NULL; secret = secret->next)
		explicit_bzero(secret->p, secret->n);
	sp_arena_fini(&conf->arena);
	free(conf);
}
