/*
 * histogram - of latencies: cells 1.6 % wide, so that a quantile is told within that, whatever its size.
 */
#ifndef SP_BENCH_HISTOGRAM_H
#define SP_BENCH_HISTOGRAM_H

#include <math.h>
#include <stdint.h>

enum { CELLS_PER_DOUBLING = 64, CELLS = 64 * 48 };

struct histogram {
	uint64_t count, cells[CELLS];
};

static inline unsigned cell_of(uint64_t ns)
{
	unsigned doubling;

	if (ns < CELLS_PER_DOUBLING)
		return (unsigned)ns;
	doubling = 63u - (unsigned)__builtin_clzll(ns) - 6;
	doubling = (doubling + 1) * CELLS_PER_DOUBLING + (unsigned)(ns >> doubling & 63);
	return doubling < CELLS ? doubling : CELLS - 1;
}

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
	h->count++;
	h->cells[cell_of(ns)]++;
}

/* Microseconds under which that part (0 to 1) of all lies; 0 when there is none. */
static inline double histogram_quantile_us(const struct histogram *h, double part)
{
	uint64_t wanted = (uint64_t)ceil((double)h->count * part), count = 0;

	for (unsigned i = 0; i < CELLS; i++) {
		count += h->cells[i];
		if (count >= wanted && count > 0)
			return i < CELLS_PER_DOUBLING ? i / 1e3 : ldexp(64.5 + i % 64, (int)(i / 64) - 1) / 1e3;
	}
	return 0;
}

#endif
