#include "sp/policy/edit.h"

bool sp_edit_apply(struct sp_head *head, struct sp_arena *arena, const struct sp_conf_edit *edits, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct sp_conf_edit *edit = &edits[i];

		if (edit->verb != SP_EDIT_ADD)
			sp_head_drop_name(head, edit->name);
		if (edit->verb != SP_EDIT_REMOVE && !sp_head_add(head, arena, edit->name, edit->value))
			return false;
	}
	return true;
}

bool sp_edit_security(struct sp_head *head, struct sp_arena *arena)
{
	static const struct {
		enum sp_field_id id;
		struct sp_str value;
	} fields[] = {
		{ SP_F_X_CONTENT_TYPE_OPTIONS, { "nosniff", 7 } },
		{ SP_F_X_FRAME_OPTIONS, { "DENY", 4 } },
		{ SP_F_REFERRER_POLICY, { "strict-origin-when-cross-origin", 31 } },
	};

	for (size_t i = 0; i < SP_COUNT(fields); i++) {
		if (sp_head_find(head, fields[i].id) != NULL)
			continue;
		if (!sp_head_add_id(head, arena, fields[i].id, fields[i].value))
			return false;
	}
	return true;
}

/* A digit at a time: this runs for every answer over TLS. */
static char *put_decimal(char *to, uint64_t value)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	while (n > 0)
		*to++ = digits[--n];
	return to;
}

static char *put_text(char *to, struct sp_str s)
{
	memcpy(to, s.p, s.n);
	return to + s.n;
}

bool sp_edit_hsts(struct sp_head *head, struct sp_arena *arena, const struct sp_conf_tls *tls)
{
	static const char longest[] = "max-age=18446744073709551615; includeSubDomains; preload";
	char *value, *to;

	if (tls->hsts == 0 || sp_head_find(head, SP_F_STRICT_TRANSPORT_SECURITY) != NULL)
		return true;
	value = sp_arena_alloc(arena, sizeof(longest));
	if (value == NULL)
		return false;
	to = put_decimal(put_text(value, SP_STR("max-age=")), tls->hsts);
	if (tls->has_hsts_subdomains)
		to = put_text(to, SP_STR("; includeSubDomains"));
	if (tls->has_hsts_preload)
		to = put_text(to, SP_STR("; preload"));
	return sp_head_add_id(head, arena, SP_F_STRICT_TRANSPORT_SECURITY, sp_str_of(value, (size_t)(to - value)));
}
