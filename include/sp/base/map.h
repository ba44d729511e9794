/*
 * map - slices to pointers. Open addressing, SipHash with the process's key.
 * Built once and read often (routes, names); keys are borrowed and must outlive it.
 */
#ifndef SP_BASE_MAP_H
#define SP_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "sp/base/str.h"

struct sp_map;

SP_MUST_USE struct sp_map *sp_map_new(void);
void sp_map_free(struct sp_map *map);                                   /* not the values; NULL is fine */
SP_MUST_USE bool sp_map_set(struct sp_map *map, struct sp_str key, void *value);       /* false: no memory */
void *sp_map_get(const struct sp_map *map, struct sp_str key);          /* NULL: not there */
size_t sp_map_count(const struct sp_map *map);

#endif
