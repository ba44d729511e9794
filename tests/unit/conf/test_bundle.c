/*
 * A configuration read from its bundle is the one that was read from disk; a broken bundle is refused.
 */
#include "lib.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

static struct folder folder;
static char file[128];

static int setup(void **state)
{
	(void)state;
	folder_make(&folder);
	(void)snprintf(file, sizeof(file), "%s/main.ini", folder.path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	folder_remove(&folder);
	return 0;
}

static void write_main(const char *more)
{
	char text[2048];

	(void)snprintf(text, sizeof(text),
		       "[gateway]\ninclude = *.more\n[listener:a]\nbind = 127.0.0.1:1\ncert = a.pem\nkey_file = a.key\n"
		       "[route:a]\nto = 10.0.0.1:80\nrequest_header = set X-Is: ${SP_TEST_BUNDLE:-none}\n%s",
		       more);
	folder_write(&folder, "main.ini", text, 0600);
	folder_write(&folder, "b.more", "[route:b]\npath = /b\nrespond = 200\n", 0600);
	folder_write(&folder, "a.pem", "a certificate\n", 0644);
	folder_write(&folder, "a.key", "a key that nobody reads\n", 0600);
}

static struct sp_conf *quietly(struct sp_conf *(*read)(const void *arg, struct sp_conf_report *), const void *arg)
{
	struct sp_conf_report report;
	struct sp_conf *conf;

	sp_conf_report_init(&report);
	conf = read(arg, &report);
	assert_true(conf != NULL || report.errors > 0);
	sp_conf_report_fini(&report);
	return conf;
}

static struct sp_conf *from_disk(const void *arg, struct sp_conf_report *report)
{
	return sp_conf_read(arg, report);
}

static struct sp_conf *from_bundle(const void *arg, struct sp_conf_report *report)
{
	return sp_conf_read_bundle(*(const int *)arg, report);
}

static struct sp_conf *with_fresh_cert(const void *arg, struct sp_conf_report *report)
{
	const struct sp_conf *before = arg;
	const char *paths[] = { before->tls[0].certs[0].chain_path.p, before->tls[0].certs[0].key_path.p };

	return sp_conf_read_fresh(before, paths, 2, report);
}

static char *dump(const struct sp_conf *conf)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	sp_conf_dump(conf, to);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void test_the_same_again(void **state)
{
	struct sp_conf *disk, *bundle;
	char *was, *is;

	(void)state;
	assert_int_equal(setenv("SP_TEST_BUNDLE", "then", 1), 0);
	write_main("");
	disk = quietly(from_disk, file);
	assert_non_null(disk);
	/* None of what is there later matters. */
	assert_int_equal(setenv("SP_TEST_BUNDLE", "now", 1), 0);
	folder_write(&folder, "c.more", "[route:c]\nbroken\n", 0600);
	folder_write(&folder, "a.pem", "another\n", 0644);
	bundle = quietly(from_bundle, &disk->bundle_fd);
	assert_non_null(bundle);
	was = dump(disk);
	is = dump(bundle);
	assert_string_equal(was, is);
	free(was);
	free(is);
	assert_int_equal(bundle->route_count, 2);
	assert_true(sp_str_eq(bundle->routes[0].request_edits[0].value, SP_STR("then")));
	assert_true(sp_str_eq(bundle->tls[0].certs[0].chain_pem, SP_STR("a certificate\n")));
	assert_int_equal(bundle->tls[0].certs[0].key_fd, -1);
	assert_int_equal(bundle->local_count, disk->local_count);
	assert_memory_equal(bundle->local, disk->local, disk->local_count * sizeof(*disk->local));
	sp_conf_free(disk);
	sp_conf_free(bundle);
	assert_int_equal(unsetenv("SP_TEST_BUNDLE"), 0);
}

static void test_no_key_in_it(void **state)
{
	struct sp_conf *disk;
	char bytes[8192];
	ssize_t n;

	(void)state;
	write_main("");
	disk = quietly(from_disk, file);
	assert_non_null(disk);
	n = pread(disk->bundle_fd, bytes, sizeof(bytes), 0);
	assert_in_range(n, 200, sizeof(bytes) - 1);
	assert_non_null(memmem(bytes, (size_t)n, "a certificate", 13));
	assert_null(memmem(bytes, (size_t)n, "nobody reads", 12));
	assert_int_equal(fcntl(disk->bundle_fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	sp_conf_free(disk);
}

static void test_fresh_files_alone(void **state)
{
	struct sp_conf *before, *after, *again;

	(void)state;
	write_main("");
	before = quietly(from_disk, file);
	assert_non_null(before);
	folder_write(&folder, "main.ini", "nonsense\n", 0600);
	folder_write(&folder, "a.pem", "renewed\n", 0644);
	after = quietly(with_fresh_cert, before);
	assert_non_null(after);
	assert_int_equal(after->route_count, 2);
	assert_true(sp_str_eq(after->tls[0].certs[0].chain_pem, SP_STR("renewed\n")));
	assert_true(after->tls[0].certs[0].key_fd >= 0);
	sp_conf_free(before);
	again = quietly(from_bundle, &after->bundle_fd); /* it stands by itself */
	assert_non_null(again);
	assert_true(sp_str_eq(again->tls[0].certs[0].chain_pem, SP_STR("renewed\n")));
	sp_conf_free(again);
	folder_write(&folder, "a.key", "", 0600);
	assert_null(quietly(with_fresh_cert, after));
	sp_conf_free(after);
}

static int memory_file(const char *bytes, size_t n)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	return fd;
}

static void test_cut_anywhere(void **state)
{
	struct sp_conf *disk;
	char bytes[8192];
	ssize_t n;
	size_t good = 0;

	(void)state;
	write_main("");
	disk = quietly(from_disk, file);
	assert_non_null(disk);
	n = pread(disk->bundle_fd, bytes, sizeof(bytes), 0);
	assert_in_range(n, 200, sizeof(bytes) - 1);
	for (size_t cut = 0; cut < (size_t)n; cut++) {
		int fd = memory_file(bytes, cut);
		struct sp_conf *conf = quietly(from_bundle, &fd);

		good += conf != NULL ? 1 : 0; /* the addresses of this host come last, and may be missing */
		sp_conf_free(conf);
		(void)close(fd);
	}
	assert_in_range(good, 0, 1);
	for (size_t at = 0; at < (size_t)n; at += 7) {
		char kept = bytes[at];
		int fd;

		bytes[at] = (char)(kept ^ 0x81);
		fd = memory_file(bytes, (size_t)n);
		sp_conf_free(quietly(from_bundle, &fd));
		(void)close(fd);
		bytes[at] = kept;
	}
	sp_conf_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_same_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_key_in_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fresh_files_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_anywhere, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
