/*
 * value - one parser for each kind of value.
 *
 * A parser gets one item (of a list: one element) and writes it to its place;
 * what it does not like it reports with file, line and key, and returns false.
 */
#ifndef SP_CONF_VALUE_H
#define SP_CONF_VALUE_H

#include "doc.h"
#include "keys.h"

struct sp_vec { /* a list that grows in the arena */
	void *items;
	size_t count, room;
};

struct sp_cidr_at { /* an item of a CIDR list, before it is split in two */
	struct sp_cidr cidr;
	struct sp_conf_at at;
};

struct sp_rule_at {
	struct sp_egress_rule rule;
	struct sp_conf_at at;
};

struct sp_value {
	struct sp_doc *doc; /* borrowed */
	const char *folder; /* of the main file, absolute */
	struct sp_doc_part *part; /* borrowed: the section it stands in; NULL: a default */
	const struct sp_conf_key *key;
	struct sp_str text; /* the item */
	struct sp_str shown; /* as it may be shown: without a credential */
	struct sp_conf_at at;
	void *section; /* the struct that is filled: begins with struct sp_conf_section */
	void *to; /* the member */
	struct sp_vec *list; /* for lists */
};

/* Parses v->text as its key's kind; what is wrong is in the report. */
bool sp_value_parse(struct sp_value *v);

/* Reports `KEY = VALUE: reason` at the value's place; always false. */
bool sp_value_bad(const struct sp_value *v, const char *fmt, ...) SP_PRINTF(2, 3);
/* The next item of the list, zeroed. NULL: no memory. */
SP_MUST_USE void *sp_value_add(struct sp_value *v, size_t size);
/* A relative path is one of the main file's folder. NULL: no memory. */
const char *sp_value_absolute(struct sp_doc *doc, const char *folder, struct sp_str path);
/* Splits at blanks; false when nothing is left. */
bool sp_value_word(struct sp_str *rest, struct sp_str *word);

/* value_net.c */
bool sp_value_bind(struct sp_value *v);
bool sp_value_binds(struct sp_value *v);
bool sp_value_cidrs(struct sp_value *v);
/* Adds what the lines of a file say to the list; path: of that file, for messages. */
void sp_value_cidr_lines(struct sp_value *v, struct sp_str lines, const char *path);
bool sp_value_egress(struct sp_value *v);
bool sp_value_backend(struct sp_value *v);
bool sp_value_backends(struct sp_value *v);
/* The two ends of a prefix, with a port. */
void sp_value_cidr_ends(const struct sp_cidr *cidr, struct sp_addr *first, struct sp_addr *last);
/* value_http.c */
bool sp_value_url_path(struct sp_value *v);
bool sp_value_paths(struct sp_value *v);
bool sp_value_hosts(struct sp_value *v);
bool sp_value_is_token(struct sp_str s);          /* RFC 9110 5.6.2: a name of a header or cookie */
bool sp_value_host_sent(struct sp_value *v);
bool sp_value_methods(struct sp_value *v);
bool sp_value_names(struct sp_value *v);
bool sp_value_edits(struct sp_value *v);
bool sp_value_redirect(struct sp_value *v);
bool sp_value_respond(struct sp_value *v);
bool sp_value_hsts(struct sp_value *v);
/* value_place.c */
bool sp_value_places(struct sp_value *v);
bool sp_value_status_ranges(struct sp_value *v);
bool sp_value_check(struct sp_value *v);

#endif
