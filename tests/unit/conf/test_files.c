/*
 * What is read from disk: includes, credentials, certificates; and who may have written it.
 */
#include "lib.h"

static struct folder folder;

static int setup(void **state)
{
	(void)state;
	folder_make(&folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	folder_remove(&folder);
	return 0;
}

static const char good[] = "[listener:a]\nbind = 127.0.0.1:1\n[route:a]\nrespond = 200\n";

/* Reads main.ini of the folder; `want` is what is said, with @ for the folder. */
static struct sp_conf *read_main(const char *want)
{
	struct sp_conf_report report;
	struct sp_conf *conf;
	char file[128], *said, expected[4096];
	size_t n = 0;

	(void)snprintf(file, sizeof(file), "%s/main.ini", folder.path);
	for (const char *p = want; *p != '\0'; p++) {
		if (*p == '@')
			n += (size_t)snprintf(expected + n, sizeof(expected) - n, "%s", folder.path);
		else
			expected[n++] = *p;
	}
	expected[n] = '\0';
	sp_conf_report_init(&report);
	conf = sp_conf_read(file, &report);
	said = print_report(&report, file);
	assert_string_equal(said, expected);
	free(said);
	sp_conf_report_fini(&report);
	return conf;
}

static void make_folder(const char *name, mode_t mode)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder.path, name);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void test_no_file(void **state)
{
	(void)state;
	assert_null(read_main("@/main.ini: error: cannot be opened: No such file or directory\n@/main.ini: 1 error\n"));
}

static void test_plain(void **state)
{
	struct sp_conf *conf;

	(void)state;
	folder_write(&folder, "main.ini", good, 0644);
	conf = read_main("");
	assert_non_null(conf);
	assert_int_equal(conf->listeners[0].section.at.line, 1);
	sp_conf_free(conf);
}

static void test_no_newline_at_the_end(void **state)
{
	struct sp_conf *conf;

	(void)state;
	folder_write(&folder, "main.ini", "[route:a]\nrespond = 200\n[listener:a]\nbind = 127.0.0.1:1", 0644);
	conf = read_main("");
	assert_non_null(conf);
	assert_int_equal(conf->listeners[0].binds[0].addr.port, 1);
	sp_conf_free(conf);
}

static const struct {
	const char *name;
	mode_t file, folder;
	const char *want;
} modes[] = {
	{ "read by all", 0644, 0755, "" },
	{ "written by its group", 0664, 0755,
	  "@/main.ini: error: can be written by its group (mode 0664): chmod go-w\n@/main.ini: 1 error\n" },
	{ "written by all", 0646, 0755,
	  "@/main.ini: error: can be written by everybody (mode 0646): chmod go-w\n@/main.ini: 1 error\n" },
	{ "its folder written by its group", 0644, 0775,
	  "@/main.ini: error: its folder @ can be written by its group (mode 0775): chmod go-w\n@/main.ini: 1 "
	  "error\n" },
	{ "its folder written by all", 0644, 01777,
	  "@/main.ini: error: its folder @ can be written by everybody (mode 1777): chmod go-w\n@/main.ini: 1 "
	  "error\n" },
};

static void test_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(modes); i++) {
		print_message("  %s\n", modes[i].name);
		folder_write(&folder, "main.ini", good, modes[i].file);
		assert_int_equal(chmod(folder.path, modes[i].folder), 0);
		sp_conf_free(read_main(modes[i].want));
		assert_int_equal(chmod(folder.path, 0700), 0);
	}
}

static void test_owner(void **state)
{
	char path[128];

	(void)state;
	if (geteuid() != 0)
		skip();
	folder_write(&folder, "main.ini", good, 0644);
	(void)snprintf(path, sizeof(path), "%s/main.ini", folder.path);
	assert_int_equal(chown(path, 65534, 0), 0);
	assert_null(
		read_main("@/main.ini: error: belongs to user 65534: only root or the gateway's own user may own it\n"
			  "@/main.ini: 1 error\n"));
}

static void test_links_and_others(void **state)
{
	char path[128];

	(void)state;
	folder_write(&folder, "real.ini", good, 0644);
	(void)snprintf(path, sizeof(path), "%s/main.ini", folder.path);
	assert_int_equal(symlink("real.ini", path), 0);
	assert_null(read_main("@/main.ini: error: is a symbolic link: name the file itself\n@/main.ini: 1 error\n"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_null(read_main("@/main.ini: error: is a folder\n@/main.ini: 1 error\n"));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* and nobody waits for a writer */
	assert_null(read_main("@/main.ini: error: is no regular file\n@/main.ini: 1 error\n"));
}

static void test_include(void **state)
{
	struct sp_conf *conf;

	(void)state;
	make_folder("conf.d", 0755);
	folder_write(&folder, "main.ini",
		     "[gateway]\ninclude = conf.d/*.ini\n[pool:app]\nbackend = 10.0.0.1\nretries = 2\n"
		     "[listener:a]\nbind = 127.0.0.1:1\n",
		     0644);
	folder_write(&folder, "conf.d/20.ini", "[pool:app]\nbackend = 10.0.0.3\n[route:b]\nrespond = 200\n", 0644);
	folder_write(&folder, "conf.d/10.ini", "[pool:app]\nbackend = 10.0.0.2\n[route:a]\npool = app\n", 0644);
	folder_write(&folder, "conf.d/30.txt", "nonsense\n", 0666);
	conf = read_main("");
	assert_non_null(conf);
	assert_int_equal(conf->pools[0].backend_count, 3);
	assert_true(sp_str_eq(conf->pools[0].backends[1].name, SP_STR("10.0.0.2"))); /* sorted */
	assert_true(sp_str_eq(conf->routes[0].section.name, SP_STR("a")));
	assert_non_null(strstr(conf->pools[0].backends[2].at.file, "/conf.d/20.ini"));
	assert_int_equal(conf->pools[0].backends[2].at.line, 2);
	sp_conf_free(conf);
}

static void test_include_refused(void **state)
{
	(void)state;
	make_folder("conf.d", 0755);
	folder_write(&folder, "main.ini",
		     "[gateway]\ninclude = conf.d/*.ini, none.ini, none.d/*.ini, main.ini, conf.d/b.txt\n[pool:app]\n"
		     "retries = 2\n[listener:a]\nbind = 127.0.0.1:1\n[route:a]\nrespond = 200\n",
		     0644);
	folder_write(&folder, "conf.d/a.ini",
		     "[pool:app]\nretries = 3\nkeepalive = 1\n[gateway]\ninclude = x.ini\nworkers = 2\nnonsense\n"
		     "[route:a]\nrespond = 201\n",
		     0644);
	folder_write(&folder, "conf.d/b.txt", "[route:c]\nrespond = 200\n", 0666);
	assert_null(read_main("@/main.ini:2: error: include = none.ini: no such file\n"
			      "@/main.ini:2: error: include = none.d/*.ini: the folder cannot be read\n"
			      "@/main.ini:2: error: include = main.ini: that is the main file itself\n"
			      "@/main.ini:3: warning: [pool:app] is used by nothing [unused-pool]\n"
			      "@/conf.d/a.ini:2: error: \"retries\" in [pool:app] is set already at @/main.ini:4\n"
			      "@/conf.d/a.ini:3: error: \"keepalive\" in [pool:app]: the section begins at "
			      "@/main.ini:3, another file may only "
			      "add to its lists\n"
			      "@/conf.d/a.ini:5: error: \"include\" stands only in the main file, @/main.ini\n"
			      "@/conf.d/a.ini:6: error: \"workers\" in [gateway]: the section begins at @/main.ini:1, "
			      "another file may only "
			      "add to its lists\n"
			      "@/conf.d/a.ini:7: error: neither a section, a key with \"=\", nor a comment\n"
			      "@/conf.d/a.ini:9: error: \"respond\" in [route:a] is set already at @/main.ini:8\n"
			      "@/conf.d/b.txt: error: can be written by everybody (mode 0666): chmod go-w\n"
			      "@/main.ini: 10 errors, 1 warning\n"));
}

static void test_include_folder(void **state)
{
	char path[128];

	(void)state;
	make_folder("conf.d", 0777);
	folder_write(&folder, "main.ini", "[gateway]\ninclude = conf.d/*.ini\n", 0644);
	folder_write(&folder, "conf.d/a.ini", good, 0644);
	assert_null(read_main(
		"@/conf.d/a.ini: error: its folder @/conf.d can be written by everybody (mode 0777): chmod go-w\n"
		"@/main.ini: 1 error\n"));
	(void)snprintf(path, sizeof(path), "%s/conf.d", folder.path);
	assert_int_equal(chmod(path, 0755), 0);
	sp_conf_free(read_main(""));
}

/* A folder whose name looks like a pattern. */
static void test_include_odd_folder(void **state)
{
	struct folder top = folder;
	struct sp_conf *conf;

	(void)state;
	make_folder("a[b]*", 0755);
	(void)snprintf(folder.path, sizeof(folder.path), "%.40s/a[b]*", top.path);
	folder_write(&folder, "main.ini", "[gateway]\ninclude = x.ini\n", 0644);
	folder_write(&folder, "x.ini", good, 0644);
	conf = read_main("");
	folder = top;
	assert_non_null(conf);
	assert_int_equal(conf->listener_count, 1);
	sp_conf_free(conf);
}

static const char with_tls[] = "[listener:a]\nbind = 127.0.0.1:1\ntls = b\ncert = own.pem\nkey_file = own.key\n"
			       "[tls:b]\ncert = b1.pem, b2.pem\nkey_file = b1.key, b2.key\nclient_ca = ca.pem\n"
			       "client_verify = optional\nhsts = 180d includeSubDomains preload\npolicy = modern\n"
			       "[route:a]\nrespond = 200\n";

static void write_tls_files(mode_t key_mode)
{
	static const char *const certs[] = { "own.pem", "b1.pem", "b2.pem", "ca.pem" };
	static const char *const keys[] = { "own.key", "b1.key", "b2.key" };

	folder_write(&folder, "main.ini", with_tls, 0644);
	for (size_t i = 0; i < SP_COUNT(certs); i++)
		folder_write(&folder, certs[i], certs[i], 0644);
	for (size_t i = 0; i < SP_COUNT(keys); i++)
		folder_write(&folder, keys[i], keys[i], key_mode);
}

static void test_tls(void **state)
{
	const struct sp_conf_tls *own, *b;
	struct sp_conf *conf;

	(void)state;
	write_tls_files(0600);
	conf = read_main("");
	assert_non_null(conf);
	assert_int_equal(conf->tls_count, 2);
	assert_int_equal(conf->listeners[0].tls_count, 2);
	own = conf->listeners[0].tls[0];
	b = conf->listeners[0].tls[1];
	assert_true(sp_str_eq(own->section.name, SP_STR("listener:a")));
	assert_int_equal(own->section.at.line, 4);
	assert_true(sp_str_eq(own->certs[0].key_pem, SP_STR("own.key")));
	assert_int_equal(own->hsts, 31536000);
	assert_int_equal(own->policy, SP_TLS_INTERMEDIATE);
	assert_int_equal(b->cert_count, 2);
	assert_true(sp_str_eq(b->certs[1].chain_pem, SP_STR("b2.pem")));
	assert_true(sp_str_eq(b->certs[1].key_pem, SP_STR("b2.key")));
	assert_true(sp_str_ends(b->certs[1].key_path, SP_STR("/b2.key")));
	assert_int_equal(b->certs[1].chain_path.p[0], '/');
	assert_true(sp_str_eq(b->client_ca_pem, SP_STR("ca.pem")));
	assert_int_equal(b->client_verify, SP_VERIFY_OPTIONAL);
	assert_int_equal(b->hsts, 15552000);
	assert_true(b->has_hsts_subdomains && b->has_hsts_preload);
	assert_int_equal(b->policy, SP_TLS_MODERN);
	sp_conf_free(conf);
}

static void test_dump_holds_no_key(void **state)
{
	struct sp_conf *conf;
	char *dump;

	(void)state;
	write_tls_files(0600);
	folder_write(&folder, "own.key", "S3CRET", 0600);
	conf = read_main("");
	assert_non_null(conf);
	dump = dump_text(conf);
	assert_null(strstr(dump, "S3CRET"));
	assert_non_null(strstr(dump, "/own.key\n"));
	free(dump);
	sp_conf_free(conf);
}

static const struct {
	mode_t mode;
	const char *what; /* NULL: fine */
} key_modes[] = {
	{ 0400, NULL },
	{ 0600, NULL },
	{ 0640, NULL },
	{ 0644, "is secret, and can be read by everybody (mode 0644): chmod o-r" },
	{ 0604, "is secret, and can be read by everybody (mode 0604): chmod o-r" },
	{ 0660, "can be written by its group (mode 0660): chmod go-w" },
	{ 0602, "can be written by everybody (mode 0602): chmod go-w" },
};

static void test_key_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_COUNT(key_modes); i++) {
		char want[1024] = "";

		write_tls_files(key_modes[i].mode);
		if (key_modes[i].what != NULL)
			(void)snprintf(want, sizeof(want),
				       "@/main.ini:5: error: key_file = own.key: %s\n"
				       "@/main.ini:8: error: key_file = b1.key: %s\n"
				       "@/main.ini:8: error: key_file = b2.key: %s\n"
				       "@/main.ini: 3 errors\n",
				       key_modes[i].what, key_modes[i].what, key_modes[i].what);
		sp_conf_free(read_main(want));
	}
}

static void test_key_link(void **state)
{
	char path[128];

	(void)state;
	write_tls_files(0600);
	(void)snprintf(path, sizeof(path), "%s/own.key", folder.path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("b1.key", path), 0);
	assert_null(read_main("@/main.ini:5: error: key_file = own.key: is a symbolic link: name the file itself\n"
			      "@/main.ini: 1 error\n"));
}

static void test_empty_files(void **state)
{
	(void)state;
	write_tls_files(0600);
	folder_write(&folder, "own.pem", "", 0644);
	folder_write(&folder, "ca.pem", "", 0644);
	assert_null(read_main("@/main.ini:4: error: cert = own.pem: is empty\n"
			      "@/main.ini:9: error: client_ca = ca.pem: is empty\n@/main.ini: 2 errors\n"));
}

static void test_credentials(void **state)
{
	struct sp_conf *conf;
	char *dump;

	(void)state;
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder.path, 1), 0);
	folder_write(&folder, "main.ini",
		     "[listener:a]\nbind = 127.0.0.1:1\n[route:a]\nto = 10.0.0.1\n"
		     "request_header = set Authorization: Bearer ${cred:token}\n",
		     0644);
	folder_write(&folder, "token", "S3CRET\n", 0400);
	conf = read_main("");
	assert_non_null(conf);
	assert_true(sp_str_eq(conf->routes[0].request_edits[0].value, SP_STR("Bearer S3CRET")));
	dump = dump_text(conf);
	assert_null(strstr(dump, "S3CRET"));
	assert_non_null(strstr(dump, "\nrequest_header = set Authorization: Bearer ${cred:token}\n"));
	free(dump);
	sp_conf_free(conf);
	/* What is wrong with one is said without showing it. */
	folder_write(&folder, "token", "S3CRET\xc3\xbc\n", 0400);
	assert_null(read_main(
		"@/main.ini:5: error: request_header = set Authorization: Bearer ${cred:token}: a field's value "
		"is plain ASCII\n@/main.ini: 1 error\n"));
	folder_write(&folder, "token", "two\nlines\n", 0400);
	assert_null(
		read_main("@/main.ini:5: error: request_header = set Authorization: Bearer ${cred:token}: expands to a "
			  "text with the control byte 0x0a\n@/main.ini: 1 error\n"));
	folder_write(&folder, "token", "S3CRET\n", 0444);
	assert_null(read_main(
		"@/main.ini:5: error: request_header = set Authorization: Bearer ${cred:token}: ${cred:token}: "
		"@/token is secret, and can be read by everybody (mode 0444): chmod o-r\n"
		"@/main.ini: 1 error\n"));
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_file),
		TEST(test_plain),
		TEST(test_no_newline_at_the_end),
		TEST(test_modes),
		TEST(test_owner),
		TEST(test_links_and_others),
		TEST(test_include),
		TEST(test_include_refused),
		TEST(test_include_folder),
		TEST(test_include_odd_folder),
		TEST(test_tls),
		TEST(test_dump_holds_no_key),
		TEST(test_key_modes),
		TEST(test_key_link),
		TEST(test_empty_files),
		TEST(test_credentials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
