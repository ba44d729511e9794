#include "dns.h"

#include <string.h>

#include <ares.h>
#include <arpa/nameser.h>

#include "sp/base/str.h"

enum { HEAD_BYTES = 12, QR = 0x80, TC = 0x02, RCODE = 0x0f, RCODE_NXDOMAIN = 3, NAME_MAX_TEXT = 253 };

bool sp_dns_ask(struct sp_dns_query *query, struct sp_str name, enum sp_addr_family family, uint16_t id)
{
	char text[NAME_MAX_TEXT + 2];
	unsigned char *bytes = NULL;
	int n = 0;
	bool is_fine;

	if (name.n == 0 || name.n > NAME_MAX_TEXT)
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	is_fine = ares_create_query(text, ns_c_in, family == SP_ADDR_V6 ? ns_t_aaaa : ns_t_a, id, 1, &bytes, &n,
				    SP_DNS_UDP) == ARES_SUCCESS &&
		  n >= HEAD_BYTES && (size_t)n <= sizeof(query->bytes);
	if (is_fine) {
		*query = (struct sp_dns_query){ .family = family, .id = id, .n = (size_t)n };
		memcpy(query->bytes, bytes, query->n);
	}
	if (bytes != NULL)
		ares_free_string(bytes);
	return is_fine;
}

/* The question section: a name's labels, a zero, type and class. The question is ours, so it is well formed. */
static size_t question_end(const struct sp_dns_query *query)
{
	size_t at = HEAD_BYTES;

	while (at < query->n && query->bytes[at] != 0)
		at += 1U + query->bytes[at];
	return at + 5;
}

/* RFC 5452 9.1: the same id and question; who answers elsewhere is kept out by the connected socket. */
static bool is_answer_to(const struct sp_dns_query *query, const uint8_t *bytes, size_t n)
{
	size_t end = question_end(query);

	if (end > query->n || n < end || (bytes[2] & QR) == 0 || bytes[4] != 0 || bytes[5] != 1)
		return false;
	if (bytes[0] != query->bytes[0] || bytes[1] != query->bytes[1])
		return false;
	for (size_t i = HEAD_BYTES; i < end; i++)
		if (sp_lower((char)bytes[i]) != sp_lower((char)query->bytes[i]))
			return false;
	return true;
}

static int parse_v4(const uint8_t *bytes, size_t n, struct sp_dns_answer *answer)
{
	struct ares_addrttl found[SP_DNS_ADDRS];
	int count = SP_DNS_ADDRS, rc = ares_parse_a_reply(bytes, (int)n, NULL, found, &count);

	for (int i = 0; rc == ARES_SUCCESS && i < count; i++) {
		struct sp_addr *to = &answer->addrs[answer->count++];

		*to = (struct sp_addr){ .family = SP_ADDR_V4 };
		memcpy(to->ip, &found[i].ipaddr, 4);
		if ((uint32_t)found[i].ttl < answer->ttl)
			answer->ttl = found[i].ttl < 0 ? 0 : (uint32_t)found[i].ttl;
	}
	return rc;
}

static int parse_v6(const uint8_t *bytes, size_t n, struct sp_dns_answer *answer)
{
	struct ares_addr6ttl found[SP_DNS_ADDRS];
	int count = SP_DNS_ADDRS, rc = ares_parse_aaaa_reply(bytes, (int)n, NULL, found, &count);

	for (int i = 0; rc == ARES_SUCCESS && i < count; i++) {
		struct sp_addr *to = &answer->addrs[answer->count++];

		*to = (struct sp_addr){ .family = SP_ADDR_V6 };
		memcpy(to->ip, &found[i].ip6addr, 16);
		if ((uint32_t)found[i].ttl < answer->ttl)
			answer->ttl = found[i].ttl < 0 ? 0 : (uint32_t)found[i].ttl;
	}
	return rc;
}

static enum sp_dns_rc failed(struct sp_dns_answer *answer, const char *why)
{
	answer->why = why;
	return SP_DNS_FAILED;
}

enum sp_dns_rc sp_dns_read(const struct sp_dns_query *query, const uint8_t *bytes, size_t n,
			   struct sp_dns_answer *answer)
{
	static const char *const words[RCODE + 1] = { [1] = "formerr", [2] = "servfail", [4] = "notimp", [5] = "refused" };
	unsigned rcode;
	int rc;

	*answer = (struct sp_dns_answer){ .ttl = INT32_MAX, .why = "" };
	if (n < HEAD_BYTES || n > SP_DNS_ANSWER || !is_answer_to(query, bytes, n))
		return SP_DNS_OTHER;
	if ((bytes[2] & TC) != 0)
		return SP_DNS_TRUNCATED;
	rcode = bytes[3] & RCODE;
	if (rcode == RCODE_NXDOMAIN)
		return SP_DNS_NONE;
	if (rcode != 0)
		return failed(answer, words[rcode] != NULL ? words[rcode] : "error");
	rc = query->family == SP_ADDR_V6 ? parse_v6(bytes, n, answer) : parse_v4(bytes, n, answer);
	if (rc == ARES_ENODATA || (rc == ARES_SUCCESS && answer->count == 0))
		return SP_DNS_NONE;
	return rc == ARES_SUCCESS ? SP_DNS_ADDRESSES : failed(answer, "bad_answer");
}
