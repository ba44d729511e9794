/*
 * doc - what the files say before anybody judges it: sections and their items,
 * each with its place. Files are merged here: a section that is written again
 * goes on where it was.
 */
#ifndef SP_CONF_DOC_H
#define SP_CONF_DOC_H

#include "sp/base/arena.h"
#include "sp/base/map.h"
#include "sp/conf/conf.h"
#include "sp/conf/read.h"

#include "source.h"

struct sp_conf_type;
struct sp_conf_key;

struct sp_doc_item { /* one `key = value` line */
	struct sp_str key;
	struct sp_str written; /* the value as it stands in the file */
	struct sp_str value; /* with ${…} expanded */
	bool is_good, is_secret; /* it could be expanded; a credential is in it */
	struct sp_conf_at at;
	const struct sp_conf_key *row; /* of the tables; NULL: unknown, refused, or twice */
	struct sp_doc_item *next;
};

struct sp_doc_part { /* one section */
	struct sp_str title; /* "listener:https" */
	struct sp_str type, name;
	struct sp_conf_at at; /* of its first header */
	struct sp_doc_item *first, **last;
	const struct sp_conf_type *spec; /* NULL: unknown or not in this build */
	void *made; /* what its keys were read into (parts.h) */
	bool is_torn; /* a key of it was refused: what seems to be missing may be that one */
	bool is_used; /* somebody refers to it */
	struct sp_doc_part *next;
};

struct sp_conf_set { /* one line that set a key, as dump writes it */
	const char *key;
	struct sp_str text; /* paths absolute, credentials not expanded */
	struct sp_conf_at at;
};

struct sp_conf_secret {
	char *p;
	size_t n;
	struct sp_conf_secret *next;
};

struct sp_doc {
	struct sp_arena *arena; /* borrowed: of the configuration */
	struct sp_conf_report *report; /* borrowed */
	struct sp_source source; /* where its files come from */
	struct sp_doc_part *first, **last;
	struct sp_map *by_title; /* owned */
	struct sp_conf_secret *secrets; /* in the arena: keys and credentials that were read */
	bool is_torn; /* a line was refused: what seems to be missing may be that one */
	bool is_failed; /* no memory once */
};

SP_MUST_USE bool sp_doc_init(struct sp_doc *doc, struct sp_arena *arena, struct sp_conf_report *report);
void sp_doc_fini(struct sp_doc *doc);

/* The section of that title; made at its first header. NULL: no memory. */
struct sp_doc_part *sp_doc_open(struct sp_doc *doc, struct sp_str title, struct sp_conf_at at);
struct sp_doc_part *sp_doc_find(const struct sp_doc *doc, const char *type, struct sp_str name);
bool sp_doc_add(struct sp_doc *doc, struct sp_doc_part *part, struct sp_str key, struct sp_str value,
		struct sp_conf_at at);

/* Would "X is missing" only repeat an error that was told? part may be NULL. */
bool sp_doc_is_torn(const struct sp_doc *doc, const struct sp_doc_part *part);

/* Zeroed memory of the arena; NULL, noted in the doc, when there is none. */
SP_MUST_USE void *sp_doc_take(struct sp_doc *doc, size_t n);
/* Notes bytes of the arena that must not outlive the configuration. */
void sp_doc_keep_secret(struct sp_doc *doc, struct sp_str secret);
/* A text that lives as long as the configuration; "" when there is no memory. */
const char *sp_doc_printf(struct sp_doc *doc, const char *fmt, ...) SP_PRINTF(2, 3);

#endif
