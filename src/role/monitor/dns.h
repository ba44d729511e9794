/*
 * dns - a question for a name's addresses, and its answer (RFC 1035, 3596):
 * bytes to facts, no socket. c-ares writes the question and parses the answer;
 * that the answer is one to this very question is judged here.
 */
#ifndef SP_ROLE_MONITOR_DNS_H
#define SP_ROLE_MONITOR_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/addr.h"
#include "sp/base/check.h"

enum { SP_DNS_QUERY = 512, SP_DNS_UDP = 1232, SP_DNS_ANSWER = 65535, SP_DNS_ADDRS = 64 };

struct sp_dns_query {
	enum sp_addr_family family; /* of the addresses asked for */
	uint16_t id;
	size_t n;
	uint8_t bytes[SP_DNS_QUERY];
};

enum sp_dns_rc {
	SP_DNS_OTHER, /* no answer to this question: wait on */
	SP_DNS_ADDRESSES,
	SP_DNS_NONE, /* the name is unknown, or has no address of this family */
	SP_DNS_TRUNCATED, /* ask by TCP */
	SP_DNS_FAILED, /* the server cannot say, or says nonsense */
};

struct sp_dns_answer {
	uint32_t count;
	uint32_t ttl; /* seconds: the least of all */
	struct sp_addr addrs[SP_DNS_ADDRS]; /* without a port */
	const char *why; /* FAILED: one word */
};

/* name: as in the configuration; taken as absolute. false: no memory, or no name. */
SP_MUST_USE bool sp_dns_ask(struct sp_dns_query *query, struct sp_str name, enum sp_addr_family family, uint16_t id);
SP_MUST_USE enum sp_dns_rc sp_dns_read(const struct sp_dns_query *query, const uint8_t *bytes, size_t n,
				       struct sp_dns_answer *answer);

#endif
