/*
 * Targets, paths and Host: one reading, or refused.
 */
#include "feed.h"

#define T(target) TEXT("GET " target " HTTP/1.1\r\nHost: a\r\n\r\n")
#define HOST(value) TEXT("GET / HTTP/1.1\r\nHost: " value "\r\n\r\n")
#define OK SP_REFUSE_NONE

static const struct feed like = { .limits = FEED_LIMITS };

enum { PLAIN = 0, SLASH = 1, ODD = 2, PARAM = 4 };

static const struct {
	const char *raw, *path; /* path NULL: refused */
	unsigned flags;
} paths[] = {
	{ "/", "/", PLAIN },
	{ "/a", "/a", PLAIN },
	{ "/a/", "/a/", PLAIN },
	{ "/a/b.c", "/a/b.c", PLAIN },
	{ "/a.b/c..d/...", "/a.b/c..d/...", PLAIN },
	{ "/.hidden/..x/.", "/.hidden/..x/", PLAIN },
	{ "/-._~", "/-._~", PLAIN },
	{ "/!$&'()*+,=:@", "/!$&'()*+,=:@", PLAIN },
	{ "/photo[1].jpg", "/photo[1].jpg", PLAIN },
	{ "/%41%7a%30%2D%2e%5F%7E", "/Az0-._~", PLAIN },
	{ "/%20", "/%20", PLAIN },
	{ "/%3f%23", "/%3F%23", PLAIN },
	{ "/%e4%F6", "/%E4%F6", PLAIN },
	{ "/%c3%a4", "/%C3%A4", PLAIN },
	{ "/100%25", "/100%25", PLAIN },
	{ "/%25", "/%25", PLAIN },
	{ "/%25x", "/%25x", PLAIN },
	{ "/%25a", "/%25a", PLAIN },
	{ "/%21%24", "/%21%24", PLAIN },
	{ "/.", "/", PLAIN },
	{ "/./", "/", PLAIN },
	{ "/././a", "/a", PLAIN },
	{ "/a/.", "/a/", PLAIN },
	{ "/a/./b", "/a/b", PLAIN },
	{ "/a/..", "/", PLAIN },
	{ "/a/../", "/", PLAIN },
	{ "/a/../b", "/b", PLAIN },
	{ "/a/b/../../c", "/c", PLAIN },
	{ "/a/b/../..", "/", PLAIN },
	{ "/a/b/..", "/a/", PLAIN },
	{ "/a/%2e%2e/b", "/b", PLAIN },
	{ "/a/%2E./b", "/b", PLAIN },
	{ "/a/.%2e/b", "/b", PLAIN },
	{ "/%2e", "/", PLAIN },
	{ "/a/%2e/b", "/a/b", PLAIN },
	{ "/..", NULL, 0 },
	{ "/../", NULL, 0 },
	{ "/../a", NULL, 0 },
	{ "/a/../..", NULL, 0 },
	{ "/a/../../b", NULL, 0 },
	{ "/./..", NULL, 0 },
	{ "/%2e%2e", NULL, 0 },
	{ "/%2e%2e/%2e%2e/etc/passwd", NULL, 0 },
	{ "/%2E.", NULL, 0 },
	{ "/a/b/../../../c", NULL, 0 },
	{ "/%00", NULL, 0 },
	{ "/a%00.png", NULL, 0 },
	{ "/%", NULL, 0 },
	{ "/%4", NULL, 0 },
	{ "/a%", NULL, 0 },
	{ "/%g0", NULL, 0 },
	{ "/%0g", NULL, 0 },
	{ "/%%41", NULL, 0 },
	{ "/%u002e", NULL, 0 },
	{ "/%-1", NULL, 0 },
	{ "/%/a", NULL, 0 },
	{ "//", "//", ODD },
	{ "//a", "//a", ODD },
	{ "/a//b", "/a//b", ODD },
	{ "/a//", "/a//", ODD },
	{ "/a//../b", "/a/b", PLAIN },
	{ "/a/.//b", "/a//b", ODD },
	{ "/%2f", "/%2F", SLASH },
	{ "/a%2Fb", "/a%2Fb", SLASH },
	{ "/a%5cb", "/a%5Cb", SLASH },
	{ "/a%2f%2fb", "/a%2F%2Fb", SLASH },
	{ "/a%2f..%2fb", NULL, 0 },
	{ "/a/..%2fb", NULL, 0 },
	{ "/a/..%5cb", NULL, 0 },
	{ "/a%5c..", NULL, 0 },
	{ "/a%2f../b", NULL, 0 },
	{ "/a%2f./b", NULL, 0 },
	{ "/a%2f.", NULL, 0 },
	{ "/a/.%2fb", NULL, 0 },
	{ "/a%2f%2e%2e%2fb", NULL, 0 },
	{ "/a%2f..b", "/a%2F..b", SLASH },
	{ "/a%2f...", "/a%2F...", SLASH },
	{ "/a;b", "/a;b", PARAM },
	{ "/a;b=c;d/e", "/a;b=c;d/e", PARAM | ODD },
	{ "/a%3bb", "/a%3Bb", PARAM },
	{ "/;/a", "/;/a", PARAM | ODD },
	{ "/;x/a", "/;x/a", PARAM | ODD },
	{ "/%3b/a", "/%3B/a", PARAM | ODD },
	{ "/..;/a", "/..;/a", PARAM | ODD },
	{ "/a/..;x/b", "/a/..;x/b", PARAM | ODD },
	{ "/a/.;/b", "/a/.;/b", PARAM | ODD },
	{ "/a/%2e%2e;/b", "/a/..;/b", PARAM | ODD },
	{ "/a/..%3b/b", "/a/..%3B/b", PARAM | ODD },
	{ "/a%2f..;/b", "/a%2F..;/b", SLASH | PARAM | ODD },
	{ "/a;/../b", "/b", PLAIN },
	{ "/%252e%252e/a", "/%252e%252e/a", ODD },
	{ "/%2541", "/%2541", ODD },
	{ "/%252f", "/%252f", ODD },
	{ "/%25%32%65", "/%252e", ODD },
	{ "/%25%2e", "/%25.", PLAIN },
	{ "/%2500", "/%2500", ODD },
	{ "/a%0d%0aX:y", "/a%0D%0AX:y", ODD },
	{ "/a%09", "/a%09", ODD },
	{ "/a%7f", "/a%7F", ODD },
	{ "/%c0%ae%c0%ae/a", "/%C0%AE%C0%AE/a", ODD },
	{ "/%c0%af", "/%C0%AF", ODD },
	{ "/%c1%9c", "/%C1%9C", ODD },
	{ "/%e0%80%af", "/%E0%80%AF", ODD },
	{ "/%e0%a4%85", "/%E0%A4%85", PLAIN },
	{ "/%f0%80%80%af", "/%F0%80%80%AF", ODD },
	{ "/%f0%9f%98%80", "/%F0%9F%98%80", PLAIN },
	{ "/%e0", "/%E0", PLAIN },
	{ "/%E0a", "/%E0a", PLAIN },
};

static unsigned flags_of(const struct sp_head *h)
{
	return (h->has_encoded_slash ? SLASH : 0U) | (h->has_odd_path ? ODD : 0U) |
	       (h->has_path_parameter ? PARAM : 0U);
}

static void read_path(struct feed *f, const char *raw)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", raw);

	feed_all_ways(f, &like, sp_str_of(text, (size_t)n));
}

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(paths); i++) {
		struct feed f, again;

		read_path(&f, paths[i].raw);
		if ((f.rc == SP_H1_HEAD) != (paths[i].path != NULL))
			fail_msg("%s: rc %d, %s", paths[i].raw, f.rc, sp_refuse_word(f.reader.why));
		if (f.rc != SP_H1_HEAD) {
			assert_int_equal(f.reader.why, SP_REFUSE_PATH);
			feed_fini(&f);
			continue;
		}
		if (!sp_str_eq(f.head.path, sp_str(paths[i].path)) || flags_of(&f.head) != paths[i].flags)
			fail_msg("%s: %.*s, flags %u", paths[i].raw, SP_STR_ARG(f.head.path), flags_of(&f.head));
		read_path(&again, paths[i].path); /* the normal form is its own */
		assert_int_equal(again.rc, SP_H1_HEAD);
		feed_same_str(again.head.path, f.head.path);
		assert_int_equal(flags_of(&again.head), flags_of(&f.head));
		feed_fini(&again);
		feed_fini(&f);
	}
	print_message("  %zu paths\n", SP_COUNT(paths));
}

/* Spellings of /admin/users: each is that path in the normal form, or flagged for guarded places, or refused. */
static const char *const denied[] = {
	"/admin/users",
	"/%61dmin/users",
	"/%61%64%6d%69%6e/users",
	"/./admin/users",
	"/admin/./users",
	"/x/../admin/users",
	"/%2e/admin/users",
	"/x/%2e%2e/admin/users",
	"/x/.%2E/admin/users",
	"/x/y/../../admin/users",
	"//admin/users",
	"/admin//users",
	"///admin///users",
	"/admin%2fusers",
	"/admin%2Fusers",
	"/admin%5cusers",
	"/%2fadmin/users",
	"/;/admin/users",
	"/admin;/users",
	"/admin;x=y/users",
	"/admin%3bx/users",
	"/x/..;/admin/users",
	"/..;/admin/users",
	"/x/..;a=b/admin/users",
	"/x/%2e%2e;/admin/users",
	"/%2561dmin/users",
	"/admin%252fusers",
	"/x/%252e%252e/admin/users",
	"/%25%36%31dmin/users",
	"/admin/%2e/users",
	"/admin/x/%2e%2e/users",
	"/../admin/users",
	"/%2e%2e/admin/users",
	"/x/..%2fadmin/users",
	"/x%2f..%2fadmin/users",
	"/x/..%5cadmin/users",
	"/admin%00/users",
	"/admin/users%00.css",
	"/%c0%afadmin/users",
	"/x/%c0%ae%c0%ae/admin/users",
	"/admin%e0%80%afusers",
	"/admin/users%0a",
	"/admin%09/users",
	"/admin\\users",
	"\\admin\\users",
	"/admin/users#x",
	"/#/../admin/users",
	"/%u0061dmin/users",
	"/x/../../admin/users",
	"http://a/admin/users",
	"http://a//admin/users",
	"http://a/x/../admin/users",
	"http://a:80/%61dmin/users",
	"http://a/../admin/users",
	"admin/users",
	"./admin/users",
	"/admin/users;jsessionid=1",
	"/admin/users?x",
	"/admin/./users/",
};

static void test_one_denied_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(denied); i++) {
		struct feed f;

		read_path(&f, denied[i]);
		if (f.rc == SP_H1_HEAD && flags_of(&f.head) == PLAIN &&
		    !sp_str_starts(f.head.path, SP_STR("/admin/users")))
			fail_msg("%s passes as %.*s", denied[i], SP_STR_ARG(f.head.path));
		feed_fini(&f);
	}
	print_message("  %zu spellings\n", SP_COUNT(denied));
}

static const struct feed_case targets[] = {
	{ "query", T("/?a=b&c=d"), OK },
	{ "empty query", T("/?"), OK },
	{ "query of question marks", T("/???"), OK },
	{ "slashes in the query", T("/?/../a//b"), OK },
	{ "brackets in the query", T("/?a[]=1&b[c]=2"), OK },
	{ "escapes in the query", T("/?%41%2f%5c%0a%ff"), OK },
	{ "colon and at in the query", T("/?a:b@c"), OK },
	{ "all query bytes", T("/?-._~!$&'()*+,;=:@/?[]"), OK },
	{ "percent alone in the query", T("/?a=100%"), SP_REFUSE_TARGET },
	{ "percent and one digit in the query", T("/?%4"), SP_REFUSE_TARGET },
	{ "percent and no hex in the query", T("/?%zz"), SP_REFUSE_TARGET },
	{ "NUL in the query", T("/?%00"), SP_REFUSE_TARGET },
	{ "u escape in the query", T("/?%u0041"), SP_REFUSE_TARGET },
	{ "fragment", T("/#a"), SP_REFUSE_TARGET },
	{ "fragment behind the query", T("/?a#b"), SP_REFUSE_TARGET },
	{ "empty fragment", T("/#"), SP_REFUSE_TARGET },
	{ "backslash", T("/a\\b"), SP_REFUSE_TARGET },
	{ "backslash first", T("\\a"), SP_REFUSE_TARGET },
	{ "backslash in the query", T("/?a\\b"), SP_REFUSE_TARGET },
	{ "quote", T("/a\"b"), SP_REFUSE_TARGET },
	{ "less", T("/<script>"), SP_REFUSE_TARGET },
	{ "greater in the query", T("/?a>b"), SP_REFUSE_TARGET },
	{ "backtick", T("/`id`"), SP_REFUSE_TARGET },
	{ "braces", T("/{a}"), SP_REFUSE_TARGET },
	{ "braces in the query", T("/?{a}"), SP_REFUSE_TARGET },
	{ "bar in the query", T("/?a|b"), SP_REFUSE_TARGET },
	{ "caret in the query", T("/?a^b"), SP_REFUSE_TARGET },
	{ "UTF-8", T("/\303\244"), SP_REFUSE_TARGET },
	{ "high byte in the query", T("/?\344"), SP_REFUSE_TARGET },
	{ "NUL", T("/a\0b"), SP_REFUSE_CONTROL },
	{ "DEL", T("/a\177b"), SP_REFUSE_CONTROL },
	{ "TAB", T("/a\tb"), SP_REFUSE_TARGET },
	{ "form feed", T("/a\fb"), SP_REFUSE_CONTROL },
	{ "CR", T("/a\rb"), SP_REFUSE_START_LINE },
	{ "LF", T("/a\nb"), SP_REFUSE_LINE_END },
	{ "relative", T("a/b"), SP_REFUSE_TARGET },
	{ "dot", T("./a"), SP_REFUSE_TARGET },
	{ "query alone", T("?a"), SP_REFUSE_TARGET },
	{ "asterisk for GET", T("*"), SP_REFUSE_TARGET },
	{ "asterisk and more", T("*a"), SP_REFUSE_TARGET },
	{ "two asterisks", TEXT("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n"), SP_REFUSE_TARGET },
	{ "asterisk with a query", TEXT("OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n"), SP_REFUSE_TARGET },
	{ "asterisk behind a slash", TEXT("OPTIONS /* HTTP/1.1\r\nHost: a\r\n\r\n"), OK },
	{ "authority form for GET", T("a:80"), SP_REFUSE_TARGET },
	{ "host alone", T("a"), SP_REFUSE_TARGET },

	{ "absolute", T("http://a/"), OK },
	{ "absolute without a path", T("http://a"), OK },
	{ "absolute with a query only", T("http://a?x=1"), OK },
	{ "absolute https", T("https://a/b"), OK },
	{ "absolute in upper case", T("HTTP://A/b"), OK },
	{ "absolute with the default port", T("http://a:80/"), OK },
	{ "absolute with a trailing dot", T("http://a./"), OK },
	{ "absolute, Host with the port", TEXT("GET http://a:8080/ HTTP/1.1\r\nHost: a:8080\r\n\r\n"), OK },
	{ "absolute, Host with the default port", TEXT("GET https://a/ HTTP/1.1\r\nHost: a:443\r\n\r\n"), OK },
	{ "absolute v6", TEXT("GET http://[::1]/ HTTP/1.1\r\nHost: [0::1]\r\n\r\n"), OK },
	{ "absolute in 1.0", TEXT("GET http://a/ HTTP/1.0\r\nHost: a\r\n\r\n"), OK },
	{ "absolute options", TEXT("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"), OK },
	{ "absolute, other host", T("http://b/"), SP_REFUSE_HOST },
	{ "absolute, longer host", T("http://aa/"), SP_REFUSE_HOST },
	{ "absolute, other port", T("http://a:81/"), SP_REFUSE_HOST },
	{ "absolute, port of the other scheme", T("http://a:443/"), SP_REFUSE_HOST },
	{ "absolute, Host with another port", TEXT("GET http://a/ HTTP/1.1\r\nHost: a:81\r\n\r\n"), SP_REFUSE_HOST },
	{ "absolute, Host empty", TEXT("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n"), SP_REFUSE_HOST },
	{ "absolute with a user", T("http://u@a/"), SP_REFUSE_TARGET },
	{ "absolute with user and password", T("http://u:p@a/"), SP_REFUSE_TARGET },
	{ "absolute with an empty user", T("http://@a/"), SP_REFUSE_TARGET },
	{ "absolute, at in the path", T("http://a/@b"), OK },
	{ "absolute without a host", T("http:///a"), SP_REFUSE_TARGET },
	{ "absolute without anything", T("http://"), SP_REFUSE_TARGET },
	{ "absolute with a port only", T("http://:80/"), SP_REFUSE_TARGET },
	{ "absolute, empty port", T("http://a:/"), OK },
	{ "absolute, port 0", T("http://a:0/"), SP_REFUSE_TARGET },
	{ "one slash", T("http:/a/"), SP_REFUSE_TARGET },
	{ "no slash", T("http:a/"), SP_REFUSE_TARGET },
	{ "ftp", T("ftp://a/"), SP_REFUSE_TARGET },
	{ "ws", T("ws://a/"), SP_REFUSE_TARGET },
	{ "file", T("file:///etc/passwd"), SP_REFUSE_TARGET },
	{ "javascript", T("javascript:alert(1)"), SP_REFUSE_TARGET },
	{ "urn", T("urn:a:b"), SP_REFUSE_TARGET },
	{ "escaped scheme", T("%68ttp://a/"), SP_REFUSE_TARGET },
	{ "escaped host", T("http://%61/"), SP_REFUSE_TARGET },
	{ "absolute above the root", T("http://a/../b"), SP_REFUSE_PATH },
	{ "absolute with a bad query", T("http://a?%"), SP_REFUSE_TARGET },
	{ "two schemes", T("http://http://a/"), SP_REFUSE_HOST },
};

static const struct feed_case hosts[] = {
	{ "name", HOST("example.com"), OK },
	{ "one label", HOST("localhost"), OK },
	{ "upper case", HOST("EXAMPLE.COM"), OK },
	{ "port", HOST("a:8080"), OK },
	{ "port 1", HOST("a:1"), OK },
	{ "port 65535", HOST("a:65535"), OK },
	{ "trailing dot", HOST("example.com."), OK },
	{ "trailing dot and port", HOST("example.com.:80"), OK },
	{ "underscore", HOST("my_service.local"), OK },
	{ "dashes", HOST("a--b.-c-.d"), OK },
	{ "punycode", HOST("xn--bcher-kva.example"), OK },
	{ "digits first", HOST("1and1.com"), OK },
	{ "digits label", HOST("1.2.3.a"), OK },
	{ "v4", HOST("10.0.0.1"), OK },
	{ "v4 with port", HOST("10.0.0.1:80"), OK },
	{ "v4 zeros", HOST("0.0.0.0"), OK },
	{ "v6", HOST("[::1]"), OK },
	{ "v6 with port", HOST("[2001:db8::1]:8443"), OK },
	{ "v6 long", HOST("[2001:0db8:0000:0000:0000:0000:0000:0001]"), OK },
	{ "v6 mapped", HOST("[::ffff:1.2.3.4]"), OK },
	{ "label of 63", HOST("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b"), OK },
	{ "label of 64", HOST("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b"), SP_REFUSE_HOST },
	{ "empty", HOST(""), SP_REFUSE_HOST },
	{ "blanks only", HOST("  "), SP_REFUSE_HOST },
	{ "dot", HOST("."), SP_REFUSE_HOST },
	{ "two dots", HOST(".."), SP_REFUSE_HOST },
	{ "leading dot", HOST(".a"), SP_REFUSE_HOST },
	{ "empty label", HOST("a..b"), SP_REFUSE_HOST },
	{ "two trailing dots", HOST("a.."), SP_REFUSE_HOST },
	{ "port 0", HOST("a:0"), SP_REFUSE_HOST },
	{ "port 65536", HOST("a:65536"), SP_REFUSE_HOST },
	{ "port with leading zeros", HOST("a:0080"), SP_REFUSE_HOST },
	{ "port of six digits", HOST("a:000080"), SP_REFUSE_HOST },
	{ "empty port", HOST("a:"), OK },
	{ "port no number", HOST("a:http"), SP_REFUSE_HOST },
	{ "port with a sign", HOST("a:+80"), SP_REFUSE_HOST },
	{ "port negative", HOST("a:-1"), SP_REFUSE_HOST },
	{ "two ports", HOST("a:80:80"), SP_REFUSE_HOST },
	{ "port only", HOST(":80"), SP_REFUSE_HOST },
	{ "blank inside", HOST("a b"), SP_REFUSE_HOST },
	{ "tab inside", HOST("a\tb"), SP_REFUSE_HOST },
	{ "blank before the port", HOST("a :80"), SP_REFUSE_HOST },
	{ "list", HOST("a, b"), SP_REFUSE_HOST },
	{ "comma", HOST("a,b"), SP_REFUSE_HOST },
	{ "user", HOST("u@a"), SP_REFUSE_HOST },
	{ "path", HOST("a/b"), SP_REFUSE_HOST },
	{ "path tricks", HOST("a/../b@c"), SP_REFUSE_HOST },
	{ "query", HOST("a?b"), SP_REFUSE_HOST },
	{ "fragment", HOST("a#b"), SP_REFUSE_HOST },
	{ "scheme", HOST("http://a"), SP_REFUSE_HOST },
	{ "backslash", HOST("a\\b"), SP_REFUSE_HOST },
	{ "escape", HOST("%61"), SP_REFUSE_HOST },
	{ "sub-delims", HOST("a!b"), SP_REFUSE_HOST },
	{ "star", HOST("*.a"), SP_REFUSE_HOST },
	{ "dollar", HOST("$a"), SP_REFUSE_HOST },
	{ "semicolon", HOST("a;b"), SP_REFUSE_HOST },
	{ "quoted", HOST("\"a\""), SP_REFUSE_HOST },
	{ "angle", HOST("<a>"), SP_REFUSE_HOST },
	{ "UTF-8", HOST("b\303\274cher.example"), SP_REFUSE_HOST },
	{ "v4 of three", HOST("1.2.3"), SP_REFUSE_HOST },
	{ "v4 of five", HOST("1.2.3.4.5"), SP_REFUSE_HOST },
	{ "v4 number", HOST("2130706433"), SP_REFUSE_HOST },
	{ "v4 hex", HOST("0x7f000001"), SP_REFUSE_HOST },
	{ "v4 hex part", HOST("127.0.0.0x1"), SP_REFUSE_HOST },
	{ "v4 octal", HOST("0177.0.0.1"), SP_REFUSE_HOST },
	{ "v4 zero padded", HOST("127.0.0.01"), SP_REFUSE_HOST },
	{ "v4 short", HOST("127.1"), SP_REFUSE_HOST },
	{ "v4 too large", HOST("1.2.3.256"), SP_REFUSE_HOST },
	{ "v4 trailing dot", HOST("127.0.0.1."), SP_REFUSE_HOST },
	{ "name with a number at its end", HOST("a.1"), SP_REFUSE_HOST },
	{ "name with 0x at its end", HOST("a.0x"), SP_REFUSE_HOST },
	{ "v6 bare", HOST("::1"), SP_REFUSE_HOST },
	{ "v6 empty", HOST("[]"), SP_REFUSE_HOST },
	{ "v6 unclosed", HOST("[::1"), SP_REFUSE_HOST },
	{ "v6 unopened", HOST("::1]"), SP_REFUSE_HOST },
	{ "v6 zone", HOST("[fe80::1%eth0]"), SP_REFUSE_HOST },
	{ "v6 escaped zone", HOST("[fe80::1%25eth0]"), SP_REFUSE_HOST },
	{ "v6 future", HOST("[v1.a]"), SP_REFUSE_HOST },
	{ "v4 in brackets", HOST("[1.2.3.4]"), SP_REFUSE_HOST },
	{ "name in brackets", HOST("[a]"), SP_REFUSE_HOST },
	{ "v6 and more", HOST("[::1]a"), SP_REFUSE_HOST },
	{ "v6 two brackets", HOST("[[::1]]"), SP_REFUSE_HOST },
	{ "v6 empty port", HOST("[::1]:"), OK },
	{ "v6 bad port", HOST("[::1]:a"), SP_REFUSE_HOST },
	{ "v6 trailing dot", HOST("[::1]."), SP_REFUSE_HOST },
	{ "v6 nine groups", HOST("[1:2:3:4:5:6:7:8:9]"), SP_REFUSE_HOST },
};

static void test_targets(void **state)
{
	(void)state;
	feed_cases(&like, targets, SP_COUNT(targets));
	feed_cases(&like, hosts, SP_COUNT(hosts));
}

static const struct {
	struct sp_str text;
	const char *host;
	uint16_t port;
	const char *path, *query;
} models[] = {
	{ HOST("EXAMPLE.Com.:8080"), "example.com", 8080, "/", "" },
	{ HOST("[2001:DB8:0:0::1]:1"), "[2001:db8::1]", 1, "/", "" },
	{ HOST("10.0.0.1"), "10.0.0.1", 0, "/", "" },
	{ T("http://A?x=%2f"), "a", 0, "/", "?x=%2f" },
	{ T("http://a"), "a", 0, "/", "" },
	{ T("http://a/b/../c?d"), "a", 0, "/c", "?d" },
	{ T("/?"), "a", 0, "/", "?" },
	{ TEXT("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), "a", 0, "*", "" },
	{ TEXT("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"), "a", 0, "*", "" },
	{ TEXT("OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), "a", 0, "/", "" },
};

static void test_models(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(models); i++) {
		struct feed f;

		feed_all_ways(&f, &like, models[i].text);
		assert_int_equal(f.rc, SP_H1_HEAD);
		feed_same_str(f.head.host, sp_str(models[i].host));
		assert_int_equal(f.head.port, models[i].port);
		feed_same_str(f.head.path, sp_str(models[i].path));
		feed_same_str(f.head.query, sp_str(models[i].query));
		feed_fini(&f);
	}
}

static void test_long_names(void **state)
{
	char text[600];

	(void)state;
	for (size_t n = 250; n < 260; n++) {
		size_t at = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: ");
		struct feed_case c = { "long name", { text, 0 }, n <= 253 ? OK : SP_REFUSE_HOST };

		for (size_t i = 0; i < n; i++)
			text[at++] = i % 50 == 49 && i + 1 < n ? '.' : 'a';
		at += (size_t)sprintf(text + at, "\r\n\r\n");
		c.head.n = at;
		feed_case(&like, &c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),  cmocka_unit_test(test_one_denied_path), cmocka_unit_test(test_targets),
		cmocka_unit_test(test_models), cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
