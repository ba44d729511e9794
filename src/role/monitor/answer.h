/*
 * answer - what can be asked at the admin socket: a table of names, a file for
 * what has substance.
 */
#ifndef SP_ROLE_MONITOR_ANSWER_H
#define SP_ROLE_MONITOR_ANSWER_H

#include <sys/types.h>

#include "bans.h"
#include "facts.h"
#include "report.h"
#include "sp/base/buf.h"
#include "sp/base/json.h"

#define SP_ANSWER_CONFIRM_MOST_S 86400U

struct sp_asking { /* one request */
	uid_t uid; /* who asks */
	const struct sp_facts *facts; /* borrowed, as the next three */
	struct sp_ban_keeper *bans;
	const struct sp_json *request;
	struct sp_buf *out; /* the answer's lines */
	struct sp_ipc_message order; /* of a command that the master carries out: all but the descriptor */
};

/* Looks the command up and answers. True: the master is to be asked for it, with asking->order. */
SP_MUST_USE bool sp_answer_request(struct sp_asking *asking);
/* What the master said came of it, as the rest of an answer. */
void sp_answer_put_outcome(struct sp_buf *out, const struct sp_ipc_message *outcome, struct sp_str text);

/* The commands; each writes its lines and no outcome. NULL: it is done, or on its way; else why it is refused. */
const char *sp_answer_status(struct sp_asking *asking);
const char *sp_answer_reload(struct sp_asking *asking);
const char *sp_answer_confirm(struct sp_asking *asking);
const char *sp_answer_drain(struct sp_asking *asking);
const char *sp_answer_undrain(struct sp_asking *asking);
const char *sp_answer_weight(struct sp_asking *asking);
/* The master is to do it. */
void sp_answer_order(struct sp_asking *asking, enum sp_ipc_order what, uint32_t confirm_s);
const char *sp_answer_ban(struct sp_asking *asking);
const char *sp_answer_unban(struct sp_asking *asking);
const char *sp_answer_bans(struct sp_asking *asking);

/* A report as the answer, as text or JSON by the request's "format". NULL, or why it is refused. */
const char *sp_answer_report(struct sp_asking *asking,
			     void (*put)(const struct sp_asking *asking, struct sp_report *report));

/* Each line of a text as an object of its own: {"line":"…"}. */
void sp_answer_put_lines(struct sp_buf *out, const char *name, struct sp_str text);

#endif
