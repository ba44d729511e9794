/*
 * tickets - one set of ticket keys for all workers, never on disk: workers have
 * it by the fork, and each next secret by a message.
 */
#include "master_int.h"

#include <string.h>
#include <sys/random.h>

#include "sp/base/log.h"
#include "sp/tls/ticket.h"

static bool draw(void *secret, size_t n)
{
	return getrandom(secret, n, 0) == (ssize_t)n; /* up to 256 bytes come whole */
}

static void on_rotate(struct sp_deadline *deadline)
{
	struct sp_master *m = SP_HOLDER(deadline, struct sp_master, tickets);
	struct sp_ipc_message message = { .type = SP_IPC_TICKETS, .fd = -1 };

	sp_deadline_set(&m->tickets, sp_loop_deadlines(m->loop, SP_TLS_TICKET_ROTATE_MS), on_rotate);
	if (!draw(message.body.tickets.fresh, SP_TLS_TICKET_SECRET)) {
		sp_error("ticket_keys_not_rotated");
		return;
	}
	sp_tls_tickets_rotate(message.body.tickets.fresh);
	sp_slots_send(m, &message);
	explicit_bzero(&message, sizeof(message));
	sp_info("ticket_keys_rotated");
}

bool sp_tickets_begin(struct sp_master *m, bool are_set, struct sp_err *err)
{
	uint8_t secrets[SP_TLS_TICKET_SECRETS][SP_TLS_TICKET_SECRET];

	sp_deadline_set(&m->tickets, sp_loop_deadlines(m->loop, SP_TLS_TICKET_ROTATE_MS), on_rotate);
	if (are_set)
		return true;
	if (!draw(secrets, sizeof(secrets)))
		return sp_err_set(err, "no random bytes for the ticket keys");
	sp_tls_tickets_set(secrets);
	explicit_bzero(secrets, sizeof(secrets));
	return true;
}
