/*
 * Broken and doubtful configurations, each with exactly what is said of it.
 */
#include "lib.h"

/* Put behind a text that is not complete, so that only what it is about is said. */
static const char rest[] = "\n[listener:base]\nbind = 127.0.0.1:1\n[route:base]\nrespond = 200 ok\n";

#define TEXT(s) s, sizeof(s) - 1

/* clang-format off: one line of text is one line here */
static const struct {
	const char *name, *text;
	size_t n;
	bool is_complete;
	const char *want;
} broken[] = {
	/* lines */
	{ "nothing at all", TEXT(""), true,
	  "t.ini: error: no [listener:NAME]: there is nothing to listen on\n"
	  "t.ini: 1 error\n" },
	{ "only comments",
	  TEXT("# a\n"
	       "; b\n"),
	  true,
	  "t.ini: error: no [listener:NAME]: there is nothing to listen on\n"
	  "t.ini: 1 error\n" },
	{ "a key before any section", TEXT("workers = 2\n"), false,
	  "t.ini:1: error: \"workers\" stands before any section\n"
	  "t.ini: 1 error\n" },
	{ "a leading blank",
	  TEXT("[gateway]\n"
	       " workers = 2\n"),
	  false,
	  "t.ini:2: error: a line must not begin with a blank\n"
	  "t.ini: 1 error\n" },
	{ "a leading tab",
	  TEXT("[gateway]\n"
	       "workers = 2\n"
	       "	user = x\n"),
	  false,
	  "t.ini:3: error: a line must not begin with a blank\n"
	  "t.ini: 1 error\n" },
	{ "a colon for the equals sign",
	  TEXT("[gateway]\n"
	       "workers: 2\n"),
	  false,
	  "t.ini:2: error: between a key and its value stands \"=\", not \":\"\n"
	  "t.ini: 1 error\n" },
	{ "a colon before the equals sign",
	  TEXT("[gateway]\n"
	       "workers: a = 2\n"),
	  false,
	  "t.ini:2: error: between a key and its value stands \"=\", not \":\"\n"
	  "t.ini: 1 error\n" },
	{ "neither",
	  TEXT("[gateway]\n"
	       "workers 2\n"),
	  false,
	  "t.ini:2: error: neither a section, a key with \"=\", nor a comment\n"
	  "t.ini: 1 error\n" },
	{ "no key",
	  TEXT("[gateway]\n"
	       "= 2\n"),
	  false,
	  "t.ini:2: error: no key before the \"=\"\n"
	  "t.ini: 1 error\n" },
	{ "no value",
	  TEXT("[gateway]\n"
	       "workers =\n"),
	  false,
	  "t.ini:2: error: \"workers\" has no value\n"
	  "t.ini: 1 error\n" },
	{ "a key in capitals",
	  TEXT("[gateway]\n"
	       "Workers = 2\n"),
	  false,
	  "t.ini:2: error: \"Workers\" is no key: only a-z, 0-9 and \"_\"\n"
	  "t.ini: 1 error\n" },
	{ "a key with a dash",
	  TEXT("[gateway]\n"
	       "max-connections = 100\n"),
	  false,
	  "t.ini:2: error: \"max-connections\" is no key: only a-z, 0-9 and \"_\"\n"
	  "t.ini: 1 error\n" },
	{ "a blank and a semicolon in a value",
	  TEXT("[gateway]\n"
	       "workers = 2 ; two\n"),
	  false,
	  "t.ini:2: error: a blank and \";\" inside the value of \"workers\": a comment stands on a line of its own\n"
	  "t.ini: 1 error\n" },
	{ "a tab and a semicolon in a value",
	  TEXT("[gateway]\n"
	       "workers = 2	; two\n"),
	  false,
	  "t.ini:2: error: a blank and \";\" inside the value of \"workers\": a comment stands on a line of its own\n"
	  "t.ini: 1 error\n" },
	{ "a hash behind a value",
	  TEXT("[gateway]\n"
	       "workers = 2 # two\n"),
	  false,
	  "t.ini:2: error: workers = 2 # two: not a number and not auto; a comment stands on a line of its own\n"
	  "t.ini: 1 error\n" },
	{ "a section without its end",
	  TEXT("[gateway\n"
	       "workers = 2\n"),
	  false,
	  "t.ini:1: error: no \"]\" at the end of the section\n"
	  "t.ini: 1 error\n" },
	{ "something behind a section", TEXT("[gateway] x\n"), false,
	  "t.ini:1: error: nothing may follow the \"]\" of a section\n"
	  "t.ini: 1 error\n" },
	{ "a comment behind a section", TEXT("[gateway] ; x\n"), false,
	  "t.ini:1: error: nothing may follow the \"]\" of a section\n"
	  "t.ini: 1 error\n" },
	{ "a section in capitals",
	  TEXT("[Gateway]\n"
	       "workers = 2\n"),
	  false,
	  "t.ini:1: error: [Gateway] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "an empty section", TEXT("[]\n"), false,
	  "t.ini:1: error: [] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "a section without a type", TEXT("[:a]\n"), false,
	  "t.ini:1: error: [:a] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "a section with an empty name", TEXT("[pool:]\n"), false,
	  "t.ini:1: error: [pool:] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "a section with two colons", TEXT("[pool:a:b]\n"), false,
	  "t.ini:1: error: [pool:a:b] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "a section with a blank", TEXT("[pool: a]\n"), false,
	  "t.ini:1: error: [pool: a] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "keys of a bad section are not judged",
	  TEXT("[Pool:a]\n"
	       "nonsense = 1\n"),
	  false,
	  "t.ini:1: error: [Pool:a] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "a control byte",
	  TEXT("[gateway]\n"
	       "user = a\001b\n"),
	  false,
	  "t.ini:2: error: control byte 0x01 at column 9\n"
	  "t.ini: 1 error\n" },
	{ "a NUL",
	  TEXT("[gateway]\n"
	       "user = a\000b\n"),
	  false,
	  "t.ini:2: error: control byte 0x00 at column 9\n"
	  "t.ini: 1 error\n" },
	{ "a DEL in a comment", TEXT("# a\177b\n"), false,
	  "t.ini:1: error: control byte 0x7f at column 4\n"
	  "t.ini: 1 error\n" },
	{ "a CR inside a line",
	  TEXT("[gateway]\n"
	       "user = a\rb\n"),
	  false,
	  "t.ini:2: error: control byte 0x0d at column 9\n"
	  "t.ini: 1 error\n" },
	{ "a CR at the very end",
	  TEXT("[gateway]\n"
	       "user = a\r"),
	  true,
	  "t.ini:2: error: control byte 0x0d at column 9\n"
	  "t.ini: 1 error\n" },
	{ "CR LF ends a line, errors have their lines",
	  TEXT("[gateway]\r\n"
	       "workers = x\r\n"),
	  false,
	  "t.ini:2: error: workers = x: not a number and not auto\n"
	  "t.ini: 1 error\n" },
	{ "a byte order mark in the middle",
	  TEXT("[gateway]\n"
	       "\357\273\277workers = 2\n"),
	  false,
	  "t.ini:2: error: \"\357\273\277workers\" is no key: only a-z, 0-9 and \"_\"\n"
	  "t.ini: 1 error\n" },
	{ "two errors, sorted",
	  TEXT("[gateway]\n"
	       "workers = x\n"
	       "[pol:a]\n"
	       "user = 1\n"
	       "[gateway]\n"
	       "user = a b\n"),
	  false,
	  "t.ini:2: error: workers = x: not a number and not auto\n"
	  "t.ini:3: error: unknown section [pol:a]; did you mean \"pool\"?\n"
	  "t.ini:6: error: user = a b: no name of a user or group\n"
	  "t.ini: 3 errors\n" },
	/* sections and keys */
	{ "an unknown section",
	  TEXT("[lisener:a]\n"
	       "bind = x\n"),
	  true,
	  "t.ini:1: error: unknown section [lisener:a]; did you mean \"listener\"?\n"
	  "t.ini: 1 error\n" },
	{ "an unknown section, nothing near", TEXT("[frobnicate]\n"), false,
	  "t.ini:1: error: unknown section [frobnicate]\n"
	  "t.ini: 1 error\n" },
	{ "a section that needs a name",
	  TEXT("[pool]\n"
	       "backend = 10.0.0.1\n"),
	  false,
	  "t.ini:1: error: [pool] needs a name: [pool:NAME]\n"
	  "t.ini: 1 error\n" },
	{ "a section that has none", TEXT("[gateway:main]\n"), false,
	  "t.ini:1: error: there is only one [gateway]: it has no name\n"
	  "t.ini: 1 error\n" },
	{ "a section that is not built",
	  TEXT("[admin]\n"
	       "bind = off\n"),
	  false,
	  "t.ini:1: error: [admin] is not in this build\n"
	  "t.ini: 1 error\n" },
	{ "another",
	  TEXT("[limit:a]\n"
	       "rate = 5/s\n"),
	  false,
	  "t.ini:1: error: [limit:a] is not in this build\n"
	  "t.ini: 1 error\n" },
	{ "and another",
	  TEXT("[geo:a]\n"
	       "database = x\n"),
	  false,
	  "t.ini:1: error: [geo:a] is not in this build\n"
	  "t.ini: 1 error\n" },
	{ "an unknown key",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "heder_max = 8k\n"),
	  false,
	  "t.ini:3: error: unknown key \"heder_max\" in [listener:a]; did you mean \"header_max\"?\n"
	  "t.ini: 1 error\n" },
	{ "an unknown key, nothing near",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "frobnicate = 8k\n"),
	  false,
	  "t.ini:3: error: unknown key \"frobnicate\" in [listener:a]\n"
	  "t.ini: 1 error\n" },
	{ "words of the right key",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "helth_check = GET /\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: unknown key \"helth_check\" in [pool:a]; did you mean \"check\"?\n"
	  "t.ini: 1 error\n" },
	{ "part of the right key",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "timeout = 5s\n"),
	  false,
	  "t.ini:3: error: unknown key \"timeout\" in [listener:a]; did you mean \"tls_timeout\"?\n"
	  "t.ini: 1 error\n" },
	{ "a key that is not built",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "http2 = yes\n"),
	  false,
	  "t.ini:3: error: \"http2\" in [listener:a] is not in this build\n"
	  "t.ini: 1 error\n" },
	{ "a key of a route that is not built",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "allow = 10.0.0.0/8\n"),
	  false,
	  "t.ini:3: error: \"allow\" in [route:a] is not in this build\n"
	  "t.ini: 1 error\n" },
	{ "a key of a pool that is not built",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "check = tcp\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: \"check\" in [pool:a] is not in this build\n"
	  "t.ini: 1 error\n" },
	{ "resolver",
	  TEXT("[egress]\n"
	       "resolver = 10.0.0.2\n"),
	  false,
	  "t.ini:2: error: \"resolver\" in [egress] is not in this build\n"
	  "t.ini: 1 error\n" },
	{ "a scalar twice",
	  TEXT("[gateway]\n"
	       "workers = 2\n"
	       "workers = 3\n"),
	  false,
	  "t.ini:3: error: \"workers\" in [gateway] is set already at t.ini:2\n"
	  "t.ini: 1 error\n" },
	{ "a scalar twice, sections apart",
	  TEXT("[gateway]\n"
	       "workers = 2\n"
	       "[log]\n"
	       "level = warn\n"
	       "[gateway]\n"
	       "workers = 2\n"),
	  false,
	  "t.ini:6: error: \"workers\" in [gateway] is set already at t.ini:2\n"
	  "t.ini: 1 error\n" },
	{ "include from memory",
	  TEXT("[gateway]\n"
	       "include = conf.d/*.ini\n"),
	  false,
	  "t.ini:2: error: \"include\" is for files: this configuration comes from memory\n"
	  "t.ini: 1 error\n" },
	{ "a missing key",
	  TEXT("[listener:a]\n"
	       "client_idle = 60s\n"),
	  false,
	  "t.ini:1: error: [listener:a] has no bind\n"
	  "t.ini: 1 error\n" },
	{ "a missing key of tls",
	  TEXT("[tls:a]\n"
	       "policy = modern\n"),
	  false,
	  "t.ini:1: error: [tls:a] has no cert\n"
	  "t.ini:1: error: [tls:a] has no key_file\n"
	  "t.ini:1: warning: [tls:a] is used by nothing [unused-tls]\n"
	  "t.ini: 2 errors, 1 warning\n" },
	{ "a missing key of a list of addresses", TEXT("[addresses:a]\n"), false,
	  "t.ini:1: error: [addresses:a] has no cidr\n"
	  "t.ini:1: warning: [addresses:a] is used by nothing [unused-addresses]\n"
	  "t.ini: 1 error, 1 warning\n" },
	{ "missing keys of a backend",
	  TEXT("[backend:a]\n"
	       "weight = 2\n"),
	  false,
	  "t.ini:1: error: [backend:a] has no pool\n"
	  "t.ini:1: error: [backend:a] has no address\n"
	  "t.ini: 2 errors\n" },
	{ "no listener",
	  TEXT("[route:a]\n"
	       "respond = 200\n"),
	  true,
	  "t.ini: error: no [listener:NAME]: there is nothing to listen on\n"
	  "t.ini: 1 error\n" },
	{ "no route",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"),
	  true,
	  "t.ini: warning: no [route:NAME]: every request will be answered 421 [no-route]\n"
	  "t.ini: 1 warning\n" },
	/* numbers, sizes, times, words */
	{ "a number",
	  TEXT("[gateway]\n"
	       "workers = two\n"),
	  false,
	  "t.ini:2: error: workers = two: not a number and not auto\n"
	  "t.ini: 1 error\n" },
	{ "a negative number",
	  TEXT("[gateway]\n"
	       "workers = -1\n"),
	  false,
	  "t.ini:2: error: workers = -1: not a number and not auto\n"
	  "t.ini: 1 error\n" },
	{ "a number too small",
	  TEXT("[gateway]\n"
	       "workers = 0\n"),
	  false,
	  "t.ini:2: error: workers = 0: at least 1, or auto\n"
	  "t.ini: 1 error\n" },
	{ "a number too large",
	  TEXT("[gateway]\n"
	       "workers = 257\n"),
	  false,
	  "t.ini:2: error: workers = 257: at most 256\n"
	  "t.ini: 1 error\n" },
	{ "a number beyond 64 bits",
	  TEXT("[gateway]\n"
	       "max_connections = 18446744073709551616\n"),
	  false,
	  "t.ini:2: error: max_connections = 18446744073709551616: not a number\n"
	  "t.ini: 1 error\n" },
	{ "another version",
	  TEXT("[gateway]\n"
	       "config_version = 2\n"),
	  false,
	  "t.ini:2: error: config_version = 2: at most 1\n"
	  "t.ini: 1 error\n" },
	{ "a size with a wrong unit",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "header_max = 16kb\n"),
	  false,
	  "t.ini:3: error: header_max = 16kb: not a size, as 512, 16k, 10m or 1g\n"
	  "t.ini: 1 error\n" },
	{ "a size too large",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "header_max = 65k\n"),
	  false,
	  "t.ini:3: error: header_max = 65k: at most 64k\n"
	  "t.ini: 1 error\n" },
	{ "a size too small",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "header_max = 1023\n"),
	  false,
	  "t.ini:3: error: header_max = 1023: at least 1k\n"
	  "t.ini: 1 error\n" },
	{ "a size beyond 64 bits",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "body_max = 900000000000000g\n"),
	  false,
	  "t.ini:3: error: body_max = 900000000000000g: a size beyond all bounds\n"
	  "t.ini: 1 error\n" },
	{ "a duration without a unit",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "client_idle = 60\n"),
	  false,
	  "t.ini:3: error: client_idle = 60: a duration needs a unit, as 250ms, 10s, 5m, 1h30m or 7d\n"
	  "t.ini: 1 error\n" },
	{ "a duration with a wrong unit",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "client_idle = 60x\n"),
	  false,
	  "t.ini:3: error: client_idle = 60x: not a duration, as 250ms, 10s, 5m, 1h30m or 7d\n"
	  "t.ini: 1 error\n" },
	{ "a duration with units in the wrong order",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "client_idle = 30m1h\n"),
	  false,
	  "t.ini:3: error: client_idle = 30m1h: not a duration, as 250ms, 10s, 5m, 1h30m or 7d\n"
	  "t.ini: 1 error\n" },
	{ "a duration with a unit twice",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "client_idle = 1m1m\n"),
	  false,
	  "t.ini:3: error: client_idle = 1m1m: not a duration, as 250ms, 10s, 5m, 1h30m or 7d\n"
	  "t.ini: 1 error\n" },
	{ "a duration too long",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "client_idle = 61m\n"),
	  false,
	  "t.ini:3: error: client_idle = 61m: at most 1h\n"
	  "t.ini: 1 error\n" },
	{ "a duration too short",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "tls_timeout = 99ms\n"),
	  false,
	  "t.ini:3: error: tls_timeout = 99ms: at least 100ms\n"
	  "t.ini: 1 error\n" },
	{ "a rate without a unit",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "min_rate = 500\n"),
	  false,
	  "t.ini:3: error: min_rate = 500: not a rate, as 50/s, 5/m or 1000/h\n"
	  "t.ini: 1 error\n" },
	{ "a rate with a wrong unit",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "min_rate = 500/d\n"),
	  false,
	  "t.ini:3: error: min_rate = 500/d: not a rate, as 50/s, 5/m or 1000/h\n"
	  "t.ini: 1 error\n" },
	{ "a rate too small",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "min_rate = 0/s\n"),
	  false,
	  "t.ini:3: error: min_rate = 0/s: at least 1/s, or none\n"
	  "t.ini: 1 error\n" },
	{ "a boolean",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "access_log = maybe\n"),
	  false,
	  "t.ini:3: error: access_log = maybe: neither yes nor no\n"
	  "t.ini: 1 error\n" },
	{ "a word, one near",
	  TEXT("[gateway]\n"
	       "behind = elb\n"),
	  false,
	  "t.ini:2: error: behind = elb: no such value; did you mean \"alb\"?\n"
	  "t.ini: 1 error\n" },
	{ "a word, none near",
	  TEXT("[gateway]\n"
	       "behind = nothing\n"),
	  false,
	  "t.ini:2: error: behind = nothing: must be none, alb, nlb or cloudfront\n"
	  "t.ini: 1 error\n" },
	{ "a word that is not built",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "balance = random_two\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: balance = random_two: not in this build\n"
	  "t.ini: 1 error\n" },
	{ "a word with a name that is not built",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "balance = hash:header:X-User\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: balance = hash:header:X-User: not in this build\n"
	  "t.ini: 1 error\n" },
	{ "a priority",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "priority = -1000001\n"),
	  false,
	  "t.ini:3: error: priority = -1000001: from -1000000 to 1000000\n"
	  "t.ini: 1 error\n" },
	{ "a user name",
	  TEXT("[gateway]\n"
	       "user = a b\n"),
	  false,
	  "t.ini:2: error: user = a b: no name of a user or group\n"
	  "t.ini: 1 error\n" },
	{ "a log file that is a slip",
	  TEXT("[log]\n"
	       "access = stdot\n"),
	  false,
	  "t.ini:2: error: access = stdot: must be stdout or off, or a path with a \"/\" or \".\" in it\n"
	  "t.ini: 1 error\n" },
	{ "a status",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "when_all_down = 200\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: when_all_down = 200: at least 400\n"
	  "t.ini: 1 error\n" },
	/* addresses */
	{ "no address",
	  TEXT("[listener:a]\n"
	       "bind = localhost\n"),
	  false,
	  "t.ini:2: error: bind = localhost: not an address, as 0.0.0.0:443, [::]:443, unix:path or fd:name\n"
	  "t.ini: 1 error\n" },
	{ "no port",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1\n"),
	  false,
	  "t.ini:2: error: bind = 127.0.0.1: an address to listen on needs a port\n"
	  "t.ini: 1 error\n" },
	{ "port 0",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:0\n"),
	  false,
	  "t.ini:2: error: bind = 127.0.0.1:0: not an address, as 0.0.0.0:443, [::]:443, unix:path or fd:name\n"
	  "t.ini: 1 error\n" },
	{ "a star",
	  TEXT("[listener:a]\n"
	       "bind = *:443\n"),
	  false,
	  "t.ini:2: error: bind = *:443: not an address: every IPv4 address is 0.0.0.0, every IPv6 address [::]\n"
	  "t.ini: 1 error\n" },
	{ "a port too large",
	  TEXT("[listener:a]\n"
	       "bind = 0.0.0.0:65536\n"),
	  false,
	  "t.ini:2: error: bind = 0.0.0.0:65536: not an address, as 0.0.0.0:443, [::]:443, unix:path or fd:name\n"
	  "t.ini: 1 error\n" },
	{ "an octal address",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.01:80\n"),
	  false,
	  "t.ini:2: error: bind = 127.0.0.01:80: not an address, as 0.0.0.0:443, [::]:443, unix:path or fd:name\n"
	  "t.ini: 1 error\n" },
	{ "unix without a path",
	  TEXT("[listener:a]\n"
	       "bind = unix:\n"),
	  false,
	  "t.ini:2: error: bind = unix:: no path behind unix:\n"
	  "t.ini: 1 error\n" },
	{ "unix with a long path",
	  TEXT("[listener:a]\n"
	       "bind = "
	       "unix:/"
	       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	       "aaaa\n"),
	  false,
	  "t.ini:2: error: bind = "
	  "unix:/"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:"
	  " its path "
	  "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  " is too long: at most 107 bytes\n"
	  "t.ini: 1 error\n" },
	{ "fd without a name",
	  TEXT("[listener:a]\n"
	       "bind = fd:\n"),
	  false,
	  "t.ini:2: error: bind = fd:: the name of a passed descriptor has 1 to 255 bytes\n"
	  "t.ini: 1 error\n" },
	{ "the same bind twice",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "[listener:b]\n"
	       "bind = 127.0.0.2:80, 127.0.0.1:80\n"),
	  false,
	  "t.ini:4: error: bind = 127.0.0.1:80 is taken by [listener:a] at t.ini:2\n"
	  "t.ini: 1 error\n" },
	{ "the same bind twice in one",
	  TEXT("[listener:b]\n"
	       "bind = fd:x\n"
	       "bind = fd:x\n"),
	  false,
	  "t.ini:3: error: bind = fd:x is taken by [listener:b] at t.ini:2\n"
	  "t.ini: 1 error\n" },
	{ "a comma too many",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80,\n"),
	  false,
	  "t.ini:2: error: bind = 127.0.0.1:80,: nothing between two commas, or behind the last\n"
	  "t.ini: 1 error\n" },
	{ "a CIDR with bits set",
	  TEXT("[gateway]\n"
	       "trusted = 10.1.2.3/8\n"),
	  false,
	  "t.ini:2: error: trusted = 10.1.2.3/8: bits are set behind the prefix; did you mean 10.0.0.0/8?\n"
	  "t.ini: 1 error\n" },
	{ "a CIDR with IPv6 bits set",
	  TEXT("[gateway]\n"
	       "trusted = fd00::1/8\n"),
	  false,
	  "t.ini:2: error: trusted = fd00::1/8: bits are set behind the prefix; did you mean fd00::/8?\n"
	  "t.ini: 1 error\n" },
	{ "no CIDR",
	  TEXT("[gateway]\n"
	       "trusted = 10.0.0.0/33\n"),
	  false,
	  "t.ini:2: error: trusted = 10.0.0.0/33: not an address or CIDR, as 10.0.0.0/8 or fd00::/8\n"
	  "t.ini: 1 error\n" },
	{ "the line of the item",
	  TEXT("[gateway]\n"
	       "trusted = 10.0.0.0/8\n"
	       "trusted = 10.0.0.0/99\n"),
	  false,
	  "t.ini:3: error: trusted = 10.0.0.0/99: not an address or CIDR, as 10.0.0.0/8 or fd00::/8\n"
	  "t.ini: 1 error\n" },
	{ "a list of addresses that is not there",
	  TEXT("[addresses:balancers]\n"
	       "cidr = 10.0.0.0/24\n"
	       "[gateway]\n"
	       "trusted = @balancer\n"),
	  false,
	  "t.ini:1: warning: [addresses:balancers] is used by nothing [unused-addresses]\n"
	  "t.ini:4: error: trusted = @balancer: no [addresses:balancer]; did you mean \"balancers\" (t.ini:1)?\n"
	  "t.ini: 1 error, 1 warning\n" },
	{ "a list of addresses in another",
	  TEXT("[addresses:a]\n"
	       "cidr = 10.0.0.0/24\n"
	       "[addresses:b]\n"
	       "cidr = @a\n"),
	  false,
	  "t.ini:1: warning: [addresses:a] is used by nothing [unused-addresses]\n"
	  "t.ini:3: warning: [addresses:b] is used by nothing [unused-addresses]\n"
	  "t.ini:4: error: cidr = @a: a list of addresses cannot hold another\n"
	  "t.ini: 1 error, 2 warnings\n" },
	/* egress */
	{ "the metadata service",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 169.254.169.254:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 169.254.169.254:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "the metadata service, v4-mapped",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = [::ffff:169.254.169.254]:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = [::ffff:169.254.169.254]:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "the metadata service, IPv6",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = [fd00:ec2::254]:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = [fd00:ec2::254]:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "a link-local address",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = [fe80::1]:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = [fe80::1]:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "the unspecified address",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 0.0.0.0:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 0.0.0.0:80: unspecified addresses (0.0.0.0/8, ::) are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "a multicast address",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 224.0.0.1:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 224.0.0.1:80: multicast addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "broadcast",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 255.255.255.255:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 255.255.255.255:80: broadcast and reserved addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "a public address",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 8.8.8.8:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 8.8.8.8:80: not a private address; [egress] allow with public = yes would permit "
	  "it\n"
	  "t.ini: 1 error\n" },
	{ "loopback without allow",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 127.0.0.1:81\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 127.0.0.1:81: loopback is not allowed unless [egress] allow names it\n"
	  "t.ini: 1 error\n" },
	{ "the gateway's own listener",
	  TEXT("[egress]\n"
	       "allow = 127.0.0.0/8\n"
	       "[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "[route:a]\n"
	       "to = 127.0.0.1:80\n"),
	  false,
	  "t.ini:6: error: to = 127.0.0.1:80: this gateway listens there itself\n"
	  "t.ini: 1 error\n" },
	{ "the gateway's own listener, by wildcard",
	  TEXT("[egress]\n"
	       "allow = 127.0.0.0/8\n"
	       "[listener:a]\n"
	       "bind = [::1]:82, 0.0.0.0:83\n"
	       "[route:a]\n"
	       "to = 127.0.0.9:83\n"),
	  false,
	  "t.ini:4: warning: [listener:a] has neither a certificate nor redirect = https: everything can be read on "
	  "its way [plain-text]\n"
	  "t.ini:6: error: to = 127.0.0.9:83: this gateway listens there itself\n"
	  "t.ini: 1 error, 1 warning\n" },
	{ "outside allow",
	  TEXT("[egress]\n"
	       "allow = 10.0.1.0/24\n"
	       "[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:4: error: backend = 10.0.0.1:80: outside [egress] allow and the backends declared by address\n"
	  "t.ini: 1 error\n" },
	{ "outside allow by its port",
	  TEXT("[egress]\n"
	       "allow = 10.0.0.0/24:8080-8090\n"
	       "[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:4: error: backend = 10.0.0.1:80: outside [egress] allow and the backends declared by address\n"
	  "t.ini: 1 error\n" },
	{ "a route's backend",
	  TEXT("[route:a]\n"
	       "to = 169.254.169.254\n"),
	  false,
	  "t.ini:2: error: to = 169.254.169.254:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "the long form",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "[route:u]\n"
	       "pool = a\n"
	       "[backend:x]\n"
	       "pool = a\n"
	       "address = 169.254.169.254\n"),
	  false,
	  "t.ini:7: error: address = 169.254.169.254:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "allow on the floor",
	  TEXT("[egress]\n"
	       "allow = 169.254.169.254\n"),
	  false,
	  "t.ini:2: error: allow = 169.254.169.254: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "allow on the floor, IPv6",
	  TEXT("[egress]\n"
	       "allow = fe80::/10, ff02::/16\n"),
	  false,
	  "t.ini:2: error: allow = fe80::/10: link-local and metadata addresses are never allowed\n"
	  "t.ini:2: error: allow = ff02::/16: multicast addresses are never allowed\n"
	  "t.ini: 2 errors\n" },
	{ "allow everything",
	  TEXT("[egress]\n"
	       "allow = 0.0.0.0/0\n"),
	  false,
	  "t.ini:2: error: allow = 0.0.0.0/0: holds public addresses; if that is meant, set public = yes\n"
	  "t.ini: 1 error\n" },
	{ "allow more than is private",
	  TEXT("[egress]\n"
	       "allow = 10.0.0.0/7\n"),
	  false,
	  "t.ini:2: error: allow = 10.0.0.0/7: holds public addresses; if that is meant, set public = yes\n"
	  "t.ini: 1 error\n" },
	{ "allow with bad ports",
	  TEXT("[egress]\n"
	       "allow = 10.0.0.0/8:90-80\n"),
	  false,
	  "t.ini:2: error: allow = 10.0.0.0/8:90-80: not CIDR[:port[-port]] with ports from 1 to 65535\n"
	  "t.ini: 1 error\n" },
	{ "allow with port 0",
	  TEXT("[egress]\n"
	       "allow = 10.0.0.0/8:0\n"),
	  false,
	  "t.ini:2: error: allow = 10.0.0.0/8:0: not CIDR[:port[-port]] with ports from 1 to 65535\n"
	  "t.ini: 1 error\n" },
	{ "public without allow",
	  TEXT("[egress]\n"
	       "public = yes\n"),
	  false,
	  "t.ini:2: error: public = yes is for the addresses of allow, which is not set\n"
	  "t.ini: 1 error\n" },
	{ "a backend's name",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = app.internal:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = app.internal:80: names are not in this build: write an address\n"
	  "t.ini: 1 error\n" },
	{ "a backend's name, no port",
	  TEXT("[route:a]\n"
	       "to = backend\n"),
	  false,
	  "t.ini:2: error: to = backend: names are not in this build: write an address\n"
	  "t.ini: 1 error\n" },
	{ "a backend that is nothing",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 10.0.0.300:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 10.0.0.300:80: not an address, as 10.0.1.10:8080 or [fd00::10]:8080\n"
	  "t.ini: 1 error\n" },
	{ "a backend on a Unix socket",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = unix:/run/a.sock\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = unix:/run/a.sock: backends are IP addresses\n"
	  "t.ini: 1 error\n" },
	{ "a backend on port 0",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 10.0.0.2:0\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 10.0.0.2:0: not an address, as 10.0.1.10:8080 or [fd00::10]:8080\n"
	  "t.ini: 1 error\n" },
	{ "a weight",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 10.0.0.2:80 weight=0\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 10.0.0.2:80 weight=0: a weight is from 1 to 256\n"
	  "t.ini: 1 error\n" },
	{ "a weight too large",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 10.0.0.2:80 weight=257\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 10.0.0.2:80 weight=257: a weight is from 1 to 256\n"
	  "t.ini: 1 error\n" },
	{ "an option that is not there",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 10.0.0.2:80 wait=2\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 10.0.0.2:80 wait=2: behind the address stands at most weight=N; commas between "
	  "several backends\n"
	  "t.ini: 1 error\n" },
	{ "two backends without a comma",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 10.0.0.2:80 10.0.0.3:80\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: error: backend = 10.0.0.2:80 10.0.0.3:80: behind the address stands at most weight=N; commas "
	  "between several backends\n"
	  "t.ini: 1 error\n" },
	/* routes */
	{ "no outcome",
	  TEXT("[route:a]\n"
	       "host = example.com\n"),
	  false,
	  "t.ini:1: error: [route:a] has none of pool, to, redirect, respond\n"
	  "t.ini: 1 error\n" },
	{ "two outcomes",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "[route:a]\n"
	       "pool = a\n"
	       "to = 10.0.0.1\n"),
	  false,
	  "t.ini:5: error: [route:a] has both pool (t.ini:4) and to: one of pool, to, redirect, respond\n"
	  "t.ini: 1 error\n" },
	{ "no such pool, one near",
	  TEXT("[pool:app]\n"
	       "backend = 10.0.0.1\n"
	       "[route:u]\n"
	       "pool = app\n"
	       "[route:api]\n"
	       "pool = ap\n"),
	  false,
	  "t.ini:6: error: [route:api] pool = \"ap\": no such pool; did you mean \"app\" (t.ini:1)?\n"
	  "t.ini: 1 error\n" },
	{ "no such pool",
	  TEXT("[route:a]\n"
	       "pool = app\n"),
	  false,
	  "t.ini:2: error: [route:a] pool = \"app\": no such pool\n"
	  "t.ini: 1 error\n" },
	{ "a pool's name",
	  TEXT("[route:a]\n"
	       "pool = App\n"),
	  false,
	  "t.ini:2: error: pool = App: no name of a section: a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "no such pool of ready_pools",
	  TEXT("[gateway]\n"
	       "ready_pools = x\n"),
	  false,
	  "t.ini:2: error: [gateway] ready_pools = \"x\": no such pool\n"
	  "t.ini: 1 error\n" },
	{ "no such pool of a backend",
	  TEXT("[backend:x]\n"
	       "pool = b\n"
	       "address = 10.0.0.1\n"),
	  false,
	  "t.ini:2: error: [backend:x] pool = \"b\": no such pool\n"
	  "t.ini: 1 error\n" },
	{ "a pool without backends",
	  TEXT("[pool:a]\n"
	       "retries = 0\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:1: error: [pool:a] has no backend\n"
	  "t.ini: 1 error\n" },
	{ "a host with a port",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "host = example.com:443\n"),
	  false,
	  "t.ini:3: error: host = example.com:443: a host is matched without its port\n"
	  "t.ini: 1 error\n" },
	{ "a host with a dot at its end",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "host = example.com.\n"),
	  false,
	  "t.ini:3: error: host = example.com.: write it without the dot at its end\n"
	  "t.ini: 1 error\n" },
	{ "a host with an empty label",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "host = a..b\n"),
	  false,
	  "t.ini:3: error: host = a..b: an empty label\n"
	  "t.ini: 1 error\n" },
	{ "a host with a star inside",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "host = www.*.com\n"),
	  false,
	  "t.ini:3: error: host = www.*.com: not a host name, as example.com, *.example.com or *\n"
	  "t.ini: 1 error\n" },
	{ "a host with a star in a label",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "host = *example.com\n"),
	  false,
	  "t.ini:3: error: host = *example.com: not a host name, as example.com, *.example.com or *\n"
	  "t.ini: 1 error\n" },
	{ "a host with a blank",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "host = a.com b.com\n"),
	  false,
	  "t.ini:3: error: host = a.com b.com: not a host name, as example.com, *.example.com or *\n"
	  "t.ini: 1 error\n" },
	{ "a host outside ASCII",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "host = b\303\274cher.example\n"),
	  false,
	  "t.ini:3: error: host = b\303\274cher.example: write an international name in its xn-- form\n"
	  "t.ini: 1 error\n" },
	{ "a host with a long label",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "host = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com\n"),
	  false,
	  "t.ini:3: error: host = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com: a label of a "
	  "host name has at most 63 bytes\n"
	  "t.ini: 1 error\n" },
	{ "a path without a slash",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "path = api/*\n"),
	  false,
	  "t.ini:3: error: path = api/*: a path begins with \"/\"\n"
	  "t.ini: 1 error\n" },
	{ "a path with a star inside",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "path = /a/*/b\n"),
	  false,
	  "t.ini:3: error: path = /a/*/b: \"*\" stands only at the end of a path\n"
	  "t.ini: 1 error\n" },
	{ "a path with dot segments",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "path = /a/../b\n"),
	  false,
	  "t.ini:3: error: path = /a/../b: no request has \".\" or \"..\" as a segment when it is matched\n"
	  "t.ini: 1 error\n" },
	{ "a path with encoded dot segments",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "path = /a/%2e%2E/b\n"),
	  false,
	  "t.ini:3: error: path = /a/%2e%2E/b: no request has \".\" or \"..\" as a segment when it is matched\n"
	  "t.ini: 1 error\n" },
	{ "a path with two slashes",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "path = //a\n"),
	  false,
	  "t.ini:3: error: path = //a: a path begins with one \"/\"\n"
	  "t.ini: 1 error\n" },
	{ "a path with a query",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "path = /a?b\n"),
	  false,
	  "t.ini:3: error: path = /a?b: a path holds only what RFC 3986 allows; encode the rest as %XX, and no query\n"
	  "t.ini: 1 error\n" },
	{ "a path with half a triple",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "path = /a%2\n"),
	  false,
	  "t.ini:3: error: path = /a%2: \"%\" without two hex digits behind it\n"
	  "t.ini: 1 error\n" },
	{ "a path with a NUL",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "path = /a%00\n"),
	  false,
	  "t.ini:3: error: path = /a%00: %00 is refused in every request\n"
	  "t.ini: 1 error\n" },
	{ "a method in small letters",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "method = get\n"),
	  false,
	  "t.ini:3: error: method = get: methods are words in capitals, as GET, HEAD\n"
	  "t.ini: 1 error\n" },
	{ "a method that is never served",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "methods = GET, CONNECT\n"),
	  false,
	  "t.ini:3: error: methods = CONNECT: CONNECT is never served\n"
	  "t.ini: 1 error\n" },
	{ "a prefix with a star",
	  TEXT("[route:a]\n"
	       "to = 10.0.0.1\n"
	       "strip_prefix = /api/*\n"),
	  false,
	  "t.ini:3: error: strip_prefix = /api/*: a plain path, without \"*\"\n"
	  "t.ini: 1 error\n" },
	{ "a redirect without a status",
	  TEXT("[route:a]\n"
	       "redirect = https://example.com/\n"),
	  false,
	  "t.ini:2: error: redirect = https://example.com/: begins with 301, 302, 303, 307 or 308, then the URL\n"
	  "t.ini: 1 error\n" },
	{ "a redirect with a wrong status",
	  TEXT("[route:a]\n"
	       "redirect = 304 https://example.com/\n"),
	  false,
	  "t.ini:2: error: redirect = 304 https://example.com/: begins with 301, 302, 303, 307 or 308, then the URL\n"
	  "t.ini: 1 error\n" },
	{ "a redirect to nowhere",
	  TEXT("[route:a]\n"
	       "redirect = 301 example.com\n"),
	  false,
	  "t.ini:2: error: redirect = 301 example.com: the URL begins with https://, http:// or one \"/\"\n"
	  "t.ini: 1 error\n" },
	{ "a redirect to another scheme",
	  TEXT("[route:a]\n"
	       "redirect = 301 javascript:alert(1)\n"),
	  false,
	  "t.ini:2: error: redirect = 301 javascript:alert(1): the URL begins with https://, http:// or one \"/\"\n"
	  "t.ini: 1 error\n" },
	{ "a redirect with a blank",
	  TEXT("[route:a]\n"
	       "redirect = 301 https://example.com/a b\n"),
	  false,
	  "t.ini:2: error: redirect = 301 https://example.com/a b: a URL has no blank and only what RFC 3986 allows; "
	  "encode the rest as %XX\n"
	  "t.ini: 1 error\n" },
	{ "a response without a status",
	  TEXT("[route:a]\n"
	       "respond = hello\n"),
	  false,
	  "t.ini:2: error: respond = hello: begins with a status from 200 to 599, then the text\n"
	  "t.ini: 1 error\n" },
	{ "a response of 1xx",
	  TEXT("[route:a]\n"
	       "respond = 100 continue\n"),
	  false,
	  "t.ini:2: error: respond = 100 continue: begins with a status from 200 to 599, then the text\n"
	  "t.ini: 1 error\n" },
	{ "a response that has no text",
	  TEXT("[route:a]\n"
	       "respond = 204 nothing\n"),
	  false,
	  "t.ini:2: error: respond = 204 nothing: an answer of that status has no text\n"
	  "t.ini: 1 error\n" },
	{ "an edit without a verb",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "response_header = X-A: b\n"),
	  false,
	  "t.ini:3: error: response_header = X-A: b: write \"set Name: value\", \"add Name: value\" or \"remove "
	  "Name\"\n"
	  "t.ini: 1 error\n" },
	{ "an edit without a colon",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "response_header = set X-A b\n"),
	  false,
	  "t.ini:3: error: response_header = set X-A b: no \":\" between name and value\n"
	  "t.ini: 1 error\n" },
	{ "an edit of a bad name",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "response_header = set X A: b\n"),
	  false,
	  "t.ini:3: error: response_header = set X A: b: no name of a field\n"
	  "t.ini: 1 error\n" },
	{ "an edit of Host",
	  TEXT("[route:a]\n"
	       "to = 10.0.0.1\n"
	       "request_header = set Host: x\n"),
	  false,
	  "t.ini:3: error: request_header = set Host: x: Host is not set here: the pool's key host says what backends "
	  "see\n"
	  "t.ini: 1 error\n" },
	{ "an edit of framing",
	  TEXT("[route:a]\n"
	       "to = 10.0.0.1\n"
	       "request_header = remove Content-Length\n"),
	  false,
	  "t.ini:3: error: request_header = remove Content-Length: Content-Length belongs to the connection and cannot "
	  "be edited\n"
	  "t.ini: 1 error\n" },
	{ "an edit outside ASCII",
	  TEXT("[route:a]\n"
	       "respond = 200\n"
	       "response_header = set X-A: \303\274\n"),
	  false,
	  "t.ini:3: error: response_header = set X-A: \303\274: a field's value is plain ASCII\n"
	  "t.ini: 1 error\n" },
	{ "an upgrade",
	  TEXT("[route:a]\n"
	       "to = 10.0.0.1\n"
	       "upgrade = websockets\n"),
	  false,
	  "t.ini:3: error: upgrade = websockets: no such value; did you mean \"websocket\"?\n"
	  "t.ini: 1 error\n" },
	/* listeners and tls */
	{ "no such tls",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "tls = web\n"),
	  false,
	  "t.ini:3: error: [listener:a] tls = \"web\": no such tls\n"
	  "t.ini: 1 error\n" },
	{ "a certificate that is not there",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "cert = no/such.pem\n"
	       "key_file = no/such.key\n"),
	  false,
	  "t.ini:3: error: cert = no/such.pem: cannot be opened: No such file or directory\n"
	  "t.ini:4: error: key_file = no/such.key: cannot be opened: No such file or directory\n"
	  "t.ini: 2 errors\n" },
	{ "a certificate without its key",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "cert = no/such.pem\n"),
	  false,
	  "t.ini:3: error: [listener:a] has 1 cert and 0 key_file: the i-th of one goes with the i-th of the other\n"
	  "t.ini: 1 error\n" },
	{ "a key without its certificate",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "key_file = no/such.pem\n"),
	  false,
	  "t.ini:3: error: [listener:a] has 0 cert and 1 key_file: the i-th of one goes with the i-th of the other\n"
	  "t.ini: 1 error\n" },
	{ "a folder for a certificate",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "cert = /\n"
	       "key_file = /\n"),
	  false,
	  "t.ini:3: error: cert = /: is a folder\n"
	  "t.ini:4: error: key_file = /: is a folder\n"
	  "t.ini: 2 errors\n" },
	{ "a device for a certificate",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "cert = /dev/null\n"
	       "key_file = /dev/null\n"),
	  false,
	  "t.ini:3: error: cert = /dev/null: is no regular file\n"
	  "t.ini:4: error: key_file = /dev/null: is no regular file\n"
	  "t.ini: 2 errors\n" },
	{ "redirect to https on a TLS listener",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "cert = no/such.pem\n"
	       "key_file = no/such.key\n"
	       "redirect = https\n"),
	  false,
	  "t.ini:3: error: cert = no/such.pem: cannot be opened: No such file or directory\n"
	  "t.ini:4: error: key_file = no/such.key: cannot be opened: No such file or directory\n"
	  "t.ini:5: error: redirect = https on a listener that speaks TLS: every client would be sent in a circle\n"
	  "t.ini: 3 errors\n" },
	{ "a redirect of a listener",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "redirect = http\n"),
	  false,
	  "t.ini:3: error: redirect = http: no such value; did you mean \"https\"?\n"
	  "t.ini: 1 error\n" },
	{ "uri_max beyond header_max",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "uri_max = 16k\n"),
	  false,
	  "t.ini:3: error: uri_max = 16k does not fit into header_max = 16k\n"
	  "t.ini: 1 error\n" },
	{ "header_max below uri_max",
	  TEXT("[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "header_max = 4k\n"),
	  false,
	  "t.ini:3: error: uri_max = 8k does not fit into header_max = 4k\n"
	  "t.ini: 1 error\n" },
	{ "client_verify without client_ca",
	  TEXT("[tls:a]\n"
	       "cert = no/such.pem\n"
	       "key_file = no/such.key\n"
	       "client_verify = required\n"
	       "crl = no/such.crl\n"
	       "[listener:b]\n"
	       "bind = 127.0.0.1:2\n"
	       "tls = a\n"),
	  false,
	  "t.ini:2: error: cert = no/such.pem: cannot be opened: No such file or directory\n"
	  "t.ini:3: error: key_file = no/such.key: cannot be opened: No such file or directory\n"
	  "t.ini:4: error: client_verify needs client_ca: the certificates to chain to\n"
	  "t.ini:5: error: crl = no/such.crl: cannot be opened: No such file or directory\n"
	  "t.ini:5: error: crl needs client_ca: it is for client certificates\n"
	  "t.ini: 5 errors\n" },
	{ "hsts without a unit",
	  TEXT("[tls:a]\n"
	       "cert = no/such.pem\n"
	       "key_file = no/such.key\n"
	       "hsts = 31536000\n"
	       "[listener:b]\n"
	       "bind = 127.0.0.1:2\n"
	       "tls = a\n"),
	  false,
	  "t.ini:2: error: cert = no/such.pem: cannot be opened: No such file or directory\n"
	  "t.ini:3: error: key_file = no/such.key: cannot be opened: No such file or directory\n"
	  "t.ini:4: error: hsts = 31536000: a duration needs a unit, as 250ms, 10s, 5m, 1h30m or 7d\n"
	  "t.ini: 3 errors\n" },
	{ "hsts with something else",
	  TEXT("[tls:a]\n"
	       "cert = no/such.pem\n"
	       "key_file = no/such.key\n"
	       "hsts = 1y subdomains\n"
	       "[listener:b]\n"
	       "bind = 127.0.0.1:2\n"
	       "tls = a\n"),
	  false,
	  "t.ini:2: error: cert = no/such.pem: cannot be opened: No such file or directory\n"
	  "t.ini:3: error: key_file = no/such.key: cannot be opened: No such file or directory\n"
	  "t.ini:4: error: hsts = 1y subdomains: behind the duration stands at most includeSubDomains and preload\n"
	  "t.ini: 3 errors\n" },
	{ "health_path and ready_path the same",
	  TEXT("[gateway]\n"
	       "ready_path = /healthz\n"),
	  false,
	  "t.ini:2: error: health_path and ready_path are both /healthz: a request could mean either\n"
	  "t.ini: 1 error\n" },
	{ "a health path with a star",
	  TEXT("[gateway]\n"
	       "health_path = /health*\n"),
	  false,
	  "t.ini:2: error: health_path = /health*: a plain path, without \"*\"\n"
	  "t.ini: 1 error\n" },
	{ "a name to redact",
	  TEXT("[log]\n"
	       "redact = a=b\n"),
	  false,
	  "t.ini:2: error: redact = a=b: no name; commas between several\n"
	  "t.ini: 1 error\n" },
	/* expansion */
	{ "a variable that is not set",
	  TEXT("[gateway]\n"
	       "workers = ${SP_TEST_NONE}\n"),
	  false,
	  "t.ini:2: error: workers = ${SP_TEST_NONE}: ${SP_TEST_NONE}: not set in the environment; "
	  "${SP_TEST_NONE:-default} gives a default\n"
	  "t.ini: 1 error\n" },
	{ "a variable without its end",
	  TEXT("[gateway]\n"
	       "workers = ${SP_TEST_NONE\n"),
	  false,
	  "t.ini:2: error: workers = ${SP_TEST_NONE: \"${\" without its \"}\"\n"
	  "t.ini: 1 error\n" },
	{ "a variable with a bad name",
	  TEXT("[gateway]\n"
	       "workers = ${a b}\n"),
	  false,
	  "t.ini:2: error: workers = ${a b}: ${a b}: write ${NAME}, ${NAME:-default} or ${cred:name}\n"
	  "t.ini: 1 error\n" },
	{ "a variable that expands to nothing",
	  TEXT("[gateway]\n"
	       "workers = ${SP_TEST_NONE:-}\n"),
	  false,
	  "t.ini:2: error: workers = ${SP_TEST_NONE:-}: expands to nothing\n"
	  "t.ini: 1 error\n" },
	{ "a default that is no number",
	  TEXT("[gateway]\n"
	       "workers = ${SP_TEST_NONE:-x}\n"),
	  false,
	  "t.ini:2: error: workers = x: not a number and not auto\n"
	  "t.ini: 1 error\n" },
	{ "a credential without systemd",
	  TEXT("[gateway]\n"
	       "user = ${cred:user}\n"),
	  false,
	  "t.ini:2: error: user = ${cred:user}: ${cred:user}: no credentials were passed ($CREDENTIALS_DIRECTORY is "
	  "not set)\n"
	  "t.ini: 1 error\n" },
	{ "a credential outside its folder",
	  TEXT("[gateway]\n"
	       "user = ${cred:../user}\n"),
	  false,
	  "t.ini:2: error: user = ${cred:../user}: ${cred:../user}: no name of a credential\n"
	  "t.ini: 1 error\n" },
	/* warnings */
	{ "idle-order behind alb",
	  TEXT("[gateway]\n"
	       "behind = alb\n"
	       "trusted = 10.0.0.0/16\n"
	       "[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "client_idle = 50s\n"),
	  false,
	  "t.ini:6: warning: client_idle = 50s, but behind = alb closes at 60s: clients will see 502; use 75s or more "
	  "[idle-order]\n"
	  "t.ini: 1 warning\n" },
	{ "idle-order behind nlb",
	  TEXT("[gateway]\n"
	       "behind = nlb\n"
	       "[listener:a]\n"
	       "bind = 127.0.0.1:80\n"
	       "client_idle = 350s\n"),
	  false,
	  "t.ini:5: warning: client_idle = 350s, but behind = nlb forgets at 350s: clients will see resets; use 300s "
	  "or less [idle-order]\n"
	  "t.ini: 1 warning\n" },
	{ "trusted-missing",
	  TEXT("[gateway]\n"
	       "behind = cloudfront\n"),
	  false,
	  "t.ini:2: warning: behind = cloudfront, but trusted is not set: every client will look like the balancer "
	  "[trusted-missing]\n"
	  "t.ini: 1 warning\n" },
	{ "trusted-all",
	  TEXT("[gateway]\n"
	       "trusted = 0.0.0.0/0\n"),
	  false,
	  "t.ini:2: warning: trusted holds every address: any client can claim to be any other [trusted-all]\n"
	  "t.ini: 1 warning\n" },
	{ "drain-delay",
	  TEXT("[gateway]\n"
	       "behind = nlb\n"
	       "drain_delay = 0s\n"),
	  false,
	  "t.ini:3: warning: drain_delay = 0s, but behind = nlb goes on sending until it has seen red health: clients "
	  "will see 502; use 20s or more [drain-delay]\n"
	  "t.ini: 1 warning\n" },
	{ "plain-text",
	  TEXT("[listener:a]\n"
	       "bind = 0.0.0.0:80\n"),
	  false,
	  "t.ini:2: warning: [listener:a] has neither a certificate nor redirect = https: everything can be read on "
	  "its way [plain-text]\n"
	  "t.ini: 1 warning\n" },
	{ "unused-pool",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"),
	  false,
	  "t.ini:1: warning: [pool:a] is used by nothing [unused-pool]\n"
	  "t.ini: 1 warning\n" },
	{ "unused-addresses",
	  TEXT("[addresses:a]\n"
	       "cidr = 10.0.0.0/8\n"),
	  false,
	  "t.ini:1: warning: [addresses:a] is used by nothing [unused-addresses]\n"
	  "t.ini: 1 warning\n" },
	{ "backend-twice",
	  TEXT("[pool:a]\n"
	       "backend = 10.0.0.1:80\n"
	       "backend = 10.0.0.1\n"
	       "[route:u]\n"
	       "pool = a\n"),
	  false,
	  "t.ini:3: warning: backend = 10.0.0.1:80 is in [pool:a] already, at t.ini:2; for a larger share use weight=N "
	  "[backend-twice]\n"
	  "t.ini: 1 warning\n" },
	{ "a misspelled key is not missing as well",
	  TEXT("[listener:a]\n"
	       "bnd = 127.0.0.1:80\n"),
	  true,
	  "t.ini: warning: no [route:NAME]: every request will be answered 421 [no-route]\n"
	  "t.ini:2: error: unknown key \"bnd\" in [listener:a]; did you mean \"bind\"?\n"
	  "t.ini: 1 error, 1 warning\n" },
	{ "a refused line is not missing as well",
	  TEXT("[listener:a]\n"
	       "bind: 127.0.0.1:80\n"),
	  true,
	  "t.ini:2: error: between a key and its value stands \"=\", not \":\"\n"
	  "t.ini: 1 error\n" },
};
/* clang-format on */

static void test_broken(void **state)
{
	(void)state;
	(void)unsetenv("SP_TEST_NONE");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	for (size_t i = 0; i < SP_COUNT(broken); i++) {
		struct sp_conf_report report;
		struct sp_conf *conf;
		char text[1024], *said;
		size_t n = broken[i].n;

		print_message("  %s\n", broken[i].name);
		memcpy(text, broken[i].text, n);
		if (!broken[i].is_complete) {
			memcpy(text + n, rest, sizeof(rest) - 1);
			n += sizeof(rest) - 1;
		}
		sp_conf_report_init(&report);
		conf = sp_conf_read_text("t.ini", sp_str_of(text, n), &report);
		said = print_report(&report, "t.ini");
		assert_string_equal(said, broken[i].want);
		assert_int_equal(conf == NULL, report.errors > 0);
		free(said);
		sp_conf_free(conf);
		sp_conf_report_fini(&report);
	}
}

/* What is too long is not written out above. */
static const struct {
	const char *name, *before;
	size_t n;
	const char *after, *want;
} lengths[] = {
	{ "a section of 48", "[route:", 42, "]\nrespond = 200\n[listener:a]\nbind = 127.0.0.1:1\n", "" },
	{ "a section of 49", "[route:", 43, "]\nrespond = 200\n[listener:a]\nbind = 127.0.0.1:1\n",
	  "t.ini:1: error: a section of 49 bytes: at most 48\nt.ini: 1 error\n" },
	{ "a key of 49", "[listener:a]\nbind = 127.0.0.1:1\n", 49, " = 1\n[route:a]\nrespond = 200\n",
	  "t.ini:3: error: a key of 49 bytes: at most 48\nt.ini: 1 error\n" },
	{ "a value of 8192", "[listener:a]\nbind = 127.0.0.1:1\n[route:a]\nrespond = 200 ", 8188, "\n", "" },
	{ "a value of 8193", "[listener:a]\nbind = 127.0.0.1:1\n[route:a]\nrespond = 200 ", 8189, "\n",
	  "t.ini:4: error: the value of \"respond\" has 8193 bytes: at most 8192\nt.ini: 1 error\n" },
	{ "a long comment", "[listener:a]\nbind = 127.0.0.1:1\n#", 20000, "\n[route:a]\nrespond = 200\n", "" },
};

static void test_lengths(void **state)
{
	static char text[32768];

	(void)state;
	for (size_t i = 0; i < SP_COUNT(lengths); i++) {
		struct sp_conf_report report;
		size_t before = strlen(lengths[i].before);
		char *said;

		print_message("  %s\n", lengths[i].name);
		memcpy(text, lengths[i].before, before);
		memset(text + before, 'a', lengths[i].n);
		memcpy(text + before + lengths[i].n, lengths[i].after, strlen(lengths[i].after) + 1);
		sp_conf_report_init(&report);
		sp_conf_free(sp_conf_read_text("t.ini", sp_str(text), &report));
		said = print_report(&report, "t.ini");
		assert_string_equal(said, lengths[i].want);
		free(said);
		sp_conf_report_fini(&report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
