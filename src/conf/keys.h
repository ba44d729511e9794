/*
 * keys - the tables: every section and every key of the configuration.
 *
 * One row is the parser, the bounds, the default, the reference page and the
 * dump. A new key is one new row and one new member. A key whose feature is not
 * built is a row of LATER(); building it is writing KEY() and naming its member.
 * The same for a word of an enumeration (.is_later).
 */
#ifndef SP_CONF_KEYS_H
#define SP_CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/str.h"

#include "parts.h"

enum sp_conf_kind {
	SP_CONF_BOOL,
	SP_CONF_COUNT,
	SP_CONF_NUMBER, /* signed */
	SP_CONF_SIZE,
	SP_CONF_DURATION,
	SP_CONF_RATE,
	SP_CONF_PACE, /* a rate, as the nanoseconds between two events */
	SP_CONF_PERCENT,
	SP_CONF_WORD, /* one of .words, into an enum */
	SP_CONF_SWITCH, /* one of .words, into a bool */
	SP_CONF_TEXT,
	SP_CONF_TEXTS,
	SP_CONF_USER,
	SP_CONF_REF, /* the name of another section */
	SP_CONF_REFS,
	SP_CONF_URL_PATH,
	SP_CONF_FILE, /* a path; the content is kept */
	SP_CONF_FILES, /* paths; read when their pairs are known */
	SP_CONF_PAIRED, /* one such path */
	SP_CONF_FOLDER,
	SP_CONF_DATABASE, /* a path; what it is compiled to is kept */
	SP_CONF_LOG_TO,
	SP_CONF_INCLUDE,
	SP_CONF_BIND, /* one address, or none */
	SP_CONF_BINDS,
	SP_CONF_CIDRS,
	SP_CONF_EGRESS,
	SP_CONF_BACKEND,
	SP_CONF_BACKENDS,
	SP_CONF_METHODS,
	SP_CONF_NAMES, /* of fields or query parameters */
	SP_CONF_HOSTS,
	SP_CONF_PATHS,
	SP_CONF_EDITS,
	SP_CONF_REDIRECT,
	SP_CONF_RESPOND,
	SP_CONF_HSTS,
	SP_CONF_BALANCE,
	SP_CONF_LIMIT_KEY,
	SP_CONF_STATUSES,
	SP_CONF_STATUS_RANGES,
	SP_CONF_CHECK,
	SP_CONF_HOST_SENT,
	SP_CONF_PLACES, /* countries and AS numbers */
	SP_CONF_KIND_COUNT
};

struct sp_conf_word {
	const char *text;
	unsigned value;
	bool is_later; /* not in this build */
};

struct sp_conf_key {
	const char *name;
	enum sp_conf_kind kind;
	size_t offset; /* of the member */
	const char *def; /* as it would be written; NULL = none */
	uint64_t min, max; /* of numbers, in the unit of the tree; max 0 = none */
	const char *none; /* the word that stands for 0: "none", "off", "auto" */
	const struct sp_conf_word *words; /* ends with text == NULL */
	const char *refers; /* REF: the type of section it names */
	const char *help;
	bool is_required, needs_restart, is_later;
};

struct sp_conf_type { /* of section */
	const char *name;
	bool is_named;
	size_t size; /* of what it is read into */
	const struct sp_conf_key *keys;
	size_t key_count;
	const char *help;
};

#define SP_KEY(part, name_, kind_, member_, ...)                                                                       \
	{                                                                                                              \
		.name = (name_), .kind = (kind_), .offset = offsetof(part, member_), __VA_ARGS__                       \
	}
#define LATER(name_, kind_, ...)                                                                                       \
	{                                                                                                              \
		.name = (name_), .kind = (kind_), .is_later = true, __VA_ARGS__                                        \
	}

#define SP_MS 1ULL
#define SP_SECOND (1000 * SP_MS)
#define SP_MINUTE (60 * SP_SECOND)
#define SP_HOUR (60 * SP_MINUTE)
#define SP_DAY (24 * SP_HOUR)
#define SP_KIB 1024ULL
#define SP_MIB (1024 * SP_KIB)
#define SP_GIB (1024 * SP_MIB)

/* All types in the order of the reference page; *count of them. */
const struct sp_conf_type *const *sp_conf_types(size_t *count);
const struct sp_conf_type *sp_conf_type_find(struct sp_str name);
const struct sp_conf_key *sp_conf_key_find(const struct sp_conf_type *type, struct sp_str name);

bool sp_conf_kind_is_list(enum sp_conf_kind kind);
bool sp_conf_kind_has_commas(enum sp_conf_kind kind); /* a line of the list may hold several items */
bool sp_conf_kind_is_path(enum sp_conf_kind kind); /* relative to the main file */
const char *sp_conf_kind_name(enum sp_conf_kind kind); /* "duration", for the reference */

/* The content of its file is kept as a struct sp_str, the first of its member; it is watched. */
bool sp_conf_kind_keeps_file(enum sp_conf_kind kind);

/* One file a group of sections. */
extern const struct sp_conf_type sp_conf_type_gateway, sp_conf_type_egress, sp_conf_type_admin, sp_conf_type_log;
extern const struct sp_conf_type sp_conf_type_listener, sp_conf_type_tls, sp_conf_type_addresses, sp_conf_type_geo,
	sp_conf_type_limit;
extern const struct sp_conf_type sp_conf_type_route, sp_conf_type_pool, sp_conf_type_backend;

#endif
