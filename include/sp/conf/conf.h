/*
 * conf - one configuration as an immutable tree.
 *
 * Made by sp_conf_read (conf/read.h) from the main file and its includes, with
 * every default filled in and every rule checked. All of it lives in one arena;
 * it never changes afterwards, so everybody may hold pointers into it for as
 * long as the generation lives. Lists are pointer + count, in file order.
 *
 * Every section begins with struct sp_conf_section; sp_conf_at() tells the file
 * and line where a key of it was set. Items of lists carry their own.
 *
 * Durations are in milliseconds, sizes in bytes, rates in events a second x 1000.
 * 0 stands for "none" where the key knows "none" or "off".
 */
#ifndef SP_CONF_CONF_H
#define SP_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp/base/addr.h"
#include "sp/base/arena.h"
#include "sp/base/cidr.h"
#include "sp/base/egress.h"
#include "sp/base/geo.h"
#include "sp/base/log.h"
#include "sp/base/str.h"

struct sp_conf_at {
	const char *file;               /* as the operator would write it; NULL = a default */
	int line;
};

struct sp_conf_set;                     /* private to conf: which key was set where */
struct sp_conf_secret;                  /* private to conf: what is cleansed when it is freed */

struct sp_conf_section {
	const char *type;               /* "listener" */
	struct sp_str name;             /* "https"; empty for [gateway] and for an unnamed one */
	struct sp_conf_at at;           /* of the first header; the place of a synthetic section is what implied it */
	const struct sp_conf_set *sets;
	size_t set_count;
};

/* Where `key` of this section was set; file == NULL when it has its default. */
struct sp_conf_at sp_conf_at(const struct sp_conf_section *section, const char *key);

struct sp_conf_text {                   /* an item of a list of texts */
	struct sp_str text;
	struct sp_conf_at at;
};

struct sp_conf_texts {
	const struct sp_conf_text *items;
	size_t count;
};

struct sp_conf_cidrs {
	const struct sp_cidr *items;
	const struct sp_conf_at *ats;   /* one for each item */
	size_t count;
};

enum sp_conf_behind { SP_BEHIND_NONE, SP_BEHIND_ALB, SP_BEHIND_NLB, SP_BEHIND_CLOUDFRONT };
enum sp_conf_sandbox { SP_SANDBOX_AUTO, SP_SANDBOX_REQUIRE, SP_SANDBOX_REQUIRE_ALL, SP_SANDBOX_OFF };

struct sp_conf_gateway {
	struct sp_conf_section section;
	uint64_t config_version;
	uint64_t workers;               /* 0 = one a core */
	struct sp_str user, group;
	enum sp_conf_behind behind;
	struct sp_conf_cidrs trusted;
	uint64_t max_connections;
	uint64_t memory_max;            /* 0 = none */
	struct sp_str health_path, ready_path;
	struct sp_conf_texts ready_pools;
	uint64_t drain_delay, drain_timeout;
	struct sp_str state_dir, ban_journal;   /* the file in it; absolute */
	enum sp_conf_sandbox sandbox;
};

struct sp_conf_egress {
	struct sp_conf_section section;
	const struct sp_egress_rule *allow;
	const struct sp_conf_at *allow_ats;     /* one for each rule */
	size_t allow_count;
	bool has_allow;
	bool is_public;
	struct sp_conf_texts resolver;  /* as written */
	const struct sp_addr *resolvers;        /* name servers; 0 of them: no backend is given by name */
	size_t resolver_count;
};

enum sp_conf_log_format { SP_LOG_FORMAT_JSON, SP_LOG_FORMAT_COMBINED };

struct sp_conf_log {
	struct sp_conf_section section;
	struct sp_str access;           /* "stdout", "off", or a path (absolute: made so from the main file's place) */
	struct sp_str error;            /* "stderr" or a path */
	enum sp_conf_log_format format;
	enum sp_log_level level;
	struct sp_conf_texts redact;
};

struct sp_conf_admin {
	struct sp_conf_section section;
	struct sp_str socket;           /* a path (absolute: made so from the main file's place), or "off" */
	struct sp_addr bind;            /* of the status page and the metrics; family SP_ADDR_NONE: off */
	struct sp_conf_cidrs allow;     /* who may come there; none: whoever can reach it, which is this machine alone */
};

enum sp_conf_bind_kind { SP_BIND_ADDR, SP_BIND_UNIX, SP_BIND_FD };

struct sp_conf_bind {
	enum sp_conf_bind_kind kind;
	struct sp_addr addr;            /* ADDR, UNIX */
	struct sp_str fd_name;          /* FD: name of the passed descriptor */
	struct sp_conf_at at;
};

enum sp_conf_tls_policy { SP_TLS_INTERMEDIATE, SP_TLS_MODERN };
enum sp_conf_client_verify { SP_VERIFY_OFF, SP_VERIFY_OPTIONAL, SP_VERIFY_REQUIRED };

struct sp_conf_cert {                   /* the i-th cert goes with the i-th key_file */
	struct sp_str section_name;     /* of its [tls] or [pool] */
	struct sp_str chain_path, key_path;     /* absolute */
	struct sp_str chain_pem;        /* content, read by sp_conf_read */
	int key_fd;                     /* owned by the configuration: opened and judged, never read by who opened it */
	uint32_t index;                 /* in conf->certs: what the keeper is asked for */
	bool is_client;                 /* of a [pool]: shown to backends; its key signs what clients sign, and nothing else */
	struct sp_conf_at at;
};

struct sp_conf_tls {
	struct sp_conf_section section; /* an unnamed one belongs to one listener: name = "listener:NAME" */
	const struct sp_conf_cert *certs;
	size_t cert_count;
	enum sp_conf_tls_policy policy;
	struct sp_str client_ca_pem, crl_pem;   /* content; empty = none */
	enum sp_conf_client_verify client_verify;
	bool has_client_cert_headers;
	uint64_t hsts;                  /* seconds; 0 = off */
	bool has_hsts_subdomains, has_hsts_preload;
};

enum sp_conf_limit_key { SP_LIMIT_BY_CLIENT, SP_LIMIT_BY_ROUTE, SP_LIMIT_BY_HEADER, SP_LIMIT_GLOBAL };

struct sp_conf_limit {
	struct sp_conf_section section;
	uint64_t interval_ns;           /* between two events of the rate: 20,000,000 for 50/s */
	uint64_t burst;                 /* at once; at least 1 */
	enum sp_conf_limit_key key;
	struct sp_str header;           /* BY_HEADER */
	const uint16_t *statuses;       /* of backends, that are counted; 0 of them: requests are */
	size_t status_count;
	uint64_t ban, ban_max;          /* ms; 0: nobody is banned; bans do not grow */
	bool has_headers, is_observed;
};

struct sp_conf_place {                  /* a country or a network operator: one of the two is 0 */
	struct sp_geo_place place;
	struct sp_conf_at at;
};

struct sp_conf_places {
	const struct sp_conf_place *items;
	size_t count;
};

struct sp_conf_geo {
	struct sp_conf_section section;
	struct sp_str table;            /* the database as the bytes of base/geo.h */
	struct sp_conf_places allow, deny;
	bool is_unknown_denied;
};

enum sp_conf_underscore { SP_UNDERSCORE_DROP, SP_UNDERSCORE_REJECT, SP_UNDERSCORE_PASS };
enum sp_conf_proxy_protocol { SP_PROXY_OFF, SP_PROXY_OPTIONAL, SP_PROXY_REQUIRED };

struct sp_conf_listener {
	struct sp_conf_section section;
	const struct sp_conf_bind *binds;
	size_t bind_count;
	const struct sp_conf_tls *const *tls;   /* in the order of `tls`, an unnamed one first; 0 = plain text */
	size_t tls_count;
	bool is_redirect_https;
	struct sp_str acme_webroot;
	enum sp_conf_proxy_protocol proxy_protocol;
	uint64_t max_connections, max_connections_per_ip;
	uint64_t max_handshakes_per_ip, max_handshakes;
	uint64_t tls_timeout, header_timeout, client_idle, min_rate;
	uint64_t header_max, header_count_max, uri_max;
	uint64_t body_max;              /* 0 = none */
	uint64_t max_requests_per_connection, connection_max_age;
	const struct sp_str *methods;
	size_t method_count;
	struct sp_conf_cidrs allow, deny;
	const struct sp_conf_geo *const *geos;  /* in the order of `geo` */
	size_t geo_count;
	const struct sp_conf_limit *const *limits;      /* in the order of `limit` */
	size_t limit_count;
	enum sp_conf_underscore underscore_headers;
	bool has_access_log;
};

enum sp_conf_balance { SP_BALANCE_LEAST_CONN, SP_BALANCE_ROUND_ROBIN, SP_BALANCE_RANDOM_TWO,
                       SP_BALANCE_HASH_CLIENT, SP_BALANCE_HASH_HEADER, SP_BALANCE_COOKIE };
enum sp_conf_host { SP_HOST_CLIENT, SP_HOST_BACKEND, SP_HOST_NAME };

struct sp_conf_backend {                /* both forms: `backend =` in a pool, and [backend:NAME] */
	struct sp_str name;             /* [backend:NAME]'s name, else the address as written */
	struct sp_str host;             /* as written, without port: for the Host field and TLS */
	struct sp_addr addr;            /* family SP_ADDR_NONE: host is a name, to be resolved; the port counts */
	uint64_t weight;                /* 1 to 256 */
	uint64_t max_inflight;          /* 0 = none */
	bool is_down;
	uint32_t index;                 /* over all pools, in order: what a worker asks the dialer for */
	struct sp_conf_at at;
};

static inline bool sp_conf_backend_is_named(const struct sp_conf_backend *backend)
{
	return backend->addr.family == SP_ADDR_NONE && backend->host.n > 0;
}

enum sp_conf_check_kind { SP_CHECK_NONE, SP_CHECK_TCP, SP_CHECK_HTTP };

struct sp_conf_status_range {
	uint16_t from, to;
};

struct sp_conf_check {                  /* the health check of a pool's backends */
	enum sp_conf_check_kind kind;
	struct sp_str path;             /* HTTP */
	struct sp_str host;             /* sent as Host; empty: what the pool sends */
	const struct sp_conf_status_range *statuses;    /* that are healthy */
	size_t status_count;
	struct sp_str body;             /* a text that a healthy answer holds; empty: any */
	uint64_t interval, timeout;     /* ms */
	uint64_t rise, fall;            /* checks in a row */
	bool starts_up;                 /* before the first check */
};

struct sp_conf_pool {
	struct sp_conf_section section; /* `to` of a route makes one of name "route:NAME" */
	const struct sp_conf_backend *backends;
	size_t backend_count;
	enum sp_conf_balance balance;
	struct sp_str balance_name;     /* of the header or cookie */
	enum sp_conf_host host;
	struct sp_str host_name;        /* for SP_HOST_NAME */
	uint64_t connect_timeout, answer_timeout, read_timeout, backend_idle;
	uint64_t keepalive;             /* idle connections kept a worker */
	uint64_t retries, retry_budget; /* budget in percent */
	uint64_t queue, queue_timeout, max_inflight;
	uint64_t eject;                 /* failures in a row; 0 = off */
	uint64_t eject_time, eject_max; /* ms; percent of the pool */
	uint64_t slow_start;
	uint64_t when_all_down;         /* status */
	struct sp_conf_check check;
	uint64_t resolve_min, resolve_max;      /* ms between two look-ups of a name */
	bool has_tls;                   /* to the backends, always verified */
	struct sp_str tls_name;         /* that their certificates must have; empty: each one's host */
	struct sp_str tls_ca_pem;       /* content: tls_ca, or with TLS the system's store */
	const struct sp_conf_cert *tls_cert;    /* shown to them; NULL: none */
	bool has_proxy_header;          /* they are told of the client by PROXY version 2 */
};

/* A host pattern: "example.com", "*.example.com" (any depth of labels before it), "*". Lower case. */
struct sp_conf_host_rule {
	struct sp_str name;             /* without "*."; empty for "*" */
	bool is_wildcard;
	struct sp_conf_at at;
};

struct sp_conf_path_rule {
	struct sp_str path;             /* normalised; without the "*" of a prefix */
	bool is_prefix;
	struct sp_conf_at at;
};

enum sp_conf_edit_verb { SP_EDIT_SET, SP_EDIT_ADD, SP_EDIT_REMOVE };

struct sp_conf_edit {
	enum sp_conf_edit_verb verb;
	struct sp_str name, value;
	struct sp_conf_at at;
};

enum sp_conf_trace { SP_TRACE_PASS, SP_TRACE_START };

struct sp_conf_route {
	struct sp_conf_section section;
	const struct sp_conf_host_rule *hosts;  /* none = any host, as "*" */
	size_t host_count;
	const struct sp_conf_path_rule *paths;
	size_t path_count;
	const struct sp_str *methods;   /* none = the listener's */
	size_t method_count;
	const struct sp_conf_pool *pool;        /* NULL with redirect or respond */
	uint64_t redirect_status;       /* 0 = no redirect */
	struct sp_str redirect_url;
	uint64_t respond_status;        /* 0 = no respond */
	struct sp_str respond_text;
	int64_t priority;
	uint64_t timeout, tunnel_idle;
	uint64_t body_max;              /* of the route (0 = none), or UINT64_MAX: the listener's */
	struct sp_conf_cidrs allow, deny;
	const struct sp_conf_geo *const *geos;
	size_t geo_count;
	const struct sp_conf_limit *const *limits;
	size_t limit_count;
	struct sp_str strip_prefix, add_prefix;
	bool is_encoded_slash_kept;
	const struct sp_conf_edit *request_edits;
	size_t request_edit_count;
	const struct sp_conf_edit *response_edits;
	size_t response_edit_count;
	bool has_security_headers;
	bool is_websocket;
	enum sp_conf_trace trace;
	bool has_access_log;
	uint32_t index;                 /* in file order */
};

struct sp_conf {
	struct sp_arena arena;          /* owned: everything below */
	const char *main_file;
	uint64_t read_ms;               /* wall clock, before the first look at a file */
	struct sp_conf_gateway gateway;
	struct sp_conf_egress egress;
	struct sp_conf_log log;
	struct sp_conf_admin admin;
	const struct sp_conf_listener *listeners;
	size_t listener_count;
	const struct sp_conf_tls *tls;
	size_t tls_count;
	const struct sp_conf_cert *const *certs;        /* of all [tls] and [pool], by index */
	size_t cert_count;
	const struct sp_conf_geo *geos;
	size_t geo_count;
	const struct sp_conf_limit *limits;
	size_t limit_count;
	const struct sp_conf_pool *pools;
	size_t pool_count;
	const struct sp_conf_route *routes;
	size_t route_count;
	size_t backend_count;           /* over all pools */
	const struct sp_addr *literals; /* backends declared by address, for struct sp_egress */
	size_t literal_count;
	const struct sp_addr *own;      /* the listeners' addresses, for struct sp_egress */
	size_t own_count;
	const struct sp_addr *local;    /* this host's interface addresses when it was read */
	size_t local_count;
	struct sp_conf_secret *secrets;
	int bundle_fd;                  /* owned: all that it was read from, in sealed memory; -1: read from a text or a bundle */
	const void *mapped;             /* owned: the bundle that it was read from and borrows from; NULL: none */
	size_t mapped_n;
	const struct sp_conf_section *const *sections;  /* as written, in file order: what dump prints */
	size_t section_count;
};

/* The egress rules of this configuration; borrows from it. */
struct sp_egress sp_conf_egress_rules(const struct sp_conf *conf);

#endif
