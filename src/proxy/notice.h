/*
 * notice - what was done to clients because of a setting, in the log: the first at once, further ones counted and told
 * in one line every ten seconds, so that an attack does not fill the log.
 */
#ifndef SP_PROXY_NOTICE_H
#define SP_PROXY_NOTICE_H

#include "sp/base/addr.h"
#include "sp/net/deadline.h"

enum sp_notice {
	SP_NOTICE_BANNED,               /* refused: its socket was closed at once */
	SP_NOTICE_CONNECTIONS,
	SP_NOTICE_HANDSHAKES,
	SP_NOTICE_IN_FLIGHT,
	SP_NOTICE_MEMORY,
	SP_NOTICE_TLS_LATE,             /* cut: it took too long */
	SP_NOTICE_HEADER_LATE,
	SP_NOTICE_SLOW,
	SP_NOTICE_TUNNEL_IDLE,
	SP_NOTICE_SHED,                 /* closed idle, to make room */
	SP_NOTICE_OBSERVED,             /* served, though it went over a limit in mode observe */
	SP_NOTICE_COUNT
};

struct sp_notices {
	struct {
		uint64_t count;         /* since the last line */
		struct sp_addr last;    /* whom it happened to */
		uint64_t quiet_until_ms;
	} of[SP_NOTICE_COUNT];
	struct sp_deadline_list *quiet; /* borrowed from the loop; NULL: never begun */
	struct sp_deadline tell;
};

SP_MUST_USE bool sp_notices_init(struct sp_notices *notices, struct sp_loop *loop);     /* false: no memory */
void sp_notices_fini(struct sp_notices *notices);                                       /* tells what is left */
void sp_notice(struct sp_notices *notices, enum sp_notice what, const struct sp_addr *whom);

#endif
