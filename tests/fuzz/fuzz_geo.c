/*
 * fuzz_geo - a database of countries, and the table that comes of one. Byte 0: which of the two the rest is.
 *
 * The gateway reads databases in a process without rights, where a fault of the library ends that process and no more; here
 * it would be seen.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../src/conf/geodb_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* The library forgets memory of metadata that it refuses; in the gateway the process that read them ends. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb.so\n";
}

/* Whatever it holds, a search ends inside it. */
static void search(struct sp_str bytes)
{
	static const uint8_t steps[] = { 0, 1, 10, 127, 128, 203, 254, 255 };
	struct sp_addr addr = { .family = SP_ADDR_V4 };
	struct sp_geo geo;

	if (!sp_geo_view(bytes, &geo))
		return;
	for (size_t i = 0; i < SP_COUNT(steps); i++) {
		memset(addr.ip, steps[i], sizeof(addr.ip));
		addr.family = SP_ADDR_V4;
		(void)sp_geo_find(&geo, &addr);
		addr.family = SP_ADDR_V6;
		(void)sp_geo_find(&geo, &addr);
	}
}

/* What is walked to its end makes a table that passes. */
static void walk(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct sp_geo_maker maker = { .alias_count = 0 };
	struct sp_err err = { .text = "" };
	char path[64];
	MMDB_s db;

	SP_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (MMDB_open(path, MMDB_MODE_MMAP, &db) == MMDB_SUCCESS) {
		if (sp_geodb_walk(&db, &maker, &err)) {
			struct sp_str bytes = sp_geo_finish(&maker);
			struct sp_geo geo;

			SP_ASSERT(bytes.p != NULL && sp_geo_check(bytes, &geo));
			search(bytes);
			free((char *)(uintptr_t)bytes.p);
		} else {
			SP_ASSERT(err.text[0] != '\0');
		}
		MMDB_close(&db);
	}
	sp_geo_maker_free(&maker);
	(void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0) {
		char *exactly = malloc(size);

		SP_ASSERT(exactly != NULL);
		memcpy(exactly, data + 1, size - 1);
		exactly = realloc(exactly, size > 1 ? size - 1 : 1);
		search(sp_str_of(exactly, size - 1));
		free(exactly);
	} else {
		walk(data + 1, size - 1);
	}
	return 0;
}
