/*
 * fuzz_page - a request of the status page: a head and perhaps a body, as its listener reads it.
 *
 * Whatever it asks, the answer has a status that its kind allows, and nothing that was sent comes back in a page.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/role/monitor/page.h"
#include "../../src/role/monitor/watched.h"
#include "sp/base/check.h"
#include "sp/http/h1_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sp_h1_limits limits = {
	.head_max = SP_WEB_HEAD, .field_max = 64, .target_max = 1024, .underscore = SP_NAME_UNDERSCORE_DROP
};
static struct sp_conf conf = { .main_file = "a.ini" };
static struct sp_watch_list watched; /* of no backends */
static struct sp_facts facts = { .conf = &conf, .watched = &watched }; /* without a board */
static struct sp_ban_keeper bans = { .journal_fd = -1 };

static void ask(const struct sp_head *head, struct sp_str body)
{
	struct sp_page page = { .facts = &facts, .bans = &bans, .token = "0123456789abcdef0123456789abcdef" };
	struct sp_web_answer a = { .type = "text/plain", .fields = "" };
	const bool is_get = head->method == SP_M_GET || head->method == SP_M_HEAD;

	sp_buf_init(&a.body);
	sp_page_answer(&page, head, body, &a);
	SP_ASSERT(!a.body.is_failed && memchr(a.fields, '\0', sizeof(page.fields)) != NULL);
	SP_ASSERT(is_get ? a.status == 200 || a.status == 503 || a.status == 405 || a.status == 0
			 : a.status >= 400); /* without a board nobody is banned */
	sp_buf_fini(&a.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = malloc(size > 0 ? size : 1);
	struct sp_h1_reader reader;
	struct sp_arena arena;
	struct sp_head head;
	size_t used;

	SP_ASSERT(bytes != NULL);
	if (size > 0)
		memcpy(bytes, data, size);
	sp_arena_init(&arena, NULL, 0, 16384);
	sp_h1_reader_init(&reader, &limits, &arena);
	if (sp_h1_read_request(&reader, bytes, size, &head, &used) == SP_H1_HEAD && sp_web_judge(&head) == 0 &&
	    (head.method != SP_M_POST || size - used >= head.length))
		ask(&head, sp_str_of(bytes + used, head.method == SP_M_POST ? (size_t)head.length : 0));
	sp_arena_fini(&arena);
	free(bytes);
	return 0;
}
