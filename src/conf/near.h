/*
 * near - "did you mean": the nearest of some candidates, if one is near enough.
 */
#ifndef SP_CONF_NEAR_H
#define SP_CONF_NEAR_H

#include "sp/base/str.h"
#include "sp/conf/conf.h"

struct sp_near {
	struct sp_str wrong; /* what was written */
	struct sp_str best; /* empty: nothing is near */
	struct sp_conf_at at; /* of the best, as it was offered */
	unsigned distance;
};

struct sp_near sp_near_to(struct sp_str wrong);
void sp_near_offer(struct sp_near *near, struct sp_str candidate, struct sp_conf_at at);

#define SP_NEAR_TEXT 512 /* with a long path in it */
/* `; did you mean "app" (sallyport.ini:28)?`, without a place where there is none; "" when nothing is near. */
const char *sp_near_text(const struct sp_near *near, char text[static SP_NEAR_TEXT]);

#endif
