/*
 * [route:NAME], [pool:NAME], [backend:NAME]: from a host and a path to a backend.
 */
#include "keys.h"

#define ROUTE(name, kind, member, ...) SP_KEY(struct sp_part_route, name, kind, member, __VA_ARGS__)
#define POOL(name, kind, member, ...) SP_KEY(struct sp_part_pool, name, kind, member, __VA_ARGS__)
#define BACKEND(name, kind, member, ...) SP_KEY(struct sp_part_backend, name, kind, member, __VA_ARGS__)

static const struct sp_conf_word slashes[] = { { "refuse", 0, false }, { "keep", 1, false }, { NULL, 0, false } };
static const struct sp_conf_word upgrades[] = { { "no", 0, false }, { "websocket", 1, false }, { NULL, 0, false } };
static const struct sp_conf_word traces[] = {
	{ "pass", SP_TRACE_PASS, false },
	{ "start", SP_TRACE_START, false },
	{ NULL, 0, false },
};

static const struct sp_conf_key route_keys[] = {
	ROUTE("host", SP_CONF_HOSTS, pub.hosts, .help = "example.com, *.example.com, or * for any; absent: any."),
	ROUTE("path", SP_CONF_PATHS, pub.paths, .def = "/*", .help = "Exact, or a prefix with * at its end."),
	ROUTE("method", SP_CONF_METHODS, pub.methods, .help = "Methods of this route; absent: the listener's."),
	ROUTE("pool", SP_CONF_REF, pool_name, .refers = "pool", .help = "The [pool:NAME] that answers."),
	ROUTE("to", SP_CONF_BACKEND, to, .help = "One backend in place of a pool."),
	ROUTE("redirect", SP_CONF_REDIRECT, pub.redirect_status, .help = "Answered with this status and Location."),
	ROUTE("respond", SP_CONF_RESPOND, pub.respond_status, .help = "Answered with this status and text."),
	ROUTE("priority", SP_CONF_NUMBER, pub.priority, .def = "0", .min = 1000000, .max = 1000000,
	      .help = "Of routes with the same host, the highest is looked at first."),
	ROUTE("timeout", SP_CONF_DURATION, pub.timeout, .def = "none", .none = "none", .min = 100, .max = SP_DAY,
	      .help = "How long the whole exchange may take."),
	ROUTE("tunnel_idle", SP_CONF_DURATION, pub.tunnel_idle, .def = "1h", .min = SP_SECOND, .max = 7 * SP_DAY,
	      .help = "How long an upgraded connection may be silent."),
	ROUTE("body_max", SP_CONF_SIZE, pub.body_max, .none = "none", .min = 1, .max = 1024 * SP_GIB,
	      .help = "The largest request body; absent: the listener's."),
	ROUTE("allow", SP_CONF_CIDRS, pub.allow,
	      .help = "Clients that are served, beside what the listener asks: CIDRs and @names; the rest is answered 403."),
	ROUTE("deny", SP_CONF_CIDRS, pub.deny,
	      .help = "Clients that are answered 403, whatever allow says: CIDRs and @names."),
	ROUTE("geo", SP_CONF_REFS, geo_names, .refers = "geo", .help = "The [geo:NAME] rules of this route."),
	ROUTE("limit", SP_CONF_REFS, limit_names, .refers = "limit", .help = "The [limit:NAME] rules of this route."),
	ROUTE("strip_prefix", SP_CONF_URL_PATH, pub.strip_prefix, .help = "Taken off the path before it is sent on."),
	ROUTE("add_prefix", SP_CONF_URL_PATH, pub.add_prefix, .help = "Put before the path, after strip_prefix."),
	ROUTE("encoded_slash", SP_CONF_SWITCH, pub.is_encoded_slash_kept, .def = "refuse", .words = slashes,
	      .help = "What becomes of %2f and %5c in a path."),
	ROUTE("request_header", SP_CONF_EDITS, pub.request_edits, .help = "Changes to the request's fields, in order."),
	ROUTE("response_header", SP_CONF_EDITS, pub.response_edits,
	      .help = "Changes to the answer's fields, in order."),
	ROUTE("security_headers", SP_CONF_BOOL, pub.has_security_headers, .def = "yes",
	      .help = "nosniff, frame deny and referrer policy, where the backend set none."),
	ROUTE("upgrade", SP_CONF_SWITCH, pub.is_websocket, .def = "no", .words = upgrades,
	      .help = "What may be upgraded to."),
	ROUTE("trace", SP_CONF_WORD, pub.trace, .def = "pass", .words = traces,
	      .help = "The W3C traceparent: passed on, or started where there is none."),
	ROUTE("access_log", SP_CONF_BOOL, pub.has_access_log, .def = "yes", .help = "Whether its requests are logged."),
};

const struct sp_conf_type sp_conf_type_route = {
	.name = "route",
	.is_named = true,
	.size = sizeof(struct sp_part_route),
	.keys = route_keys,
	.key_count = SP_COUNT(route_keys),
	.help = "Which request goes where. The most specific host wins, then priority, then the longest path, then "
		"file "
		"order. Exactly one of pool, to, redirect and respond.",
};

static const struct sp_conf_word balances[] = {
	{ "least_conn", SP_BALANCE_LEAST_CONN, false },
	{ "round_robin", SP_BALANCE_ROUND_ROBIN, false },
	{ "random_two", SP_BALANCE_RANDOM_TWO, false },
	{ "hash:client", SP_BALANCE_HASH_CLIENT, false },
	{ "hash:header:NAME", SP_BALANCE_HASH_HEADER, false },
	{ "cookie:NAME", SP_BALANCE_COOKIE, false },
	{ NULL, 0, false },
};

static const struct sp_conf_word hosts_sent[] = {
	{ "client", SP_HOST_CLIENT, false },
	{ "backend", SP_HOST_BACKEND, false },
	{ NULL, 0, false },
};

static const struct sp_conf_word starts[] = { { "down", 0, false }, { "up", 1, false }, { NULL, 0, false } };
static const struct sp_conf_word proxy_versions[] = { { "off", 0, false }, { "v2", 1, false }, { NULL, 0, false } };

static const struct sp_conf_key pool_keys[] = {
	POOL("backend", SP_CONF_BACKENDS, pub.backends,
	     .help = "address[:port] [weight=N], or a name in the address's place; port 80 and weight 1 if absent."),
	POOL("balance", SP_CONF_BALANCE, pub.balance, .def = "least_conn", .words = balances,
	     .help = "Which backend is next."),
	POOL("host", SP_CONF_HOST_SENT, pub.host, .def = "client", .words = hosts_sent,
	     .help = "The Host that backends see: the client's, the backend's, or this name."),
	POOL("check", SP_CONF_CHECK, pub.check,
	     .help = "The health check: GET /path, or tcp for a connection (with tls = yes a handshake); absent: none."),
	POOL("check_host", SP_CONF_TEXT, pub.check.host,
	     .help = "The Host of the check; absent: as for requests, where that is not the client's, else the backend's."),
	POOL("check_status", SP_CONF_STATUS_RANGES, pub.check.statuses, .def = "200-399",
	     .help = "Status codes that are healthy, and ranges of them."),
	POOL("check_body", SP_CONF_TEXT, pub.check.body,
	     .help = "A text that a healthy answer holds in the first 64 KiB of its body."),
	POOL("check_interval", SP_CONF_DURATION, pub.check.interval, .def = "5s", .min = 100, .max = SP_HOUR,
	     .help = "Between the beginnings of two checks, 10 % more or less so that they do not march in step."),
	POOL("check_timeout", SP_CONF_DURATION, pub.check.timeout, .def = "2s", .min = 50, .max = SP_MINUTE,
	     .help = "How long a check may take."),
	POOL("rise", SP_CONF_COUNT, pub.check.rise, .def = "2", .min = 1, .max = 1000,
	     .help = "Good checks in a row until a backend is up; its first check alone decides."),
	POOL("fall", SP_CONF_COUNT, pub.check.fall, .def = "3", .min = 1, .max = 1000,
	     .help = "Bad checks in a row until a backend is down."),
	POOL("start", SP_CONF_SWITCH, pub.check.starts_up, .def = "down", .words = starts,
	     .help = "What a backend is before its first check."),
	POOL("eject", SP_CONF_COUNT, pub.eject, .def = "5", .none = "off", .min = 1, .max = 1000000,
	     .help = "Failures in a row, as one worker sees them, until a backend is taken out: no connection, too late, "
		     "cut, a broken answer, 502, 503 or 504."),
	POOL("eject_time", SP_CONF_DURATION, pub.eject_time, .def = "10s", .min = 100, .max = SP_HOUR,
	     .help = "For how long; doubled, up to 32 times that, while it fails again at once."),
	POOL("eject_max", SP_CONF_PERCENT, pub.eject_max, .def = "50%", .help = "The most of a pool that may be out."),
	POOL("slow_start", SP_CONF_DURATION, pub.slow_start, .def = "0s", .max = SP_HOUR,
	     .help = "How long a backend that came back takes to its full share, from a tenth of it."),
	POOL("max_inflight", SP_CONF_COUNT, pub.max_inflight, .def = "none", .none = "none", .min = 1, .max = 1000000,
	     .help = "Requests at once of one backend."),
	POOL("queue", SP_CONF_COUNT, pub.queue, .def = "0", .max = 1000000,
	     .help = "Requests that may wait while all backends are at max_inflight; each worker has an even share."),
	POOL("queue_timeout", SP_CONF_DURATION, pub.queue_timeout, .def = "1s", .min = 10, .max = 5 * SP_MINUTE,
	     .help = "How long they may wait; 503 then."),
	POOL("connect_timeout", SP_CONF_DURATION, pub.connect_timeout, .def = "2s", .min = 10, .max = 5 * SP_MINUTE,
	     .help = "How long a connect may take."),
	POOL("answer_timeout", SP_CONF_DURATION, pub.answer_timeout, .def = "30s", .min = 10, .max = SP_DAY,
	     .help = "From the request to the answer's head; 504 then."),
	POOL("read_timeout", SP_CONF_DURATION, pub.read_timeout, .def = "60s", .min = 10, .max = SP_DAY,
	     .help = "Between two bytes of an answer."),
	POOL("backend_idle", SP_CONF_DURATION, pub.backend_idle, .def = "4s", .min = 10, .max = SP_HOUR,
	     .help = "How long an idle connection is kept, until the backend's Keep-Alive teaches otherwise."),
	POOL("keepalive", SP_CONF_COUNT, pub.keepalive, .def = "64", .min = 0, .max = 65536,
	     .help = "Idle connections kept a worker; 0: none."),
	POOL("retries", SP_CONF_COUNT, pub.retries, .def = "1", .min = 0, .max = 10,
	     .help = "Further tries, only where nothing of an answer came and the request is idempotent or unsent."),
	POOL("retry_budget", SP_CONF_PERCENT, pub.retry_budget, .def = "20%",
	     .help = "The most of requests that may be retries; ten a second and worker are always allowed, unless it is 0%."),
	POOL("tls", SP_CONF_BOOL, pub.has_tls, .def = "no",
	     .help = "TLS 1.2 (ECDHE and AEAD) or 1.3 to the backends; certificate and name are always verified."),
	POOL("tls_name", SP_CONF_TEXT, pub.tls_name,
	     .help = "The name (or IP address) that their certificates must have, sent to them as server name; absent: "
		     "each backend's own host or address."),
	POOL("tls_ca", SP_CONF_FILE, pub.tls_ca_pem,
	     .help = "Certificates (PEM) that theirs chain to; absent: the system's, "
		     "/etc/ssl/certs/ca-certificates.crt."),
	POOL("tls_cert", SP_CONF_PAIRED, tls_cert,
	     .help = "The certificate chain (PEM) that we show to them; TLS 1.3 only then."),
	POOL("tls_key_file", SP_CONF_PAIRED, tls_key_file, .help = "Its private key (PEM), under the rules of key_file."),
	POOL("proxy_protocol", SP_CONF_SWITCH, pub.has_proxy_header, .def = "off", .words = proxy_versions,
	     .help = "A PROXY header tells the backends of the client; each connection serves one request then."),
	POOL("when_all_down", SP_CONF_COUNT, pub.when_all_down, .def = "503", .min = 400, .max = 599,
	     .help = "The status when no backend is usable."),
	POOL("resolve_min", SP_CONF_DURATION, pub.resolve_min, .def = "5s", .min = 100, .max = SP_DAY,
	     .help = "The least time between two look-ups of a backend's name, whatever the answer's TTL."),
	POOL("resolve_max", SP_CONF_DURATION, pub.resolve_max, .def = "60s", .min = 100, .max = SP_DAY,
	     .help = "The most time between two."),
};

const struct sp_conf_type sp_conf_type_pool = {
	.name = "pool",
	.is_named = true,
	.size = sizeof(struct sp_part_pool),
	.keys = pool_keys,
	.key_count = SP_COUNT(pool_keys),
	.help = "Backends that can stand for each other.",
};

static const struct sp_conf_key backend_keys[] = {
	BACKEND("pool", SP_CONF_REF, pool_name, .refers = "pool", .is_required = true,
		.help = "The [pool:NAME] it belongs to."),
	BACKEND("address", SP_CONF_BACKEND, pub, .is_required = true, .help = "address[:port]; port 80 if absent."),
	BACKEND("weight", SP_CONF_COUNT, pub.weight, .def = "1", .min = 1, .max = 256,
		.help = "Its share of the requests."),
	BACKEND("max_inflight", SP_CONF_COUNT, pub.max_inflight, .none = "none", .min = 1, .max = 1000000,
		.help = "Requests at once; absent: the pool's."),
	BACKEND("down", SP_CONF_BOOL, pub.is_down, .def = "no", .help = "Configured, but not used."),
};

const struct sp_conf_type sp_conf_type_backend = {
	.name = "backend",
	.is_named = true,
	.size = sizeof(struct sp_part_backend),
	.keys = backend_keys,
	.key_count = SP_COUNT(backend_keys),
	.help = "The long form of one backend.",
};
