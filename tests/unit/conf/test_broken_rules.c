/*
 * Broken configurations, each with exactly what is said of it: routes, listeners and certificates.
 */
#include "lib.h"

/* clang-format off */
static const struct broken rows[] = {
	/* routes */
	{ "no outcome", PART("[route:a]\nhost = example.com\n"),
	  "t.ini:1: error: [route:a] has none of pool, to, redirect, respond\nt.ini: 1 error\n" },
	{ "two outcomes", PART("[pool:a]\nbackend = 10.0.0.1:80\n[route:a]\npool = a\nto = 10.0.0.1\n"),
	  "t.ini:5: error: [route:a] has both pool (t.ini:4) and to: one of pool, to, redirect, respond\n"
	  "t.ini: 1 error\n" },
	{ "no such pool, one near", PART("[pool:app]\nbackend = 10.0.0.1\n[route:u]\npool = app\n[route:api]\n"
	  "pool = ap\n"),
	  "t.ini:6: error: [route:api] pool = \"ap\": no such pool; did you mean \"app\" (t.ini:1)?\n"
	  "t.ini: 1 error\n" },
	{ "no such pool", PART("[route:a]\npool = app\n"),
	  "t.ini:2: error: [route:a] pool = \"app\": no such pool\nt.ini: 1 error\n" },
	{ "a pool's name", PART("[route:a]\npool = App\n"),
	  "t.ini:2: error: pool = App: no name of a section: a-z, 0-9, \".\", \"_\" and \"-\"\nt.ini: 1 error\n" },
	{ "no such pool of ready_pools", PART("[gateway]\nready_pools = x\n"),
	  "t.ini:2: error: [gateway] ready_pools = \"x\": no such pool\nt.ini: 1 error\n" },
	{ "no such pool of a backend", PART("[backend:x]\npool = b\naddress = 10.0.0.1\n"),
	  "t.ini:2: error: [backend:x] pool = \"b\": no such pool\nt.ini: 1 error\n" },
	{ "a pool without backends", PART("[pool:a]\nretries = 0\n[route:u]\npool = a\n"),
	  "t.ini:1: error: [pool:a] has no backend\nt.ini: 1 error\n" },
	{ "a host with a port", PART("[route:a]\nrespond = 200\nhost = example.com:443\n"),
	  "t.ini:3: error: host = example.com:443: a host is matched without its port\nt.ini: 1 error\n" },
	{ "a host with a dot at its end", PART("[route:a]\nrespond = 200\nhost = example.com.\n"),
	  "t.ini:3: error: host = example.com.: write it without the dot at its end\nt.ini: 1 error\n" },
	{ "a host with an empty label", PART("[route:a]\nrespond = 200\nhost = a..b\n"),
	  "t.ini:3: error: host = a..b: an empty label\nt.ini: 1 error\n" },
	{ "a host with a star inside", PART("[route:a]\nrespond = 200\nhost = www.*.com\n"),
	  "t.ini:3: error: host = www.*.com: not a host name, as example.com, *.example.com or *\n"
	  "t.ini: 1 error\n" },
	{ "a host with a star in a label", PART("[route:a]\nrespond = 200\nhost = *example.com\n"),
	  "t.ini:3: error: host = *example.com: not a host name, as example.com, *.example.com or *\n"
	  "t.ini: 1 error\n" },
	{ "a host with a blank", PART("[route:a]\nrespond = 200\nhost = a.com b.com\n"),
	  "t.ini:3: error: host = a.com b.com: not a host name, as example.com, *.example.com or *\n"
	  "t.ini: 1 error\n" },
	{ "a host outside ASCII", PART("[route:a]\nrespond = 200\nhost = b\303\274cher.example\n"),
	  "t.ini:3: error: host = b\303\274cher.example: write an international name in its xn-- form\n"
	  "t.ini: 1 error\n" },
	{ "a host with a long label", PART("[route:a]\nrespond = 200\n"
	  "host = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com\n"),
	  "t.ini:3: error: host = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com: a label of a "
	  "host name has at most 63 bytes\nt.ini: 1 error\n" },
	{ "a path without a slash", PART("[route:a]\nrespond = 200\npath = api/*\n"),
	  "t.ini:3: error: path = api/*: a path begins with \"/\"\nt.ini: 1 error\n" },
	{ "a path with a star inside", PART("[route:a]\nrespond = 200\npath = /a/*/b\n"),
	  "t.ini:3: error: path = /a/*/b: \"*\" stands only at the end of a path\nt.ini: 1 error\n" },
	{ "a path with dot segments", PART("[route:a]\nrespond = 200\npath = /a/../b\n"),
	  "t.ini:3: error: path = /a/../b: no request has \".\" or \"..\" as a segment when it is matched\n"
	  "t.ini: 1 error\n" },
	{ "a path with encoded dot segments", PART("[route:a]\nrespond = 200\npath = /a/%2e%2E/b\n"),
	  "t.ini:3: error: path = /a/%2e%2E/b: no request has \".\" or \"..\" as a segment when it is matched\n"
	  "t.ini: 1 error\n" },
	{ "a path with two slashes", PART("[route:a]\nrespond = 200\npath = //a\n"),
	  "t.ini:3: error: path = //a: a path begins with one \"/\"\nt.ini: 1 error\n" },
	{ "a path with a query", PART("[route:a]\nrespond = 200\npath = /a?b\n"),
	  "t.ini:3: error: path = /a?b: a path holds only what RFC 3986 allows; encode the rest as %XX, and no query\n"
	  "t.ini: 1 error\n" },
	{ "a path with half a triple", PART("[route:a]\nrespond = 200\npath = /a%2\n"),
	  "t.ini:3: error: path = /a%2: \"%\" without two hex digits behind it\nt.ini: 1 error\n" },
	{ "a path with a NUL", PART("[route:a]\nrespond = 200\npath = /a%00\n"),
	  "t.ini:3: error: path = /a%00: %00 is refused in every request\nt.ini: 1 error\n" },
	{ "a method in small letters", PART("[route:a]\nrespond = 200\nmethod = get\n"),
	  "t.ini:3: error: method = get: methods are words in capitals, as GET, HEAD\nt.ini: 1 error\n" },
	{ "a method that is never served", PART("[listener:a]\nbind = 127.0.0.1:80\nmethods = GET, CONNECT\n"),
	  "t.ini:3: error: methods = CONNECT: CONNECT is never served\nt.ini: 1 error\n" },
	{ "a prefix with a star", PART("[route:a]\nto = 10.0.0.1\nstrip_prefix = /api/*\n"),
	  "t.ini:3: error: strip_prefix = /api/*: a plain path, without \"*\"\nt.ini: 1 error\n" },
	{ "a redirect without a status", PART("[route:a]\nredirect = https://example.com/\n"),
	  "t.ini:2: error: redirect = https://example.com/: begins with 301, 302, 303, 307 or 308, then the URL\n"
	  "t.ini: 1 error\n" },
	{ "a redirect with a wrong status", PART("[route:a]\nredirect = 304 https://example.com/\n"),
	  "t.ini:2: error: redirect = 304 https://example.com/: begins with 301, 302, 303, 307 or 308, then the URL\n"
	  "t.ini: 1 error\n" },
	{ "a redirect to nowhere", PART("[route:a]\nredirect = 301 example.com\n"),
	  "t.ini:2: error: redirect = 301 example.com: the URL begins with https://, http:// or one \"/\"\n"
	  "t.ini: 1 error\n" },
	{ "a redirect to another scheme", PART("[route:a]\nredirect = 301 javascript:alert(1)\n"),
	  "t.ini:2: error: redirect = 301 javascript:alert(1): the URL begins with https://, http:// or one \"/\"\n"
	  "t.ini: 1 error\n" },
	{ "a redirect with a blank", PART("[route:a]\nredirect = 301 https://example.com/a b\n"),
	  "t.ini:2: error: redirect = 301 https://example.com/a b: a URL has no blank and only what RFC 3986 allows; "
	  "encode the rest as %XX\nt.ini: 1 error\n" },
	{ "a response without a status", PART("[route:a]\nrespond = hello\n"),
	  "t.ini:2: error: respond = hello: begins with a status from 200 to 599, then the text\nt.ini: 1 error\n" },
	{ "a response of 1xx", PART("[route:a]\nrespond = 100 continue\n"),
	  "t.ini:2: error: respond = 100 continue: begins with a status from 200 to 599, then the text\n"
	  "t.ini: 1 error\n" },
	{ "a response that has no text", PART("[route:a]\nrespond = 204 nothing\n"),
	  "t.ini:2: error: respond = 204 nothing: an answer of that status has no text\nt.ini: 1 error\n" },
	{ "an edit without a verb", PART("[route:a]\nrespond = 200\nresponse_header = X-A: b\n"),
	  "t.ini:3: error: response_header = X-A: b: write \"set Name: value\", \"add Name: value\" or \"remove "
	  "Name\"\nt.ini: 1 error\n" },
	{ "an edit without a colon", PART("[route:a]\nrespond = 200\nresponse_header = set X-A b\n"),
	  "t.ini:3: error: response_header = set X-A b: no \":\" between name and value\nt.ini: 1 error\n" },
	{ "an edit of a bad name", PART("[route:a]\nrespond = 200\nresponse_header = set X A: b\n"),
	  "t.ini:3: error: response_header = set X A: b: no name of a field\nt.ini: 1 error\n" },
	{ "an edit of Host", PART("[route:a]\nto = 10.0.0.1\nrequest_header = set Host: x\n"),
	  "t.ini:3: error: request_header = set Host: x: Host is not set here: the pool's key host says what "
	  "backends see\nt.ini: 1 error\n" },
	{ "an edit of framing", PART("[route:a]\nto = 10.0.0.1\nrequest_header = remove Content-Length\n"),
	  "t.ini:3: error: request_header = remove Content-Length: Content-Length belongs to the connection and "
	  "cannot be edited\nt.ini: 1 error\n" },
	{ "an edit outside ASCII", PART("[route:a]\nrespond = 200\nresponse_header = set X-A: \303\274\n"),
	  "t.ini:3: error: response_header = set X-A: \303\274: a field's value is plain ASCII\nt.ini: 1 error\n" },
	{ "an upgrade", PART("[route:a]\nto = 10.0.0.1\nupgrade = websockets\n"),
	  "t.ini:3: error: upgrade = websockets: no such value; did you mean \"websocket\"?\nt.ini: 1 error\n" },
	/* listeners and tls */
	{ "no such tls", PART("[listener:a]\nbind = 127.0.0.1:80\ntls = web\n"),
	  "t.ini:3: error: [listener:a] tls = \"web\": no such tls\nt.ini: 1 error\n" },
	{ "a certificate that is not there", PART("[listener:a]\nbind = 127.0.0.1:80\ncert = no/such.pem\n"
	  "key_file = no/such.key\n"),
	  "t.ini:3: error: cert = no/such.pem: cannot be opened: No such file or directory\n"
	  "t.ini:4: error: key_file = no/such.key: cannot be opened: No such file or directory\nt.ini: 2 errors\n" },
	{ "a certificate without its key", PART("[listener:a]\nbind = 127.0.0.1:80\ncert = no/such.pem\n"),
	  "t.ini:3: error: [listener:a] has 1 cert and 0 key_file: the i-th of one goes with the i-th of the other\n"
	  "t.ini: 1 error\n" },
	{ "a key without its certificate", PART("[listener:a]\nbind = 127.0.0.1:80\nkey_file = no/such.pem\n"),
	  "t.ini:3: error: [listener:a] has 0 cert and 1 key_file: the i-th of one goes with the i-th of the other\n"
	  "t.ini: 1 error\n" },
	{ "a folder for a certificate", PART("[listener:a]\nbind = 127.0.0.1:80\ncert = /\nkey_file = /\n"),
	  "t.ini:3: error: cert = /: is a folder\nt.ini:4: error: key_file = /: is a folder\nt.ini: 2 errors\n" },
	{ "a device for a certificate", PART("[listener:a]\nbind = 127.0.0.1:80\ncert = /dev/null\n"
	  "key_file = /dev/null\n"),
	  "t.ini:3: error: cert = /dev/null: is no regular file\n"
	  "t.ini:4: error: key_file = /dev/null: is no regular file\nt.ini: 2 errors\n" },
	{ "redirect to https on a TLS listener", PART("[listener:a]\nbind = 127.0.0.1:80\ncert = no/such.pem\n"
	  "key_file = no/such.key\nredirect = https\n"),
	  "t.ini:3: error: cert = no/such.pem: cannot be opened: No such file or directory\n"
	  "t.ini:4: error: key_file = no/such.key: cannot be opened: No such file or directory\n"
	  "t.ini:5: error: redirect = https on a listener that speaks TLS: every client would be sent in a circle\n"
	  "t.ini: 3 errors\n" },
	{ "a redirect of a listener", PART("[listener:a]\nbind = 127.0.0.1:80\nredirect = http\n"),
	  "t.ini:3: error: redirect = http: no such value; did you mean \"https\"?\nt.ini: 1 error\n" },
	{ "uri_max beyond header_max", PART("[listener:a]\nbind = 127.0.0.1:80\nuri_max = 16k\n"),
	  "t.ini:3: error: uri_max = 16k does not fit into header_max = 16k\nt.ini: 1 error\n" },
	{ "header_max below uri_max", PART("[listener:a]\nbind = 127.0.0.1:80\nheader_max = 4k\n"),
	  "t.ini:3: error: uri_max = 8k does not fit into header_max = 4k\nt.ini: 1 error\n" },
	{ "client_verify without client_ca", PART("[tls:a]\ncert = no/such.pem\nkey_file = no/such.key\n"
	  "client_verify = required\ncrl = no/such.crl\n[listener:b]\nbind = 127.0.0.1:2\ntls = a\n"),
	  "t.ini:2: error: cert = no/such.pem: cannot be opened: No such file or directory\n"
	  "t.ini:3: error: key_file = no/such.key: cannot be opened: No such file or directory\n"
	  "t.ini:4: error: client_verify needs client_ca: the certificates to chain to\n"
	  "t.ini:5: error: crl = no/such.crl: cannot be opened: No such file or directory\n"
	  "t.ini:5: error: crl needs client_ca: it is for client certificates\nt.ini: 5 errors\n" },
	{ "proxy_protocol without trusted", PART("[listener:b]\nbind = 127.0.0.1:2\nproxy_protocol = optional\n"),
	  "t.ini:3: error: proxy_protocol needs trusted in [gateway]: whose header is believed\nt.ini: 1 error\n" },
	{ "proxy_protocol on a Unix socket", PART("[gateway]\ntrusted = 10.0.0.0/8\n[listener:b]\n"
	  "bind = unix:/run/x.sock\nproxy_protocol = required\n"),
	  "t.ini:4: error: proxy_protocol = required on a Unix socket: its peers have no address that trusted could "
	  "hold\nt.ini: 1 error\n" },
	{ "hsts without a unit", PART("[tls:a]\ncert = no/such.pem\nkey_file = no/such.key\nhsts = 31536000\n"
	  "[listener:b]\nbind = 127.0.0.1:2\ntls = a\n"),
	  "t.ini:2: error: cert = no/such.pem: cannot be opened: No such file or directory\n"
	  "t.ini:3: error: key_file = no/such.key: cannot be opened: No such file or directory\n"
	  "t.ini:4: error: hsts = 31536000: a duration needs a unit, as 250ms, 10s, 5m, 1h30m or 7d\n"
	  "t.ini: 3 errors\n" },
	{ "hsts with something else", PART("[tls:a]\ncert = no/such.pem\nkey_file = no/such.key\n"
	  "hsts = 1y subdomains\n[listener:b]\nbind = 127.0.0.1:2\ntls = a\n"),
	  "t.ini:2: error: cert = no/such.pem: cannot be opened: No such file or directory\n"
	  "t.ini:3: error: key_file = no/such.key: cannot be opened: No such file or directory\n"
	  "t.ini:4: error: hsts = 1y subdomains: behind the duration stands at most includeSubDomains and preload\n"
	  "t.ini: 3 errors\n" },
	{ "health_path and ready_path the same", PART("[gateway]\nready_path = /healthz\n"),
	  "t.ini:2: error: health_path and ready_path are both /healthz: a request could mean either\n"
	  "t.ini: 1 error\n" },
	{ "a health path with a star", PART("[gateway]\nhealth_path = /health*\n"),
	  "t.ini:2: error: health_path = /health*: a plain path, without \"*\"\nt.ini: 1 error\n" },
	{ "a name to redact", PART("[log]\nredact = a=b\n"),
	  "t.ini:2: error: redact = a=b: no name; commas between several\nt.ini: 1 error\n" },
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
