#include "geodb_walk.h"

#include <endian.h>
#include <stdlib.h>

#define NOWHERE UINT32_MAX
#define CACHE 65536U                    /* places by the offset of their data, which many records share */
#define SPARE 64U                       /* steps beyond one a node */

enum { V4_BITS = 32, V6_BITS = 128, V4_DEPTH = V6_BITS - V4_BITS };

struct cached {
	uint32_t offset;                /* + 1; 0: nothing */
	struct sp_geo_place place;
};

struct walk {
	const MMDB_s *db;               /* borrowed */
	struct sp_geo_maker *maker;     /* borrowed */
	struct sp_err *err;             /* borrowed */
	struct cached *cache;           /* owned */
	uint32_t v4_root;               /* the node of ::/96 in a tree of IPv6; NOWHERE: there is none */
	uint64_t steps;
	bool is_v4;                     /* the addresses of just now */
};

struct record {                         /* one of the two that a node has */
	uint8_t type;
	uint64_t value;
	MMDB_entry_s entry;
};

/* ---- data */

/* false: the data are broken. Nothing at that path is fine: out->has_data tells. */
static bool get(const struct walk *w, MMDB_entry_s *entry, const char *const *path, MMDB_entry_data_s *out)
{
	int rc = MMDB_aget_value(entry, out, path);

	if (rc == MMDB_SUCCESS)
		return true;
	out->has_data = false;
	if (rc == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
		return true;
	return sp_err_set(w->err, "its data are broken: %s", MMDB_strerror(rc));
}

static uint16_t country_of(const MMDB_entry_data_s *data)
{
	if (!data->has_data || data->type != MMDB_DATA_TYPE_UTF8_STRING)
		return 0;
	return sp_geo_country(sp_str_of(data->utf8_string, data->data_size));
}

static uint32_t number_of(const MMDB_entry_data_s *data)
{
	if (!data->has_data)
		return 0;
	switch (data->type) {
	case MMDB_DATA_TYPE_UINT16: return data->uint16;
	case MMDB_DATA_TYPE_UINT32: return data->uint32;
	case MMDB_DATA_TYPE_UINT64: return data->uint64 <= UINT32_MAX ? (uint32_t)data->uint64 : 0;
	default: return 0;
	}
}

/* MaxMind's records have country.iso_code; flat ones country_code, or the two letters as country. */
static bool read_place(const struct walk *w, MMDB_entry_s *entry, struct sp_geo_place *place)
{
	static const char *const countries[][3] = { { "country", "iso_code", NULL }, { "country_code", NULL }, { "country", NULL } };
	static const char *const as[] = { "autonomous_system_number", NULL };
	MMDB_entry_data_s data;

	for (size_t i = 0; place->country == 0 && i < SP_COUNT(countries); i++) {
		if (!get(w, entry, countries[i], &data))
			return false;
		place->country = country_of(&data);
	}
	if (!get(w, entry, as, &data))
		return false;
	place->as = number_of(&data);
	return true;
}

static bool find_place(const struct walk *w, MMDB_entry_s *entry, struct sp_geo_place *place)
{
	struct cached *cached = &w->cache[(entry->offset * 2654435761U) >> 16];

	*place = (struct sp_geo_place){ 0, 0 };
	if (cached->offset == entry->offset + 1) {
		*place = cached->place;
		return true;
	}
	if (!read_place(w, entry, place))
		return false;
	*cached = (struct cached){ entry->offset + 1, *place };
	return true;
}

/* ---- the tree */

static bool add(const struct walk *w, const uint8_t ip[16], struct sp_geo_place place)
{
	return sp_geo_add(w->maker, w->is_v4, ip, place) || sp_err_set(w->err, "no memory for its ranges, or too many");
}

static bool read_node(const struct walk *w, uint32_t node, struct record records[2])
{
	MMDB_search_node_s read;
	int rc = MMDB_read_node(w->db, node, &read);

	if (rc != MMDB_SUCCESS)
		return sp_err_set(w->err, "its tree is broken: %s", MMDB_strerror(rc));
	records[0] = (struct record){ read.left_record_type, read.left_record, read.left_record_entry };
	records[1] = (struct record){ read.right_record_type, read.right_record, read.right_record_entry };
	return true;
}

/* A further way to the IPv4 addresses; ::/96 itself is where they live, and no address of a client. */
static bool add_alias(const struct walk *w, const uint8_t ip[16], unsigned depth)
{
	static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff }; /* ::ffff:0:0/96, which a search folds anyway */
	static const uint8_t zero[16];
	struct sp_geo_maker *maker = w->maker;
	struct sp_geo_alias *alias = &maker->aliases[maker->alias_count];

	if (memcmp(ip, zero, sizeof(zero)) == 0 || memcmp(ip, mapped, sizeof(mapped)) == 0)
		return true;
	if (depth > V4_DEPTH || maker->alias_count == SP_GEO_ALIASES)
		return sp_err_set(w->err, "its tree leads to the IPv4 addresses in too many ways");
	memcpy(&alias->hi, ip, 8);
	memcpy(&alias->lo, ip + 8, 8);
	alias->hi = be64toh(alias->hi);
	alias->lo = be64toh(alias->lo);
	alias->bits = depth;
	maker->alias_count++;
	return true;
}

static bool walk_node(struct walk *w, uint32_t node, unsigned depth, const uint8_t ip[16]);

static bool walk_record(struct walk *w, struct record *record, unsigned depth, const uint8_t ip[16])
{
	struct sp_geo_place place = { 0, 0 };

	switch (record->type) {
	case MMDB_RECORD_TYPE_SEARCH_NODE:
		if (depth == (w->is_v4 ? V4_BITS : V6_BITS))
			return sp_err_set(w->err, "its tree is deeper than an address is long");
		if (!w->is_v4 && record->value == w->v4_root)
			return add_alias(w, ip, depth) && add(w, ip, place);
		return walk_node(w, (uint32_t)record->value, depth, ip);
	case MMDB_RECORD_TYPE_EMPTY: return add(w, ip, place);
	case MMDB_RECORD_TYPE_DATA: return find_place(w, &record->entry, &place) && add(w, ip, place);
	default: return sp_err_set(w->err, "its tree is broken: a record leads nowhere");
	}
}

/* At most as deep as an address is long. */
static bool walk_node(struct walk *w, uint32_t node, unsigned depth, const uint8_t ip[16])
{
	struct record records[2];
	uint8_t right[16];

	if (++w->steps > (uint64_t)w->db->metadata.node_count + SPARE)
		return sp_err_set(w->err, "its tree is none: a part is reached in several ways");
	if (!read_node(w, node, records))
		return false;
	memcpy(right, ip, sizeof(right));
	right[depth / 8] |= (uint8_t)(0x80U >> depth % 8);
	return walk_record(w, &records[0], depth + 1, ip) && walk_record(w, &records[1], depth + 1, right);
}

/* In a tree of IPv6 the IPv4 addresses are below ::/96, or one record stands for all of them. */
static bool find_v4(struct walk *w, struct record *found)
{
	struct record records[2];

	*found = (struct record){ .type = MMDB_RECORD_TYPE_SEARCH_NODE, .value = 0 };
	for (unsigned depth = 0; w->db->metadata.ip_version == 6 && depth < V4_DEPTH; depth++) {
		if (!read_node(w, (uint32_t)found->value, records))
			return false;
		*found = records[0];
		if (found->type != MMDB_RECORD_TYPE_SEARCH_NODE)
			return true;
	}
	return true;
}

static bool walk_all(struct walk *w)
{
	static const uint8_t zero[16];
	struct record v4;

	if (w->db->metadata.ip_version != 4 && w->db->metadata.ip_version != 6)
		return sp_err_set(w->err, "is of neither IPv4 nor IPv6 addresses");
	if (w->db->metadata.node_count == 0)
		return sp_err_set(w->err, "its tree is empty");
	w->is_v4 = true;
	if (!find_v4(w, &v4) || !walk_record(w, &v4, 0, zero))
		return false;
	w->is_v4 = false;
	if (w->db->metadata.ip_version == 4)
		return true;
	w->v4_root = v4.type == MMDB_RECORD_TYPE_SEARCH_NODE ? (uint32_t)v4.value : NOWHERE;
	return walk_node(w, 0, 0, zero);
}

bool sp_geodb_walk(const MMDB_s *db, struct sp_geo_maker *maker, struct sp_err *err)
{
	struct walk w = { .db = db, .maker = maker, .err = err, .v4_root = NOWHERE };
	bool is_walked;

	w.cache = calloc(CACHE, sizeof(*w.cache));
	if (w.cache == NULL)
		return sp_err_set(err, "no memory to read it");
	is_walked = walk_all(&w);
	free(w.cache);
	if (is_walked && maker->v4.count + maker->v6.count == 0)
		return sp_err_set(err, "knows neither countries nor AS numbers");
	return is_walked;
}
