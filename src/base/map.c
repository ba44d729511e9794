/*
 * map - slices to pointers: open addressing with linear probing, half full at most.
 */
#include "sp/base/map.h"

#include <stdint.h>
#include <stdlib.h>

#include "sp/base/siphash.h"

#define ROOM_FIRST 16U

struct slot {
	uint64_t hash; /* never 0; 0 = free */
	struct sp_str key; /* borrowed */
	void *value;
};

struct sp_map {
	struct slot *slots; /* owned; a power of two of them */
	size_t room, count;
};

struct sp_map *sp_map_new(void)
{
	struct sp_map *map = calloc(1, sizeof(*map));

	if (map == NULL)
		return NULL;
	map->slots = calloc(ROOM_FIRST, sizeof(*map->slots));
	if (map->slots == NULL) {
		free(map);
		return NULL;
	}
	map->room = ROOM_FIRST;
	return map;
}

void sp_map_free(struct sp_map *map)
{
	if (map == NULL)
		return;
	free(map->slots);
	free(map);
}

static uint64_t hash_key(struct sp_str key)
{
	return sp_siphash(sp_siphash_process_key(), key.p, key.n) | 1U;
}

/* Where key is, or the free slot where it would be: one is always free. */
static struct slot *find_slot(struct slot *slots, size_t room, uint64_t hash, struct sp_str key)
{
	size_t i = (size_t)(hash >> 1) & (room - 1);

	while (slots[i].hash != 0 && !(slots[i].hash == hash && sp_str_eq(slots[i].key, key)))
		i = (i + 1) & (room - 1);
	return &slots[i];
}

static bool grow(struct sp_map *map)
{
	size_t room = map->room * 2;
	struct slot *slots = calloc(room, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (size_t i = 0; i < map->room; i++) {
		const struct slot *old = &map->slots[i];

		if (old->hash != 0)
			*find_slot(slots, room, old->hash, old->key) = *old;
	}
	free(map->slots);
	map->slots = slots;
	map->room = room;
	return true;
}

bool sp_map_set(struct sp_map *map, struct sp_str key, void *value)
{
	uint64_t hash = hash_key(key);
	struct slot *slot = find_slot(map->slots, map->room, hash, key);

	if (slot->hash == 0) {
		if (map->count >= map->room / 2) {
			if (!grow(map))
				return false;
			slot = find_slot(map->slots, map->room, hash, key);
		}
		map->count++;
	}
	*slot = (struct slot){ .hash = hash, .key = key, .value = value };
	return true;
}

void *sp_map_get(const struct sp_map *map, struct sp_str key)
{
	return find_slot(map->slots, map->room, hash_key(key), key)->value;
}

size_t sp_map_count(const struct sp_map *map)
{
	return map->count;
}
