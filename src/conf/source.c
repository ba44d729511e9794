#include "source.h"

#include <glob.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#include "geodb.h"

/* ---- notes */

static const struct sp_source_note *find(const struct sp_source_notes *notes, enum sp_source_tag tag, struct sp_str name)
{
	for (const struct sp_source_note *note = notes->first; note != NULL; note = note->next)
		if (note->tag == tag && sp_str_eq(note->name, name))
			return note;
	return NULL;
}

static const struct sp_source_note *note(struct sp_source *source, enum sp_source_tag tag, struct sp_str name,
					 struct sp_str content)
{
	struct sp_source_note *made = sp_arena_zalloc(source->arena, sizeof(*made));
	struct sp_str kept = sp_arena_copy(source->arena, name);

	if (made == NULL || kept.p == NULL) {
		source->is_failed = true;
		return NULL;
	}
	*made = (struct sp_source_note){ .tag = tag, .name = kept, .content = content };
	if (source->made.last == NULL)
		source->made.first = made;
	else
		source->made.last->next = made;
	source->made.last = made;
	return made;
}

static bool is_fresh(const struct sp_source *source, const char *path)
{
	for (size_t i = 0; i < source->fresh_count; i++)
		if (strcmp(source->fresh[i], path) == 0)
			return true;
	return false;
}

static bool is_watched(enum sp_source_tag tag)
{
	return tag == SP_SOURCE_FILE || tag == SP_SOURCE_GEO;
}

/* What this reading or the earlier one noted; NULL: nothing. */
static const struct sp_source_note *look(struct sp_source *source, enum sp_source_tag tag, const char *name)
{
	const struct sp_source_note *known = find(&source->made, tag, sp_str(name));

	if (known != NULL || !source->is_noted || (is_watched(tag) && is_fresh(source, name)))
		return known;
	known = find(&source->from, tag, sp_str(name));
	return known == NULL ? NULL : note(source, tag, known->name, known->content);
}

/* ---- files */

static enum sp_source_tag tag_of(enum sp_file_kind kind)
{
	switch (kind) {
	case SP_FILE_CONFIG: return SP_SOURCE_TEXT;
	case SP_FILE_KEY: return SP_SOURCE_CREDENTIAL;
	case SP_FILE_DATABASE: return SP_SOURCE_GEO;
	case SP_FILE_PUBLIC:
	case SP_FILE_SYSTEM: break;
	}
	return SP_SOURCE_FILE;
}

bool sp_source_read(struct sp_source *source, const char *path, enum sp_file_kind kind, struct sp_str *out,
		    struct sp_err *err)
{
	const struct sp_source_note *known = look(source, tag_of(kind), path);

	if (known != NULL) {
		/* A secret is wiped one day, and its note may lie in memory that is read-only. */
		*out = kind == SP_FILE_KEY ? sp_arena_copy(source->arena, known->content) : known->content;
		return out->p != NULL || sp_err_set(err, "no memory for its %zu bytes", known->content.n);
	}
	if (source->is_noted && !is_fresh(source, path))
		return sp_err_set(err, "is not in the bundle");
	if (!sp_file_read(path, kind, source->arena, out, err))
		return false;
	return note(source, tag_of(kind), sp_str(path), *out) != NULL || sp_err_set(err, "no memory to note it");
}

bool sp_source_read_geo(struct sp_source *source, const char *path, struct sp_str *out, struct sp_err *err)
{
	const struct sp_source_note *known = look(source, SP_SOURCE_GEO, path);

	if (known != NULL) {
		*out = known->content;
		return true;
	}
	if (source->is_noted && !is_fresh(source, path))
		return sp_err_set(err, "is not in the bundle");
	if (!sp_geodb_read(path, source->arena, out, err))
		return false;
	return note(source, SP_SOURCE_GEO, sp_str(path), *out) != NULL || sp_err_set(err, "no memory to note it");
}

static int key_of(const struct sp_conf *conf, const char *path)
{
	for (size_t i = 0; i < conf->cert_count; i++)
		if (sp_str_eq(conf->certs[i]->key_path, sp_str(path)))
			return conf->certs[i]->key_fd;
	return -1;
}

bool sp_source_open_key(struct sp_source *source, const char *path, int *fd, struct sp_err *err)
{
	*fd = -1;
	if (source->is_noted && !is_fresh(source, path)) {
		if (source->before == NULL)
			return true;
		*fd = fcntl(key_of(source->before, path), F_DUPFD_CLOEXEC, 0);
		return *fd >= 0 || sp_err_set(err, "is open no more");
	}
	*fd = sp_file_open(path, SP_FILE_KEY, err);
	return *fd >= 0;
}

bool sp_source_vet_folder(const struct sp_source *source, const char *path, struct sp_err *err)
{
	return source->is_noted || sp_file_vet_folder(path, err);
}

/* ---- what is no file */

/* "conf/a.ini" -> "conf"; "." when there is no folder in it. */
static char *real_folder(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *folder, *real;

	if (slash == NULL)
		return realpath(".", NULL);
	folder = strndup(file, (size_t)(slash - file) + 1);
	real = folder == NULL ? NULL : realpath(folder, NULL);
	free(folder);
	return real;
}

const char *sp_source_folder(struct sp_source *source, const char *main_file)
{
	const struct sp_source_note *known = look(source, SP_SOURCE_MAIN, main_file);
	struct sp_str kept;
	char *real;

	if (known != NULL || source->is_noted)
		return known == NULL ? NULL : known->content.p;
	real = real_folder(main_file);
	if (real == NULL)
		return NULL;
	kept = sp_arena_copy(source->arena, sp_str(real));
	free(real);
	return kept.p != NULL && note(source, SP_SOURCE_MAIN, sp_str(main_file), kept) != NULL ? kept.p : NULL;
}

const char *sp_source_variable(struct sp_source *source, const char *name)
{
	const struct sp_source_note *known = look(source, SP_SOURCE_ENV, name);
	const char *value;
	struct sp_str kept;

	if (known != NULL || source->is_noted)
		return known == NULL ? NULL : known->content.p;
	value = getenv(name);
	if (value == NULL)
		return NULL;
	kept = sp_arena_copy(source->arena, sp_str(value));
	return kept.p != NULL && note(source, SP_SOURCE_ENV, sp_str(name), kept) != NULL ? kept.p : NULL;
}

static struct sp_str join(struct sp_source *source, const glob_t *found)
{
	size_t n = 0;
	char *names, *at;

	for (size_t i = 0; i < found->gl_pathc; i++)
		n += strlen(found->gl_pathv[i]) + 1;
	at = names = sp_arena_zalloc(source->arena, n + 1);
	for (size_t i = 0; names != NULL && i < found->gl_pathc; i++)
		at = stpcpy(at, found->gl_pathv[i]) + 1;
	return sp_str_of(names, n);
}

bool sp_source_glob(struct sp_source *source, const char *pattern, struct sp_str *names)
{
	const struct sp_source_note *known = look(source, SP_SOURCE_GLOB, pattern);
	glob_t found;
	int failed;

	*names = known == NULL ? SP_STR("") : known->content;
	if (known != NULL || source->is_noted)
		return known != NULL;
	failed = glob(pattern, GLOB_ERR, NULL, &found);
	if (failed != 0 && failed != GLOB_NOMATCH)
		return false;
	if (failed == 0) {
		*names = join(source, &found);
		globfree(&found);
	}
	return names->p != NULL && note(source, SP_SOURCE_GLOB, sp_str(pattern), *names) != NULL;
}

/* NULL: it cannot be asked for. */
static struct sp_addr *ask_local(struct sp_source *source, size_t *count)
{
	struct ifaddrs *first = NULL;
	struct sp_addr *all;
	size_t room = 0;

	*count = 0;
	if (getifaddrs(&first) != 0)
		return NULL;
	for (const struct ifaddrs *i = first; i != NULL; i = i->ifa_next)
		room++;
	all = sp_arena_zalloc(source->arena, (room + 1) * sizeof(*all));
	for (const struct ifaddrs *i = first; i != NULL && all != NULL; i = i->ifa_next) {
		socklen_t n = sizeof(struct sockaddr_in6);

		if (i->ifa_addr == NULL || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			n = sizeof(struct sockaddr_in);
		if (sp_addr_from_sockaddr(i->ifa_addr, n, &all[*count]))
			++*count;
	}
	freeifaddrs(first);
	return all;
}

static struct sp_addr *copy_local(struct sp_source *source, const void *bytes, size_t n)
{
	struct sp_addr *all = sp_arena_zalloc(source->arena, n + 1);

	if (all != NULL && n > 0)
		memcpy(all, bytes, n);
	return all;
}

const struct sp_addr *sp_source_local(struct sp_source *source, size_t *count)
{
	const struct sp_source_note *known = look(source, SP_SOURCE_LOCAL, "");
	struct sp_addr *all = NULL;

	*count = 0;
	if (known != NULL) {
		all = copy_local(source, known->content.p, known->content.n);
		*count = all == NULL ? 0 : known->content.n / sizeof(*all);
		return all;
	}
	if (source->is_noted)
		return NULL;
	all = ask_local(source, count);
	if (all == NULL && source->before != NULL) { /* a confined master may not ask again */
		all = copy_local(source, source->before->local, source->before->local_count * sizeof(*all));
		*count = all == NULL ? 0 : source->before->local_count;
	}
	if (all != NULL)
		(void)note(source, SP_SOURCE_LOCAL, SP_STR(""), sp_str_of((const char *)all, *count * sizeof(*all)));
	return all; /* NULL: loopback is known to be local without it */
}
