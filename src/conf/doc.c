#include "doc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool sp_doc_init(struct sp_doc *doc, struct sp_arena *arena, struct sp_conf_report *report)
{
	*doc = (struct sp_doc){ .arena = arena, .report = report, .source.arena = arena };
	doc->last = &doc->first;
	doc->by_title = sp_map_new();
	return doc->by_title != NULL;
}

void sp_doc_fini(struct sp_doc *doc)
{
	sp_map_free(doc->by_title);
	doc->by_title = NULL;
}

void *sp_doc_take(struct sp_doc *doc, size_t n)
{
	void *memory = sp_arena_zalloc(doc->arena, n == 0 ? 1 : n);

	if (memory == NULL)
		doc->is_failed = true;
	return memory;
}

void sp_doc_keep_secret(struct sp_doc *doc, struct sp_str secret)
{
	struct sp_conf_secret *kept = sp_doc_take(doc, sizeof(*kept));

	if (kept == NULL)
		return;
	*kept = (struct sp_conf_secret){ .p = (char *)secret.p, .n = secret.n, .next = doc->secrets };
	doc->secrets = kept;
}

const char *sp_doc_printf(struct sp_doc *doc, const char *fmt, ...)
{
	char *text = NULL;
	struct sp_str kept;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		doc->is_failed = true;
		return "";
	}
	kept = sp_arena_copy(doc->arena, sp_str_of(text, (size_t)n));
	free(text);
	if (kept.p == NULL) {
		doc->is_failed = true;
		return "";
	}
	return kept.p;
}

struct sp_doc_part *sp_doc_open(struct sp_doc *doc, struct sp_str title, struct sp_conf_at at)
{
	struct sp_doc_part *part = sp_map_get(doc->by_title, title);
	struct sp_str rest;

	if (part != NULL)
		return part;
	part = sp_doc_take(doc, sizeof(*part));
	if (part == NULL)
		return NULL;
	part->title = title;
	part->at = at;
	part->last = &part->first;
	rest = title;
	(void)sp_str_split(&rest, ':', &part->type);
	part->name = rest;
	if (!sp_map_set(doc->by_title, title, part)) {
		doc->is_failed = true;
		return NULL;
	}
	*doc->last = part;
	doc->last = &part->next;
	return part;
}

struct sp_doc_part *sp_doc_find(const struct sp_doc *doc, const char *type, struct sp_str name)
{
	char title[64];
	int n = snprintf(title, sizeof(title), "%s:%.*s", type, SP_STR_ARG(name));

	if (n < 0 || (size_t)n >= sizeof(title))
		return NULL; /* longer than any title can be */
	return sp_map_get(doc->by_title, sp_str(title));
}

bool sp_doc_is_torn(const struct sp_doc *doc, const struct sp_doc_part *part)
{
	return doc->is_torn || (part != NULL && part->is_torn);
}

bool sp_doc_add(struct sp_doc *doc, struct sp_doc_part *part, struct sp_str key, struct sp_str value,
		struct sp_conf_at at)
{
	struct sp_doc_item *item = sp_doc_take(doc, sizeof(*item));

	if (item == NULL)
		return false;
	*item = (struct sp_doc_item){ .key = key, .written = value, .value = value, .at = at };
	*part->last = item;
	part->last = &item->next;
	return true;
}
