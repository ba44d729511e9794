/*
 * edition - a configuration as the master holds it: it keeps the slots of its names on the board as long as it lives.
 */
#include <stdlib.h>

#include "reload.h"

struct sp_edition *sp_edition_new(struct sp_conf *conf, uint32_t number, struct sp_err *err)
{
	struct sp_edition *edition = calloc(1, sizeof(*edition));

	if (edition == NULL) {
		sp_err_set(err, "no memory for a configuration");
		sp_conf_free(conf);
		return NULL;
	}
	edition->conf = conf;
	edition->number = number;
	if (sp_confine_ports(edition, err))
		return edition;
	sp_edition_free(edition);
	return NULL;
}

struct name {
	enum sp_name_kind kind;
	struct sp_str of, is;
};

/* Name i of a configuration; false behind the last one. */
static bool name_at(const struct sp_conf *conf, size_t i, struct name *name)
{
	if (i < conf->listener_count) {
		*name = (struct name){ SP_NAME_LISTENER, SP_STR(""), conf->listeners[i].section.name };
		return true;
	}
	i -= conf->listener_count;
	for (size_t k = 0; k < conf->pool_count; k++) {
		const struct sp_conf_pool *pool = &conf->pools[k];

		if (i < pool->backend_count) {
			*name = (struct name){ SP_NAME_BACKEND, pool->section.name, pool->backends[i].name };
			return true;
		}
		i -= pool->backend_count;
	}
	return false;
}

static void unname(struct sp_edition *edition, size_t count)
{
	struct name name;
	uint32_t slot;

	for (size_t i = 0; i < count && name_at(edition->conf, i, &name); i++)
		if (sp_board_slot(edition->board, name.kind, name.of, name.is, &slot))
			sp_board_name_drop(edition->board, name.kind, slot);
	sp_board_names_sweep(edition->board);
	edition->board = NULL;
}

bool sp_edition_name(struct sp_edition *edition, struct sp_board *board, struct sp_err *err)
{
	struct name name;
	uint32_t slot;

	if (edition->board != NULL)
		return true; /* one that returns */
	edition->board = board;
	for (size_t i = 0; name_at(edition->conf, i, &name); i++) {
		if (sp_board_name(board, name.kind, name.of, name.is, &slot, err))
			continue;
		unname(edition, i);
		return false;
	}
	return true;
}

void sp_edition_free(struct sp_edition *edition)
{
	if (edition == NULL)
		return;
	if (edition->board != NULL)
		unname(edition, SIZE_MAX);
	sp_conf_free(edition->conf);
	free(edition->ports);
	free(edition);
}
