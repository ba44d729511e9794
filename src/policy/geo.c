/*
 * geo - [geo:NAME]: allow and deny by the country of the client's address, or by whose network it is.
 *
 * Deny is looked at first, and any allow makes the rest denied. An address that the database does not know is a matter of
 * its own; private ones are no place at all and pass.
 */
#include "steps.h"

#include <stdlib.h>

#include "sp/base/egress.h"
#include "sp/board/metrics.h"

struct place_list {                     /* sorted by its place */
	struct sp_conf_place *items;
	size_t count;
};

struct geo {
	const struct sp_conf_geo *conf; /* borrowed */
	struct sp_geo table;
	struct place_list allow, deny;
	bool asks_country, asks_as;     /* what a place must have to be known; neither: any of both */
	struct sp_conf_at allow_at, unknown_at;
};

static int compare(const void *a, const void *b)
{
	const struct sp_geo_place *x = &((const struct sp_conf_place *)a)->place, *y = &((const struct sp_conf_place *)b)->place;

	if (x->country != y->country)
		return x->country < y->country ? -1 : 1;
	return (x->as > y->as) - (x->as < y->as);
}

static const struct sp_conf_place *find_one(const struct place_list *list, uint16_t country, uint32_t as)
{
	const struct sp_conf_place key = { .place = { country, as } };

	if (list->count == 0 || (country == 0 && as == 0))
		return NULL;
	return bsearch(&key, list->items, list->count, sizeof(key), compare);
}

static const struct sp_conf_place *find(const struct place_list *list, struct sp_geo_place place)
{
	const struct sp_conf_place *found = find_one(list, place.country, 0);

	return found != NULL ? found : find_one(list, 0, place.as);
}

static bool is_known(const struct geo *geo, struct sp_geo_place place)
{
	if (!geo->asks_country && !geo->asks_as)
		return place.country != 0 || place.as != 0;
	return (geo->asks_country && place.country != 0) || (geo->asks_as && place.as != 0);
}

static void count(const struct geo *geo, const struct sp_ask *ask, unsigned decision)
{
	if (ask->geo_rows != NULL)
		sp_metrics_add(ask->geo_rows[geo->conf - ask->geo_first], decision, 1);
}

static enum sp_verdict pass(const struct geo *geo, const struct sp_ask *ask, unsigned decision)
{
	count(geo, ask, decision);
	return SP_PASS;
}

static enum sp_verdict refuse(const struct geo *geo, struct sp_ask *ask, unsigned decision, struct sp_conf_at rule)
{
	count(geo, ask, decision);
	ask->status = 403;
	ask->cause = "denied_geo";
	ask->rule = rule;
	return SP_ANSWER;
}

static enum sp_verdict on_request(const void *conf, struct sp_ask *ask, struct sp_wait *w)
{
	const struct geo *geo = conf;
	const struct sp_conf_place *denied;
	struct sp_geo_place place;

	(void)w;
	if (ask->is_balancer || sp_egress_is_private(ask->client))
		return pass(geo, ask, SP_GEO_EXEMPT);
	place = sp_geo_find(&geo->table, ask->client);
	if (place.country != 0)
		ask->country = place.country;
	denied = find(&geo->deny, place);
	if (denied != NULL)
		return refuse(geo, ask, SP_GEO_DENIED, denied->at);
	if (!is_known(geo, place))
		return geo->conf->is_unknown_denied ? refuse(geo, ask, SP_GEO_UNKNOWN_DENIED, geo->unknown_at)
						    : pass(geo, ask, SP_GEO_UNKNOWN_ALLOWED);
	if (geo->allow_at.file != NULL && find(&geo->allow, place) == NULL)
		return refuse(geo, ask, SP_GEO_DENIED, geo->allow_at);
	return pass(geo, ask, SP_GEO_ALLOWED);
}

static void tell(const void *conf, const struct sp_ask *ask, struct sp_met *met)
{
	const struct geo *geo = conf;
	const struct sp_geo_place place = sp_geo_find(&geo->table, ask->client);
	const struct sp_str name = geo->conf->section.name;
	char ip[SP_ADDR_TEXT], country[3];

	if (met->at.file == NULL)
		met->at = geo->conf->section.at;
	sp_addr_ip_text(ask->client, ip);
	if (ask->is_balancer || sp_egress_is_private(ask->client))
		met->text = sp_met_text(ask, "[geo:%.*s] %s is no place: %s", SP_STR_ARG(name), ip,
					ask->is_balancer ? "a balancer's own" : "private");
	else if (!is_known(geo, place))
		met->text = sp_met_text(ask, "[geo:%.*s] %s is not known", SP_STR_ARG(name), ip);
	else
		met->text = sp_met_text(ask, "[geo:%.*s] %s is in %s, AS %u", SP_STR_ARG(name), ip,
					place.country != 0 ? sp_geo_country_text(place.country, country) : "no known country",
					place.as);
}

static const struct sp_policy geo_policy = { .name = "geo", .request = on_request, .tell = tell };

/* false: no memory. */
static bool sort_list(struct geo *geo, const struct sp_conf_places *from, struct sp_arena *arena, struct place_list *to)
{
	to->items = sp_arena_alloc(arena, (from->count + 1) * sizeof(*to->items));
	if (to->items == NULL)
		return false;
	to->count = from->count;
	for (size_t i = 0; i < from->count; i++) {
		to->items[i] = from->items[i];
		geo->asks_country = geo->asks_country || from->items[i].place.country != 0;
		geo->asks_as = geo->asks_as || from->items[i].place.as != 0;
	}
	qsort(to->items, to->count, sizeof(*to->items), compare);
	return true;
}

bool sp_geo_make(const struct sp_conf_geo *conf, struct sp_arena *arena, struct sp_step *out)
{
	struct geo *geo = sp_arena_zalloc(arena, sizeof(*geo));

	if (geo == NULL)
		return false;
	geo->conf = conf;
	geo->allow_at = sp_conf_at(&conf->section, "allow");
	geo->unknown_at = sp_conf_at(&conf->section, "unknown");
	*out = (struct sp_step){ &geo_policy, geo };
	if (!sp_geo_view(conf->table, &geo->table))
		geo->table = (struct sp_geo){ .v4 = NULL }; /* knows nobody */
	return sort_list(geo, &conf->allow, arena, &geo->allow) && sort_list(geo, &conf->deny, arena, &geo->deny);
}
