/*
 * cidr - prefixes, and a table from prefixes to values.
 *
 * The table is two path-compressed binary tries (v4, v6) whose nodes lie in a
 * flat array. A node stands for a prefix; each child's prefix is longer and
 * begins with it. Node 0 is the empty prefix. A search meets at most as many
 * nodes as an address has bits, far fewer in practice.
 */
#include "sp/base/cidr.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned full_bits(const struct sp_addr *addr)
{
	return addr->family == SP_ADDR_V4 ? 32 : 128;
}

/* An address as a number that begins at the top bit; v4 fills the first 32. */
struct key {
	uint64_t hi, lo;
};

static struct key key_of(const uint8_t ip[16])
{
	struct key key;

	memcpy(&key.hi, ip, 8);
	memcpy(&key.lo, ip + 8, 8);
	return (struct key){ be64toh(key.hi), be64toh(key.lo) };
}

/* The key and the family of addr, v4-mapped ones folded; false: not an IP address. Copies no struct: lookups run for
 * every client. */
static bool folded_key(const struct sp_addr *addr, struct key *key, bool *is_v4)
{
	*key = key_of(addr->ip);
	*is_v4 = addr->family == SP_ADDR_V4;
	if (addr->family == SP_ADDR_V6 && key->hi == 0 && key->lo >> 32 == 0xffff) {
		*key = (struct key){ key->lo << 32, 0 };
		*is_v4 = true;
	}
	return addr->family == SP_ADDR_V4 || addr->family == SP_ADDR_V6;
}

/* Bits that a and b have in common from the top. */
static unsigned common_bits(struct key a, struct key b)
{
	if (a.hi != b.hi)
		return (unsigned)__builtin_clzll(a.hi ^ b.hi);
	if (a.lo != b.lo)
		return 64U + (unsigned)__builtin_clzll(a.lo ^ b.lo);
	return 128;
}

static unsigned bit_at(struct key key, unsigned i)
{
	return (unsigned)(i < 64 ? key.hi >> (63U - i) : key.lo >> (127U - i)) & 1U;
}

static bool has_bits_below(struct key key, unsigned bits)
{
	if (bits >= 64)
		return bits < 128 && key.lo << (bits - 64) != 0;
	return key.lo != 0 || key.hi << bits != 0;
}

/* The family of the text, not of the folded address, bounds the bits. */
static bool parse_bits(struct sp_str text, unsigned full, unsigned *out)
{
	uint64_t bits;

	if (text.n > 1 && text.p[0] == '0')
		return false;
	if (!sp_str_u64(text, full, &bits))
		return false;
	*out = (unsigned)bits;
	return true;
}

bool sp_cidr_parse(struct sp_str text, struct sp_cidr *out)
{
	struct sp_str rest = text, ip;
	struct sp_addr addr, folded;
	unsigned bits;

	if (!sp_str_split(&rest, '/', &ip) || !sp_addr_parse_ip(ip, &addr))
		return false;
	bits = full_bits(&addr);
	if (rest.p != NULL && !parse_bits(rest, bits, &bits))
		return false;
	if (has_bits_below(key_of(addr.ip), bits))
		return false;
	folded = sp_addr_fold(&addr);
	if (folded.family != addr.family && bits >= 96) {
		addr = folded; /* ::ffff:10.0.0.0/104 is 10.0.0.0/8: lookups fold as well */
		bits -= 96;
	}
	*out = (struct sp_cidr){ .addr = addr, .bits = (uint8_t)bits };
	return true;
}

bool sp_cidr_has(const struct sp_cidr *cidr, const struct sp_addr *addr)
{
	struct key key;
	bool is_v4;

	if (!folded_key(addr, &key, &is_v4) || cidr->addr.family != (is_v4 ? SP_ADDR_V4 : SP_ADDR_V6))
		return false;
	return common_bits(key_of(cidr->addr.ip), key) >= cidr->bits;
}

const char *sp_cidr_text(const struct sp_cidr *cidr, char text[static SP_ADDR_TEXT])
{
	char ip[SP_ADDR_TEXT];

	snprintf(text, SP_ADDR_TEXT, "%.107s/%u", sp_addr_ip_text(&cidr->addr, ip), (unsigned)cidr->bits);
	return text;
}

struct node {
	struct key key; /* bits below the prefix are 0 */
	uint32_t child[2]; /* index by the bit behind the prefix; 0 = none */
	uint32_t value; /* 0 = only a fork */
	uint32_t bits;
};

struct trie {
	struct node *nodes; /* owned */
	uint32_t count, room;
};

struct sp_cidr_table {
	struct trie v4, v6;
};

/* Room for n more nodes. */
static bool make_room(struct trie *trie, uint32_t n)
{
	uint32_t room = trie->room > 0 ? trie->room : 16;
	struct node *nodes;

	if (trie->room - trie->count >= n)
		return true;
	if (room > UINT32_MAX / 2)
		return false;
	if (trie->room > 0)
		room *= 2;
	nodes = realloc(trie->nodes, (size_t)room * sizeof(*nodes));
	if (nodes == NULL)
		return false;
	trie->nodes = nodes;
	trie->room = room;
	return true;
}

/* The caller made room. */
static uint32_t add_node(struct trie *trie, struct key key, unsigned bits, uint32_t value)
{
	trie->nodes[trie->count] = (struct node){ .key = key, .bits = bits, .value = value };
	return trie->count++;
}

static bool init_trie(struct trie *trie)
{
	if (!make_room(trie, 1))
		return false;
	add_node(trie, (struct key){ 0, 0 }, 0, 0);
	return true;
}

struct sp_cidr_table *sp_cidr_table_new(void)
{
	struct sp_cidr_table *table = calloc(1, sizeof(*table));

	if (table == NULL || !init_trie(&table->v4) || !init_trie(&table->v6)) {
		sp_cidr_table_free(table);
		return NULL;
	}
	return table;
}

void sp_cidr_table_free(struct sp_cidr_table *table)
{
	if (table == NULL)
		return;
	free(table->v4.nodes);
	free(table->v6.nodes);
	free(table);
}

static struct key cut_key(struct key key, unsigned bits)
{
	if (bits == 0)
		return (struct key){ 0, 0 };
	if (bits <= 64)
		return (struct key){ key.hi & ~(uint64_t)0 << (64 - bits), 0 };
	return (struct key){ key.hi, key.lo & ~(uint64_t)0 << (128 - bits) };
}

/* `node` begins key and is shorter; its child on key's side parts from key after `common` bits. */
static void split_child(struct trie *trie, uint32_t node, struct key key, unsigned bits, unsigned common,
			uint32_t value)
{
	unsigned side = bit_at(key, trie->nodes[node].bits);
	uint32_t below = trie->nodes[node].child[side];
	uint32_t above = add_node(trie, cut_key(key, common), common, common == bits ? value : 0);

	trie->nodes[above].child[bit_at(trie->nodes[below].key, common)] = below;
	if (common < bits)
		trie->nodes[above].child[bit_at(key, common)] = add_node(trie, key, bits, value);
	trie->nodes[node].child[side] = above;
}

static bool add_prefix(struct trie *trie, struct key key, unsigned bits, uint32_t value)
{
	uint32_t at = 0;

	if (!make_room(trie, 2))
		return false;
	while (trie->nodes[at].bits < bits) {
		unsigned side = bit_at(key, trie->nodes[at].bits);
		uint32_t next = trie->nodes[at].child[side];
		unsigned common;

		if (next == 0) {
			next = add_node(trie, key, bits, value);
			trie->nodes[at].child[side] = next;
			return true;
		}
		common = common_bits(key, trie->nodes[next].key);
		common = common < bits ? common : bits;
		if (common < trie->nodes[next].bits) {
			split_child(trie, at, key, bits, common, value);
			return true;
		}
		at = next;
	}
	trie->nodes[at].value = value;
	return true;
}

bool sp_cidr_table_add(struct sp_cidr_table *table, const struct sp_cidr *cidr, uint32_t value)
{
	struct key key = cut_key(key_of(cidr->addr.ip), cidr->bits);

	SP_ASSERT(value > 0);
	SP_ASSERT(cidr->addr.family == SP_ADDR_V4 || cidr->addr.family == SP_ADDR_V6);
	SP_ASSERT(cidr->bits <= full_bits(&cidr->addr));
	return add_prefix(cidr->addr.family == SP_ADDR_V4 ? &table->v4 : &table->v6, key, cidr->bits, value);
}

uint32_t sp_cidr_table_find(const struct sp_cidr_table *table, const struct sp_addr *addr)
{
	const struct node *nodes;
	uint32_t at = 0, best = 0;
	unsigned full;
	struct key key;
	bool is_v4;

	if (!folded_key(addr, &key, &is_v4))
		return 0;
	nodes = is_v4 ? table->v4.nodes : table->v6.nodes;
	full = is_v4 ? 32 : 128;
	do {
		const struct node *node = &nodes[at];

		if (common_bits(key, node->key) < node->bits)
			return best;
		if (node->value != 0)
			best = node->value;
		at = node->bits < full ? node->child[bit_at(key, node->bits)] : 0;
	} while (at != 0);
	return best;
}
