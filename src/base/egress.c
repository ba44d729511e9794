/*
 * egress - may we connect there? First the floor, then the allowlist.
 */
#include "sp/base/egress.h"

#include <string.h>

struct range {
	enum sp_addr_family family;
	uint8_t ip[16];
	uint8_t bits;
	enum sp_egress_verdict verdict;
};

/* Loopback stands apart: it is the one part of the floor that `allow` can open. */
static const struct range never[] = {
	{ SP_ADDR_V4, { 0 }, 8, SP_EGRESS_UNSPECIFIED },
	{ SP_ADDR_V4, { 169, 254 }, 16, SP_EGRESS_LINK_LOCAL },
	{ SP_ADDR_V4, { 224 }, 4, SP_EGRESS_MULTICAST },
	{ SP_ADDR_V4, { 240 }, 4, SP_EGRESS_BROADCAST }, /* 255.255.255.255 among them */
	{ SP_ADDR_V6, { 0 }, 128, SP_EGRESS_UNSPECIFIED },
	{ SP_ADDR_V6, { 0xfe, 0x80 }, 10, SP_EGRESS_LINK_LOCAL },
	{ SP_ADDR_V6, { 0xfd, 0x00, 0x0e, 0xc2 }, 32, SP_EGRESS_LINK_LOCAL },
	{ SP_ADDR_V6, { 0xff }, 8, SP_EGRESS_MULTICAST },
};

static const struct range loopback[] = {
	{ SP_ADDR_V4, { 127 }, 8, SP_EGRESS_LOOPBACK },
	{ SP_ADDR_V6, { [15] = 1 }, 128, SP_EGRESS_LOOPBACK },
};

static const struct range private_nets[] = {
	{ SP_ADDR_V4, { 10 }, 8, SP_EGRESS_OK },        { SP_ADDR_V4, { 172, 16 }, 12, SP_EGRESS_OK },
	{ SP_ADDR_V4, { 192, 168 }, 16, SP_EGRESS_OK }, { SP_ADDR_V4, { 100, 64 }, 10, SP_EGRESS_OK },
	{ SP_ADDR_V6, { 0xfc }, 7, SP_EGRESS_OK },
};

/*
 * IPv6 addresses that a translator or a tunnel turns into an IPv4 address. Its
 * four bytes begin at `at`. The prefix that a site chose for its own NAT64
 * cannot be known here; those with a meaning fixed by an RFC can.
 */
static const struct {
	uint8_t ip[16];
	uint8_t bits, at;
	uint8_t flip; /* xored to each byte */
} embeddings[] = {
	{ { 0 }, 96, 12, 0 }, /* IPv4-compatible, RFC 4291 2.5.5.1 */
	{ { [8] = 0xff, [9] = 0xff }, 96, 12, 0 }, /* IPv4-translated ::ffff:0:0:0/96, RFC 2765 */
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, 12, 0 }, /* NAT64, RFC 6052 */
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48, 12, 0 }, /* NAT64 of the site, RFC 8215 */
	{ { 0x20, 0x02 }, 16, 2, 0 }, /* 6to4, RFC 3056 */
	{ { 0x20, 0x01, 0x00, 0x00 }, 32, 4, 0 }, /* Teredo's server, RFC 4380 */
	{ { 0x20, 0x01, 0x00, 0x00 }, 32, 12, 0xff }, /* Teredo's client */
};

/* Do a and b begin with the same `bits` bits? */
static bool has_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8U - rest) == 0;
}

static enum sp_egress_verdict find_range(const struct range *ranges, size_t n, const struct sp_addr *to,
					 enum sp_egress_verdict otherwise)
{
	for (size_t i = 0; i < n; i++) {
		if (ranges[i].family == to->family && has_prefix(to->ip, ranges[i].ip, ranges[i].bits))
			return ranges[i].verdict;
	}
	return otherwise;
}

static bool is_in(const struct range *ranges, size_t n, const struct sp_addr *to)
{
	return find_range(ranges, n, to, SP_EGRESS_FAMILY) != SP_EGRESS_FAMILY;
}

static bool is_loopback(const struct sp_addr *to)
{
	return is_in(loopback, SP_COUNT(loopback), to);
}

static bool is_wildcard(const struct sp_addr *own)
{
	static const uint8_t zero[16];

	return memcmp(own->ip, zero, sizeof(zero)) == 0;
}

/* Is `addr`, once folded, the IP address of `to`? */
static bool is_same_ip(const struct sp_addr *addr, const struct sp_addr *to)
{
	struct sp_addr folded;

	if (addr->family != SP_ADDR_V6)
		return sp_addr_same_ip(addr, to);
	folded = sp_addr_fold(addr);
	return sp_addr_same_ip(&folded, to);
}

static bool is_local(const struct sp_egress *egress, const struct sp_addr *to)
{
	if (is_loopback(to))
		return true;
	for (size_t i = 0; i < egress->local_count; i++) {
		if (is_same_ip(&egress->local[i], to))
			return true;
	}
	return false;
}

static bool is_own_listener(const struct sp_egress *egress, const struct sp_addr *to)
{
	for (size_t i = 0; i < egress->own_count; i++) {
		struct sp_addr own = sp_addr_fold(&egress->own[i]);

		if ((own.family != SP_ADDR_V4 && own.family != SP_ADDR_V6) || own.port != to->port)
			continue;
		if (is_wildcard(&own) ? is_local(egress, to) : sp_addr_same_ip(&own, to))
			return true;
	}
	return false;
}

static enum sp_egress_verdict check_floor(const struct sp_egress *egress, const struct sp_addr *to)
{
	enum sp_egress_verdict verdict = find_range(never, SP_COUNT(never), to, SP_EGRESS_OK);

	if (verdict == SP_EGRESS_OK && is_own_listener(egress, to))
		verdict = SP_EGRESS_OWN_LISTENER;
	return verdict;
}

static enum sp_egress_verdict check_embedded(const struct sp_egress *egress, const struct sp_addr *to)
{
	for (size_t i = 0; i < SP_COUNT(embeddings); i++) {
		struct sp_addr v4 = { .family = SP_ADDR_V4, .port = to->port };
		enum sp_egress_verdict verdict;

		if (!has_prefix(to->ip, embeddings[i].ip, embeddings[i].bits))
			continue;
		for (unsigned b = 0; b < 4; b++)
			v4.ip[b] = to->ip[embeddings[i].at + b] ^ embeddings[i].flip;
		verdict = check_floor(egress, &v4);
		if (verdict == SP_EGRESS_OK && is_loopback(&v4))
			verdict = SP_EGRESS_LOOPBACK;
		if (verdict != SP_EGRESS_OK)
			return verdict;
	}
	return SP_EGRESS_OK;
}

static bool rule_has(const struct sp_egress_rule *rule, const struct sp_addr *to)
{
	if (!sp_cidr_has(&rule->cidr, to))
		return false;
	if (rule->port_from == 0 && rule->port_to == 0)
		return true;
	return to->port >= rule->port_from && to->port <= rule->port_to;
}

/* A wide prefix that happens to hold loopback (0.0.0.0/0) does not name it; one that lies inside it does. */
static bool names_loopback(const struct sp_egress_rule *rule)
{
	for (size_t i = 0; i < SP_COUNT(loopback); i++) {
		if (rule->cidr.addr.family == loopback[i].family && rule->cidr.bits >= loopback[i].bits &&
		    has_prefix(rule->cidr.addr.ip, loopback[i].ip, loopback[i].bits))
			return true;
	}
	return false;
}

static enum sp_egress_verdict check_loopback(const struct sp_egress *egress, const struct sp_addr *to)
{
	for (size_t i = 0; egress->has_allow && i < egress->allow_count; i++) {
		if (names_loopback(&egress->allow[i]) && rule_has(&egress->allow[i], to))
			return SP_EGRESS_OK;
	}
	return SP_EGRESS_LOOPBACK;
}

static enum sp_egress_verdict check_allow(const struct sp_egress *egress, const struct sp_addr *to)
{
	for (size_t i = 0; i < egress->allow_count; i++) {
		if (rule_has(&egress->allow[i], to))
			return SP_EGRESS_OK;
	}
	return SP_EGRESS_NOT_ALLOWED;
}

static enum sp_egress_verdict check_literals(const struct sp_egress *egress, const struct sp_addr *to)
{
	for (size_t i = 0; i < egress->literal_count; i++) {
		if (egress->literals[i].port == to->port && is_same_ip(&egress->literals[i], to))
			return SP_EGRESS_OK;
	}
	return SP_EGRESS_NOT_ALLOWED;
}

bool sp_egress_is_private(const struct sp_addr *addr)
{
	struct sp_addr folded = sp_addr_fold(addr);

	if (folded.family != SP_ADDR_V4 && folded.family != SP_ADDR_V6)
		return true;
	return is_loopback(&folded) || is_in(private_nets, SP_COUNT(private_nets), &folded) ||
	       find_range(never, SP_COUNT(never), &folded, SP_EGRESS_OK) == SP_EGRESS_LINK_LOCAL;
}

enum sp_egress_verdict sp_egress_check(const struct sp_egress *egress, const struct sp_addr *to)
{
	struct sp_addr folded = sp_addr_fold(to);
	bool may_be_public = egress->has_allow && egress->is_public_ok;
	enum sp_egress_verdict verdict;

	if (folded.family != SP_ADDR_V4 && folded.family != SP_ADDR_V6)
		return SP_EGRESS_FAMILY;
	verdict = check_floor(egress, &folded);
	if (verdict != SP_EGRESS_OK)
		return verdict;
	if (is_loopback(&folded))
		return check_loopback(egress, &folded);
	if (folded.family == SP_ADDR_V6) {
		verdict = check_embedded(egress, &folded);
		if (verdict != SP_EGRESS_OK)
			return verdict;
	}
	if (!may_be_public && !is_in(private_nets, SP_COUNT(private_nets), &folded))
		return SP_EGRESS_PUBLIC;
	return egress->has_allow ? check_allow(egress, &folded) : check_literals(egress, &folded);
}

enum sp_egress_verdict sp_egress_check_resolver(const struct sp_egress *egress, const struct sp_addr *to)
{
	struct sp_addr folded = sp_addr_fold(to);
	enum sp_egress_verdict verdict;

	if (folded.port != 53)
		return sp_egress_check(egress, to);
	if (folded.family != SP_ADDR_V4 && folded.family != SP_ADDR_V6)
		return SP_EGRESS_FAMILY;
	verdict = check_floor(egress, &folded);
	return verdict == SP_EGRESS_LINK_LOCAL ? SP_EGRESS_OK : verdict;
}

static const struct {
	const char *word, *text;
} names[] = {
	[SP_EGRESS_OK] = { "ok", "allowed" },
	[SP_EGRESS_LINK_LOCAL] = { "link_local", "link-local and metadata addresses are never allowed" },
	[SP_EGRESS_UNSPECIFIED] = { "unspecified", "unspecified addresses (0.0.0.0/8, ::) are never allowed" },
	[SP_EGRESS_MULTICAST] = { "multicast", "multicast addresses are never allowed" },
	[SP_EGRESS_BROADCAST] = { "broadcast", "broadcast and reserved addresses are never allowed" },
	[SP_EGRESS_LOOPBACK] = { "loopback", "loopback is not allowed unless [egress] allow names it" },
	[SP_EGRESS_OWN_LISTENER] = { "own_listener", "this gateway listens there itself" },
	[SP_EGRESS_PUBLIC] = { "public", "not a private address; [egress] allow with public = yes would permit it" },
	[SP_EGRESS_NOT_ALLOWED] = { "not_allowed", "outside [egress] allow and the backends declared by address" },
	[SP_EGRESS_FAMILY] = { "family", "not an IP address" },
};

const char *sp_egress_text(enum sp_egress_verdict verdict)
{
	return names[verdict].text;
}

const char *sp_egress_word(enum sp_egress_verdict verdict)
{
	return names[verdict].word;
}
