#include "answer.h"

#include "admin.h"
#include "sp/base/log.h"
#include "status.h"

/* What a health path would say, as far as it is seen from here. */
static const char *answer_health(struct sp_asking *asking)
{
	const struct sp_facts *facts = asking->facts;

	if (facts->gateway.type == SP_IPC_NONE || facts->gateway.body.gateway.is_draining != 0 ||
	    facts->gateway.body.gateway.is_drained != 0)
		return "it is draining, or just beginning";
	for (size_t i = 0; i < facts->process_count; i++)
		if (facts->processes[i].type != SP_IPC_NONE && facts->processes[i].body.process.worker > 0 &&
		    facts->processes[i].body.process.pid > 0 && facts->processes[i].body.process.is_ready != 0)
			return NULL;
	return "no worker is ready";
}

static const struct {
	const char *name;
	const char *(*answer)(struct sp_asking *asking);
	bool is_look; /* it changes nothing, so the log need not tell of it: some ask each second */
	const char *members[3]; /* that a request may have beside its name */
} commands[] = {
	{ "status", sp_answer_status, true, { "format" } },
	{ "health", answer_health, true, { NULL } },
	{ "reload", sp_answer_reload, false, { "confirm_s" } },
	{ "confirm", sp_answer_confirm, false, { NULL } },
	{ "drain", sp_answer_drain, false, { "backend" } },
	{ "undrain", sp_answer_undrain, false, { "backend" } },
	{ "weight", sp_answer_weight, false, { "backend", "weight" } },
	{ "ban", sp_answer_ban, false, { "address", "seconds", "reason" } },
	{ "unban", sp_answer_unban, false, { "address" } },
	{ "bans", sp_answer_bans, true, { "format" } },
};

void sp_answer_put_lines(struct sp_buf *out, const char *name, struct sp_str text)
{
	struct sp_str line;

	while (text.n > 0 && sp_str_split(&text, '\n', &line)) {
		sp_buf_printf(out, "{\"%s\":", name);
		sp_json_put(out, line);
		sp_buf_put(out, SP_STR("}\n"));
	}
}

static const char *find(const struct sp_json *request, size_t *at)
{
	const struct sp_json_member *name = sp_json_find(request, "command");

	if (name == NULL || name->is_number)
		return "no command";
	for (*at = 0; *at < SP_COUNT(commands); ++*at)
		if (sp_str_eq(name->text, sp_str(commands[*at].name)))
			return NULL;
	return "a command that is not known here";
}

static bool is_known_member(size_t at, struct sp_str name)
{
	for (size_t i = 0; i < SP_COUNT(commands[at].members); i++)
		if (commands[at].members[i] != NULL && sp_str_eq(name, sp_str(commands[at].members[i])))
			return true;
	return sp_str_eq(name, SP_STR("command"));
}

bool sp_answer_request(struct sp_asking *asking)
{
	size_t at;
	const char *why = find(asking->request, &at);

	for (size_t i = 0; why == NULL && i < asking->request->count; i++)
		if (!is_known_member(at, asking->request->members[i].name))
			why = "a member that this command does not know";
	if (why == NULL) {
		SP_LOG_(commands[at].is_look ? SP_LOG_DEBUG : SP_LOG_INFO, "admin_command",
			SP_KV_TEXT("command", commands[at].name), SP_KV_U64("uid", asking->uid));
		why = commands[at].answer(asking);
	}
	if (why == NULL && asking->order.type == SP_IPC_COMMAND)
		return true; /* the master carries it out */
	sp_admin_outcome(asking->out, why);
	return false;
}

/* ---- status */

const char *sp_answer_report(struct sp_asking *asking,
			     void (*put)(const struct sp_asking *asking, struct sp_report *report))
{
	const struct sp_json_member *format = sp_json_find(asking->request, "format");
	bool is_text = format != NULL && !format->is_number && sp_str_eq(format->text, SP_STR("text"));
	struct sp_report report;

	if (format != NULL && !is_text)
		return "a format that is not known: only text, or none for JSON";
	sp_report_init(&report, !is_text);
	put(asking, &report);
	if (is_text)
		sp_answer_put_lines(asking->out, "line", sp_report_end(&report));
	else
		sp_buf_put(asking->out, sp_report_end(&report));
	sp_report_fini(&report);
	return NULL;
}

static void put_status(const struct sp_asking *asking, struct sp_report *report)
{
	sp_status_report(asking->facts, report);
}

const char *sp_answer_status(struct sp_asking *asking)
{
	return sp_answer_report(asking, put_status);
}

/* ---- what the master carries out */

void sp_answer_order(struct sp_asking *asking, enum sp_ipc_order what, uint32_t confirm_s)
{
	asking->order = (struct sp_ipc_message){ .type = SP_IPC_COMMAND, .fd = -1 };
	asking->order.body.command.order = what;
	asking->order.body.command.confirm_s = confirm_s;
	sp_buf_printf(asking->out, "{\"progress\":\"passed on\",\"generation\":%u}\n",
		      asking->facts->gateway.type == SP_IPC_NONE ? 0 : asking->facts->gateway.body.gateway.generation);
}

const char *sp_answer_reload(struct sp_asking *asking)
{
	const struct sp_json_member *confirm = sp_json_find(asking->request, "confirm_s");

	if (confirm != NULL &&
	    (!confirm->is_number || confirm->number == 0 || confirm->number > SP_ANSWER_CONFIRM_MOST_S))
		return "confirm_s has to be a number of seconds, at most a day";
	sp_answer_order(asking, SP_IPC_ORDER_RELOAD, confirm == NULL ? 0 : (uint32_t)confirm->number);
	return NULL;
}

const char *sp_answer_confirm(struct sp_asking *asking)
{
	sp_answer_order(asking, SP_IPC_ORDER_CONFIRM, 0);
	return NULL;
}

/* The reasons of a refusal are no lines: who prints them prints them elsewhere. */
void sp_answer_put_outcome(struct sp_buf *out, const struct sp_ipc_message *outcome, struct sp_str text)
{
	bool is_done = outcome->body.outcome.result == SP_IPC_RESULT_DONE;

	sp_answer_put_lines(out, is_done ? "line" : "reason", text);
	sp_buf_printf(out, "{\"outcome\":\"%s\",\"generation\":%u", is_done ? "done" : "refused",
		      outcome->body.outcome.generation);
	if (is_done && outcome->body.outcome.order == SP_IPC_ORDER_RELOAD && outcome->body.outcome.confirm_s > 0)
		sp_buf_printf(out, ",\"confirm_s\":%u", outcome->body.outcome.confirm_s);
	sp_buf_put(out, SP_STR("}\n"));
}
