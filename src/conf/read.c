#include "sp/conf/read.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sp/base/clock.h"

#include "expand.h"
#include "fill.h"
#include "lines.h"
#include "link.h"
#include "parts.h"
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

/* Reads one file into the doc. `shown` is what messages call it. */
static void read_file(struct reader *r, const char *path, const char *shown)
{
	struct sp_conf_at at = { .file = shown };
	struct sp_str folder = folder_of(path), text = SP_STR("");
	struct sp_err err = { .text = "" };
	const char *folder_z = sp_doc_printf(&r->doc, "%.*s", (int)(folder.n > 1 ? folder.n - 1 : folder.n), folder.p);

	if (r->vetted == NULL || strcmp(folder_z, r->vetted) != 0) {
		r->vetted = folder_z;
		if (!sp_source_vet_folder(&r->doc.source, folder_z, &err))
			READ_ERROR(r, at, "its folder %s %s", folder_z, err.text);
	}
	err.text[0] = '\0';
	if (!sp_source_read(&r->doc.source, path, SP_FILE_CONFIG, &text, &err))
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

static void include_file(struct reader *r, struct sp_str pattern, const char *path, struct sp_conf_at at)
{
	if (strcmp(path, r->main_path) == 0)
		READ_ERROR(r, at, "include = %.*s: that is the main file itself", SP_STR_ARG(pattern));
	else
		read_file(r, path, shown_name(r, path));
}

static void include_pattern(struct reader *r, struct sp_str pattern, struct sp_conf_at at)
{
	bool has_wildcard = false;
	struct sp_str names;

	if (pattern.n == 0)
		return; /* said when the value is parsed */
	for (size_t i = 0; i < pattern.n; i++)
		has_wildcard = has_wildcard || strchr("*?[", pattern.p[i]) != NULL;
	if (!sp_source_glob(&r->doc.source, full_pattern(r, pattern), &names)) {
		READ_ERROR(r, at, "include = %.*s: the folder cannot be read", SP_STR_ARG(pattern));
		return;
	}
	if (names.n == 0 && !has_wildcard)
		READ_ERROR(r, at, "include = %.*s: no such file", SP_STR_ARG(pattern));
	for (size_t i = 0; i < names.n; i += strlen(names.p + i) + 1)
		include_file(r, pattern, sp_doc_printf(&r->doc, "%s", names.p + i), at);
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
	r->conf->bundle_fd = -1;
	r->conf->read_ms = sp_wall_ms();
	r->conf->main_file = sp_doc_printf(&r->doc, "%s", main_file);
	r->fill = (struct sp_fill){ .doc = &r->doc, .main_file = r->conf->main_file };
	return true;
}

/* The four that there is always one of, with their defaults, also where the files do not begin them. */
static void open_singles(struct reader *r)
{
	const struct sp_conf_at nowhere = { .file = NULL };

	(void)sp_doc_open(&r->doc, SP_STR("gateway"), nowhere);
	(void)sp_doc_open(&r->doc, SP_STR("egress"), nowhere);
	(void)sp_doc_open(&r->doc, SP_STR("admin"), nowhere);
	(void)sp_doc_open(&r->doc, SP_STR("log"), nowhere);
}

/* What was looked at can be looked at again by who may open no file. */
static void make_bundle(struct reader *r)
{
	struct sp_err err = { .text = "" };

	if (r->report->errors > 0)
		return;
	r->conf->bundle_fd = sp_source_seal(&r->doc.source, &err);
	if (r->conf->bundle_fd < 0)
		READ_ERROR(r, ((struct sp_conf_at){ .file = r->conf->main_file }), "%s", err.text);
}

/* From the doc to the tree. NULL, all freed, when the report holds an error. */
static struct sp_conf *reader_end(struct reader *r, bool is_doc_read, bool is_bundled)
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
	if (is_bundled)
		make_bundle(r);
	sp_doc_fini(&r->doc);
	if (r->report->errors == 0)
		return r->conf;
	sp_conf_free(r->conf);
	return NULL;
}

/* All files into the doc. false: nothing was read, and more errors would only say that. */
static bool read_files(struct reader *r)
{
	struct sp_conf_at at = { .file = r->conf->main_file };
	size_t before = r->report->errors;

	r->fill.folder = sp_source_folder(&r->doc.source, r->conf->main_file);
	if (r->fill.folder == NULL) {
		READ_ERROR(r, at, "cannot be opened: no such folder");
		return false;
	}
	r->main_path = sp_doc_printf(&r->doc, "%s/%s", strcmp(r->fill.folder, "/") == 0 ? "" : r->fill.folder,
				     r->conf->main_file + folder_of(r->conf->main_file).n);
	read_file(r, r->main_path, r->conf->main_file);
	if (r->doc.first == NULL && r->report->errors > before)
		return false;
	include_all(r);
	return true;
}

/* By the reader's source. Consumes the reader. */
static struct sp_conf *read_main(struct reader *r, bool is_bundled)
{
	bool is_read = read_files(r);

	return reader_end(r, is_read, is_read && is_bundled);
}

static struct sp_conf *no_memory(const char *name, struct sp_conf_report *report)
{
	sp_conf_report_add(report, SP_CONF_ERROR, (struct sp_conf_at){ .file = name }, "no memory");
	return NULL;
}

struct sp_conf *sp_conf_read(const char *main_file, struct sp_conf_report *report)
{
	struct reader r;

	if (!reader_init(&r, main_file, report))
		return no_memory(main_file, report);
	return read_main(&r, true);
}

bool sp_conf_find_socket(const char *main_file, char *path, size_t room, struct sp_conf_report *report)
{
	const struct sp_part_admin *admin = NULL;
	struct reader r;
	bool is_found;

	if (!reader_init(&r, main_file, report))
		return no_memory(main_file, report) != NULL;
	if (read_files(&r))
		admin = sp_fill_single(&r.fill, &sp_conf_type_admin);
	is_found = admin != NULL && admin->pub.socket.n < room;
	if (admin != NULL && !is_found)
		READ_ERROR(&r, sp_conf_at(&admin->pub.section, "socket"), "socket is too long");
	if (is_found) {
		memcpy(path, admin->pub.socket.p, admin->pub.socket.n);
		path[admin->pub.socket.n] = '\0';
	}
	r.conf->secrets = r.doc.secrets;
	sp_doc_fini(&r.doc);
	sp_conf_free(r.conf);
	return is_found;
}

struct sp_conf *sp_conf_read_again(const struct sp_conf *before, struct sp_conf_report *report)
{
	struct reader r;

	if (!reader_init(&r, before->main_file, report))
		return no_memory(before->main_file, report);
	r.doc.source.before = before;
	return read_main(&r, true);
}

struct sp_conf *sp_conf_read_text(const char *name, struct sp_str text, struct sp_conf_report *report)
{
	struct reader r;

	if (!reader_init(&r, name, report))
		return no_memory(name, report);
	text = sp_arena_copy(r.doc.arena, text);
	r.fill.folder = sp_source_folder(&r.doc.source, "");
	if (text.p == NULL || r.fill.folder == NULL) {
		r.doc.is_failed = true;
		return reader_end(&r, false, false);
	}
	sp_lines_read(&r.doc, r.conf->main_file, text);
	include_all(&r);
	return reader_end(&r, true, false);
}

/* ---- from a bundle */

static bool map_bundle(struct sp_conf *conf, int fd, struct sp_source *source)
{
	off_t size = lseek(fd, 0, SEEK_END);
	void *mapped = size <= 0 ? MAP_FAILED : mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (mapped == MAP_FAILED)
		return false;
	conf->mapped = mapped;
	conf->mapped_n = (size_t)size;
	source->is_noted = true;
	return sp_source_unpack(source, sp_str_of(mapped, conf->mapped_n));
}

/* The bundle names its main file itself: the first of its notes. */
static bool reader_init_noted(struct reader *r, int fd, struct sp_conf_report *report)
{
	const struct sp_source_note *first;

	if (!reader_init(r, "bundle", report))
		return no_memory("bundle", report) != NULL;
	if (!map_bundle(r->conf, fd, &r->doc.source)) {
		READ_ERROR(r, ((struct sp_conf_at){ .file = "bundle" }), "cannot be read");
		(void)reader_end(r, false, false);
		return false;
	}
	first = r->doc.source.from.first;
	if (first != NULL && first->tag == SP_SOURCE_MAIN)
		r->fill.main_file = r->conf->main_file = first->name.p;
	return true;
}

struct sp_conf *sp_conf_read_bundle(int fd, struct sp_conf_report *report)
{
	struct reader r;

	return reader_init_noted(&r, fd, report) ? read_main(&r, false) : NULL;
}

struct sp_conf *sp_conf_read_fresh(const struct sp_conf *before, const char *const *paths, size_t count,
				   struct sp_conf_report *report)
{
	struct reader r;

	if (!reader_init_noted(&r, before->bundle_fd, report))
		return NULL;
	r.doc.source.before = before;
	r.doc.source.fresh = paths;
	r.doc.source.fresh_count = count;
	return read_main(&r, true);
}

void sp_conf_free(struct sp_conf *conf)
{
	if (conf == NULL)
		return;
	for (struct sp_conf_secret *secret = conf->secrets; secret != NULL; secret = secret->next)
		explicit_bzero(secret->p, secret->n);
	for (size_t i = 0; i < conf->cert_count; i++)
		if (conf->certs[i]->key_fd >= 0)
			(void)close(conf->certs[i]->key_fd);
	if (conf->bundle_fd >= 0)
		(void)close(conf->bundle_fd);
	sp_arena_fini(&conf->arena);
	if (conf->mapped != NULL)
		(void)munmap((void *)(uintptr_t)conf->mapped, conf->mapped_n);
	free(conf);
}
