/*
 * server - the TLS of one listener: its sites and the way from a name to one.
 */
#include "tls_int.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "sp/base/check.h"

/* The first site that has a name keeps it. */
static bool map_names(struct sp_tls_listener *listener, struct sp_tls_site *site)
{
	for (size_t i = 0; i < site->name_count; i++) {
		struct sp_str name = site->names[i];
		bool is_wild = sp_str_starts(name, SP_STR("*."));
		struct sp_map *map = is_wild ? listener->wild : listener->exact;
		struct sp_str key = is_wild ? sp_str_of(name.p + 2, name.n - 2) : name;

		if (sp_map_get(map, key) == NULL && !sp_map_set(map, key, site))
			return false;
	}
	return true;
}

static bool add_sites(struct sp_tls_listener *listener, const struct sp_conf_listener *conf, struct sp_signer *signer,
		      struct sp_err *err)
{
	for (size_t i = 0; i < conf->tls_count; i++) {
		struct sp_tls_site *site = &listener->sites[i];

		listener->site_count++;
		if (!sp_tls_site_init(site, conf->tls[i], signer, &listener->arena, err))
			return false;
		if (!map_names(listener, site))
			return sp_err_set(err, "no memory for the names of a listener");
		if (site->verify_mode != SSL_VERIFY_NONE)
			listener->has_client_verify = true;
	}
	/* Every handshake begins in the first context; the site comes with the client hello. */
	SSL_CTX_set_client_hello_cb(listener->sites[0].ctx, sp_tls_on_hello, NULL);
	return true;
}

struct sp_tls_listener *sp_tls_listener_new(const struct sp_conf_listener *conf, struct sp_signer *signer,
					    struct sp_err *err)
{
	struct sp_tls_listener *listener = calloc(1, sizeof(*listener));

	SP_ASSERT(conf->tls_count > 0);
	if (listener == NULL)
		goto no_memory;
	sp_arena_init(&listener->arena, NULL, 0, 0);
	listener->exact = sp_map_new();
	listener->wild = sp_map_new();
	listener->sites = calloc(conf->tls_count, sizeof(*listener->sites));
	if (listener->exact == NULL || listener->wild == NULL || listener->sites == NULL)
		goto no_memory;
	if (add_sites(listener, conf, signer, err))
		return listener;
	sp_tls_listener_free(listener);
	return NULL;
no_memory:
	sp_err_set(err, "no memory for a TLS listener");
	sp_tls_listener_free(listener);
	return NULL;
}

void sp_tls_listener_free(struct sp_tls_listener *listener)
{
	if (listener == NULL)
		return;
	for (size_t i = 0; i < listener->site_count; i++)
		sp_tls_site_fini(&listener->sites[i]);
	free(listener->sites);
	sp_map_free(listener->exact);
	sp_map_free(listener->wild);
	sp_arena_fini(&listener->arena);
	free(listener);
}

bool sp_tls_listener_has_client_verify(const struct sp_tls_listener *listener)
{
	return listener->has_client_verify;
}
