#include "sp/conf/diff.h"

#include <string.h>

#include "doc.h"
#include "keys.h"

struct diff {
	FILE *to;
	size_t lines;
};

static const struct sp_conf_section *find_section(const struct sp_conf *conf, const char *type, struct sp_str name)
{
	for (size_t i = 0; i < conf->section_count; i++)
		if (strcmp(conf->sections[i]->type, type) == 0 && sp_str_eq(conf->sections[i]->name, name))
			return conf->sections[i];
	return NULL;
}

/* The n-th line that set the key, from 0; NULL: there is none. */
static const struct sp_conf_set *nth_set(const struct sp_conf_section *section, const char *key, size_t n)
{
	for (size_t i = 0; section != NULL && i < section->set_count; i++)
		if (strcmp(section->sets[i].key, key) == 0 && n-- == 0)
			return &section->sets[i];
	return NULL;
}

/* How often the key was set to this text. */
static size_t count_sets(const struct sp_conf_section *section, const char *key, struct sp_str text)
{
	size_t count = 0;

	for (size_t i = 0; section != NULL && i < section->set_count; i++)
		count += strcmp(section->sets[i].key, key) == 0 && sp_str_eq(section->sets[i].text, text) ? 1 : 0;
	return count;
}

static bool is_key_same(const struct sp_conf_section *was, const struct sp_conf_section *is, const char *key)
{
	for (size_t n = 0;; n++) {
		const struct sp_conf_set *a = nth_set(was, key, n), *b = nth_set(is, key, n);

		if (a == NULL || b == NULL)
			return a == b;
		if (!sp_str_eq(a->text, b->text))
			return false;
	}
}

/* The content of a file that the key names, where the section keeps it. */
static struct sp_str content_of(const struct sp_conf_section *section, const struct sp_conf_key *key)
{
	if (section == NULL || !sp_conf_kind_keeps_file(key->kind) || key->is_later)
		return SP_STR("");
	return *(const struct sp_str *)((const char *)section + key->offset);
}

static bool is_content_same(const struct sp_conf_section *was, const struct sp_conf_section *is,
			    const struct sp_conf_key *key)
{
	struct sp_str a = content_of(was, key), b = content_of(is, key);

	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ---- lines */

static void put_at(const struct diff *d, struct sp_conf_at at)
{
	if (at.file != NULL)
		(void)fprintf(d->to, " (%s:%d)", at.file, at.line);
	(void)fputc('\n', d->to);
}

static void put_head(struct diff *d, char sign, const struct sp_conf_section *section)
{
	d->lines++;
	(void)fprintf(d->to, "%c [%s%s%.*s]", sign, section->type, section->name.n > 0 ? ":" : "",
		      SP_STR_ARG(section->name));
}

static void put_item(struct diff *d, char sign, const struct sp_conf_section *section, const struct sp_conf_set *set)
{
	put_head(d, sign, section);
	(void)fprintf(d->to, " %s = %.*s", set->key, SP_STR_ARG(set->text));
	put_at(d, set->at);
}

/* Lines that `is` has more often than `was`. */
static void put_new_items(struct diff *d, char sign, const struct sp_conf_section *was,
			  const struct sp_conf_section *is, const char *key)
{
	const struct sp_conf_set *set;

	for (size_t n = 0; (set = nth_set(is, key, n)) != NULL; n++)
		if (count_sets(was, key, set->text) < count_sets(is, key, set->text))
			put_item(d, sign, is, set);
}

static struct sp_str text_or(const struct sp_conf_set *set, const struct sp_conf_key *key)
{
	return set != NULL ? set->text : sp_str(key->def != NULL ? key->def : "not set");
}

static void put_scalar(struct diff *d, const struct sp_conf_section *was, const struct sp_conf_section *is,
		       const struct sp_conf_key *key)
{
	const struct sp_conf_set *a = nth_set(was, key->name, 0), *b = nth_set(is, key->name, 0);

	put_head(d, '~', is);
	(void)fprintf(d->to, " %s: was %.*s, is %.*s", key->name, SP_STR_ARG(text_or(a, key)),
		      SP_STR_ARG(text_or(b, key)));
	put_at(d, b != NULL ? b->at : is->at);
}

static void put_list(struct diff *d, const struct sp_conf_section *was, const struct sp_conf_section *is,
		     const struct sp_conf_key *key)
{
	size_t before = d->lines;

	put_new_items(d, '-', is, was, key->name);
	put_new_items(d, '+', was, is, key->name);
	if (d->lines > before)
		return;
	put_head(d, '~', is);
	(void)fprintf(d->to, " %s: in another order", key->name);
	put_at(d, sp_conf_at(is, key->name));
}

static void compare_key(struct diff *d, const struct sp_conf_section *was, const struct sp_conf_section *is,
			const struct sp_conf_key *key)
{
	if (!is_key_same(was, is, key->name)) {
		if (sp_conf_kind_is_list(key->kind))
			put_list(d, was, is, key);
		else
			put_scalar(d, was, is, key);
	} else if (!is_content_same(was, is, key)) {
		put_head(d, '~', is);
		(void)fprintf(d->to, " %s: the file has changed", key->name);
		put_at(d, sp_conf_at(is, key->name));
	}
}

static void compare_sections(struct diff *d, const struct sp_conf *was, const struct sp_conf *is)
{
	for (size_t i = 0; i < was->section_count; i++) {
		const struct sp_conf_section *old = was->sections[i];

		if (find_section(is, old->type, old->name) != NULL)
			continue;
		put_head(d, '-', old);
		put_at(d, old->at);
	}
	for (size_t i = 0; i < is->section_count; i++) {
		const struct sp_conf_section *now = is->sections[i], *old = find_section(was, now->type, now->name);
		const struct sp_conf_type *type = sp_conf_type_find(sp_str(now->type));

		if (old == NULL) {
			put_head(d, '+', now);
			put_at(d, now->at);
		}
		for (size_t k = 0; old != NULL && k < type->key_count; k++)
			compare_key(d, old, now, &type->keys[k]);
	}
}

static const struct sp_conf_pool *find_pool(const struct sp_conf *conf, struct sp_str name)
{
	for (size_t i = 0; i < conf->pool_count; i++)
		if (sp_str_eq(conf->pools[i].section.name, name))
			return &conf->pools[i];
	return NULL;
}

static bool is_any_ca_named(const struct sp_conf_pool *a, const struct sp_conf_pool *b)
{
	return nth_set(&a->section, "tls_ca", 0) != NULL || nth_set(&b->section, "tls_ca", 0) != NULL;
}

/* Of that section, by its path; NULL: it had none. */
static const struct sp_conf_cert *find_cert(const struct sp_conf *conf, const struct sp_conf_cert *like)
{
	for (size_t i = 0; i < conf->cert_count; i++)
		if (conf->certs[i]->is_client == like->is_client &&
		    sp_str_eq(conf->certs[i]->section_name, like->section_name) &&
		    sp_str_eq(conf->certs[i]->chain_path, like->chain_path))
			return conf->certs[i];
	return NULL;
}

/* Their content is kept by pairs, not by keys. */
static void compare_certs(struct diff *d, const struct sp_conf *was, const struct sp_conf *is)
{
	for (size_t i = 0; i < is->cert_count; i++) {
		const struct sp_conf_cert *now = is->certs[i], *old = find_cert(was, now);
		struct sp_conf_section section = { .type = now->is_client ? "pool" : "tls", .name = now->section_name };

		if (old == NULL || sp_str_eq(old->chain_pem, now->chain_pem))
			continue;
		put_head(d, '~', &section);
		(void)fprintf(d->to, " %scert = %.*s: the file has changed", now->is_client ? "tls_" : "",
			      SP_STR_ARG(now->chain_path));
		put_at(d, now->at);
	}
}

/* Nobody names it, so no key tells of it. */
static void compare_system_ca(struct diff *d, const struct sp_conf *was, const struct sp_conf *is)
{
	for (size_t i = 0; i < is->pool_count; i++) {
		const struct sp_conf_pool *now = &is->pools[i], *old = find_pool(was, now->section.name);

		if (old == NULL || !now->has_tls || !old->has_tls || is_any_ca_named(now, old) ||
		    sp_str_eq(old->tls_ca_pem, now->tls_ca_pem))
			continue;
		put_head(d, '~', &now->section);
		(void)fprintf(d->to, " tls_ca: the system's store has changed");
		put_at(d, sp_conf_at(&now->section, "tls"));
	}
}

size_t sp_conf_diff(const struct sp_conf *was, const struct sp_conf *is, FILE *to)
{
	struct diff d = { .to = to };

	compare_sections(&d, was, is);
	compare_certs(&d, was, is);
	compare_system_ca(&d, was, is);
	return d.lines;
}

void sp_conf_diff_refuse(const struct sp_conf *was, const struct sp_conf *is, struct sp_conf_report *report)
{
	for (size_t i = 0; i < is->section_count; i++) {
		const struct sp_conf_section *now = is->sections[i], *old = find_section(was, now->type, now->name);
		const struct sp_conf_type *type = sp_conf_type_find(sp_str(now->type));

		for (size_t k = 0; old != NULL && k < type->key_count; k++) {
			const struct sp_conf_key *key = &type->keys[k];
			const struct sp_conf_set *a = nth_set(old, key->name, 0), *b = nth_set(now, key->name, 0);

			if (!key->needs_restart || sp_str_eq(text_or(a, key), text_or(b, key)))
				continue;
			sp_conf_report_add(report, SP_CONF_ERROR, b != NULL ? b->at : a != NULL ? a->at : now->at,
					   "%s: needs a restart: was %.*s, is %.*s", key->name,
					   SP_STR_ARG(text_or(a, key)), SP_STR_ARG(text_or(b, key)));
		}
	}
}

/* ---- pools */

static bool is_backend_same(const struct sp_conf_backend *a, const struct sp_conf_backend *b)
{
	return sp_str_eq(a->name, b->name) && sp_str_eq(a->host, b->host) && sp_addr_eq(&a->addr, &b->addr) &&
	       a->weight == b->weight && a->max_inflight == b->max_inflight && a->is_down == b->is_down;
}

/* What is read for the pool beside its keys: a certificate has one key, so its own text stands for both. */
static bool is_tls_same(const struct sp_conf_pool *a, const struct sp_conf_pool *b)
{
	if ((a->tls_cert == NULL) != (b->tls_cert == NULL))
		return false;
	return sp_str_eq(a->tls_ca_pem, b->tls_ca_pem) &&
	       (a->tls_cert == NULL || sp_str_eq(a->tls_cert->chain_pem, b->tls_cert->chain_pem));
}

static bool is_section_same(const struct sp_conf_section *was, const struct sp_conf_section *is)
{
	const struct sp_conf_type *type;

	if (was == NULL || is == NULL)
		return was == is; /* the pool of a route's `to` is nowhere written */
	type = sp_conf_type_find(sp_str(is->type));
	for (size_t k = 0; k < type->key_count; k++)
		if (!is_key_same(was, is, type->keys[k].name) || !is_content_same(was, is, &type->keys[k]))
			return false;
	return true;
}

bool sp_conf_pool_is_same(const struct sp_conf *was, const struct sp_conf_pool *old, const struct sp_conf *is,
			  const struct sp_conf_pool *now)
{
	if (!sp_str_eq(old->section.name, now->section.name) || old->backend_count != now->backend_count ||
	    !is_tls_same(old, now))
		return false;
	for (size_t i = 0; i < now->backend_count; i++)
		if (!is_backend_same(&old->backends[i], &now->backends[i]))
			return false;
	return is_section_same(find_section(was, "pool", old->section.name),
			       find_section(is, "pool", now->section.name));
}

/* ---- files */

static const struct sp_str *kept_file_of(const struct sp_conf_section *section, size_t *i)
{
	const struct sp_conf_type *type = sp_conf_type_find(sp_str(section->type));

	for (size_t k = 0; k < type->key_count; k++) {
		const struct sp_conf_set *set = nth_set(section, type->keys[k].name, 0);

		if (set != NULL && sp_conf_kind_keeps_file(type->keys[k].kind) && (*i)-- == 0)
			return &set->text;
	}
	return NULL;
}

bool sp_conf_kept_file(const struct sp_conf *conf, size_t i, struct sp_str *path)
{
	for (size_t s = 0; s < conf->section_count; s++) {
		const struct sp_str *found = kept_file_of(conf->sections[s], &i);

		if (found == NULL)
			continue;
		*path = *found;
		return true;
	}
	return false;
}
