/*
 * form - a short application/x-www-form-urlencoded body (URL standard, 5.1).
 */
#ifndef SP_ROLE_MONITOR_FORM_H
#define SP_ROLE_MONITOR_FORM_H

#include "sp/base/check.h"
#include "sp/base/str.h"

/* The value of the first field of that name, decoded into room (of n bytes). False: there is none, it is longer, or its
 * encoding is broken. */
SP_MUST_USE bool sp_form_find(struct sp_str body, const char *name, char *room, size_t n, struct sp_str *value);

#endif
