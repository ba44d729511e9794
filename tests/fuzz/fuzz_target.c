/*
 * fuzz_target - a request target, and behind a line feed a Host. Byte 0 chooses the method.
 *
 * The normal form is one: reading it again gives the same bytes and flags. It
 * has no dot segment for a reader of any kind that decodes once, no escape of
 * an unreserved byte, no byte outside the URI set. The host is its own normal form.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sp/http/h1_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sp_h1_limits limits = { 65536, 100, 32768, SP_NAME_UNDERSCORE_DROP };

static bool read_head(struct sp_head *head, struct sp_arena *arena, const char *method, struct sp_str target,
		      struct sp_str host)
{
	struct sp_h1_reader reader;
	size_t used;
	char *text = sp_arena_printf(arena, "%s %.*s HTTP/1.1\r\nHost: %.*s\r\n\r\n", method, SP_STR_ARG(target),
				     SP_STR_ARG(host));
	enum sp_h1_rc rc;

	SP_ASSERT(text != NULL);
	sp_h1_reader_init(&reader, &limits, arena);
	rc = sp_h1_read_request(&reader, text, strlen(text), head, &used);
	SP_ASSERT(rc != SP_H1_REFUSED || reader.why != SP_REFUSE_SECOND_OPINION);
	/* two lines in the input make more of a head than one target and one Host */
	return rc == SP_H1_HEAD && head->field_count == 1 && used == strlen(text);
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decoded once, with a slash for every byte that some backend takes for one. */
static size_t decode_laxly(struct sp_str path, char *out)
{
	static const char sub_delims_and_more[] = "!$&'()*+,;=:@/[]-._~";
	size_t n = 0;

	for (size_t i = 0; i < path.n; i++) {
		int c = (uint8_t)path.p[i];

		if (c == '%') {
			SP_ASSERT(i + 2 < path.n && hex(path.p[i + 1]) >= 0 && hex(path.p[i + 2]) >= 0);
			c = hex(path.p[i + 1]) * 16 + hex(path.p[i + 2]);
			SP_ASSERT(c != 0 && strchr("-._~", c) == NULL);
			SP_ASSERT(!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'));
			i += 2;
		} else {
			SP_ASSERT((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
				  strchr(sub_delims_and_more, c) != NULL);
		}
		out[n++] = (char)(c == '\\' ? '/' : c);
	}
	return n;
}

static void check_no_dots(struct sp_str path)
{
	char *text = malloc(path.n + 1);
	struct sp_str rest, segment;

	SP_ASSERT(text != NULL);
	rest = sp_str_of(text, decode_laxly(path, text));
	while (sp_str_split(&rest, '/', &segment))
		SP_ASSERT(!sp_str_eq(segment, SP_STR(".")) && !sp_str_eq(segment, SP_STR("..")));
	free(text);
}

static void check_head(const struct sp_head *head, struct sp_arena *arena, const char *method)
{
	struct sp_head again;
	char *target = sp_arena_printf(arena, "%.*s%.*s", SP_STR_ARG(head->path), SP_STR_ARG(head->query));

	SP_ASSERT(target != NULL);
	SP_ASSERT(head->path.n > 0 && (head->path.p[0] == '/' || sp_str_eq(head->path, SP_STR("*"))));
	SP_ASSERT(head->query.n == 0 || head->query.p[0] == '?');
	if (head->path.p[0] == '/')
		check_no_dots(head->path);
	SP_ASSERT(read_head(&again, arena, method, sp_str(target), head->host));
	SP_ASSERT(sp_str_eq(again.path, head->path) && sp_str_eq(again.query, head->query));
	SP_ASSERT(sp_str_eq(again.host, head->host));
	SP_ASSERT(again.has_encoded_slash == head->has_encoded_slash && again.has_odd_path == head->has_odd_path);
	SP_ASSERT(again.has_path_parameter == head->has_path_parameter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *method;
	struct sp_arena arena;
	struct sp_head head;
	struct sp_str host, target;

	if (size < 1 || memchr(data, 0, size) != NULL)
		return 0;
	method = (data[0] & 1) != 0 ? "OPTIONS" : "GET";
	host = sp_str_of((const char *)data + 1, size - 1);
	if (!sp_str_split(&host, '\n', &target))
		return 0;
	if (host.p == NULL)
		host = SP_STR("a");
	sp_arena_init(&arena, NULL, 0, 0);
	if (read_head(&head, &arena, method, target, host))
		check_head(&head, &arena, method);
	sp_arena_fini(&arena);
	return 0;
}
