/*
 * [listener:NAME], [tls:NAME], [addresses:NAME], [geo:NAME], [limit:NAME]: what stands in front.
 */
#include "keys.h"

#define LISTENER(name, kind, member, ...) SP_KEY(struct sp_part_listener, name, kind, member, __VA_ARGS__)
#define TLS(name, kind, member, ...) SP_KEY(struct sp_part_tls, name, kind, member, __VA_ARGS__)

static const struct sp_conf_word redirects[] = { { "https", 1, false }, { NULL, 0, false } };

static const struct sp_conf_word underscores[] = {
	{ "drop", SP_UNDERSCORE_DROP, false },
	{ "reject", SP_UNDERSCORE_REJECT, false },
	{ "pass", SP_UNDERSCORE_PASS, false },
	{ NULL, 0, false },
};

static const struct sp_conf_word proxy_protocols[] = {
	{ "off", SP_PROXY_OFF, false },
	{ "optional", SP_PROXY_OPTIONAL, false },
	{ "required", SP_PROXY_REQUIRED, false },
	{ NULL, 0, false },
};

static const struct sp_conf_key listener_keys[] = {
	LISTENER("bind", SP_CONF_BINDS, pub.binds, .is_required = true,
		 .help = "Where to listen: 0.0.0.0:443, [::]:443, unix:path (its folder says who may connect), fd:name "
			 "(socket activation)."),
	LISTENER("tls", SP_CONF_REFS, tls_names, .refers = "tls", .help = "The [tls:NAME] sections served here."),
	LISTENER("cert", SP_CONF_FILES, certs, .help = "Certificate chain (PEM) of a [tls] of this listener alone."),
	LISTENER("key_file", SP_CONF_FILES, key_files,
		 .help = "Its private key (PEM): not readable by others; by its group it may be."),
	LATER("http2", SP_CONF_BOOL, .def = "no", .help = "HTTP/2 to clients."),
	LISTENER("redirect", SP_CONF_SWITCH, pub.is_redirect_https, .words = redirects,
		 .help = "https: every request is sent to the same URL under https."),
	LISTENER("acme_webroot", SP_CONF_FOLDER, pub.acme_webroot,
		 .help = "Webroot of an ACME client: NAME in its .well-known/acme-challenge/ answers "
			 "/.well-known/acme-challenge/NAME, before redirect and routes."),
	LISTENER("proxy_protocol", SP_CONF_WORD, pub.proxy_protocol, .def = "off", .words = proxy_protocols,
		 .help = "The PROXY header (v1, v2) by which a peer in trusted names its client; required: others are "
			 "closed, and without one only health is answered."),
	LISTENER("max_connections", SP_CONF_COUNT, pub.max_connections, .def = "none", .none = "none", .min = 1,
		 .max = 10000000, .help = "Connections of this listener, under the whole gateway's."),
	LISTENER("max_connections_per_ip", SP_CONF_COUNT, pub.max_connections_per_ip, .def = "100", .min = 1, .max = 1000000,
		 .help = "Connections of one client address (IPv6: of one /64); more are closed at once. Peers in trusted "
			 "have no such cap, whom their PROXY header names has."),
	LISTENER("max_handshakes_per_ip", SP_CONF_RATE, pub.max_handshakes_per_ip, .def = "20/s",
		 .min = 1000, .max = 10000000, .help = "TLS handshakes of one client address, likewise."),
	LISTENER("max_handshakes", SP_CONF_COUNT, pub.max_handshakes, .def = "512", .min = 1, .max = 100000,
		 .help = "TLS handshakes in flight a worker."),
	LISTENER("tls_timeout", SP_CONF_DURATION, pub.tls_timeout, .def = "5s", .min = 100, .max = 5 * SP_MINUTE,
		 .help = "How long a TLS handshake may take."),
	LISTENER("header_timeout", SP_CONF_DURATION, pub.header_timeout, .def = "10s", .min = 100, .max = 5 * SP_MINUTE,
		 .help = "How long a request head may take in all; 408 then."),
	LISTENER("client_idle", SP_CONF_DURATION, pub.client_idle, .def = "60s", .min = SP_SECOND, .max = SP_HOUR,
		 .help = "How long a connection may wait for its next request; 75s behind alb and cloudfront, 300s "
			 "behind nlb."),
	LISTENER("min_rate", SP_CONF_RATE, pub.min_rate, .def = "500/s", .none = "none", .min = 1000,
		 .max = 1000000000000, .help = "Bytes a second that a client must send or take, after a grace of 5s."),
	LISTENER("header_max", SP_CONF_SIZE, pub.header_max, .def = "16k", .min = SP_KIB, .max = 64 * SP_KIB,
		 .help = "The largest request head; a larger one is answered 431."),
	LISTENER("header_count_max", SP_CONF_COUNT, pub.header_count_max, .def = "100", .min = 8, .max = 1000,
		 .help = "The most fields of a request head; more are answered 431."),
	LISTENER("uri_max", SP_CONF_SIZE, pub.uri_max, .def = "8k", .min = 64, .max = 64 * SP_KIB,
		 .help = "The longest request target; a longer one is answered 414."),
	LISTENER("body_max", SP_CONF_SIZE, pub.body_max, .def = "10m", .none = "none", .min = 1, .max = 1024 * SP_GIB,
		 .help = "The largest request body; a larger one is answered 413."),
	LISTENER("max_requests_per_connection", SP_CONF_COUNT, pub.max_requests_per_connection, .def = "1000", .min = 1,
		 .max = 100000000, .help = "Requests of one connection; the last is answered with Connection: close."),
	LISTENER("connection_max_age", SP_CONF_DURATION, pub.connection_max_age, .def = "none", .none = "none",
		 .min = SP_SECOND, .max = 7 * SP_DAY,
		 .help = "How old a connection becomes, give or take 10 %: its next answer is the last, an idle one is "
			 "closed."),
	LISTENER("methods", SP_CONF_METHODS, pub.methods, .def = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
		 .help = "Methods that are served; others are answered 405."),
	LISTENER("allow", SP_CONF_CIDRS, pub.allow,
		 .help = "Clients that are served: CIDRs and @names; the rest is answered 403."),
	LISTENER("deny", SP_CONF_CIDRS, pub.deny,
		 .help = "Clients that are answered 403, whatever allow says: CIDRs and @names."),
	LISTENER("geo", SP_CONF_REFS, geo_names, .refers = "geo", .help = "The [geo:NAME] rules of this listener."),
	LISTENER("limit", SP_CONF_REFS, limit_names, .refers = "limit", .help = "The [limit:NAME] rules of this listener."),
	LISTENER("underscore_headers", SP_CONF_WORD, pub.underscore_headers, .def = "drop", .words = underscores,
		 .help = "What becomes of fields with \"_\" in their name."),
	LISTENER("access_log", SP_CONF_BOOL, pub.has_access_log, .def = "yes",
		 .help = "Whether its requests are logged."),
};

const struct sp_conf_type sp_conf_type_listener = {
	.name = "listener",
	.is_named = true,
	.size = sizeof(struct sp_part_listener),
	.keys = listener_keys,
	.key_count = SP_COUNT(listener_keys),
	.help = "Where clients come in.",
};

static const struct sp_conf_word policies[] = {
	{ "modern", SP_TLS_MODERN, false },
	{ "intermediate", SP_TLS_INTERMEDIATE, false },
	{ NULL, 0, false },
};

static const struct sp_conf_word verifies[] = {
	{ "off", SP_VERIFY_OFF, false },
	{ "optional", SP_VERIFY_OPTIONAL, false },
	{ "required", SP_VERIFY_REQUIRED, false },
	{ NULL, 0, false },
};

static const struct sp_conf_key tls_keys[] = {
	TLS("cert", SP_CONF_FILES, certs, .is_required = true,
	    .help = "Certificate chain (PEM), leaf first; repeat it, with its key_file, for RSA and ECDSA."),
	TLS("key_file", SP_CONF_FILES, key_files, .is_required = true,
	    .help = "Private key (PEM), the i-th for the i-th cert: not readable by others; by its group it may be."),
	TLS("policy", SP_CONF_WORD, pub.policy, .def = "intermediate", .words = policies,
	    .help = "modern: TLS 1.3 only; intermediate: 1.2 with ECDHE and AEAD, and 1.3."),
	TLS("client_ca", SP_CONF_FILE, pub.client_ca_pem,
	    .help = "Certificates (PEM) that client certificates chain to."),
	TLS("client_verify", SP_CONF_WORD, pub.client_verify, .def = "off", .words = verifies,
	    .help = "Whether clients are asked for, or must have, a certificate."),
	TLS("crl", SP_CONF_FILE, pub.crl_pem, .help = "Revocation lists (PEM) for client certificates."),
	TLS("client_cert_headers", SP_CONF_BOOL, pub.has_client_cert_headers, .def = "no",
	    .help = "Tell the backend subject, serial and fingerprint of the client's certificate."),
	TLS("hsts", SP_CONF_HSTS, pub.hsts, .def = "1y", .none = "off",
	    .help = "Strict-Transport-Security where the backend sets none; off for none."),
};

const struct sp_conf_type sp_conf_type_tls = {
	.name = "tls",
	.is_named = true,
	.size = sizeof(struct sp_part_tls),
	.keys = tls_keys,
	.key_count = SP_COUNT(tls_keys),
	.help = "Certificates and how TLS is spoken with them.",
};

static const struct sp_conf_key addresses_keys[] = {
	SP_KEY(struct sp_part_addresses, "cidr", SP_CONF_CIDRS, cidrs, .help = "What @NAME stands for."),
	SP_KEY(struct sp_part_addresses, "file", SP_CONF_FILE, lines,
	       .help = "More of them, one CIDR a line, # and ; begin a comment. Watched: taken when it changes."),
};

const struct sp_conf_type sp_conf_type_addresses = {
	.name = "addresses",
	.is_named = true,
	.size = sizeof(struct sp_part_addresses),
	.keys = addresses_keys,
	.key_count = SP_COUNT(addresses_keys),
	.help = "A list of addresses, used elsewhere as @NAME.",
};

static const struct sp_conf_word unknowns[] = { { "allow", 0, false }, { "deny", 1, false }, { NULL, 0, false } };

#define GEO(name, kind, member, ...) SP_KEY(struct sp_part_geo, name, kind, member, __VA_ARGS__)

static const struct sp_conf_key geo_keys[] = {
	GEO("database", SP_CONF_DATABASE, pub.table, .is_required = true,
	    .help = "A Country, City or ASN database (.mmdb), read again when it changes; a broken one is refused and the one "
		    "before stays."),
	GEO("allow", SP_CONF_PLACES, pub.allow,
	    .help = "Countries (ISO 3166: DE) or AS numbers (AS64496) that are served; the rest is answered 403."),
	GEO("deny", SP_CONF_PLACES, pub.deny,
	    .help = "Countries or AS numbers that are answered 403, whatever allow says."),
	GEO("unknown", SP_CONF_SWITCH, pub.is_unknown_denied, .def = "allow", .words = unknowns,
	    .help = "What becomes of public addresses that the database does not know. Private ones are exempt."),
};

const struct sp_conf_type sp_conf_type_geo = {
	.name = "geo",
	.is_named = true,
	.size = sizeof(struct sp_part_geo),
	.keys = geo_keys,
	.key_count = SP_COUNT(geo_keys),
	.help = "Rules by country or network operator.",
};

static const struct sp_conf_word modes[] = { { "enforce", 0, false }, { "observe", 1, false }, { NULL, 0, false } };

static const struct sp_conf_word limit_key_words[] = { { "client", SP_LIMIT_BY_CLIENT, false },
						       { "route", SP_LIMIT_BY_ROUTE, false },
						       { "header:NAME", SP_LIMIT_BY_HEADER, false },
						       { "global", SP_LIMIT_GLOBAL, false },
						       { NULL, 0, false } };

#define LIMIT(name, kind, member, ...) SP_KEY(struct sp_part_limit, name, kind, member, __VA_ARGS__)

static const struct sp_conf_key limit_keys[] = {
	LIMIT("rate", SP_CONF_PACE, pub.interval_ns, .is_required = true,
	      .help = "What is let through; over it the answer is 429, with the seconds to wait."),
	LIMIT("burst", SP_CONF_COUNT, pub.burst, .min = 1, .max = 1000000,
	      .help = "What may come at once; absent: one second of rate, at least 1."),
	LIMIT("key", SP_CONF_LIMIT_KEY, pub.key, .def = "client", .words = limit_key_words,
	      .help = "What is counted apart: client (IPv6 by /64), route, the value of a header (who does not send it is "
		      "counted as client), or global."),
	LIMIT("count", SP_CONF_STATUSES, pub.statuses, .def = "requests",
	      .help = "requests, or the status codes of backends that count, as 401, 403, 404 of who guesses."),
	LIMIT("ban", SP_CONF_DURATION, pub.ban, .def = "none", .none = "none", .min = SP_SECOND, .max = 7 * SP_DAY,
	      .help = "How long the client that goes over it is banned: closed at accept, or 403 behind alb and cloudfront. "
		      "Kept over restarts."),
	LIMIT("ban_max", SP_CONF_DURATION, pub.ban_max, .def = "none", .none = "none", .min = SP_SECOND, .max = 7 * SP_DAY,
	      .help = "Who is banned again within this time has the double, up to this; none: bans do not grow."),
	LIMIT("headers", SP_CONF_BOOL, pub.has_headers, .def = "no",
	      .help = "RateLimit-Policy and RateLimit in answers (draft-ietf-httpapi-ratelimit-headers)."),
	LIMIT("mode", SP_CONF_SWITCH, pub.is_observed, .def = "enforce", .words = modes,
	      .help = "observe: who goes over it is only told of in the log."),
};

const struct sp_conf_type sp_conf_type_limit = {
	.name = "limit",
	.is_named = true,
	.size = sizeof(struct sp_part_limit),
	.keys = limit_keys,
	.key_count = SP_COUNT(limit_keys),
	.help = "Rate limits, over all workers, kept over reloads.",
};
