#include "places.h"

#include <stdlib.h>
#include <string.h>

#include "sp/base/check.h"

static bool find(const struct sp_places *places, struct sp_str name, size_t *at)
{
	for (*at = 0; *at < SP_PLACES; ++*at)
		if (places->names[*at] != NULL && sp_str_eq(sp_str(places->names[*at]), name))
			return true;
	return false;
}

static bool give_one(struct sp_places *places, struct sp_str name)
{
	size_t at;

	if (find(places, name, &at))
		return true;
	for (at = 0; at < SP_PLACES; at++) {
		if (places->names[at] != NULL)
			continue;
		places->names[at] = strndup(name.p, name.n);
		return places->names[at] != NULL;
	}
	return false;
}

bool sp_places_give(struct sp_places *places, const struct sp_conf *conf, struct sp_err *err)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		if (!give_one(places, conf->listeners[i].section.name))
			return sp_err_set(err, "no room for the counts of so many listeners: at most %d", SP_PLACES);
	return true;
}

static bool has_listener(const struct sp_conf *conf, struct sp_str name)
{
	for (size_t i = 0; conf != NULL && i < conf->listener_count; i++)
		if (sp_str_eq(conf->listeners[i].section.name, name))
			return true;
	return false;
}

void sp_places_keep(struct sp_places *places, const struct sp_conf *conf)
{
	for (size_t at = 0; at < SP_PLACES; at++) {
		if (places->names[at] == NULL || has_listener(conf, sp_str(places->names[at])))
			continue;
		free(places->names[at]);
		places->names[at] = NULL;
	}
}

uint32_t sp_places_slot(const struct sp_places *places, struct sp_str name)
{
	size_t at;
	bool is_found = find(places, name, &at);

	SP_ASSERT(is_found);
	return (uint32_t)(1 + at);
}
