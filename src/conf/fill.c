#include "fill.h"

#include <stdio.h>

#include "expand.h"
#include "near.h"
#include "value.h"

#define FILL_ERROR(f, at, ...) sp_conf_report_add((f)->doc->report, SP_CONF_ERROR, (at), __VA_ARGS__)

static const struct sp_conf_at no_place = { .file = NULL };

/* The type of a section, or NULL with an error. */
static const struct sp_conf_type *find_type(const struct sp_fill *f, const struct sp_doc_part *part)
{
	const struct sp_conf_type *type = sp_conf_type_find(part->type);
	struct sp_near near = sp_near_to(part->type);
	char hint[SP_NEAR_TEXT];
	size_t count;

	if (type == NULL) {
		const struct sp_conf_type *const *types = sp_conf_types(&count);

		for (size_t i = 0; i < count; i++)
			sp_near_offer(&near, sp_str(types[i]->name), no_place);
		FILL_ERROR(f, part->at, "unknown section [%.*s]%s", SP_STR_ARG(part->title), sp_near_text(&near, hint));
	} else if (type->is_named && part->name.n == 0) {
		FILL_ERROR(f, part->at, "[%s] needs a name: [%s:NAME]", type->name, type->name);
	} else if (!type->is_named && part->name.n > 0) {
		FILL_ERROR(f, part->at, "there is only one [%s]: it has no name", type->name);
	} else {
		return type;
	}
	return NULL;
}

static const struct sp_conf_key *find_key(const struct sp_fill *f, const struct sp_doc_part *part,
					  const struct sp_doc_item *item)
{
	const struct sp_conf_key *key = sp_conf_key_find(part->spec, item->key);
	struct sp_near near = sp_near_to(item->key);
	char hint[SP_NEAR_TEXT];

	if (key == NULL) {
		for (size_t i = 0; i < part->spec->key_count; i++)
			sp_near_offer(&near, sp_str(part->spec->keys[i].name), no_place);
		FILL_ERROR(f, item->at, "unknown key \"%.*s\" in [%.*s]%s", SP_STR_ARG(item->key),
			   SP_STR_ARG(part->title), sp_near_text(&near, hint));
		return NULL;
	}
	if (key->is_later) {
		FILL_ERROR(f, item->at, "\"%s\" in [%.*s] is not in this build", key->name, SP_STR_ARG(part->title));
		return NULL;
	}
	return key;
}

/* A scalar is set once, and an included file does not reach into a section that another file began. */
static bool may_set(const struct sp_fill *f, const struct sp_doc_part *part, const struct sp_doc_item *item,
		    const struct sp_conf_key *key)
{
	if (key->kind == SP_CONF_INCLUDE && strcmp(item->at.file, f->main_file) != 0) {
		FILL_ERROR(f, item->at, "\"include\" stands only in the main file, %s", f->main_file);
		return false;
	}
	if (sp_conf_kind_is_list(key->kind))
		return true;
	for (const struct sp_doc_item *other = part->first; other != item; other = other->next) {
		if (other->row == key) {
			FILL_ERROR(f, item->at, "\"%s\" in [%.*s] is set already at %s:%d", key->name,
				   SP_STR_ARG(part->title), other->at.file, other->at.line);
			return false;
		}
	}
	if (part->at.file != NULL && strcmp(item->at.file, part->at.file) != 0) {
		FILL_ERROR(f, item->at,
			   "\"%s\" in [%.*s]: the section begins at %s:%d, another file may only add to its lists",
			   key->name, SP_STR_ARG(part->title), part->at.file, part->at.line);
		return false;
	}
	return true;
}

static struct sp_str absolute_item(const struct sp_fill *f, const struct sp_conf_key *key, struct sp_str item)
{
	if (key->kind == SP_CONF_BINDS) {
		if (!sp_str_starts(item, SP_STR("unix:")))
			return item;
		return sp_str(sp_doc_printf(f->doc, "unix:%s",
					    sp_value_absolute(f->doc, f->folder, sp_str_of(item.p + 5, item.n - 5))));
	}
	for (const struct sp_conf_word *w = key->words; w != NULL && w->text != NULL; w++) {
		if (sp_str_eq(item, sp_str(w->text)))
			return item;
	}
	return sp_str(sp_value_absolute(f->doc, f->folder, item));
}

/* A "${" that is left after expansion is written "$${". */
static struct sp_str escape_dollars(const struct sp_fill *f, struct sp_str value)
{
	char *text;
	size_t n = 0;

	if (memchr(value.p, '$', value.n) == NULL)
		return value;
	text = sp_doc_take(f->doc, value.n * 2);
	if (text == NULL)
		return value;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '$' && i + 1 < value.n && value.p[i + 1] == '{')
			text[n++] = '$';
		text[n++] = value.p[i];
	}
	return sp_str_of(text, n);
}

/* The value as it can be read again from anywhere. */
static struct sp_str dump_text(const struct sp_fill *f, const struct sp_conf_key *key, struct sp_str value)
{
	struct sp_str item, text = SP_STR("");

	value = escape_dollars(f, value);
	if (!sp_conf_kind_is_path(key->kind))
		return value;
	if (!sp_conf_kind_has_commas(key->kind))
		return absolute_item(f, key, value);
	while (sp_str_split(&value, ',', &item)) {
		item = absolute_item(f, key, sp_str_trim(item));
		text = sp_str(sp_doc_printf(f->doc, "%.*s%s%.*s", SP_STR_ARG(text), text.n > 0 ? ", " : "",
					    SP_STR_ARG(item)));
	}
	return text;
}

/* Looks up the keys of a section and expands their values. false: no memory. */
static bool take_items(const struct sp_fill *f, struct sp_doc_part *part, struct sp_conf_section *section)
{
	struct sp_conf_set *sets;
	size_t count = 0;

	for (const struct sp_doc_item *item = part->first; item != NULL; item = item->next)
		count++;
	sets = sp_doc_take(f->doc, count * sizeof(*sets));
	if (sets == NULL)
		return false;
	section->sets = sets;
	for (struct sp_doc_item *item = part->first; item != NULL; item = item->next) {
		const struct sp_conf_key *key = find_key(f, part, item);
		struct sp_err err = { .text = "" };

		if (key == NULL || !may_set(f, part, item, key)) {
			part->is_torn = true;
			continue;
		}
		item->row = key;
		item->is_good = sp_expand(f->doc, item->written, &item->value, &item->is_secret, &err);
		if (!item->is_good)
			FILL_ERROR(f, item->at, "%s = %.*s: %s", key->name,
				   (int)(item->written.n < 120 ? item->written.n : 120), item->written.p, err.text);
		sets[section->set_count++] = (struct sp_conf_set){
			.key = key->name,
			.at = item->at,
			.text = item->is_secret || !item->is_good ? item->written : dump_text(f, key, item->value),
		};
	}
	return true;
}

static bool parse_item(struct sp_value *v, const struct sp_doc_item *item)
{
	struct sp_str rest = item->value, text;

	v->at = item->at;
	if (!sp_conf_kind_has_commas(v->key->kind)) {
		v->text = item->value;
		v->shown = item->is_secret ? item->written : v->text;
		return sp_value_parse(v);
	}
	while (sp_str_split(&rest, ',', &text)) {
		v->text = sp_str_trim(text);
		v->shown = item->is_secret ? item->written : v->text;
		if (v->text.n == 0) {
			v->shown = item->written;
			(void)sp_value_bad(v, "nothing between two commas, or behind the last");
		} else {
			(void)sp_value_parse(v);
		}
	}
	return true;
}

static void parse_default(struct sp_value *v)
{
	struct sp_doc_item item = { .value = sp_str(v->key->def), .at = no_place };

	v->part = NULL;
	(void)parse_item(v, &item); /* a test reads every default */
}

/* Lists of addresses keep their places beside them: two arrays out of one. */
static void split_places(struct sp_doc *doc, const struct sp_vec *list, size_t item_size, size_t pair_size,
			 size_t at_offset, struct sp_vec *items, struct sp_conf_at **ats)
{
	items->items = sp_doc_take(doc, list->count * item_size);
	*ats = sp_doc_take(doc, list->count * sizeof(**ats));
	if (items->items == NULL || *ats == NULL)
		return;
	for (size_t i = 0; i < list->count; i++) {
		const char *pair = (const char *)list->items + i * pair_size;

		memcpy((char *)items->items + i * item_size, pair, item_size);
		memcpy(&(*ats)[i], pair + at_offset, sizeof(**ats));
	}
	items->count = list->count;
}

/* The members of a list stand side by side: pointer [, places], count. */
static void keep_list(struct sp_value *v)
{
	struct {
		const void *items;
		struct sp_conf_at *ats;
		size_t count;
	} placed = { .items = NULL };
	struct {
		const void *items;
		size_t count;
	} plain = { v->list->items, v->list->count };
	struct sp_vec split = { .count = 0 };

	if (v->key->kind == SP_CONF_CIDRS)
		split_places(v->doc, v->list, sizeof(struct sp_cidr), sizeof(struct sp_cidr_at),
			     offsetof(struct sp_cidr_at, at), &split, &placed.ats);
	else if (v->key->kind == SP_CONF_EGRESS)
		split_places(v->doc, v->list, sizeof(struct sp_egress_rule), sizeof(struct sp_rule_at),
			     offsetof(struct sp_rule_at, at), &split, &placed.ats);
	else {
		memcpy(v->to, &plain, sizeof(plain));
		return;
	}
	placed.items = split.items;
	placed.count = split.count;
	memcpy(v->to, &placed, sizeof(placed));
}

/* The lines of the section's file, which was read before. */
static void add_lines(struct sp_value *v)
{
	const struct sp_part_addresses *made = v->section;

	for (const struct sp_doc_item *item = v->part->first; item != NULL; item = item->next)
		if (item->row != NULL && item->row->kind == SP_CONF_FILE)
			sp_value_cidr_lines(v, made->lines, sp_value_absolute(v->doc, v->folder, item->value));
}

static void fill_key(const struct sp_fill *f, struct sp_doc_part *part, const struct sp_conf_key *key, void *made)
{
	struct sp_vec list = { .items = NULL };
	struct sp_value v = {
		.doc = f->doc,
		.folder = f->folder,
		.part = part,
		.key = key,
		.section = made,
		.to = (char *)made + key->offset,
		.list = &list,
	};
	bool is_set = false, has_value = false;

	for (const struct sp_doc_item *item = part != NULL ? part->first : NULL; item != NULL; item = item->next) {
		if (item->row != key)
			continue;
		is_set = true;
		has_value = item->is_good && parse_item(&v, item);
	}
	if (key->kind == SP_CONF_CIDRS && part != NULL && part->spec == &sp_conf_type_addresses)
		add_lines(&v);
	if (!has_value && key->def != NULL)
		parse_default(&v); /* also in place of a refused one: what follows from it is not said too */
	if (!is_set && key->is_required && part != NULL && !sp_doc_is_torn(f->doc, part))
		FILL_ERROR(f, part->at, "[%.*s] has no %s", SP_STR_ARG(part->title), key->name);
	if (sp_conf_kind_is_list(key->kind))
		keep_list(&v);
}

static void *make(const struct sp_fill *f, const struct sp_conf_type *type)
{
	struct sp_conf_section *section = sp_doc_take(f->doc, type->size);

	if (section == NULL)
		return NULL;
	section->type = type->name;
	section->name = SP_STR("");
	if (type == &sp_conf_type_route)
		((struct sp_part_route *)(void *)section)->pub.body_max = UINT64_MAX; /* absent: the listener's */
	return section;
}

/* Files first: the lines of one may belong to a list beside it. */
static void fill_keys(const struct sp_fill *f, struct sp_doc_part *part, void *made, bool is_of_files)
{
	for (size_t i = 0; i < part->spec->key_count; i++) {
		const struct sp_conf_key *key = &part->spec->keys[i];

		if (!key->is_later && (key->kind == SP_CONF_FILE) == is_of_files)
			fill_key(f, part, key, made);
	}
}

static void fill_part(const struct sp_fill *f, struct sp_doc_part *part)
{
	struct sp_conf_section *made;

	part->spec = find_type(f, part);
	if (part->spec == NULL)
		return;
	made = make(f, part->spec);
	if (made == NULL || !take_items(f, part, made))
		return;
	if (part->name.n > 0)
		made->name = part->name;
	made->at = part->at;
	fill_keys(f, part, made, true);
	fill_keys(f, part, made, false);
	part->made = made;
}

void *sp_fill_defaults(const struct sp_fill *f, const struct sp_conf_type *type)
{
	struct sp_conf_section *made = make(f, type);

	if (made == NULL)
		return NULL;
	for (size_t i = 0; i < type->key_count; i++) {
		if (!type->keys[i].is_later)
			fill_key(f, NULL, &type->keys[i], made);
	}
	return made;
}

void *sp_fill_single(const struct sp_fill *f, const struct sp_conf_type *type)
{
	struct sp_doc_part *part = sp_map_get(f->doc->by_title, sp_str(type->name));
	size_t before = f->doc->report->errors;

	if (part == NULL)
		return sp_fill_defaults(f, type);
	fill_part(f, part);
	return f->doc->report->errors == before ? part->made : NULL;
}

void sp_fill_all(const struct sp_fill *f)
{
	/* Lists of addresses first: the others refer to what is in them. */
	for (struct sp_doc_part *part = f->doc->first; part != NULL; part = part->next) {
		if (sp_str_eq(part->type, sp_str(sp_conf_type_addresses.name)))
			fill_part(f, part);
	}
	for (struct sp_doc_part *part = f->doc->first; part != NULL; part = part->next) {
		if (!sp_str_eq(part->type, sp_str(sp_conf_type_addresses.name)))
			fill_part(f, part);
	}
}
