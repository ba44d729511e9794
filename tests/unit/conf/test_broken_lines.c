/*
 * Broken configurations, each with exactly what is said of it: lines, sections, keys, variables, and what is legal but doubtful.
 */
#include "lib.h"

/* clang-format off */
static const struct broken rows[] = {
	/* lines */
	{ "nothing at all", WHOLE(""),
	  "t.ini: error: no [listener:NAME]: there is nothing to listen on\nt.ini: 1 error\n" },
	{ "only comments", WHOLE("# a\n; b\n"),
	  "t.ini: error: no [listener:NAME]: there is nothing to listen on\nt.ini: 1 error\n" },
	{ "a key before any section", PART("workers = 2\n"),
	  "t.ini:1: error: \"workers\" stands before any section\nt.ini: 1 error\n" },
	{ "a leading blank", PART("[gateway]\n workers = 2\n"),
	  "t.ini:2: error: a line must not begin with a blank\nt.ini: 1 error\n" },
	{ "a leading tab", PART("[gateway]\nworkers = 2\n\tuser = x\n"),
	  "t.ini:3: error: a line must not begin with a blank\nt.ini: 1 error\n" },
	{ "a colon for the equals sign", PART("[gateway]\nworkers: 2\n"),
	  "t.ini:2: error: between a key and its value stands \"=\", not \":\"\nt.ini: 1 error\n" },
	{ "a colon before the equals sign", PART("[gateway]\nworkers: a = 2\n"),
	  "t.ini:2: error: between a key and its value stands \"=\", not \":\"\nt.ini: 1 error\n" },
	{ "neither", PART("[gateway]\nworkers 2\n"),
	  "t.ini:2: error: neither a section, a key with \"=\", nor a comment\nt.ini: 1 error\n" },
	{ "no key", PART("[gateway]\n= 2\n"),
	  "t.ini:2: error: no key before the \"=\"\nt.ini: 1 error\n" },
	{ "no value", PART("[gateway]\nworkers =\n"),
	  "t.ini:2: error: \"workers\" has no value\nt.ini: 1 error\n" },
	{ "a key in capitals", PART("[gateway]\nWorkers = 2\n"),
	  "t.ini:2: error: \"Workers\" is no key: only a-z, 0-9 and \"_\"\nt.ini: 1 error\n" },
	{ "a key with a dash", PART("[gateway]\nmax-connections = 100\n"),
	  "t.ini:2: error: \"max-connections\" is no key: only a-z, 0-9 and \"_\"\nt.ini: 1 error\n" },
	{ "a blank and a semicolon in a value", PART("[gateway]\nworkers = 2 ; two\n"),
	  "t.ini:2: error: a blank and \";\" inside the value of \"workers\": a comment stands on a line of its own\n"
	  "t.ini: 1 error\n" },
	{ "a tab and a semicolon in a value", PART("[gateway]\nworkers = 2\t; two\n"),
	  "t.ini:2: error: a blank and \";\" inside the value of \"workers\": a comment stands on a line of its own\n"
	  "t.ini: 1 error\n" },
	{ "a hash behind a value", PART("[gateway]\nworkers = 2 # two\n"),
	  "t.ini:2: error: workers = 2 # two: not a number and not auto; a comment stands on a line of its own\n"
	  "t.ini: 1 error\n" },
	{ "a section without its end", PART("[gateway\nworkers = 2\n"),
	  "t.ini:1: error: no \"]\" at the end of the section\nt.ini: 1 error\n" },
	{ "something behind a section", PART("[gateway] x\n"),
	  "t.ini:1: error: nothing may follow the \"]\" of a section\nt.ini: 1 error\n" },
	{ "a comment behind a section", PART("[gateway] ; x\n"),
	  "t.ini:1: error: nothing may follow the \"]\" of a section\nt.ini: 1 error\n" },
	{ "a section in capitals", PART("[Gateway]\nworkers = 2\n"),
	  "t.ini:1: error: [Gateway] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "an empty section", PART("[]\n"),
	  "t.ini:1: error: [] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "a section without a type", PART("[:a]\n"),
	  "t.ini:1: error: [:a] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "a section with an empty name", PART("[pool:]\n"),
	  "t.ini:1: error: [pool:] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "a section with two colons", PART("[pool:a:b]\n"),
	  "t.ini:1: error: [pool:a:b] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "a section with a blank", PART("[pool: a]\n"),
	  "t.ini:1: error: [pool: a] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "keys of a bad section are not judged", PART("[Pool:a]\nnonsense = 1\n"),
	  "t.ini:1: error: [Pool:a] is no section: [type] or [type:name] of a-z, 0-9, \".\", \"_\" and \"-\"\n"
	  "t.ini: 1 error\n" },
	{ "a control byte", PART("[gateway]\nuser = a\001b\n"),
	  "t.ini:2: error: control byte 0x01 at column 9\nt.ini: 1 error\n" },
	{ "a NUL", PART("[gateway]\nuser = a\000b\n"),
	  "t.ini:2: error: control byte 0x00 at column 9\nt.ini: 1 error\n" },
	{ "a DEL in a comment", PART("# a\177b\n"),
	  "t.ini:1: error: control byte 0x7f at column 4\nt.ini: 1 error\n" },
	{ "a CR inside a line", PART("[gateway]\nuser = a\rb\n"),
	  "t.ini:2: error: control byte 0x0d at column 9\nt.ini: 1 error\n" },
	{ "a CR at the very end", WHOLE("[gateway]\nuser = a\r"),
	  "t.ini:2: error: control byte 0x0d at column 9\nt.ini: 1 error\n" },
	{ "CR LF ends a line, errors have their lines", PART("[gateway]\r\nworkers = x\r\n"),
	  "t.ini:2: error: workers = x: not a number and not auto\nt.ini: 1 error\n" },
	{ "a byte order mark in the middle", PART("[gateway]\n\357\273\277workers = 2\n"),
	  "t.ini:2: error: \"\357\273\277workers\" is no key: only a-z, 0-9 and \"_\"\nt.ini: 1 error\n" },
	{ "two errors, sorted", PART("[gateway]\nworkers = x\n[pol:a]\nuser = 1\n[gateway]\nuser = a b\n"),
	  "t.ini:2: error: workers = x: not a number and not auto\n"
	  "t.ini:3: error: unknown section [pol:a]; did you mean \"pool\"?\n"
	  "t.ini:6: error: user = a b: no name of a user or group\nt.ini: 3 errors\n" },
	/* sections and keys */
	{ "an unknown section", WHOLE("[lisener:a]\nbind = x\n"),
	  "t.ini:1: error: unknown section [lisener:a]; did you mean \"listener\"?\nt.ini: 1 error\n" },
	{ "an unknown section, nothing near", PART("[frobnicate]\n"),
	  "t.ini:1: error: unknown section [frobnicate]\nt.ini: 1 error\n" },
	{ "a section that needs a name", PART("[pool]\nbackend = 10.0.0.1\n"),
	  "t.ini:1: error: [pool] needs a name: [pool:NAME]\nt.ini: 1 error\n" },
	{ "a section that has none", PART("[gateway:main]\n"),
	  "t.ini:1: error: there is only one [gateway]: it has no name\nt.ini: 1 error\n" },
	{ "a rule by country that nobody wrote", PART("[listener:b]\nbind = 127.0.0.1:81\ngeo = a\n"),
	  "t.ini:3: error: [listener:b] geo = \"a\": no such geo\nt.ini: 1 error\n" },
	{ "countries that are none", PART("[geo:b]\ndatabase = tests/lib/example.mmdb\nallow = UK, DEU, QQ\ndeny = AS0, AS4294967296, 12x\n"
	  "[listener:b]\nbind = 127.0.0.1:81\ngeo = b\n"),
	  "t.ini:3: error: allow = UK: no country has this code (ISO 3166); did you mean GB?\n"
	  "t.ini:3: error: allow = DEU: neither a country of two letters, as DE, nor an AS number, as AS64496\n"
	  "t.ini:3: error: allow = QQ: no country has this code (ISO 3166)\n"
	  "t.ini:4: error: deny = AS0: neither a country of two letters, as DE, nor an AS number, as AS64496\n"
	  "t.ini:4: error: deny = AS4294967296: neither a country of two letters, as DE, nor an AS number, as AS64496\n"
	  "t.ini:4: error: deny = 12x: neither a country of two letters, as DE, nor an AS number, as AS64496\n"
	  "t.ini: 6 errors\n" },
	{ "a database that is not there", PART("[geo:b]\ndatabase = nowhere.mmdb\ndeny = DE\n[listener:b]\nbind = 127.0.0.1:81\ngeo = b\n"),
	  "t.ini:2: error: database = nowhere.mmdb: cannot be opened: No such file or directory\nt.ini: 1 error\n" },
	{ "a database that is none", PART("[geo:b]\ndatabase = tests/lib/mmdb.py\ndeny = DE\n[listener:b]\nbind = 127.0.0.1:81\ngeo = b\n"),
	  "t.ini:2: error: database = tests/lib/mmdb.py: is no MaxMind database: The MaxMind DB file contains invalid metadata\n"
	  "t.ini: 1 error\n" },
	{ "an admin page for everybody", PART("[admin]\nbind = 0.0.0.0:9180\n"),
	  "t.ini:2: error: bind = 0.0.0.0:9180: others can reach that; say who may with allow\nt.ini: 1 error\n" },
	{ "an admin page without a port", PART("[admin]\nbind = 127.0.0.1\n"),
	  "t.ini:2: error: bind = 127.0.0.1: an address to listen on needs a port\nt.ini: 1 error\n" },
	{ "an admin page at a path", PART("[admin]\nbind = unix:admin\n"),
	  "t.ini:2: error: bind = unix:admin: not an address and a port, or off\nt.ini: 1 error\n" },
	{ "an admin page nowhere", PART("[admin]\nbind = no\n"),
	  "t.ini:2: error: bind = no: not an address and a port, or off\nt.ini: 1 error\n" },
	{ "an admin page where clients are served", PART("[admin]\nbind = 127.0.0.1:99\n[listener:b]\nbind = 127.0.0.1:99\n"),
	  "t.ini:4: error: bind = 127.0.0.1:99 is taken by [admin]\nt.ini: 1 error\n" },
	{ "an unknown key", PART("[listener:a]\nbind = 127.0.0.1:80\nheder_max = 8k\n"),
	  "t.ini:3: error: unknown key \"heder_max\" in [listener:a]; did you mean \"header_max\"?\n"
	  "t.ini: 1 error\n" },
	{ "an unknown key, nothing near", PART("[listener:a]\nbind = 127.0.0.1:80\nfrobnicate = 8k\n"),
	  "t.ini:3: error: unknown key \"frobnicate\" in [listener:a]\nt.ini: 1 error\n" },
	{ "words of the right key", PART("[pool:a]\nbackend = 10.0.0.1:80\nhelth_check = GET /\n[route:u]\n"
	  "pool = a\n"),
	  "t.ini:3: error: unknown key \"helth_check\" in [pool:a]; did you mean \"check\"?\nt.ini: 1 error\n" },
	{ "part of the right key", PART("[listener:a]\nbind = 127.0.0.1:80\ntimeout = 5s\n"),
	  "t.ini:3: error: unknown key \"timeout\" in [listener:a]; did you mean \"tls_timeout\"?\n"
	  "t.ini: 1 error\n" },
	{ "a key that is not built", PART("[listener:a]\nbind = 127.0.0.1:80\nhttp2 = yes\n"),
	  "t.ini:3: error: \"http2\" in [listener:a] is not in this build\nt.ini: 1 error\n" },
	{ "rules by country without a database", PART("[geo:x]\ndeny = DE\n[listener:b]\nbind = 127.0.0.1:81\ngeo = x\n"),
	  "t.ini:1: error: [geo:x] has no database\nt.ini: 1 error\n" },
	{ "a scalar twice", PART("[gateway]\nworkers = 2\nworkers = 3\n"),
	  "t.ini:3: error: \"workers\" in [gateway] is set already at t.ini:2\nt.ini: 1 error\n" },
	{ "a scalar twice, sections apart", PART("[gateway]\nworkers = 2\n[log]\nlevel = warn\n[gateway]\n"
	  "workers = 2\n"),
	  "t.ini:6: error: \"workers\" in [gateway] is set already at t.ini:2\nt.ini: 1 error\n" },
	{ "include from memory", PART("[gateway]\ninclude = conf.d/*.ini\n"),
	  "t.ini:2: error: \"include\" is for files: this configuration comes from memory\nt.ini: 1 error\n" },
	{ "a missing key", PART("[listener:a]\nclient_idle = 60s\n"),
	  "t.ini:1: error: [listener:a] has no bind\nt.ini: 1 error\n" },
	{ "a missing key of tls", PART("[tls:a]\npolicy = modern\n"),
	  "t.ini:1: error: [tls:a] has no cert\nt.ini:1: error: [tls:a] has no key_file\n"
	  "t.ini:1: warning: [tls:a] is used by nothing [unused-tls]\nt.ini: 2 errors, 1 warning\n" },
	{ "a missing key of a list of addresses", PART("[addresses:a]\n"),
	  "t.ini:1: error: [addresses:a] has neither cidr nor file\n"
	  "t.ini:1: warning: [addresses:a] is used by nothing [unused-addresses]\nt.ini: 1 error, 1 warning\n" },
	{ "missing keys of a backend", PART("[backend:a]\nweight = 2\n"),
	  "t.ini:1: error: [backend:a] has no pool\nt.ini:1: error: [backend:a] has no address\nt.ini: 2 errors\n" },
	{ "no listener", WHOLE("[route:a]\nrespond = 200\n"),
	  "t.ini: error: no [listener:NAME]: there is nothing to listen on\nt.ini: 1 error\n" },
	{ "no route", WHOLE("[listener:a]\nbind = 127.0.0.1:80\n"),
	  "t.ini: warning: no [route:NAME]: every request will be answered 421 [no-route]\nt.ini: 1 warning\n" },
	{ "a misspelled key is not missing as well", WHOLE("[listener:a]\nbnd = 127.0.0.1:80\n"),
	  "t.ini: warning: no [route:NAME]: every request will be answered 421 [no-route]\n"
	  "t.ini:2: error: unknown key \"bnd\" in [listener:a]; did you mean \"bind\"?\n"
	  "t.ini: 1 error, 1 warning\n" },
	{ "a refused line is not missing as well", WHOLE("[listener:a]\nbind: 127.0.0.1:80\n"),
	  "t.ini:2: error: between a key and its value stands \"=\", not \":\"\nt.ini: 1 error\n" },
	/* expansion */
	{ "a variable that is not set", PART("[gateway]\nworkers = ${SP_TEST_NONE}\n"),
	  "t.ini:2: error: workers = ${SP_TEST_NONE}: ${SP_TEST_NONE}: not set in the environment; "
	  "${SP_TEST_NONE:-default} gives a default\nt.ini: 1 error\n" },
	{ "a variable without its end", PART("[gateway]\nworkers = ${SP_TEST_NONE\n"),
	  "t.ini:2: error: workers = ${SP_TEST_NONE: \"${\" without its \"}\"\nt.ini: 1 error\n" },
	{ "a variable with a bad name", PART("[gateway]\nworkers = ${a b}\n"),
	  "t.ini:2: error: workers = ${a b}: ${a b}: write ${NAME}, ${NAME:-default} or ${cred:name}\n"
	  "t.ini: 1 error\n" },
	{ "a variable that expands to nothing", PART("[gateway]\nworkers = ${SP_TEST_NONE:-}\n"),
	  "t.ini:2: error: workers = ${SP_TEST_NONE:-}: expands to nothing\nt.ini: 1 error\n" },
	{ "a default that is no number", PART("[gateway]\nworkers = ${SP_TEST_NONE:-x}\n"),
	  "t.ini:2: error: workers = x: not a number and not auto\nt.ini: 1 error\n" },
	{ "a credential without systemd", PART("[gateway]\nuser = ${cred:user}\n"),
	  "t.ini:2: error: user = ${cred:user}: ${cred:user}: no credentials were passed ($CREDENTIALS_DIRECTORY is "
	  "not set)\nt.ini: 1 error\n" },
	{ "a credential outside its folder", PART("[gateway]\nuser = ${cred:../user}\n"),
	  "t.ini:2: error: user = ${cred:../user}: ${cred:../user}: no name of a credential\nt.ini: 1 error\n" },
	/* warnings */
	{ "idle-order behind alb", PART("[gateway]\nbehind = alb\ntrusted = 10.0.0.0/16\n[listener:a]\n"
	  "bind = 127.0.0.1:80\nclient_idle = 50s\n"),
	  "t.ini:6: warning: client_idle = 50s, but behind = alb closes at 60s: clients will see 502; use 75s or "
	  "more [idle-order]\nt.ini: 1 warning\n" },
	{ "idle-order behind nlb", PART("[gateway]\nbehind = nlb\n[listener:a]\nbind = 127.0.0.1:80\n"
	  "client_idle = 350s\n"),
	  "t.ini:5: warning: client_idle = 350s, but behind = nlb forgets at 350s: clients will see resets; use 300s "
	  "or less [idle-order]\nt.ini: 1 warning\n" },
	{ "trusted-missing", PART("[gateway]\nbehind = cloudfront\n"),
	  "t.ini:2: warning: behind = cloudfront, but trusted is not set: every client will look like the balancer "
	  "[trusted-missing]\nt.ini: 1 warning\n" },
	{ "trusted-all", PART("[gateway]\ntrusted = 0.0.0.0/0\n"),
	  "t.ini:2: warning: trusted holds every address: any client can claim to be any other [trusted-all]\n"
	  "t.ini: 1 warning\n" },
	{ "drain-delay", PART("[gateway]\nbehind = nlb\ndrain_delay = 0s\n"),
	  "t.ini:3: warning: drain_delay = 0s, but behind = nlb goes on sending until it has seen red health: "
	  "clients will see 502; use 20s or more [drain-delay]\nt.ini: 1 warning\n" },
	{ "plain-text", PART("[listener:a]\nbind = 0.0.0.0:80\n"),
	  "t.ini:2: warning: [listener:a] has neither a certificate nor redirect = https: everything can be read on "
	  "its way [plain-text]\nt.ini: 1 warning\n" },
	{ "unused-pool", PART("[pool:a]\nbackend = 10.0.0.1:80\n"),
	  "t.ini:1: warning: [pool:a] is used by nothing [unused-pool]\nt.ini: 1 warning\n" },
	{ "unused-addresses", PART("[addresses:a]\ncidr = 10.0.0.0/8\n"),
	  "t.ini:1: warning: [addresses:a] is used by nothing [unused-addresses]\nt.ini: 1 warning\n" },
	{ "backend-twice", PART("[pool:a]\nbackend = 10.0.0.1:80\nbackend = 10.0.0.1\n[route:u]\npool = a\n"),
	  "t.ini:3: warning: backend = 10.0.0.1:80 is in [pool:a] already, at t.ini:2; for a larger share use "
	  "weight=N [backend-twice]\nt.ini: 1 warning\n" },
	{ "encoded-slash", PART("[route:a]\nrespond = 200\npath = /a%2fb/*\n"),
	  "t.ini:3: warning: path = /a%2Fb/* can never match: encoded_slash = refuse answers such requests with 400 "
	  "[encoded-slash]\nt.ini: 1 warning\n" },
	{ "encoded-slash, kept", PART("[route:a]\nrespond = 200\npath = /a%2fb/*\nencoded_slash = keep\n"), "" },
};
/* clang-format on */

static void test_rows(void **state)
{
	(void)state;
	check_broken(rows, SP_COUNT(rows));
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
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
