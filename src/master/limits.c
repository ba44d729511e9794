#include "limits.h"

#include <errno.h>
#include <sys/resource.h>

#include "sp/base/log.h"

#define OWN 64U /* logs, channels, epoll, and some air */

uint64_t sp_limits_descriptors(const struct sp_conf *conf)
{
	uint64_t need = OWN + 2 * conf->gateway.max_connections;

	for (size_t i = 0; i < conf->pool_count; i++)
		need += conf->pools[i].keepalive;
	for (size_t i = 0; i < conf->listener_count; i++)
		need += conf->listeners[i].bind_count;
	return need;
}

void sp_limits_raise(const struct sp_conf *conf)
{
	uint64_t need = sp_limits_descriptors(conf);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
		return;

	/* Who may raise the hard limit does; for all others the soft one goes up to it. */
	struct rlimit wish = { need, limit.rlim_max > need ? limit.rlim_max : need };

	if (setrlimit(RLIMIT_NOFILE, &wish) == 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		sp_warn("descriptor_limit", SP_KV_ERRNO("why", errno));
	sp_warn("descriptor_limit_low", SP_KV_U64("have", limit.rlim_cur), SP_KV_U64("need", need),
		SP_KV_U64("max_connections", conf->gateway.max_connections));
}
