/*
 * confine - what `sandbox =` and the way that we were started make of each
 * process that is born: its ids, its root, its limits, its ports.
 */
#include "master_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limits.h"
#include "sp/base/log.h"

#define ROLE_OWN 128U /* descriptors of a role beside its workers' channels and key files */

_Static_assert((int)SP_DEMAND_AUTO == (int)SP_SANDBOX_AUTO && (int)SP_DEMAND_REQUIRE == (int)SP_SANDBOX_REQUIRE &&
		       (int)SP_DEMAND_REQUIRE_ALL == (int)SP_SANDBOX_REQUIRE_ALL &&
		       (int)SP_DEMAND_OFF == (int)SP_SANDBOX_OFF,
	       "the configuration's words are the sandbox's demands");

static void warn_of_none(const struct sp_conf *conf)
{
	if (conf->gateway.sandbox == SP_SANDBOX_OFF)
		sp_warn("sandbox_off", SP_KV_TEXT("why", "sandbox = off"));
#ifdef SP_SAN
	else
		sp_warn("sandbox_off", SP_KV_TEXT("why", "a sanitizer build cannot live in one"));
#endif
}

bool sp_confine_ports(struct sp_edition *edition, struct sp_err *err)
{
	const struct sp_conf *conf = edition->conf;

	edition->ports = calloc(conf->backend_count + conf->egress.resolver_count + 1, sizeof(*edition->ports));
	if (edition->ports == NULL)
		return sp_err_set(err, "no memory for the backends' ports");
	for (size_t i = 0; i < conf->pool_count; i++)
		for (size_t k = 0; k < conf->pools[i].backend_count; k++)
			edition->ports[edition->port_count++] = conf->pools[i].backends[k].addr.port;
	for (size_t i = 0; i < conf->egress.resolver_count; i++)
		edition->ports[edition->port_count++] = conf->egress.resolvers[i].port; /* answers that UDP does not hold */
	return true;
}

/* One line, so that who shares a user with the workers is no surprise. */
static void tell_shared(const struct sp_master *m)
{
	static const enum sp_role roles[] = { SP_ROLE_KEEPER, SP_ROLE_DIALER, SP_ROLE_MONITOR,
					     SP_ROLE_LOGGER };
	char shared[64] = "";

	if (!m->ids.must_change)
		return;
	for (size_t i = 0; i < SP_COUNT(roles); i++) {
		size_t n = strlen(shared);

		if (!m->ids.of[roles[i]].is_own)
			(void)snprintf(shared + n, sizeof(shared) - n, "%s%s", n > 0 ? ", " : "",
				       sp_sandbox_role_name(roles[i]));
	}
	if (shared[0] != '\0')
		sp_info("user_shared", SP_KV_TEXT("with_workers", shared),
			SP_KV_TEXT("why", "no user of their own, as sallyport-keeper, on this machine"));
}

void sp_confine_open(struct sp_master *m)
{
	struct sp_err why = { .text = "" };

	warn_of_none(m->conf);
	tell_shared(m);
	if (m->ids.must_change && m->conf->gateway.sandbox != SP_SANDBOX_OFF) {
		m->empty_root = sp_sandbox_open_root(&why);
		if (m->empty_root < 0)
			sp_warn("no_empty_root", SP_KV_TEXT("why", why.text));
	}
}

void sp_confine_close(struct sp_master *m)
{
	if (m->empty_root >= 0)
		(void)close(m->empty_root);
	m->empty_root = -1;
}

enum sp_role sp_confine_role(enum sp_ipc_role role)
{
	switch (role) {
	case SP_IPC_MASTER: return SP_ROLE_MASTER;
	case SP_IPC_KEEPER: return SP_ROLE_KEEPER;
	case SP_IPC_DIALER: return SP_ROLE_DIALER;
	case SP_IPC_LOGGER: return SP_ROLE_LOGGER;
	case SP_IPC_MONITOR: return SP_ROLE_MONITOR;
	case SP_IPC_WORKER: break;
	}
	return SP_ROLE_WORKER;
}

/* The dialer's sockets count against its own limit until their workers have taken them. */
static uint64_t descriptors_of(const struct sp_master *m, const struct sp_conf *conf, enum sp_ipc_role role)
{
	if (role == SP_IPC_WORKER || role == SP_IPC_DIALER)
		return sp_limits_descriptors(conf);
	return ROLE_OWN + m->workers + conf->cert_count;
}

void sp_confine_want(const struct sp_master *m, const struct sp_edition *edition, enum sp_ipc_role role,
		     struct sp_sandbox_want *want)
{
	const struct sp_conf *conf = edition->conf;

	enum sp_role to = sp_confine_role(role);

	*want = (struct sp_sandbox_want){
		.role = to,
		.demand = (enum sp_demand)conf->gateway.sandbox,
		.changes_ids = m->ids.must_change,
		.uid = m->ids.of[to].uid,
		.gid = m->ids.of[to].gid,
		.empty_root = m->empty_root,
		.ports = edition->ports,
		.port_count = edition->port_count,
		.nofile = descriptors_of(m, conf, role),
	};
}

/* Last of what is done with all rights, and before the first fork: whoever is born later is born of a confined master
 * too. Unlike the children it keeps its files, ids and limit of descriptors. */
bool sp_confine_self(struct sp_master *m, struct sp_err *err)
{
	struct sp_sandbox own = { .want = {
					  .role = SP_ROLE_MASTER,
					  .demand = (enum sp_demand)m->conf->gateway.sandbox,
					  .empty_root = -1,
					  .was_sealed = m->is_sealed,
				  } };

	if (!sp_sandbox_drop(&own.want, &own.level, err) || !sp_sandbox_finish(&own, err))
		return false;
	m->is_sealed = sp_sandbox_holds(&own.level, SP_LAYER_CALLS);
	m->level = own.level;
	return true;
}
