/*
 * diff - what differs between two configurations, by sections and keys.
 */
#ifndef SP_CONF_DIFF_H
#define SP_CONF_DIFF_H

#include <stdio.h>

#include "sp/conf/conf.h"
#include "sp/conf/read.h"

/* A line each, with file:line: sections and keys that came, went or changed, and files that a key names whose content
 * changed. Credentials do not appear. Returns the number of lines. */
size_t sp_conf_diff(const struct sp_conf *was, const struct sp_conf *is, FILE *to);

/* Adds an error for each key that differs and needs a restart. */
void sp_conf_diff_refuse(const struct sp_conf *was, const struct sp_conf *is, struct sp_conf_report *report);

/* Is everything that was said of this pool the same, its backends too? Then its connections serve on. */
bool sp_conf_pool_is_same(const struct sp_conf *was, const struct sp_conf_pool *old, const struct sp_conf *is,
                          const struct sp_conf_pool *now);

/* The i-th file, from 0, whose content a key keeps (client_ca, crl), as an absolute path; false behind the last. */
bool sp_conf_kept_file(const struct sp_conf *conf, size_t i, struct sp_str *path);

#endif
