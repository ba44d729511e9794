/*
 * Broken configurations, each with exactly what is said of it: numbers, words and addresses.
 */
#include "lib.h"

/* clang-format off */
static const struct broken rows[] = {
	/* numbers, sizes, times, words */
	{ "a number", PART("[gateway]\nworkers = two\n"),
	  "t.ini:2: error: workers = two: not a number and not auto\nt.ini: 1 error\n" },
	{ "a negative number", PART("[gateway]\nworkers = -1\n"),
	  "t.ini:2: error: workers = -1: not a number and not auto\nt.ini: 1 error\n" },
	{ "a number too small", PART("[gateway]\nworkers = 0\n"),
	  "t.ini:2: error: workers = 0: at least 1, or auto\nt.ini: 1 error\n" },
	{ "a number too large", PART("[gateway]\nworkers = 257\n"),
	  "t.ini:2: error: workers = 257: at most 256\nt.ini: 1 error\n" },
	{ "a number beyond 64 bits", PART("[gateway]\nmax_connections = 18446744073709551616\n"),
	  "t.ini:2: error: max_connections = 18446744073709551616: not a number\nt.ini: 1 error\n" },
	{ "another version", PART("[gateway]\nconfig_version = 2\n"),
	  "t.ini:2: error: config_version = 2: at most 1\nt.ini: 1 error\n" },
	{ "a size with a wrong unit", PART("[listener:a]\nbind = 127.0.0.1:80\nheader_max = 16kb\n"),
	  "t.ini:3: error: header_max = 16kb: not a size, as 512, 16k, 10m or 1g\nt.ini: 1 error\n" },
	{ "a size too large", PART("[listener:a]\nbind = 127.0.0.1:80\nheader_max = 65k\n"),
	  "t.ini:3: error: header_max = 65k: at most 64k\nt.ini: 1 error\n" },
	{ "a size too small", PART("[listener:a]\nbind = 127.0.0.1:80\nheader_max = 1023\n"),
	  "t.ini:3: error: header_max = 1023: at least 1k\nt.ini: 1 error\n" },
	{ "a size beyond 64 bits", PART("[listener:a]\nbind = 127.0.0.1:80\nbody_max = 900000000000000g\n"),
	  "t.ini:3: error: body_max = 900000000000000g: a size beyond all bounds\nt.ini: 1 error\n" },
	{ "a duration without a unit", PART("[listener:a]\nbind = 127.0.0.1:80\nclient_idle = 60\n"),
	  "t.ini:3: error: client_idle = 60: a duration needs a unit, as 250ms, 10s, 5m, 1h30m or 7d\n"
	  "t.ini: 1 error\n" },
	{ "a duration with a wrong unit", PART("[listener:a]\nbind = 127.0.0.1:80\nclient_idle = 60x\n"),
	  "t.ini:3: error: client_idle = 60x: not a duration, as 250ms, 10s, 5m, 1h30m or 7d\nt.ini: 1 error\n" },
	{ "a duration with units in the wrong order", PART("[listener:a]\nbind = 127.0.0.1:80\nclient_idle = 30m1h\n"),
	  "t.ini:3: error: client_idle = 30m1h: not a duration, as 250ms, 10s, 5m, 1h30m or 7d\nt.ini: 1 error\n" },
	{ "a duration with a unit twice", PART("[listener:a]\nbind = 127.0.0.1:80\nclient_idle = 1m1m\n"),
	  "t.ini:3: error: client_idle = 1m1m: not a duration, as 250ms, 10s, 5m, 1h30m or 7d\nt.ini: 1 error\n" },
	{ "a duration too long", PART("[listener:a]\nbind = 127.0.0.1:80\nclient_idle = 61m\n"),
	  "t.ini:3: error: client_idle = 61m: at most 1h\nt.ini: 1 error\n" },
	{ "a duration too short", PART("[listener:a]\nbind = 127.0.0.1:80\ntls_timeout = 99ms\n"),
	  "t.ini:3: error: tls_timeout = 99ms: at least 100ms\nt.ini: 1 error\n" },
	{ "a rate without a unit", PART("[listener:a]\nbind = 127.0.0.1:80\nmin_rate = 500\n"),
	  "t.ini:3: error: min_rate = 500: not a rate, as 50/s, 5/m or 1000/h\nt.ini: 1 error\n" },
	{ "a rate with a wrong unit", PART("[listener:a]\nbind = 127.0.0.1:80\nmin_rate = 500/d\n"),
	  "t.ini:3: error: min_rate = 500/d: not a rate, as 50/s, 5/m or 1000/h\nt.ini: 1 error\n" },
	{ "a rate too small", PART("[listener:a]\nbind = 127.0.0.1:80\nmin_rate = 0/s\n"),
	  "t.ini:3: error: min_rate = 0/s: at least 1/s, or none\nt.ini: 1 error\n" },
	{ "a boolean", PART("[listener:a]\nbind = 127.0.0.1:80\naccess_log = maybe\n"),
	  "t.ini:3: error: access_log = maybe: neither yes nor no\nt.ini: 1 error\n" },
	{ "a word, one near", PART("[gateway]\nbehind = elb\n"),
	  "t.ini:2: error: behind = elb: no such value; did you mean \"alb\"?\nt.ini: 1 error\n" },
	{ "a word, none near", PART("[gateway]\nbehind = nothing\n"),
	  "t.ini:2: error: behind = nothing: must be none, alb, nlb or cloudfront\nt.ini: 1 error\n" },
	{ "a word with a name that is empty", PART("[pool:a]\nbackend = 10.0.0.1:80\nbalance = cookie:\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:3: error: balance = cookie:: no name behind cookie:\nt.ini: 1 error\n" },
	{ "a word with a name that is none", PART("[pool:a]\nbackend = 10.0.0.1:80\n"
	  "balance = hash:header:X User\n[route:u]\npool = a\n"),
	  "t.ini:3: error: balance = hash:header:X User: no name behind hash:header:\nt.ini: 1 error\n" },
	{ "a priority", PART("[route:a]\nrespond = 200\npriority = -1000001\n"),
	  "t.ini:3: error: priority = -1000001: from -1000000 to 1000000\nt.ini: 1 error\n" },
	{ "a user name", PART("[gateway]\nuser = a b\n"),
	  "t.ini:2: error: user = a b: no name of a user or group\nt.ini: 1 error\n" },
	{ "a log file that is a slip", PART("[log]\naccess = stdot\n"),
	  "t.ini:2: error: access = stdot: must be stdout or off, or a path with a \"/\" or \".\" in it\n"
	  "t.ini: 1 error\n" },
	{ "a status", PART("[pool:a]\nbackend = 10.0.0.1:80\nwhen_all_down = 200\n[route:u]\npool = a\n"),
	  "t.ini:3: error: when_all_down = 200: at least 400\nt.ini: 1 error\n" },
	/* addresses */
	{ "no address", PART("[listener:a]\nbind = localhost\n"),
	  "t.ini:2: error: bind = localhost: not an address, as 0.0.0.0:443, [::]:443, unix:path or fd:name\n"
	  "t.ini: 1 error\n" },
	{ "no port", PART("[listener:a]\nbind = 127.0.0.1\n"),
	  "t.ini:2: error: bind = 127.0.0.1: an address to listen on needs a port\nt.ini: 1 error\n" },
	{ "port 0", PART("[listener:a]\nbind = 127.0.0.1:0\n"),
	  "t.ini:2: error: bind = 127.0.0.1:0: not an address, as 0.0.0.0:443, [::]:443, unix:path or fd:name\n"
	  "t.ini: 1 error\n" },
	{ "a star", PART("[listener:a]\nbind = *:443\n"),
	  "t.ini:2: error: bind = *:443: not an address: every IPv4 address is 0.0.0.0, every IPv6 address [::]\n"
	  "t.ini: 1 error\n" },
	{ "a port too large", PART("[listener:a]\nbind = 0.0.0.0:65536\n"),
	  "t.ini:2: error: bind = 0.0.0.0:65536: not an address, as 0.0.0.0:443, [::]:443, unix:path or fd:name\n"
	  "t.ini: 1 error\n" },
	{ "an octal address", PART("[listener:a]\nbind = 127.0.0.01:80\n"),
	  "t.ini:2: error: bind = 127.0.0.01:80: not an address, as 0.0.0.0:443, [::]:443, unix:path or fd:name\n"
	  "t.ini: 1 error\n" },
	{ "unix without a path", PART("[listener:a]\nbind = unix:\n"),
	  "t.ini:2: error: bind = unix:: no path behind unix:\nt.ini: 1 error\n" },
	{ "unix with a long path", PART("[listener:a]\n"
	  "bind = unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"),
	  "t.ini:2: error: bind = "
	  "unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: its path /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa is too long: at most 107 bytes\n"
	  "t.ini: 1 error\n" },
	{ "fd without a name", PART("[listener:a]\nbind = fd:\n"),
	  "t.ini:2: error: bind = fd:: the name of a passed descriptor has 1 to 255 bytes\nt.ini: 1 error\n" },
	{ "the same bind twice", PART("[listener:a]\nbind = 127.0.0.1:80\n[listener:b]\n"
	  "bind = 127.0.0.2:80, 127.0.0.1:80\n"),
	  "t.ini:4: error: bind = 127.0.0.1:80 is taken by [listener:a] at t.ini:2\nt.ini: 1 error\n" },
	{ "the same bind twice in one", PART("[listener:b]\nbind = fd:x\nbind = fd:x\n"),
	  "t.ini:3: error: bind = fd:x is taken by [listener:b] at t.ini:2\nt.ini: 1 error\n" },
	{ "a comma too many", PART("[listener:a]\nbind = 127.0.0.1:80,\n"),
	  "t.ini:2: error: bind = 127.0.0.1:80,: nothing between two commas, or behind the last\nt.ini: 1 error\n" },
	{ "a CIDR with bits set", PART("[gateway]\ntrusted = 10.1.2.3/8\n"),
	  "t.ini:2: error: trusted = 10.1.2.3/8: bits are set behind the prefix; did you mean 10.0.0.0/8?\n"
	  "t.ini: 1 error\n" },
	{ "a CIDR with IPv6 bits set", PART("[gateway]\ntrusted = fd00::1/8\n"),
	  "t.ini:2: error: trusted = fd00::1/8: bits are set behind the prefix; did you mean fd00::/8?\n"
	  "t.ini: 1 error\n" },
	{ "no CIDR", PART("[gateway]\ntrusted = 10.0.0.0/33\n"),
	  "t.ini:2: error: trusted = 10.0.0.0/33: not an address or CIDR, as 10.0.0.0/8 or fd00::/8\n"
	  "t.ini: 1 error\n" },
	{ "the line of the item", PART("[gateway]\ntrusted = 10.0.0.0/8\ntrusted = 10.0.0.0/99\n"),
	  "t.ini:3: error: trusted = 10.0.0.0/99: not an address or CIDR, as 10.0.0.0/8 or fd00::/8\n"
	  "t.ini: 1 error\n" },
	{ "a list of addresses that is not there", PART("[addresses:balancers]\ncidr = 10.0.0.0/24\n[gateway]\n"
	  "trusted = @balancer\n"),
	  "t.ini:1: warning: [addresses:balancers] is used by nothing [unused-addresses]\n"
	  "t.ini:4: error: trusted = @balancer: no [addresses:balancer]; did you mean \"balancers\" (t.ini:1)?\n"
	  "t.ini: 1 error, 1 warning\n" },
	{ "a list of addresses in another", PART("[addresses:a]\ncidr = 10.0.0.0/24\n[addresses:b]\ncidr = @a\n"),
	  "t.ini:1: warning: [addresses:a] is used by nothing [unused-addresses]\n"
	  "t.ini:3: warning: [addresses:b] is used by nothing [unused-addresses]\n"
	  "t.ini:4: error: cidr = @a: a list of addresses cannot hold another\nt.ini: 1 error, 2 warnings\n" },
	/* egress */
	{ "the metadata service", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 169.254.169.254:80\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:3: error: backend = 169.254.169.254:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "the metadata service, v4-mapped", PART("[pool:a]\nbackend = 10.0.0.1:80\n"
	  "backend = [::ffff:169.254.169.254]:80\n[route:u]\npool = a\n"),
	  "t.ini:3: error: backend = [::ffff:169.254.169.254]:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "the metadata service, IPv6", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = [fd00:ec2::254]:80\n"
	  "[route:u]\npool = a\n"),
	  "t.ini:3: error: backend = [fd00:ec2::254]:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "a link-local address", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = [fe80::1]:80\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:3: error: backend = [fe80::1]:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "the unspecified address", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 0.0.0.0:80\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:3: error: backend = 0.0.0.0:80: unspecified addresses (0.0.0.0/8, ::) are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "a multicast address", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 224.0.0.1:80\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:3: error: backend = 224.0.0.1:80: multicast addresses are never allowed\nt.ini: 1 error\n" },
	{ "broadcast", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 255.255.255.255:80\n[route:u]\npool = a\n"),
	  "t.ini:3: error: backend = 255.255.255.255:80: broadcast and reserved addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "a public address", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 8.8.8.8:80\n[route:u]\npool = a\n"),
	  "t.ini:3: error: backend = 8.8.8.8:80: not a private address; [egress] allow with public = yes would "
	  "permit it\nt.ini: 1 error\n" },
	{ "loopback without allow", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 127.0.0.1:81\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:3: error: backend = 127.0.0.1:81: loopback is not allowed unless [egress] allow names it\n"
	  "t.ini: 1 error\n" },
	{ "the gateway's own listener", PART("[egress]\nallow = 127.0.0.0/8\n[listener:a]\nbind = 127.0.0.1:80\n"
	  "[route:a]\nto = 127.0.0.1:80\n"),
	  "t.ini:6: error: to = 127.0.0.1:80: this gateway listens there itself\nt.ini: 1 error\n" },
	{ "the gateway's own listener, by wildcard", PART("[egress]\nallow = 127.0.0.0/8\n[listener:a]\n"
	  "bind = [::1]:82, 0.0.0.0:83\n[route:a]\nto = 127.0.0.9:83\n"),
	  "t.ini:4: warning: [listener:a] has neither a certificate nor redirect = https: everything can be read on "
	  "its way [plain-text]\nt.ini:6: error: to = 127.0.0.9:83: this gateway listens there itself\n"
	  "t.ini: 1 error, 1 warning\n" },
	{ "outside allow", PART("[egress]\nallow = 10.0.1.0/24\n[pool:a]\nbackend = 10.0.0.1:80\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:4: error: backend = 10.0.0.1:80: outside [egress] allow and the backends declared by address\n"
	  "t.ini: 1 error\n" },
	{ "outside allow by its port", PART("[egress]\nallow = 10.0.0.0/24:8080-8090\n[pool:a]\n"
	  "backend = 10.0.0.1:80\n[route:u]\npool = a\n"),
	  "t.ini:4: error: backend = 10.0.0.1:80: outside [egress] allow and the backends declared by address\n"
	  "t.ini: 1 error\n" },
	{ "a route's backend", PART("[route:a]\nto = 169.254.169.254\n"),
	  "t.ini:2: error: to = 169.254.169.254:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "the long form", PART("[pool:a]\nbackend = 10.0.0.1:80\n[route:u]\npool = a\n[backend:x]\npool = a\n"
	  "address = 169.254.169.254\n"),
	  "t.ini:7: error: address = 169.254.169.254:80: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "allow on the floor", PART("[egress]\nallow = 169.254.169.254\n"),
	  "t.ini:2: error: allow = 169.254.169.254: link-local and metadata addresses are never allowed\n"
	  "t.ini: 1 error\n" },
	{ "allow on the floor, IPv6", PART("[egress]\nallow = fe80::/10, ff02::/16\n"),
	  "t.ini:2: error: allow = fe80::/10: link-local and metadata addresses are never allowed\n"
	  "t.ini:2: error: allow = ff02::/16: multicast addresses are never allowed\nt.ini: 2 errors\n" },
	{ "allow everything", PART("[egress]\nallow = 0.0.0.0/0\n"),
	  "t.ini:2: error: allow = 0.0.0.0/0: holds public addresses; if that is meant, set public = yes\n"
	  "t.ini: 1 error\n" },
	{ "allow more than is private", PART("[egress]\nallow = 10.0.0.0/7\n"),
	  "t.ini:2: error: allow = 10.0.0.0/7: holds public addresses; if that is meant, set public = yes\n"
	  "t.ini: 1 error\n" },
	{ "allow with bad ports", PART("[egress]\nallow = 10.0.0.0/8:90-80\n"),
	  "t.ini:2: error: allow = 10.0.0.0/8:90-80: not CIDR[:port[-port]] with ports from 1 to 65535\n"
	  "t.ini: 1 error\n" },
	{ "allow with port 0", PART("[egress]\nallow = 10.0.0.0/8:0\n"),
	  "t.ini:2: error: allow = 10.0.0.0/8:0: not CIDR[:port[-port]] with ports from 1 to 65535\n"
	  "t.ini: 1 error\n" },
	{ "public without allow", PART("[egress]\npublic = yes\n"),
	  "t.ini:2: error: public = yes is for the addresses of allow, which is not set\nt.ini: 1 error\n" },
	{ "a backend's name", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = app.internal:80\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:3: error: backend = app.internal:80: a name may lead anywhere: [egress] allow has to say where "
	  "its addresses may be\nt.ini: 1 error\n" },
	{ "a name server that is public", PART("[egress]\nresolver = 8.8.8.8:5353\n"),
	  "t.ini:2: error: resolver = 8.8.8.8:5353: not a private address; [egress] allow with public = yes wou"
	  "ld permit it\nt.ini: 1 error\n" },
	{ "a name server that is none", PART("[egress]\nresolver = ns.internal\n"),
	  "t.ini:2: error: resolver = ns.internal: not an address, as 10.0.0.2 or 10.0.0.2:53\nt.ini: 1 error\n" },
	{ "a check of nothing", PART("[pool:a]\nbackend = 10.0.0.1:80\nrise = 5\n[route:u]\npool = a\n"),
	  "t.ini:3: error: rise without check: nothing would be checked\nt.ini: 1 error\n" },
	{ "a body of a check by TCP", PART("[pool:a]\nbackend = 10.0.0.1:80\ncheck = tcp\ncheck_body = ok\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:4: error: check_body needs check = GET /path\nt.ini: 1 error\n" },
	{ "a check that is none", PART("[pool:a]\nbackend = 10.0.0.1:80\ncheck = POST /health\n[route:u]\npool = a\n"),
	  "t.ini:3: error: check = POST /health: must be tcp, or GET and a path as GET /healthz\nt.ini: 1 error"
	  "\n" },
	{ "a status of a check", PART("[pool:a]\nbackend = 10.0.0.1:80\ncheck = GET /\ncheck_status = 200-99\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:4: error: check_status = 200-99: no status code from 100 to 599, and no range of them as 200-2"
	  "99\nt.ini: 1 error\n" },
	{ "look-ups that overtake each other", PART("[pool:a]\nbackend = 10.0.0.1:80\nresolve_min = 2m\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:3: error: resolve_min is more than resolve_max\nt.ini: 1 error\n" },
	{ "a backend's name, no port", PART("[route:a]\nto = backend\n"),
	  "t.ini:2: error: to = backend: a name may lead anywhere: [egress] allow has to say where its addresses may be\n"
	  "t.ini: 1 error\n" },
	{ "a backend that is nothing", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 10.0.0.300:80\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:3: error: backend = 10.0.0.300:80: neither an address, as 10.0.1.10:8080 or [fd00::10]:8080, nor a "
	  "name\n"
	  "t.ini: 1 error\n" },
	{ "a backend on a Unix socket", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = unix:/run/a.sock\n"
	  "[route:u]\npool = a\n"),
	  "t.ini:3: error: backend = unix:/run/a.sock: backends are IP addresses or names\nt.ini: 1 error\n" },
	{ "a backend on port 0", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 10.0.0.2:0\n[route:u]\npool = a\n"),
	  "t.ini:3: error: backend = 10.0.0.2:0: neither an address, as 10.0.1.10:8080 or [fd00::10]:8080, nor a name\n"
	  "t.ini: 1 error\n" },
	{ "a weight", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 10.0.0.2:80 weight=0\n[route:u]\npool = a\n"),
	  "t.ini:3: error: backend = 10.0.0.2:80 weight=0: a weight is from 1 to 256\nt.ini: 1 error\n" },
	{ "a weight too large", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 10.0.0.2:80 weight=257\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:3: error: backend = 10.0.0.2:80 weight=257: a weight is from 1 to 256\nt.ini: 1 error\n" },
	{ "an option that is not there", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 10.0.0.2:80 wait=2\n"
	  "[route:u]\npool = a\n"),
	  "t.ini:3: error: backend = 10.0.0.2:80 wait=2: behind the address stands at most weight=N; commas between "
	  "several backends\nt.ini: 1 error\n" },
	{ "two backends without a comma", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 10.0.0.2:80 10.0.0.3:80\n"
	  "[route:u]\npool = a\n"),
	  "t.ini:3: error: backend = 10.0.0.2:80 10.0.0.3:80: behind the address stands at most weight=N; commas "
	  "between several backends\nt.ini: 1 error\n" },
};
/* clang-format on */

static void test_rows(void **state)
{
	(void)state;
	check_broken(rows, SP_COUNT(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
