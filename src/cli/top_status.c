#include "top_status.h"

#include <string.h>

#include "sp/base/json.h"

struct reading {
	struct sp_json_reader r;
	struct sp_arena *arena;
};

static bool is_next(struct reading *in, const char *word)
{
	const size_t n = strlen(word);

	if (in->r.rest.n < n || memcmp(in->r.rest.p, word, n) != 0)
		return false;
	in->r.rest = sp_str_of(in->r.rest.p + n, in->r.rest.n - n);
	return true;
}

static bool read_value(struct reading *in, struct sp_top_value *value)
{
	value->text = SP_STR("");
	value->number = 0;
	if (sp_json_take(&in->r, '"'))
		return sp_json_take_text(&in->r, &value->text) == NULL;
	if (is_next(in, "null") || is_next(in, "false"))
		return true;
	if (!is_next(in, "true"))
		return sp_json_take_number(&in->r, &value->number) == NULL;
	value->number = 1;
	return true;
}

static bool read_name(struct reading *in, struct sp_str *name)
{
	return sp_json_take(&in->r, '"') && sp_json_take_text(&in->r, name) == NULL && sp_json_take(&in->r, ':');
}

/* Behind its brace. */
static bool read_row(struct reading *in, struct sp_top_row *row)
{
	struct sp_top_value values[SP_TOP_VALUES], *kept;
	size_t n = 0;

	if (!sp_json_take(&in->r, '}')) {
		do {
			struct sp_top_value value = { .name = SP_STR("") };

			if (!read_name(in, &value.name) || !read_value(in, &value))
				return false;
			if (n < SP_TOP_VALUES)
				values[n++] = value;
		} while (sp_json_take(&in->r, ','));
		if (!sp_json_take(&in->r, '}'))
			return false;
	}
	kept = sp_arena_alloc(in->arena, (n + 1) * sizeof(*kept));
	if (kept == NULL)
		return false;
	memcpy(kept, values, n * sizeof(*kept));
	*row = (struct sp_top_row){ .values = kept, .count = n };
	return true;
}

struct rows {
	struct sp_top_row *items; /* in the arena */
	size_t count, room;
};

static bool add_row(struct reading *in, struct rows *rows)
{
	struct sp_top_row row;

	if (!sp_json_take(&in->r, '{') || !read_row(in, &row))
		return false;
	if (rows->items == NULL || rows->count == rows->room) {
		const size_t room = rows->room * 2 + 8;
		struct sp_top_row *more = sp_arena_alloc(in->arena, room * sizeof(*more));

		if (more == NULL)
			return false;
		if (rows->items != NULL)
			memcpy(more, rows->items, rows->count * sizeof(*more));
		rows->items = more;
		rows->room = room;
	}
	rows->items[rows->count++] = row;
	return true;
}

static bool read_rows(struct reading *in, struct rows *rows)
{
	if (!sp_json_take(&in->r, '['))
		return add_row(in, rows);
	if (sp_json_take(&in->r, ']'))
		return true;
	do
		if (!add_row(in, rows))
			return false;
	while (sp_json_take(&in->r, ','));
	return sp_json_take(&in->r, ']');
}

static bool read_section(struct reading *in, struct sp_top_section *section)
{
	struct rows rows = { .items = NULL };

	if (!read_name(in, &section->name) || !read_rows(in, &rows))
		return false;
	section->rows = rows.items;
	section->count = rows.count;
	return true;
}

bool sp_top_read(struct sp_str json, struct sp_arena *arena, struct sp_top_status *out)
{
	struct reading in = { .r = { .rest = json, .to = sp_arena_alloc(arena, json.n + 1) }, .arena = arena };

	out->count = 0;
	if (in.r.to == NULL || !sp_json_take(&in.r, '{'))
		return false;
	do {
		struct sp_top_section section;

		if (!read_section(&in, &section))
			return false;
		if (out->count < SP_TOP_SECTIONS)
			out->sections[out->count++] = section;
	} while (sp_json_take(&in.r, ','));
	return sp_json_take(&in.r, '}');
}

const struct sp_top_section *sp_top_section(const struct sp_top_status *status, const char *name)
{
	static const struct sp_top_section none;

	for (size_t i = 0; status != NULL && i < status->count; i++)
		if (sp_str_eq(status->sections[i].name, sp_str(name)))
			return &status->sections[i];
	return &none;
}

static const struct sp_top_value *find(const struct sp_top_row *row, const char *name)
{
	for (size_t i = 0; row != NULL && i < row->count; i++)
		if (sp_str_eq(row->values[i].name, sp_str(name)))
			return &row->values[i];
	return NULL;
}

struct sp_str sp_top_text(const struct sp_top_row *row, const char *name)
{
	const struct sp_top_value *value = find(row, name);

	return value == NULL ? SP_STR("") : value->text;
}

uint64_t sp_top_number(const struct sp_top_row *row, const char *name)
{
	const struct sp_top_value *value = find(row, name);

	return value == NULL ? 0 : value->number;
}

const struct sp_top_row *sp_top_same(const struct sp_top_section *in, const struct sp_top_row *as, const char *name,
				     const char *other)
{
	for (size_t i = 0; i < in->count; i++) {
		const struct sp_top_row *row = &in->rows[i];

		if (sp_str_eq(sp_top_text(row, name), sp_top_text(as, name)) &&
		    (other == NULL || sp_str_eq(sp_top_text(row, other), sp_top_text(as, other))))
			return row;
	}
	return NULL;
}
