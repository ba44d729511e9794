#include "sp/base/geo.h"

#include <endian.h>
#include <stdlib.h>

#define MAGIC "sallyport geo 1"
#define RANGES_MAX (16U << 20)          /* of one family; a City database of all the world has some millions */

struct header {
	char magic[16];
	uint32_t v4_count, v6_count, alias_count;
	uint32_t has_countries, has_as, reserved;
	struct sp_geo_alias aliases[SP_GEO_ALIASES];
};

struct packed_place {                   /* as it lies in the bytes */
	uint32_t as;
	uint16_t country, reserved;
};

enum { V4_START = 4, V6_START = 16 };

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

uint16_t sp_geo_country(struct sp_str text)
{
	if (text.n != 2 || !is_letter(text.p[0]) || !is_letter(text.p[1]))
		return 0;
	/* Without their bit 0x20 both are capitals. */
	return (uint16_t)((unsigned)(text.p[0] & 0x5f) << 8 | (unsigned)(text.p[1] & 0x5f));
}

const char *sp_geo_country_text(uint16_t country, char text[static 3])
{
	text[0] = (char)(country >> 8);
	text[1] = (char)(country & 0xff);
	text[2] = '\0';
	return text;
}

/* ---- looking up */

bool sp_geo_view(struct sp_str bytes, struct sp_geo *out)
{
	struct header header;
	const char *at;
	uint64_t need = sizeof(header);

	if (bytes.n < sizeof(header))
		return false;
	memcpy(&header, bytes.p, sizeof(header));
	if (memcmp(header.magic, MAGIC, sizeof(MAGIC)) != 0 || header.alias_count > SP_GEO_ALIASES)
		return false;
	need += (uint64_t)header.v4_count * (V4_START + sizeof(struct packed_place));
	need += (uint64_t)header.v6_count * (V6_START + sizeof(struct packed_place));
	if (need != bytes.n)
		return false;
	*out = (struct sp_geo){
		.v4_count = header.v4_count,
		.v6_count = header.v6_count,
		.alias_count = header.alias_count,
		.has_countries = header.has_countries != 0,
		.has_as = header.has_as != 0,
	};
	memcpy(out->aliases, header.aliases, sizeof(out->aliases));
	at = bytes.p + sizeof(header);
	out->v4 = at;
	out->v4_places = at += (size_t)header.v4_count * V4_START;
	out->v6 = at += (size_t)header.v4_count * sizeof(struct packed_place);
	out->v6_places = at + (size_t)header.v6_count * V6_START;
	return true;
}

static bool is_ascending(const char *starts, uint32_t count, size_t size)
{
	for (uint32_t i = 1; i < count; i++)
		if (memcmp(starts + (size_t)(i - 1) * size, starts + (size_t)i * size, size) >= 0)
			return false;
	return true;
}

static bool are_places_sane(const char *places, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct packed_place place;
		char text[3];

		memcpy(&place, places + (size_t)i * sizeof(place), sizeof(place));
		if (place.reserved != 0)
			return false;
		if (place.country != 0 &&
		    sp_geo_country(sp_str_of(sp_geo_country_text(place.country, text), 2)) != place.country)
			return false;
	}
	return true;
}

bool sp_geo_check(struct sp_str bytes, struct sp_geo *out)
{
	if (!sp_geo_view(bytes, out))
		return false;
	for (uint32_t i = 0; i < out->alias_count; i++)
		if (out->aliases[i].bits == 0 || out->aliases[i].bits > 96)
			return false;
	return is_ascending(out->v4, out->v4_count, V4_START) && is_ascending(out->v6, out->v6_count, V6_START) &&
	       are_places_sane(out->v4_places, out->v4_count) && are_places_sane(out->v6_places, out->v6_count);
}

/* The last range that begins at or below ip. Starts are in network order, so bytes compare as addresses do. */
static struct sp_geo_place find(const char *starts, const char *places, uint32_t count, const uint8_t *ip, size_t size)
{
	struct packed_place place;
	uint32_t from = 0, to = count;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (memcmp(starts + (size_t)middle * size, ip, size) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	if (from == 0)
		return (struct sp_geo_place){ 0, 0 };
	memcpy(&place, places + (size_t)(from - 1) * sizeof(place), sizeof(place));
	return (struct sp_geo_place){ place.country, place.as };
}

static bool has_prefix(const struct sp_geo_alias *alias, uint64_t hi, uint64_t lo)
{
	if (alias->bits < 64)
		return (hi ^ alias->hi) >> (64 - alias->bits) == 0;
	return hi == alias->hi && (alias->bits == 64 || (lo ^ alias->lo) >> (128 - alias->bits) == 0);
}

/* The IPv4 address that an IPv6 address holds behind such a prefix. */
static bool is_alias(const struct sp_geo *geo, const uint8_t ip[16], uint8_t v4[4])
{
	uint64_t hi, lo;

	memcpy(&hi, ip, sizeof(hi));
	memcpy(&lo, ip + 8, sizeof(lo));
	hi = be64toh(hi);
	lo = be64toh(lo);
	for (uint32_t i = 0; i < geo->alias_count; i++) {
		const struct sp_geo_alias *alias = &geo->aliases[i];
		uint32_t bits = alias->bits, value;

		if (bits == 0 || bits > 96 || !has_prefix(alias, hi, lo))
			continue;
		if (bits <= 32)
			value = (uint32_t)(hi >> (32 - bits));
		else if (bits < 64)
			value = (uint32_t)(hi << (bits - 32) | lo >> (96 - bits));
		else
			value = (uint32_t)(lo >> (96 - bits));
		value = htobe32(value);
		memcpy(v4, &value, sizeof(value));
		return true;
	}
	return false;
}

struct sp_geo_place sp_geo_find(const struct sp_geo *geo, const struct sp_addr *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }; /* ::ffff:0:0/96 */
	uint8_t v4[4];

	if (addr->family == SP_ADDR_V4)
		return find(geo->v4, geo->v4_places, geo->v4_count, addr->ip, V4_START);
	if (addr->family != SP_ADDR_V6)
		return (struct sp_geo_place){ 0, 0 };
	if (memcmp(addr->ip, mapped, sizeof(mapped)) == 0)
		return find(geo->v4, geo->v4_places, geo->v4_count, addr->ip + 12, V4_START);
	if (geo->alias_count > 0 && is_alias(geo, addr->ip, v4))
		return find(geo->v4, geo->v4_places, geo->v4_count, v4, V4_START);
	return find(geo->v6, geo->v6_places, geo->v6_count, addr->ip, V6_START);
}

/* ---- making */

static bool make_room(struct sp_geo_ranges *ranges)
{
	uint32_t room = ranges->room == 0 ? 1024 : ranges->room * 2;
	void *grown;

	if (ranges->count < ranges->room)
		return true;
	if (room > RANGES_MAX)
		return false;
	grown = realloc(ranges->starts, (size_t)room * sizeof(*ranges->starts));
	if (grown == NULL)
		return false;
	ranges->starts = grown;
	grown = realloc(ranges->places, (size_t)room * sizeof(*ranges->places));
	if (grown == NULL)
		return false;
	ranges->places = grown;
	ranges->room = room;
	return true;
}

bool sp_geo_add(struct sp_geo_maker *maker, bool is_v4, const uint8_t start[16], struct sp_geo_place place)
{
	struct sp_geo_ranges *ranges = is_v4 ? &maker->v4 : &maker->v6;
	const struct sp_geo_place *last = ranges->count == 0 ? NULL : &ranges->places[ranges->count - 1];

	if (last != NULL ? last->country == place.country && last->as == place.as : place.country == 0 && place.as == 0)
		return true; /* it goes on as before */
	SP_ASSERT(last == NULL || memcmp(ranges->starts[ranges->count - 1], start, 16) < 0);
	if (!make_room(ranges))
		return false;
	SP_ASSERT(ranges->starts != NULL && ranges->places != NULL);
	memcpy(ranges->starts[ranges->count], start, 16);
	ranges->places[ranges->count++] = place;
	return true;
}

static char *put(char *to, const void *bytes, size_t n)
{
	memcpy(to, bytes, n);
	return to + n;
}

static char *put_ranges(char *to, const struct sp_geo_ranges *ranges, size_t start_size)
{
	for (uint32_t i = 0; i < ranges->count; i++)
		to = put(to, ranges->starts[i], start_size);
	for (uint32_t i = 0; i < ranges->count; i++) {
		const struct packed_place place = { ranges->places[i].as, ranges->places[i].country, 0 };

		to = put(to, &place, sizeof(place));
	}
	return to;
}

static void note_kinds(struct header *header, const struct sp_geo_ranges *ranges)
{
	for (uint32_t i = 0; i < ranges->count; i++) {
		header->has_countries |= ranges->places[i].country != 0;
		header->has_as |= ranges->places[i].as != 0;
	}
}

struct sp_str sp_geo_finish(const struct sp_geo_maker *maker)
{
	struct header header = {
		.magic = MAGIC,
		.v4_count = maker->v4.count,
		.v6_count = maker->v6.count,
		.alias_count = maker->alias_count,
	};
	size_t n = sizeof(header) + maker->v4.count * (V4_START + sizeof(struct packed_place)) +
		   maker->v6.count * (V6_START + sizeof(struct packed_place));
	char *bytes = malloc(n), *to = bytes;

	if (bytes == NULL)
		return SP_STR_NONE;
	memcpy(header.aliases, maker->aliases, sizeof(header.aliases));
	note_kinds(&header, &maker->v4);
	note_kinds(&header, &maker->v6);
	to = put(to, &header, sizeof(header));
	to = put_ranges(to, &maker->v4, V4_START);
	(void)put_ranges(to, &maker->v6, V6_START);
	return sp_str_of(bytes, n);
}

void sp_geo_maker_free(struct sp_geo_maker *maker)
{
	free(maker->v4.starts);
	free(maker->v4.places);
	free(maker->v6.starts);
	free(maker->v6.places);
	*maker = (struct sp_geo_maker){ .alias_count = 0 };
}
