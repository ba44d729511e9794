/*
 * field - what this layer knows of field names beyond their id.
 */
#ifndef SP_HTTP_FIELD_INT_H
#define SP_HTTP_FIELD_INT_H

#include "sp/http/head.h"

enum {
	SP_FIELD_HOP = 1 << 0, /* ends at this hop, whoever names it */
	SP_FIELD_FORWARDING =
		1 << 1, /* tells of the way here, or overrides the target: believed from trusted peers only */
	SP_FIELD_FRAMING = 1 << 2, /* Host and framing: written from the model alone */
};

unsigned sp_field_kind(enum sp_field_id id);
/* The id of what the scanner found to be a token: no check of its bytes. */
enum sp_field_id sp_field_id_of_token(struct sp_str name);
/* Does a reader that folds every byte but letters and digits to one (CGI, WSGI) take this name for a known one? */
bool sp_field_is_alias(struct sp_str name);
/* An unknown name that begins with "X-Forwarded". */
bool sp_field_is_x_forwarded(struct sp_str name);
bool sp_field_same_name(struct sp_str a, struct sp_str b); /* both tokens */

SP_MUST_USE bool sp_head_grow(struct sp_head *head, struct sp_arena *arena);

/* A field at the end of the head; NULL: no memory. */
SP_MUST_USE static inline struct sp_field *sp_head_push(struct sp_head *head, struct sp_arena *arena)
{
	if (head->field_count == head->field_room && !sp_head_grow(head, arena))
		return NULL;
	return &head->fields[head->field_count++];
}

SP_MUST_USE bool sp_head_add_date(struct sp_head *head, struct sp_arena *arena);

#endif
