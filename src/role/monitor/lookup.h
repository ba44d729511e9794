/*
 * lookup - the addresses of one name: both families asked of one name server
 * after the other, by UDP, and by TCP what does not fit there. Its sockets come
 * from the dialer, connected.
 */
#ifndef SP_ROLE_MONITOR_LOOKUP_H
#define SP_ROLE_MONITOR_LOOKUP_H

#include "dns.h"
#include "sp/net/dial.h"
#include "sp/net/loop.h"

struct sp_lookup;

struct sp_lookup_part { /* of one family */
	enum sp_dns_rc rc; /* ADDRESSES, NONE or FAILED */
	struct sp_dns_answer answer;
};

struct sp_lookup_env { /* all borrowed, for as long as look-ups are under way */
	struct sp_loop *loop;
	struct sp_dial *dial;
	size_t servers; /* at least 1 */
	/* It is over, and freed behind this. */
	void (*on_done)(void *arg, void *of, const struct sp_lookup_part *v4, const struct sp_lookup_part *v6);
	void *arg;
};

/* name is borrowed until it is over; place becomes NULL then. NULL: no memory. on_done is never called before this
 * returns. */
SP_MUST_USE struct sp_lookup *sp_lookup_new(const struct sp_lookup_env *env, struct sp_str name, void *of,
					    struct sp_lookup **place);
void sp_lookup_cancel(struct sp_lookup *lookup); /* without on_done */

#endif
