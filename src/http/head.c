#include "sp/http/head.h"

#include <string.h>

#include "sp/base/clock.h"

#include "field.h"

enum { FIELDS_FIRST = 24 }; /* a browser sends 12, we add 6 */

void sp_head_init(struct sp_head *head, bool is_request)
{
	*head = (struct sp_head){ .is_request = is_request, .minor = 1 };
}

bool sp_head_grow(struct sp_head *head, struct sp_arena *arena)
{
	uint32_t room = head->field_room == 0 ? FIELDS_FIRST : head->field_room * 2;
	struct sp_field *fields = sp_arena_alloc(arena, room * sizeof(*fields));

	if (fields == NULL)
		return false;
	if (head->field_count > 0)
		memcpy(fields, head->fields, head->field_count * sizeof(*fields));
	head->fields = fields;
	head->field_room = room;
	return true;
}

struct sp_field *sp_head_find(const struct sp_head *head, enum sp_field_id id)
{
	if ((head->present & (UINT64_C(1) << id)) == 0)
		return NULL;
	for (uint32_t i = 0; i < head->field_count; i++)
		if (head->fields[i].id == id && !head->fields[i].is_dropped)
			return &head->fields[i];
	return NULL;
}

struct sp_field *sp_head_find_name(const struct sp_head *head, struct sp_str name)
{
	enum sp_field_id id = sp_field_id(name);

	if (id != SP_F_OTHER)
		return sp_head_find(head, id);
	for (uint32_t i = 0; i < head->field_count; i++) {
		struct sp_field *f = &head->fields[i];

		if (f->id == SP_F_OTHER && !f->is_dropped && sp_str_eq_nocase(f->name, name))
			return f;
	}
	return NULL;
}

static inline bool add(struct sp_head *head, struct sp_arena *arena, enum sp_field_id id, struct sp_str name,
		       struct sp_str value)
{
	struct sp_field *f = sp_head_push(head, arena);

	if (f == NULL)
		return false;
	f->name = name;
	f->value = value;
	f->id = id;
	f->is_dropped = false;
	head->present |= UINT64_C(1) << id;
	return true;
}

bool sp_head_add(struct sp_head *head, struct sp_arena *arena, struct sp_str name, struct sp_str value)
{
	return add(head, arena, sp_field_id(name), name, value);
}

bool sp_head_add_id(struct sp_head *head, struct sp_arena *arena, enum sp_field_id id, struct sp_str value)
{
	return add(head, arena, id, sp_field_name(id), value);
}

bool sp_head_add_date(struct sp_head *head, struct sp_arena *arena)
{
	char *text = sp_arena_alloc(arena, SP_CLOCK_HTTP);

	if (text == NULL)
		return false;
	sp_clock_http(sp_wall_ms(), text);
	return sp_head_add_id(head, arena, SP_F_DATE, sp_str_of(text, SP_CLOCK_HTTP - 1));
}

void sp_head_drop(struct sp_head *head, enum sp_field_id id)
{
	if ((head->present & (UINT64_C(1) << id)) == 0)
		return;
	for (uint32_t i = 0; i < head->field_count; i++)
		if (head->fields[i].id == id)
			head->fields[i].is_dropped = true;
}

void sp_head_drop_name(struct sp_head *head, struct sp_str name)
{
	enum sp_field_id id = sp_field_id(name);

	if (id != SP_F_OTHER) {
		sp_head_drop(head, id);
		return;
	}
	for (uint32_t i = 0; i < head->field_count; i++) {
		struct sp_field *f = &head->fields[i];

		if (f->id == SP_F_OTHER && sp_str_eq_nocase(f->name, name))
			f->is_dropped = true;
	}
}

bool sp_list_next(struct sp_str *rest, struct sp_str *item)
{
	while (sp_str_split(rest, ',', item)) {
		*item = sp_str_trim(*item);
		if (item->n > 0)
			return true;
	}
	return false;
}
