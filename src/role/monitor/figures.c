#include "figures.h"

#include <stdlib.h>
#include <string.h>

#include "sp/tls/tls.h"

static void read_certs(struct sp_figures *f)
{
	for (size_t i = 0; i < f->conf->tls_count; i++) {
		for (size_t k = 0; k < f->conf->tls[i].cert_count; k++) {
			const struct sp_conf_cert *cert = &f->conf->tls[i].certs[k];

			if (!sp_tls_chain_expiry(cert->chain_pem, &f->expiry[cert->index]))
				f->expiry[cert->index] = 0;
		}
	}
}

bool sp_figures_init(struct sp_figures *f, const struct sp_conf *conf, const struct sp_board *board)
{
	*f = (struct sp_figures){ .conf = conf };
	f->listener_keys = calloc(conf->listener_count + 1, sizeof(*f->listener_keys));
	f->route_keys = calloc(conf->route_count + 1, sizeof(*f->route_keys));
	f->expiry = calloc(conf->cert_count + 1, sizeof(*f->expiry));
	/* Large, but memory only where there are rows. */
	f->sum = board == NULL ? NULL : calloc(1, sizeof(*f->sum));
	f->spare = board == NULL ? NULL : calloc(1, sizeof(*f->spare));
	if (f->listener_keys == NULL || f->route_keys == NULL || f->expiry == NULL ||
	    (board != NULL && (f->sum == NULL || f->spare == NULL)))
		return false;
	for (size_t i = 0; i < conf->listener_count; i++)
		f->listener_keys[i] = sp_name_key(SP_NAME_LISTENER, SP_STR(""), conf->listeners[i].section.name);
	for (size_t i = 0; i < conf->route_count; i++)
		f->route_keys[i] = sp_name_key(SP_NAME_ROUTE, SP_STR(""), conf->routes[i].section.name);
	read_certs(f);
	return true;
}

void sp_figures_fini(struct sp_figures *f)
{
	free(f->listener_keys);
	free(f->route_keys);
	free(f->expiry);
	free(f->sum);
	free(f->spare);
	*f = (struct sp_figures){ .conf = NULL };
}

void sp_figures_sum(struct sp_figures *f, const struct sp_board *board)
{
	struct sp_metrics *before = f->sum;

	if (before == NULL || !sp_metrics_sum(board, f->spare))
		return;
	f->sum = f->spare;
	f->spare = before;
}

static bool find(const uint64_t *keys, size_t n, uint64_t key, size_t *at)
{
	for (*at = 0; *at < n; ++*at)
		if (keys[*at] == key)
			return true;
	return false;
}

bool sp_figures_listener(const struct sp_figures *f, uint64_t key, struct sp_str *name)
{
	size_t i;

	*name = SP_STR("");
	if (key == 0)
		return true;
	if (!find(f->listener_keys, f->conf->listener_count, key, &i))
		return false;
	*name = f->conf->listeners[i].section.name;
	return true;
}

bool sp_figures_route(const struct sp_figures *f, uint64_t key, struct sp_str *name)
{
	size_t i;

	*name = SP_STR("");
	if (key == 0)
		return true;
	if (!find(f->route_keys, f->conf->route_count, key, &i))
		return false;
	*name = f->conf->routes[i].section.name;
	return true;
}

void sp_figures_of_route(const struct sp_figures *f, uint64_t key, unsigned first, size_t n, uint64_t *to)
{
	for (size_t row = 0; f->sum != NULL && row < sp_metrics_rows(f->sum, SP_METRICS_ROUTE); row++) {
		uint64_t keys[2];
		const sp_cell *cells = sp_metrics_at(f->sum, SP_METRICS_ROUTE, row, keys);

		for (size_t i = 0; keys[1] == key && i < n; i++)
			to[i] += sp_metrics_get(cells, first + (unsigned)i);
	}
}

uint64_t sp_figures_hits(const struct sp_figures *f, uint64_t route_key)
{
	uint64_t cells[SP_METRICS_METHODS * SP_METRICS_CODES] = { 0 }, hits = 0;

	sp_figures_of_route(f, route_key, SP_ROUTE_REQUESTS, SP_COUNT(cells), cells);
	for (size_t i = 0; i < SP_COUNT(cells); i++)
		hits += cells[i];
	return hits;
}
