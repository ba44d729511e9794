/*
 * A good configuration cut at every place and changed at random: it is read or refused with a reason, and what is read
 * can be dumped and read again.
 */
#include "lib.h"

static const char seed_text[] =
	"# comment\n"
	"[gateway]\nworkers = 3\nbehind = alb\ntrusted = 10.0.0.0/16, @lb\nhealth_path = /h%2dz\nready_pools = app\n"
	"drain_timeout = 1h30m\nuser = ${SP_TEST_NONE:-me}\n"
	"[addresses:lb]\ncidr = 192.168.1.0/24, fd00:1::/32\n"
	"[egress]\nallow = 10.0.0.0/8:80-90, [fd00::1]:443, @lb:81\npublic = no\n"
	"[log]\naccess = logs/a.log\nformat = combined\nredact = token, sid\n"
	"[listener:web]\nbind = 127.0.0.1:8080, [::1]:8080, unix:run/w.sock, fd:w\nmin_rate = 60/m\nbody_max = 1g\n"
	"methods = GET HEAD, POST\nclient_idle = 75s\n"
	"[pool:app]\nbackend = 10.0.0.1, 10.0.0.2:81 weight=5\nbalance = round_robin\nhost = app.internal\n"
	"[backend:x]\npool = app\naddress = [fd00::1]:443\ndown = yes\n"
	"[route:a]\nhost = example.com, *.example.com, *\npath = /api/*, /%61%2f\npool = app\npriority = -5\n"
	"request_header = set X-A: b, c\nresponse_header = remove X-B\nupgrade = websocket\nbody_max = none\n"
	"[route:b]\nredirect = 301 https://example.com/x\n"
	"[route:c]\nrespond = 404 $${not} here\n";

static void check(struct sp_str text)
{
	struct sp_conf_report report;
	struct sp_conf *conf, *again;
	char *dump, *second;

	sp_conf_report_init(&report);
	conf = sp_conf_read_text("t.ini", text, &report);
	assert_int_equal(conf == NULL, report.errors > 0);
	for (const struct sp_conf_message *m = report.first; m != NULL; m = m->next)
		assert_true(m->text[0] != '\0' && m->at.file != NULL && m->at.line >= 0);
	sp_conf_report_fini(&report);
	if (conf == NULL)
		return;
	dump = dump_text(conf);
	again = read_good(sp_str(dump));
	second = dump_text(again);
	assert_int_equal(strlen(dump) > 0, strlen(second) > 0);
	assert_int_equal(again->route_count, conf->route_count);
	assert_int_equal(again->backend_count, conf->backend_count);
	assert_int_equal(again->egress.allow_count, conf->egress.allow_count);
	free(dump);
	free(second);
	sp_conf_free(conf);
	sp_conf_free(again);
}

static void test_cuts(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(seed_text); n++) {
		/* Memory of exactly that size, so that a sanitizer sees a byte too many. */
		char *cut = malloc(n + 1);

		assert_non_null(cut);
		memcpy(cut, seed_text, n);
		check(sp_str_of(cut, n));
		free(cut);
	}
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 8;
}

/* Changes a few bytes of text[0..n): put, taken out, doubled, or one that means something. Returns the new length. */
static size_t mutate(char *text, size_t n, uint32_t *random)
{
	static const char odd[] = "=:;#[]@${}*%,. \t\r\n\\/\0\x7f\xff-0";
	unsigned changes = 1 + next_random(random) % 4;

	for (unsigned i = 0; i < changes; i++) {
		size_t at = next_random(random) % n, length = 1 + next_random(random) % 20;

		if (at + length > n)
			length = n - at;
		switch (next_random(random) % 4) {
		case 0: text[at] = (char)next_random(random); break;
		case 1: text[at] = odd[next_random(random) % (sizeof(odd) - 1)]; break;
		case 2:
			memmove(text + at, text + at + length, n - at - length);
			n -= length;
			break;
		default:
			memmove(text + at + length, text + at, n - at);
			n += length;
			break;
		}
		if (n == 0)
			text[n++] = '\n';
	}
	return n;
}

static void test_mutations(void **state)
{
	uint32_t random = 20240607;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		char text[sizeof(seed_text) + 256], *exact;
		size_t n = sizeof(seed_text) - 1;

		memcpy(text, seed_text, n);
		n = mutate(text, n, &random);
		exact = malloc(n);
		assert_non_null(exact);
		memcpy(exact, text, n);
		check(sp_str_of(exact, n));
		free(exact);
	}
}

/* A configuration of thousands of routes is read in time that grows with them, not with their square. */
static void test_many_routes(void **state)
{
	static const char head[] = "[listener:a]\nbind = 127.0.0.1:1\n[pool:p]\nbackend = 10.0.0.1\n";
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	struct sp_conf *conf;

	(void)state;
	(void)fputs(head, to);
	for (unsigned i = 0; i < 5000; i++)
		(void)fprintf(to, "[route:r%u]\nhost = h%u.example.com\npath = /a/*\npool = p\n", i, i);
	assert_int_equal(fclose(to), 0);
	conf = read_good(sp_str_of(text, n));
	assert_int_equal(conf->route_count, 5000);
	assert_ptr_equal(conf->routes[4999].pool, &conf->pools[0]);
	sp_conf_free(conf);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_many_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
