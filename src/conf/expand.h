/*
 * expand - ${NAME}, ${NAME:-default} and ${cred:name} in a value.
 *
 * `$${` stands for a plain `${`. A name without a value and without a default
 * is an error: nothing is guessed. ${cred:name} is the content of a file in the
 * folder that systemd names in $CREDENTIALS_DIRECTORY, without its last line end.
 */
#ifndef SP_CONF_EXPAND_H
#define SP_CONF_EXPAND_H

#include "sp/base/err.h"
#include "sp/base/str.h"

#include "doc.h"

/* *out is `text` itself when there is nothing to expand. *is_secret: a credential is in it. */
SP_MUST_USE bool sp_expand(struct sp_doc *doc, struct sp_str text, struct sp_str *out, bool *is_secret,
			   struct sp_err *err);

#endif
