/*
 * fuzz_admin - a request of the admin socket.
 *
 * Each line has exactly its bytes in memory. What is read as an object comes back the same when it is written again; and
 * whatever it asks, the answer is whole lines, the last of them an outcome unless the master is to be asked.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/role/monitor/answer.h"
#include "../../src/role/monitor/watched.h"
#include "sp/base/check.h"
#include "sp/base/json.h"
#include "sp/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sp_watch_list watched; /* of no backends */
static struct sp_facts facts = { .watched = &watched };
static struct sp_ban_keeper bans = { .journal_fd = -1 }; /* without a board */
static struct sp_conf conf = { .main_file = "a.ini" };

static void put_back(const struct sp_json *json, struct sp_buf *out)
{
	sp_buf_put(out, SP_STR("{"));
	for (size_t i = 0; i < json->count; i++) {
		const struct sp_json_member *m = &json->members[i];

		if (i > 0)
			sp_buf_put(out, SP_STR(","));
		sp_json_put(out, m->name);
		if (m->is_number)
			sp_buf_printf(out, ":%llu", (unsigned long long)m->number);
		else
			sp_buf_put(out, SP_STR(":"));
		if (!m->is_number)
			sp_json_put(out, m->text);
	}
	sp_buf_put(out, SP_STR("}"));
}

static void check_same(const struct sp_json *a)
{
	struct sp_json b;
	struct sp_buf line;
	char *room;

	sp_buf_init(&line);
	put_back(a, &line);
	room = malloc(line.n + 1);
	SP_ASSERT(room != NULL && sp_json_read(sp_buf_str(&line), room, &b) == NULL && b.count == a->count);
	for (size_t i = 0; i < a->count; i++) {
		SP_ASSERT(sp_str_eq(a->members[i].name, b.members[i].name));
		SP_ASSERT(a->members[i].is_number == b.members[i].is_number);
		SP_ASSERT(a->members[i].is_number ? a->members[i].number == b.members[i].number
						  : sp_str_eq(a->members[i].text, b.members[i].text));
	}
	free(room);
	sp_buf_fini(&line);
}

static void check_answer(const struct sp_json *request)
{
	struct sp_buf out;
	struct sp_asking asking = { .facts = &facts, .bans = &bans, .request = request, .out = &out };
	bool is_masters;

	sp_buf_init(&out);
	is_masters = sp_answer_request(&asking);
	SP_ASSERT(out.n > 0 && out.p[out.n - 1] == '\n');
	SP_ASSERT(is_masters == (strstr(out.p, "{\"outcome\":") == NULL));
	SP_ASSERT(!is_masters || asking.order.type == SP_IPC_COMMAND);
	sp_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1), *room = malloc(size + 1);
	struct sp_json request;

	SP_ASSERT(copy != NULL && room != NULL);
	sp_log_level(SP_LOG_ERROR);
	facts.conf = &conf;
	if (size > 0)
		memcpy(copy + 1, data, size);
	if (sp_json_read(sp_str_of(copy + 1, size), room, &request) == NULL) {
		check_same(&request);
		check_answer(&request);
	}
	free(copy);
	free(room);
	return 0;
}
