#include "sp/board/recent.h"

#include <string.h>

#include "sp/board/metrics.h"

void sp_recent_text(char *to, size_t n, struct sp_str from)
{
	const size_t most = from.n < n - 1 ? from.n : n - 1;

	for (size_t i = 0; i < most; i++)
		to[i] = from.p[i] >= 0x20 && from.p[i] < 0x7f ? from.p[i] : '?';
	to[most] = '\0';
}

void sp_recent_add(struct sp_recent *own, const struct sp_recent_error *error)
{
	const uint32_t count = atomic_load_explicit(&own->count, memory_order_relaxed);
	uint64_t words[SP_RECENT_WORDS] = { 0 };
	_Atomic uint32_t *seq = &own->ring[count % SP_RECENT_ENTRIES].seq;
	const uint32_t before = atomic_load_explicit(seq, memory_order_relaxed) & ~1U;

	memcpy(words, error, sizeof(*error));
	atomic_store_explicit(seq, before + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < SP_RECENT_WORDS; i++)
		atomic_store_explicit(&own->ring[count % SP_RECENT_ENTRIES].words[i], words[i], memory_order_relaxed);
	atomic_store_explicit(seq, before + 2, memory_order_release);
	atomic_store_explicit(&own->count, count + 1, memory_order_release);
}

static void clean(char *text, size_t n)
{
	text[n - 1] = '\0';
	sp_recent_text(text, n, sp_str(text));
}

static void clean_all(struct sp_recent_error *error)
{
	clean(error->id, sizeof(error->id));
	clean(error->client, sizeof(error->client));
	clean(error->method, sizeof(error->method));
	clean(error->host, sizeof(error->host));
	clean(error->path, sizeof(error->path));
	clean(error->rule, sizeof(error->rule));
	error->status = error->status < 600 ? error->status : 0;
	error->cause = error->cause < SP_METRICS_CAUSES && sp_metrics_cause_words[error->cause] != NULL ? error->cause
													: 0;
	error->at = error->at < SP_METRICS_ATS ? error->at : 0;
}

bool sp_recent_get(const struct sp_recent *recent, uint32_t age, struct sp_recent_error *error)
{
	const uint32_t count = atomic_load_explicit(&recent->count, memory_order_acquire);
	const uint32_t at = (count - 1 - age) % SP_RECENT_ENTRIES;
	uint64_t words[SP_RECENT_WORDS];
	uint32_t seq;

	if (age >= SP_RECENT_ENTRIES || age >= count)
		return false;
	seq = atomic_load_explicit(&recent->ring[at].seq, memory_order_acquire);
	for (size_t i = 0; i < SP_RECENT_WORDS; i++)
		words[i] = atomic_load_explicit(&recent->ring[at].words[i], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	if (seq % 2 != 0 || atomic_load_explicit(&recent->ring[at].seq, memory_order_relaxed) != seq)
		return false;
	memcpy(error, words, sizeof(*error));
	clean_all(error);
	return true;
}
