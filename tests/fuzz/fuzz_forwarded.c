/*
 * fuzz_forwarded - what a trusted balancer may send in front of all.
 *
 * An answer other than "more" stays whatever follows, and is the same for the
 * header alone; a header has a bounded length that was there; one byte less of
 * it is "more". Each reading has exactly its bytes in memory.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sp/base/check.h"
#include "sp/net/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum sp_forwarded_rc read_exactly(const uint8_t *data, size_t n, struct sp_forwarded *out)
{
	uint8_t *copy = malloc(n + 1);
	enum sp_forwarded_rc rc;

	SP_ASSERT(copy != NULL);
	if (n > 0)
		memcpy(copy + 1, data, n);
	rc = sp_forwarded_read(copy + 1, n, out);
	free(copy);
	return rc;
}

static void check_addr(const struct sp_addr *addr)
{
	struct sp_addr folded = sp_addr_fold(addr), again;
	char text[SP_ADDR_TEXT];

	SP_ASSERT(addr->family == SP_ADDR_V4 || addr->family == SP_ADDR_V6);
	SP_ASSERT(sp_addr_eq(addr, &folded));
	SP_ASSERT(sp_addr_parse_ip(sp_str(sp_addr_ip_text(addr, text)), &again) && sp_addr_same_ip(addr, &again));
}

static void check_done(const uint8_t *data, size_t size, const struct sp_forwarded *whole)
{
	struct sp_forwarded part;

	SP_ASSERT(whole->length > 0 && whole->length <= size && whole->length <= SP_FORWARDED_MAX);
	SP_ASSERT(data[0] != 'P' || whole->length <= 107);
	SP_ASSERT(read_exactly(data, whole->length - 1, &part) == SP_FORWARDED_MORE);
	SP_ASSERT(read_exactly(data, whole->length, &part) == SP_FORWARDED_DONE && part.length == whole->length);
	SP_ASSERT(part.has_addresses == whole->has_addresses);
	if (!whole->has_addresses)
		return;
	SP_ASSERT(sp_addr_eq(&part.source, &whole->source) && sp_addr_eq(&part.destination, &whole->destination));
	check_addr(&whole->source);
	check_addr(&whole->destination);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum sp_forwarded_rc rc, before = SP_FORWARDED_MORE;
	struct sp_forwarded whole, part;
	size_t step = 1 + size / 64;

	rc = read_exactly(data, size, &whole);
	SP_ASSERT(rc != SP_FORWARDED_MORE || size < SP_FORWARDED_MAX);
	for (size_t n = 0; n <= size; n += step) {
		enum sp_forwarded_rc now = read_exactly(data, n, &part);

		SP_ASSERT(before == SP_FORWARDED_MORE || now == before);
		before = now;
	}
	SP_ASSERT(before == SP_FORWARDED_MORE || before == rc);
	if (rc == SP_FORWARDED_DONE)
		check_done(data, size, &whole);
	return 0;
}
