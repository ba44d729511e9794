/*
 * dump - the tree back to text, and the tables as a reference page.
 */
#ifndef SP_CONF_DUMP_H
#define SP_CONF_DUMP_H

#include <stdio.h>

#include "sp/conf/conf.h"

/* The merged configuration: every section and key, set or default, with its origin as a comment. No secret. */
void sp_conf_dump(const struct sp_conf *conf, FILE *to);

/* One row of the key tables, for the reference page, the man page and tests. */
struct sp_conf_key_info {
	const char *section;            /* "listener" */
	bool is_section_named;          /* [listener:NAME] */
	const char *key;
	const char *kind;               /* "duration", "CIDRs or @names", … */
	const char *words;              /* "off, optional, required" where there are words, else ""; lives until the next call */
	const char *def;                /* NULL = none */
	const char *help;
	bool is_list, is_required, needs_restart, is_built;
};

/* The i-th of all keys in the order of the reference; false behind the last. */
bool sp_conf_key_info(size_t i, struct sp_conf_key_info *out);

/* Markdown: one table a section, out of the key tables; keys not in this build are marked so. */
void sp_conf_reference(FILE *to);

#endif
