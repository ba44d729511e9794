/*
 * places - which slot of the tally counts the clients of which listener: by name,
 * so that a count stays where it is from generation to generation.
 */
#ifndef SP_MASTER_PLACES_H
#define SP_MASTER_PLACES_H

#include "sp/base/err.h"
#include "sp/conf/conf.h"

#define SP_PLACES 1024 /* listeners, those of two generations together while one takes over from the other */

struct sp_places {
	char *names[SP_PLACES]; /* owned; NULL: free */
};

/* Every listener of conf has a place from here on. false with *err: there is no room. */
SP_MUST_USE bool sp_places_give(struct sp_places *places, const struct sp_conf *conf, struct sp_err *err);
/* Places of listeners that conf does not have are free again; conf NULL: all. */
void sp_places_keep(struct sp_places *places, const struct sp_conf *conf);
/* The slot of a listener that has a place. Slot 0 is the gateway's. */
uint32_t sp_places_slot(const struct sp_places *places, struct sp_str name);

#endif
