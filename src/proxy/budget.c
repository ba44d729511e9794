#include "budget.h"

#include <malloc.h>
#include <string.h>

#include "client.h"
#include "proxy_int.h"
#include "up_h1.h"

#define SECOND_MS 1000
#define PEAK_LEAST 64                   /* clients or chunks; below it giving back is not worth the work */
#define TLS_COST 49152U                 /* bytes that OpenSSL takes for a connection, a handshake's peak included */

static size_t tls_cost(const struct sp_listening *l)
{
	return l->serve->tls != NULL ? l->client_count * TLS_COST : 0;
}

static size_t used(const struct sp_proxy *proxy)
{
	size_t n = sp_chunk_lent(proxy->chunks) * sizeof(struct sp_chunk) +
	           sp_slab_alive(proxy->clients) * sizeof(struct sp_client) +
	           sp_slab_alive(proxy->exchanges) * sizeof(struct sp_exchange) +
	           sp_slab_alive(proxy->conns) * sizeof(struct sp_up_h1);

	for (size_t i = 0; i < proxy->serve->conf->listener_count; i++)
		n += tls_cost(proxy->listenings[i]);
	for (const struct sp_list *at = proxy->past_listenings.next; at != &proxy->past_listenings; at = at->next)
		n += tls_cost(SP_HOLDER(at, struct sp_listening, link));
	return n;
}

bool sp_budget_is_over(const struct sp_proxy *proxy, unsigned percent)
{
	return proxy->budget.most > 0 && used(proxy) / percent >= proxy->budget.most / 100;
}

/* After a peak: as much stays at hand as is in use, the rest goes to malloc, and from there to the kernel. */
static void give_back(struct sp_proxy *proxy)
{
	sp_slab_trim(proxy->clients);
	sp_slab_trim(proxy->exchanges);
	sp_slab_trim(proxy->conns);
	sp_chunk_trim(proxy->chunks);
	(void)malloc_trim(0);
}

static bool has_fallen(size_t now, size_t peak)
{
	return peak >= PEAK_LEAST && now < peak / 2;
}

/* The buffers of those that went to rest lie between what others still use: malloc keeps them unless it is told. */
static size_t fat_count(const struct sp_proxy *proxy)
{
	return proxy->client_count - proxy->slim_count;
}

static void note_peaks(struct sp_proxy *proxy)
{
	struct sp_budget *b = &proxy->budget;
	size_t chunks = sp_chunk_used(proxy->chunks);

	if (proxy->client_count > b->clients_peak)
		b->clients_peak = proxy->client_count;
	if (fat_count(proxy) > b->fat_peak)
		b->fat_peak = fat_count(proxy);
	if (chunks > b->chunks_peak)
		b->chunks_peak = chunks;
}

static void on_tick(struct sp_deadline *deadline)
{
	struct sp_proxy *proxy = SP_HOLDER(SP_HOLDER(deadline, struct sp_budget, tick), struct sp_proxy, budget);
	struct sp_budget *b = &proxy->budget;

	note_peaks(proxy);
	if (has_fallen(proxy->client_count, b->clients_peak) || has_fallen(fat_count(proxy), b->fat_peak) ||
	    has_fallen(sp_chunk_lent(proxy->chunks), b->chunks_peak)) {
		give_back(proxy);
		b->clients_peak = proxy->client_count;
		b->fat_peak = fat_count(proxy);
		b->chunks_peak = sp_chunk_used(proxy->chunks);
	}
	if (proxy->client_count > 0)
		sp_deadline_set(&b->tick, b->second, on_tick);
}

bool sp_budget_init(struct sp_budget *budget, struct sp_loop *loop, size_t most)
{
	memset(budget, 0, sizeof(*budget));
	budget->most = most;
	sp_deadline_init(&budget->tick);
	budget->second = sp_loop_deadlines(loop, SECOND_MS);
	return budget->second != NULL;
}

void sp_budget_fini(struct sp_budget *budget)
{
	if (budget->second != NULL)
		sp_deadline_clear(&budget->tick);
}

void sp_budget_watch(struct sp_proxy *proxy)
{
	struct sp_budget *b = &proxy->budget;

	if (proxy->client_count > b->clients_peak)
		b->clients_peak = proxy->client_count;
	if (!sp_deadline_is_set(&b->tick))
		sp_deadline_set(&b->tick, b->second, on_tick);
}
