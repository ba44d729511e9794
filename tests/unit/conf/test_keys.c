/*
 * The key tables: complete, with defaults and bounds that hold; and the files of conf/, which show them.
 */
#include "lib.h"

#include "../../../src/conf/keys.h"
#include "sp/conf/units.h"

/* Every section and key that the gateway will have, in this order. */
static const char spec[] =
	"gateway: config_version workers user group behind trusted max_connections memory_max health_path ready_path "
	"ready_pools drain_delay drain_timeout state_dir include sandbox\n"
	"egress: allow public resolver\n"
	"admin: bind socket allow\n"
	"log: access format error level redact\n"
	"listener: bind tls cert key_file http2 redirect acme_webroot proxy_protocol max_connections "
	"max_connections_per_ip max_handshakes_per_ip max_handshakes tls_timeout header_timeout client_idle min_rate "
	"header_max header_count_max uri_max body_max max_requests_per_connection connection_max_age methods allow "
	"deny "
	"geo limit underscore_headers access_log\n"
	"tls: cert key_file policy client_ca client_verify crl client_cert_headers hsts\n"
	"addresses: cidr file\n"
	"geo: database allow deny unknown\n"
	"limit: rate burst key count ban ban_max headers mode\n"
	"route: host path method pool to redirect respond priority timeout tunnel_idle body_max allow deny geo limit "
	"strip_prefix add_prefix encoded_slash request_header response_header security_headers upgrade trace "
	"access_log\n"
	"pool: backend balance host check check_host check_status check_body check_interval check_timeout rise fall "
	"start "
	"eject eject_time eject_max slow_start max_inflight queue queue_timeout connect_timeout answer_timeout "
	"read_timeout backend_idle keepalive retries retry_budget tls tls_name tls_ca tls_cert tls_key_file "
	"proxy_protocol when_all_down resolve_min resolve_max\n"
	"backend: pool address weight max_inflight down\n";

static void test_every_key_is_there(void **state)
{
	struct sp_str rest = sp_str(spec), line, section, key;
	struct sp_conf_key_info info;
	size_t n = 0;

	(void)state;
	while (sp_str_split(&rest, '\n', &line) && line.n > 0) {
		(void)sp_str_split(&line, ':', &section);
		line = sp_str_trim(line);
		while (sp_str_split(&line, ' ', &key)) {
			assert_true(sp_conf_key_info(n++, &info));
			if (!sp_str_eq(sp_str(info.section), section) || !sp_str_eq(sp_str(info.key), key))
				fail_msg("[%s] %s where [%.*s] %.*s should be", info.section, info.key,
					 SP_STR_ARG(section), SP_STR_ARG(key));
			assert_true(info.help != NULL && info.help[0] != '\0');
		}
	}
	assert_false(sp_conf_key_info(n, &info));
}

/* A key in a section that is complete but for what is written about it. */
static const char *around(const struct sp_conf_type *type, const char *line, char *text, size_t n)
{
	static const char *const frames[][2] = {
		{ "listener", "bind = 127.0.0.1:2\n" },
		{ "limit", "rate = 1/s\n" },
		{ "route", "respond = 200\n" },
		{ "pool", "backend = 10.0.0.1\ncheck = GET /\n" },
		{ "backend", "pool = p\naddress = 10.0.0.2\n" },
	};
	const char *frame = "";

	for (size_t i = 0; i < SP_COUNT(frames); i++) {
		if (strcmp(frames[i][0], type->name) == 0)
			frame = frames[i][1];
	}
	(void)snprintf(text, n,
		       "[listener:base]\nbind = 127.0.0.1:1\n[route:base]\npool = p\n[pool:p]\nbackend = 10.0.0.9\n"
		       "[%s%s]\n%s%s\n",
		       type->name, type->is_named ? ":x" : "", frame, line);
	return text;
}

static bool is_within(const struct sp_conf_type *type, const char *line)
{
	struct sp_conf_report report;
	char text[1024], refused[2][128];
	bool is_good = true;

	(void)snprintf(refused[0], sizeof(refused[0]), "%s: at least", line);
	(void)snprintf(refused[1], sizeof(refused[1]), "%s: at most", line);
	sp_conf_report_init(&report);
	sp_conf_free(sp_conf_read_text("t.ini", sp_str(around(type, line, text, sizeof(text))), &report));
	for (const struct sp_conf_message *m = report.first; m != NULL; m = m->next) {
		if (strncmp(m->text, refused[0], strlen(refused[0])) == 0 ||
		    strncmp(m->text, refused[1], strlen(refused[1])) == 0)
			is_good = false;
		else if (m->severity == SP_CONF_ERROR && strstr(m->text, "does not fit into") == NULL &&
			 strstr(m->text, "is more than") == NULL)
			fail_msg("%s: %s", line, m->text);
	}
	sp_conf_report_fini(&report);
	return is_good;
}

static const char *number_line(const struct sp_conf_key *key, uint64_t n, char line[static 128])
{
	const char *unit = "";

	if (key->kind == SP_CONF_DURATION)
		unit = "ms";
	if (key->kind == SP_CONF_RATE) {
		n /= 1000;
		unit = "/s";
	}
	(void)snprintf(line, 128, "%s = %llu%s", key->name, (unsigned long long)n, unit);
	return line;
}

static void check_bounds(const struct sp_conf_type *type, const struct sp_conf_key *key)
{
	uint64_t step = key->kind == SP_CONF_RATE ? 1000 : 1;
	char line[128];

	print_message("  [%s] %s\n", type->name, key->name);
	assert_true(is_within(type, number_line(key, key->min, line)));
	if (key->min > 0)
		assert_false(is_within(type, number_line(key, key->min - step, line)));
	assert_true(key->max > 0);
	assert_true(is_within(type, number_line(key, key->max, line)));
	assert_false(is_within(type, number_line(key, key->max + step, line)));
}

static void test_bounds(void **state)
{
	size_t count, checked = 0;
	const struct sp_conf_type *const *types = sp_conf_types(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < types[i]->key_count; k++) {
			const struct sp_conf_key *key = &types[i]->keys[k];

			if (key->is_later)
				continue;
			if (key->kind == SP_CONF_COUNT || key->kind == SP_CONF_SIZE || key->kind == SP_CONF_DURATION ||
			    key->kind == SP_CONF_RATE) {
				check_bounds(types[i], key);
				checked++;
			}
		}
	}
	assert_true(checked > 20);
}

/* What is not in this build is refused, whatever its value; so is each such word. */
static void test_later(void **state)
{
	size_t count;
	const struct sp_conf_type *const *types = sp_conf_types(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < types[i]->key_count; k++) {
			char text[1024], line[128], want[128];
			struct sp_conf_report report;
			bool is_said = false;

			if (!types[i]->keys[k].is_later)
				continue;
			(void)snprintf(line, sizeof(line), "%s = x", types[i]->keys[k].name);
			(void)snprintf(want, sizeof(want), "\"%s\" in [%s%s] is not in this build",
				       types[i]->keys[k].name, types[i]->name, types[i]->is_named ? ":x" : "");
			sp_conf_report_init(&report);
			assert_null(sp_conf_read_text("t.ini", sp_str(around(types[i], line, text, sizeof(text))),
						      &report));
			for (const struct sp_conf_message *m = report.first; m != NULL; m = m->next)
				is_said = is_said || strcmp(m->text, want) == 0;
			if (!is_said)
				fail_msg("not said: %s", want);
			sp_conf_report_fini(&report);
		}
	}
}

static void test_durations(void **state)
{
	static const struct {
		uint64_t ms;
		const char *want;
	} rows[] = {
		{ 0, "0s" },       { 1, "1ms" },       { 1500, "1500ms" },  { 60000, "60s" },
		{ 75000, "75s" },  { 300000, "300s" }, { 600000, "10m" },   { 5400000, "90m" },
		{ 3600000, "1h" }, { 86400000, "1d" }, { 604800000, "7d" }, { 31536000000, "365d" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		char text[SP_UNITS_TEXT];
		const char *why;
		uint64_t back = 1;

		assert_string_equal(sp_units_duration_text(rows[i].ms, text), rows[i].want);
		assert_true(sp_units_duration(sp_str(text), &back, &why));
		assert_int_equal(back, rows[i].ms);
	}
}

static void test_paces(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "1/s", "1/s" },   { "50/s", "50/s" },	  { "7/s", "7/s" },    { "1000000/s", "1000000/s" }, { "60/m", "1/s" },
		{ "5/m", "5/m" },   { "90/m", "90/m" },	  { "7/m", "7/m" },    { "61/m", "61/m" },	     { "1/h", "1/h" },
		{ "59/h", "59/h" }, { "1000/h", "1000/h" }, { "300/h", "5/m" }, { "3600/h", "1/s" },
	};

	(void)state;
	for (size_t i = 0; i < SP_COUNT(rows); i++) {
		char text[SP_UNITS_TEXT];
		const char *why;
		uint64_t ns = 0, back = 1;

		assert_true(sp_units_pace(sp_str(rows[i].text), &ns, &why));
		assert_string_equal(sp_units_pace_text(ns, text), rows[i].want);
		assert_true(sp_units_pace(sp_str(text), &back, &why));
		assert_int_equal(back, ns);
	}
}

static void test_reference(void **state)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	(void)state;
	sp_conf_reference(to);
	assert_int_equal(fclose(to), 0);
	assert_non_null(strstr(text, "### `[listener:NAME]`\n"));
	assert_non_null(strstr(text, "| `client_idle` | duration, 1s to 1h | `60s` |"));
	assert_non_null(strstr(text, "| `http2` | yes or no | `no` | *Not in this build.* "));
	assert_non_null(strstr(text, "### `[geo:NAME]`\n"));
	assert_non_null(strstr(text, "Needs a restart. |\n"));
	free(text);
}

/* ---- the files of conf/ ---- */

static char *slurp(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *from = fopen(path, "r");

	assert_non_null(text);
	if (from == NULL)
		fail_msg("%s is not there: the tests run in the top folder", path);
	assert_true(fread(text, 1, 65535, from) > 0);
	assert_int_equal(fclose(from), 0);
	return text;
}

/* "#key = value" and "#[section]" become what they would be without the "#". */
static void uncomment(char *text)
{
	char *to = text;

	for (const char *line = text; *line != '\0';) {
		size_t n = strcspn(line, "\n") + 1;

		if (line[0] == '#' && line[1] != ' ' && line[1] != '\n') {
			line++;
			n--;
		}
		memmove(to, line, n);
		to += n;
		line += n;
	}
	*to = '\0';
}

static void copy_database(const struct folder *f, const char *name)
{
	FILE *from = fopen("tests/lib/example.mmdb", "r"), *to;
	char path[128], bytes[16384];
	size_t n;

	assert_non_null(from);
	n = fread(bytes, 1, sizeof(bytes), from);
	assert_true(n > 0 && n < sizeof(bytes));
	(void)fclose(from);
	(void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
	to = fopen(path, "w");
	assert_non_null(to);
	assert_int_equal(fwrite(bytes, 1, n, to), n);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void put_files(const struct folder *f)
{
	static const char *const names[] = {
		"tls/example.com.pem", "tls/example.com.key", "tls/clients.pem", "tls/clients.crl", "tls/backends.pem",
		"tls/gateway.pem",     "tls/gateway.key",     "demo.pem",        "demo.key"
	};
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/tls", f->path);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/conf.d", f->path);
	assert_int_equal(mkdir(path, 0755), 0);
	for (size_t i = 0; i < SP_COUNT(names); i++)
		folder_write(f, names[i], "throwaway\n", 0600);
	folder_write(f, "balancers.txt", "10.0.102.0/24\n", 0600);
	copy_database(f, "country.mmdb");
}

/* Reads a copy beside throwaway certificates; `want` is what is said, NULL: anything but an error. */
static void check_sample(const char *name, bool is_uncommented, const char *want)
{
	struct sp_conf_report report;
	struct folder folder;
	struct sp_conf *conf;
	char path[128], *text, *said;

	(void)snprintf(path, sizeof(path), "conf/%s", name);
	text = slurp(path);
	if (is_uncommented)
		uncomment(text);
	folder_make(&folder);
	put_files(&folder);
	folder_write(&folder, name, text, 0644);
	(void)snprintf(path, sizeof(path), "%s/%s", folder.path, name);
	sp_conf_report_init(&report);
	conf = sp_conf_read(path, &report);
	said = print_report(&report, name);
	folder_remove(&folder);
	if (want != NULL)
		assert_string_equal(said, want);
	if (conf == NULL)
		fail_msg("refused:\n%s", said);
	sp_conf_free(conf);
	sp_conf_report_fini(&report);
	free(said);
	free(text);
}

static void test_samples(void **state)
{
	(void)state;
	check_sample("minimal.ini", false, "");
	check_sample("demo.ini", false, "");
	check_sample("sallyport.ini", false, "");
}

/* sallyport.ini shows every key of this build in its own section, with its default where it has one. */
static void test_sample_is_complete(void **state)
{
	char *text = slurp("conf/sallyport.ini");
	size_t count;
	const struct sp_conf_type *const *types = sp_conf_types(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < types[i]->key_count; k++) {
			const struct sp_conf_key *key = &types[i]->keys[k];
			bool is_there = false, is_mine = false;

			for (char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
				const char *bare = line[0] == '#' ? line + 1 : line;
				char want[200];

				if (bare[0] == '[')
					is_mine = strncmp(bare + 1, types[i]->name, strlen(types[i]->name)) == 0;
				(void)snprintf(want, sizeof(want), "%s = %s%s", key->name,
					       key->def != NULL ? key->def : "", key->def != NULL ? "\n" : "");
				is_there = is_there || (is_mine && strncmp(bare, want, strlen(want)) == 0);
			}
			if (is_there == key->is_later)
				fail_msg("[%s] %s: %s", types[i]->name, key->name,
					 is_there ? "is there" : "is not there");
		}
	}
	free(text);
}

static void test_sample_uncommented(void **state)
{
	(void)state;
	check_sample("sallyport.ini", true, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key_is_there),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_paces),
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_sample_is_complete),
		cmocka_unit_test(test_sample_uncommented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
