/*
 * fill - a section's items into its struct, by the key tables.
 */
#ifndef SP_CONF_FILL_H
#define SP_CONF_FILL_H

#include "doc.h"
#include "keys.h"

struct sp_fill {
	struct sp_doc *doc; /* borrowed */
	const char *main_file; /* as the operator wrote it */
	const char *folder; /* of the main file, absolute */
};

/* Every section of the doc: type and keys looked up, values expanded and parsed, defaults filled in. */
void sp_fill_all(const struct sp_fill *fill);
/* The one section of that type, with its defaults where the files do not begin it. NULL: no memory, or an error. */
void *sp_fill_single(const struct sp_fill *fill, const struct sp_conf_type *type);
/* A struct of that type with nothing but defaults. NULL: no memory. */
void *sp_fill_defaults(const struct sp_fill *fill, const struct sp_conf_type *type);

#endif
