#include "notice.h"

#include <string.h>

#include "sp/base/clock.h"
#include "sp/base/log.h"

#define QUIET_MS 10000

static const struct {
	const char *event, *setting;    /* as the configuration names it */
} rows[SP_NOTICE_COUNT] = {
	[SP_NOTICE_BANNED] = { "clients_refused", "ban" },
	[SP_NOTICE_CONNECTIONS] = { "clients_refused", "max_connections_per_ip" },
	[SP_NOTICE_HANDSHAKES] = { "clients_refused", "max_handshakes_per_ip" },
	[SP_NOTICE_IN_FLIGHT] = { "clients_refused", "max_handshakes" },
	[SP_NOTICE_MEMORY] = { "clients_refused", "memory_max" },
	[SP_NOTICE_TLS_LATE] = { "clients_cut", "tls_timeout" },
	[SP_NOTICE_HEADER_LATE] = { "clients_cut", "header_timeout" },
	[SP_NOTICE_SLOW] = { "clients_cut", "min_rate" },
	[SP_NOTICE_TUNNEL_IDLE] = { "clients_cut", "tunnel_idle" },
	[SP_NOTICE_OBSERVED] = { "clients_observed", "limit" },
	[SP_NOTICE_SHED] = { "clients_shed", "max_connections" },
};

static void tell(struct sp_notices *notices, enum sp_notice what)
{
	sp_warn(rows[what].event, SP_KV_TEXT("setting", rows[what].setting), SP_KV_U64("count", notices->of[what].count),
	        SP_KV_ADDR("last", &notices->of[what].last));
	notices->of[what].count = 0;
	notices->of[what].quiet_until_ms = sp_now_ms() + QUIET_MS;
	if (!sp_deadline_is_set(&notices->tell))
		sp_deadline_set(&notices->tell, notices->quiet, notices->tell.fire);
}

static void tell_all(struct sp_notices *notices)
{
	for (int what = 0; what < SP_NOTICE_COUNT; what++)
		if (notices->of[what].count > 0)
			tell(notices, (enum sp_notice)what);
}

static void on_tell(struct sp_deadline *deadline)
{
	tell_all(SP_HOLDER(deadline, struct sp_notices, tell));
}

bool sp_notices_init(struct sp_notices *notices, struct sp_loop *loop)
{
	memset(notices, 0, sizeof(*notices));
	sp_deadline_init(&notices->tell);
	notices->tell.fire = on_tell;
	notices->quiet = sp_loop_deadlines(loop, QUIET_MS);
	return notices->quiet != NULL;
}

void sp_notices_fini(struct sp_notices *notices)
{
	if (notices->quiet == NULL)
		return;
	tell_all(notices);
	sp_deadline_clear(&notices->tell);
}

void sp_notice(struct sp_notices *notices, enum sp_notice what, const struct sp_addr *whom)
{
	notices->of[what].count++;
	notices->of[what].last = *whom;
	if (sp_now_ms() >= notices->of[what].quiet_until_ms)
		tell(notices, what);
}
