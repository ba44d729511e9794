#include "sticky.h"

#include <stdio.h>

#include "sp/base/siphash.h"

#include "balance.h"

void sp_sticky_name(struct sp_backend *backend)
{
	const struct sp_siphash_key *process = sp_siphash_process_key();
	const struct sp_siphash_key key = { process->k0 ^ 0x737469636b79U, process->k1 };       /* this use alone */
	struct sp_str pool = backend->pool->conf->section.name;
	uint64_t half[4] = { sp_siphash(&key, pool.p, pool.n), backend->identity };

	half[3] = sp_siphash(&key, half, sizeof(half[0]) * 3);
	half[2] = 1;
	half[2] = sp_siphash(&key, half, sizeof(half[0]) * 3);
	snprintf(backend->token, sizeof(backend->token), "%016llx%016llx", (unsigned long long)half[2],
	         (unsigned long long)half[3]);
}

static struct sp_backend *backend_of(const struct sp_pool *pool, struct sp_str token)
{
	for (size_t i = 0; token.n > 0 && i < pool->conf->backend_count; i++)
		if (sp_str_eq(token, sp_str(pool->backends[i].token)))
			return &pool->backends[i];
	return NULL;
}

struct sp_backend *sp_choose_sticky(struct sp_pool *pool, const struct sp_pool_want *want, const struct sp_among *among)
{
	const struct sp_backend *own = backend_of(pool, want->sticky);

	for (size_t i = 0; own != NULL && i < among->count; i++)
		if (among->items[i] == own)
			return among->items[i];
	return sp_choose_least_conn(pool, want, among);
}

/* ---- the request's cookie */

/* RFC 6265 4.2.1: "a=b; c=d". The pairs without ours, in `to` (room for all of `value`); ours in *token. */
static size_t copy_others(struct sp_str value, struct sp_str name, char *to, struct sp_str *token)
{
	struct sp_str pair;
	size_t n = 0;

	while (sp_str_split(&value, ';', &pair)) {
		struct sp_str rest = pair = sp_str_trim(pair), key;

		if (pair.n == 0)
			continue;
		(void)sp_str_split(&rest, '=', &key);
		if (rest.p != NULL && sp_str_eq(sp_str_trim(key), name)) {
			if (token->n == 0)
				*token = sp_str_trim(rest);
			continue;
		}
		if (n > 0) {
			to[n++] = ';';
			to[n++] = ' ';
		}
		memcpy(to + n, pair.p, pair.n);
		n += pair.n;
	}
	return n;
}

bool sp_sticky_take(struct sp_exchange *x)
{
	const struct sp_conf_pool *conf = x->pool->conf;

	if (conf->balance != SP_BALANCE_COOKIE)
		return true;
	for (uint32_t i = 0; i < x->request.field_count; i++) {
		struct sp_field *f = &x->request.fields[i];
		char *text;
		size_t n;

		if (f->is_dropped || f->id != SP_F_COOKIE || f->value.n == 0)
			continue;
		text = sp_arena_alloc(&x->arena, 2 * f->value.n);       /* a lone ";" becomes "; " */
		if (text == NULL)
			return false;
		n = copy_others(f->value, conf->balance_name, text, &x->sticky);
		f->is_dropped = n == 0;
		f->value = sp_str_of(text, n);
	}
	return true;
}

/* ---- the answer's */

static bool is_merely_full(const struct sp_exchange *x, struct sp_backend *own)
{
	size_t index = sp_backend_index(own);

	return sp_backend_is_usable(own) && (index >= 64 || (x->failed >> index & 1) == 0);
}

bool sp_sticky_give(struct sp_exchange *x)
{
	const struct sp_conf_pool *conf = x->pool->conf;
	const struct sp_backend *now = x->lease->backend;
	struct sp_backend *own;
	char *text;

	if (conf->balance != SP_BALANCE_COOKIE)
		return true;
	own = backend_of(x->pool, x->sticky);
	if (own == now || (own != NULL && is_merely_full(x, own)))
		return true;
	text = sp_arena_printf(&x->arena, "%.*s=%s; Path=/; HttpOnly; SameSite=Lax%s", SP_STR_ARG(conf->balance_name), now->token,
	                       x->from->is_tls ? "; Secure" : "");
	return text != NULL && sp_head_add_id(&x->response, &x->arena, SP_F_SET_COOKIE, sp_str(text));
}
