/*
 * [gateway], [egress], [admin], [log]: what there is one of.
 */
#include "keys.h"

#define GATEWAY(name, kind, member, ...) SP_KEY(struct sp_part_gateway, name, kind, member, __VA_ARGS__)
#define EGRESS(name, kind, member, ...) SP_KEY(struct sp_part_egress, name, kind, member, __VA_ARGS__)
#define ADMIN(name, kind, member, ...) SP_KEY(struct sp_part_admin, name, kind, member, __VA_ARGS__)
#define LOG(name, kind, member, ...) SP_KEY(struct sp_part_log, name, kind, member, __VA_ARGS__)

static const struct sp_conf_word behinds[] = {
	{ "none", SP_BEHIND_NONE, false },
	{ "alb", SP_BEHIND_ALB, false },
	{ "nlb", SP_BEHIND_NLB, false },
	{ "cloudfront", SP_BEHIND_CLOUDFRONT, false },
	{ NULL, 0, false },
};

static const struct sp_conf_word sandboxes[] = {
	{ "auto", SP_SANDBOX_AUTO, false },
	{ "require", SP_SANDBOX_REQUIRE, false },
	{ "require-all", SP_SANDBOX_REQUIRE_ALL, false },
	{ "off", SP_SANDBOX_OFF, false },
	{ NULL, 0, false },
};

static const struct sp_conf_key gateway_keys[] = {
	GATEWAY("config_version", SP_CONF_COUNT, pub.config_version, .def = "1", .min = 1, .max = 1,
		.help = "The version of this format that the file was written for."),
	GATEWAY("workers", SP_CONF_COUNT, pub.workers, .def = "auto", .none = "auto", .min = 1, .max = 256,
		.needs_restart = true, .help = "Worker processes; auto is one a core."),
	GATEWAY("user", SP_CONF_USER, pub.user, .def = "sallyport", .needs_restart = true,
		.help = "The user to become when started as root; ignored otherwise."),
	GATEWAY("group", SP_CONF_USER, pub.group, .def = "sallyport", .needs_restart = true,
		.help = "The group to become when started as root; ignored otherwise."),
	GATEWAY("behind", SP_CONF_WORD, pub.behind, .def = "none", .words = behinds,
		.help = "The balancer in front; sets client_idle and drain_delay to what goes with it."),
	GATEWAY("trusted", SP_CONF_CIDRS, pub.trusted,
		.help = "Peers whose forwarding headers or PROXY header are believed: CIDRs and @names."),
	GATEWAY("max_connections", SP_CONF_COUNT, pub.max_connections, .def = "20000", .min = 16, .max = 10000000,
		.needs_restart = true, .help = "Client connections over all workers."),
	GATEWAY("memory_max", SP_CONF_SIZE, pub.memory_max, .def = "none", .none = "none", .min = 16 * SP_MIB,
		.max = 1024 * SP_GIB, .needs_restart = true,
		.help = "A budget for connections and requests of all workers, shared evenly: at nine tenths of its share "
			"a worker answers new requests 503, with none left it refuses connections."),
	GATEWAY("health_path", SP_CONF_URL_PATH, pub.health_path, .def = "/healthz",
		.help = "Answered first of all, whatever the Host: 200, or 503 while draining."),
	GATEWAY("ready_path", SP_CONF_URL_PATH, pub.ready_path, .def = "/readyz",
		.help = "As health_path, and 503 as well without a usable backend in each of ready_pools."),
	GATEWAY("ready_pools", SP_CONF_REFS, pub.ready_pools, .refers = "pool",
		.help = "Pools that ready_path looks at."),
	GATEWAY("drain_delay", SP_CONF_DURATION, pub.drain_delay, .def = "0s", .max = SP_HOUR,
		.help = "How long health is red, still accepting, before a drain; 20s behind a balancer."),
	GATEWAY("drain_timeout", SP_CONF_DURATION, pub.drain_timeout, .def = "30s", .max = SP_DAY,
		.help = "How long running exchanges may take to finish in a drain."),
	GATEWAY("state_dir", SP_CONF_FOLDER, pub.state_dir, .def = "/var/lib/sallyport", .needs_restart = true,
		.help = "A directory of the gateway's own: bans are kept there, in the file bans."),
	GATEWAY("include", SP_CONF_INCLUDE, include,
		.help = "More files, in sorted order: they may add sections and list items, not change a scalar."),
	GATEWAY("sandbox", SP_CONF_WORD, pub.sandbox, .def = "auto", .words = sandboxes, .needs_restart = true,
		.help = "auto: all that the kernel offers; require, require-all: refuse to start without; off: "
			"debugging."),
};

const struct sp_conf_type sp_conf_type_gateway = {
	.name = "gateway",
	.size = sizeof(struct sp_part_gateway),
	.keys = gateway_keys,
	.key_count = SP_COUNT(gateway_keys),
	.help = "The whole program. May be absent.",
};

static const struct sp_conf_key egress_keys[] = {
	EGRESS("allow", SP_CONF_EGRESS, pub.allow,
	       .help = "Where backends may be; absent: exactly the addresses declared, which must be private."),
	EGRESS("public", SP_CONF_BOOL, pub.is_public, .def = "no", .help = "Whether allow may hold public addresses."),
	EGRESS("resolver", SP_CONF_TEXTS, pub.resolver,
	       .help = "Name servers for backends that are given by name: address[:port], port 53 if absent. Absent: those "
		       "of /etc/resolv.conf, read with the configuration."),
};

const struct sp_conf_type sp_conf_type_egress = {
	.name = "egress",
	.size = sizeof(struct sp_part_egress),
	.keys = egress_keys,
	.key_count = SP_COUNT(egress_keys),
	.help = "Where the gateway may connect to. Link-local and metadata addresses, multicast, broadcast, the "
		"unspecified "
		"address and the gateway's own listeners are refused whatever is written here; loopback unless allow "
		"names it.",
};

static const struct sp_conf_word socket_words[] = {
	{ "off", 0, false },
	{ NULL, 0, false },
};

static const struct sp_conf_key admin_keys[] = {
	ADMIN("bind", SP_CONF_BIND, pub.bind, .def = "127.0.0.1:9180", .none = "off",
	      .help = "Status page and metrics; off for none."),
	ADMIN("socket", SP_CONF_LOG_TO, pub.socket, .def = "run/admin.sock", .words = socket_words,
	      .help = "Where status, reload and the other commands reach the gateway: for root and the gateway's user; "
		      "off for none."),
	ADMIN("allow", SP_CONF_CIDRS, pub.allow,
	      .help = "Who may ask at bind; needed where that is not a loopback address."),
};

const struct sp_conf_type sp_conf_type_admin = {
	.name = "admin",
	.size = sizeof(struct sp_part_admin),
	.keys = admin_keys,
	.key_count = SP_COUNT(admin_keys),
	.help = "The status page, metrics and runtime commands. May be absent.",
};

static const struct sp_conf_word formats[] = {
	{ "json", SP_LOG_FORMAT_JSON, false },
	{ "combined", SP_LOG_FORMAT_COMBINED, false },
	{ NULL, 0, false },
};

static const struct sp_conf_word levels[] = {
	{ "debug", SP_LOG_DEBUG, false },
	{ "info", SP_LOG_INFO, false },
	{ "warn", SP_LOG_WARN, false },
	{ "error", SP_LOG_ERROR, false },
	{ NULL, 0, false },
};

static const struct sp_conf_word access_words[] = {
	{ "stdout", 0, false },
	{ "off", 0, false },
	{ NULL, 0, false },
};

static const struct sp_conf_word error_words[] = {
	{ "stderr", 0, false },
	{ NULL, 0, false },
};

static const struct sp_conf_key log_keys[] = {
	LOG("access", SP_CONF_LOG_TO, pub.access, .def = "stdout", .words = access_words,
	    .help = "Where access lines go: a file, stdout or off."),
	LOG("format", SP_CONF_WORD, pub.format, .def = "json", .words = formats, .help = "Of access lines."),
	LOG("error", SP_CONF_LOG_TO, pub.error, .def = "stderr", .words = error_words,
	    .help = "Where events go: a file or stderr."),
	LOG("level", SP_CONF_WORD, pub.level, .def = "info", .words = levels,
	    .help = "The least level that is logged."),
	LOG("redact", SP_CONF_NAMES, pub.redact, .help = "Query parameters whose values are never logged."),
};

const struct sp_conf_type sp_conf_type_log = {
	.name = "log",
	.size = sizeof(struct sp_part_log),
	.keys = log_keys,
	.key_count = SP_COUNT(log_keys),
	.help = "Access lines and events.",
};
