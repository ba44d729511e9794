/*
 * fuzz_dns - an answer of a name server. Byte 0: the family that is asked for, and whether head and question are put right, so
 * that the records are read too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/role/monitor/dns.h"
#include "sp/base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 12, IS_V6 = 1, IS_OURS = 2 };

static void make_ours(const struct sp_dns_query *query, uint8_t *bytes, size_t n)
{
	const size_t end = query->n - 11; /* our question, without the EDNS record behind it */

	if (n < end)
		return;
	memcpy(bytes, query->bytes, 2);
	bytes[2] |= 0x80;
	bytes[3] &= 0xf0;
	memcpy(bytes + 4, query->bytes + 4, 2);
	memcpy(bytes + HEAD, query->bytes + HEAD, end - HEAD);
}

static void check(const struct sp_dns_query *query, enum sp_dns_rc rc, const struct sp_dns_answer *answer)
{
	SP_ASSERT(answer->count <= SP_DNS_ADDRS && answer->ttl <= INT32_MAX && answer->why != NULL);
	SP_ASSERT((rc == SP_DNS_ADDRESSES) == (answer->count > 0) || rc == SP_DNS_FAILED);
	SP_ASSERT((rc == SP_DNS_FAILED) == (answer->why[0] != '\0'));
	for (uint32_t i = 0; i < answer->count; i++)
		SP_ASSERT(answer->addrs[i].family == query->family && answer->addrs[i].port == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_dns_query query;
	struct sp_dns_answer answer;
	uint8_t *bytes = malloc(size + 1); /* exactly its bytes */

	SP_ASSERT(bytes != NULL);
	if (size > 0) {
		const enum sp_addr_family family = (data[0] & IS_V6) != 0 ? SP_ADDR_V6 : SP_ADDR_V4;

		SP_ASSERT(sp_dns_ask(&query, SP_STR("app.internal"), family, 0x1234));
		memcpy(bytes, data + 1, size - 1);
		if ((data[0] & IS_OURS) != 0)
			make_ours(&query, bytes, size - 1);
		bytes = realloc(bytes, size);
		SP_ASSERT(bytes != NULL);
		check(&query, sp_dns_read(&query, bytes, size - 1, &answer), &answer);
	}
	free(bytes);
	return 0;
}
