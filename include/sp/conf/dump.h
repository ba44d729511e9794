/*
 * dump - the tree back to text, and the tables as a reference page.
 */
#ifndef SP_CONF_DUMP_H
#define SP_CONF_DUMP_H

#include <stdio.h>

#include "sp/conf/conf.h"

/* The merged configuration: every section and key, set or default, with its origin as a comment. No secret. */
void sp_conf_dump(const struct sp_conf *conf, FILE *to);
/* Markdown: one table a section, out of the key tables; keys not in this build are marked so. */
void sp_conf_reference(FILE *to);

#endif
