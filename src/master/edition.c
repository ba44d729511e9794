/*
 * edition - a configuration as the master holds it.
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

void sp_edition_free(struct sp_edition *edition)
{
	if (edition == NULL)
		return;
	sp_conf_free(edition->conf);
	free(edition->ports);
	free(edition);
}
