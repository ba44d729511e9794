/*
 * source - whatever the reading of a configuration takes from outside its own
 * text: files, patterns of names, variables, this host's addresses.
 *
 * It comes from the disk and is noted, or from what was noted before: then no
 * file is opened and nothing is asked of the system, which is how a process that
 * may do neither reads the same configuration. What was noted can be sealed as a
 * bundle. A look that was noted is not taken twice, so nothing changes half-way.
 *
 * Private keys are opened, never read and never noted.
 */
#ifndef SP_CONF_SOURCE_H
#define SP_CONF_SOURCE_H

#include "sp/base/arena.h"
#include "sp/base/err.h"
#include "sp/base/str.h"
#include "sp/conf/conf.h"

#include "files.h"

enum sp_source_tag { /* the numbers are a bundle's */
	SP_SOURCE_MAIN = 1, /* name: as the operator wrote it; content: its folder, absolute */
	SP_SOURCE_TEXT = 2, /* a configuration file */
	SP_SOURCE_GLOB = 3, /* a pattern: paths, each with a NUL behind it */
	SP_SOURCE_ENV = 4, /* a variable that was set */
	SP_SOURCE_FILE = 5, /* a public file */
	SP_SOURCE_CREDENTIAL = 6,
	SP_SOURCE_LOCAL = 7, /* this host's addresses: an array of struct sp_addr */
	SP_SOURCE_GEO = 8, /* a database, as the bytes of base/geo.h */
};

struct sp_source_note {
	enum sp_source_tag tag;
	struct sp_str name, content; /* each with a NUL behind it */
	struct sp_source_note *next;
};

struct sp_source_notes {
	struct sp_source_note *first, *last;
};

struct sp_source {
	struct sp_arena *arena; /* borrowed: of the configuration */
	struct sp_source_notes made; /* in this reading */
	struct sp_source_notes from; /* of an earlier one */
	bool is_noted; /* `from` answers, not the disk; … */
	const char *const *fresh; /* … but for these files: borrowed */
	size_t fresh_count;
	const struct sp_conf *before; /* borrowed: whose keys a file that is not fresh has; NULL: none are opened */
	bool is_failed; /* no memory for a note */
};

/* The whole content; it may lie in memory that cannot be written, but for a secret's (SP_FILE_KEY). */
SP_MUST_USE bool sp_source_read(struct sp_source *source, const char *path, enum sp_file_kind kind, struct sp_str *out,
				struct sp_err *err);
/* A database of countries or networks, compiled: the bytes of base/geo.h. */
SP_MUST_USE bool sp_source_read_geo(struct sp_source *source, const char *path, struct sp_str *out, struct sp_err *err);
/* A key file: *fd is owned by the caller, or -1 where there is nothing to open. */
SP_MUST_USE bool sp_source_open_key(struct sp_source *source, const char *path, int *fd, struct sp_err *err);
SP_MUST_USE bool sp_source_vet_folder(const struct sp_source *source, const char *path, struct sp_err *err);
/* The folder of the main file, absolute; NULL: there is none. */
const char *sp_source_folder(struct sp_source *source, const char *main_file);
/* NULL: not set. */
const char *sp_source_variable(struct sp_source *source, const char *name);
/* The names that fit, sorted, each with a NUL behind it; empty: none. false: a folder cannot be read. */
SP_MUST_USE bool sp_source_glob(struct sp_source *source, const char *pattern, struct sp_str *names);
/* Addresses of this host's interfaces. */
const struct sp_addr *sp_source_local(struct sp_source *source, size_t *count);

/* All notes as sealed memory: its descriptor, owned by the caller. -1 with *err. */
SP_MUST_USE int sp_source_seal(const struct sp_source *source, struct sp_err *err);
/* The notes of such a memory. They borrow from bytes. false: it is none, or there is no memory. */
SP_MUST_USE bool sp_source_unpack(struct sp_source *source, struct sp_str bytes);

#endif
