/*
 * master_int - the master's state, seen by its own files only.
 */
#ifndef SP_MASTER_MASTER_INT_H
#define SP_MASTER_MASTER_INT_H

#include <signal.h>
#include <sys/types.h>

#include "backoff.h"
#include "bind.h"
#include "ids.h"
#include "logs.h"
#include "notify.h"
#include "sp/ipc/channel.h"
#include "sp/net/deadline.h"
#include "sp/net/loop.h"
#include "sp/worker/tally.h"

enum sp_master_state {
	SP_MASTER_STARTING, /* until every worker said ready once */
	SP_MASTER_SERVING,
	SP_MASTER_RED, /* drain_delay: health is red, all else goes on */
	SP_MASTER_DRAINING, /* nobody accepts; what runs is finished */
	SP_MASTER_STOPPING, /* at once */
};

struct sp_master;

struct sp_slot { /* the place of one worker, dead or alive */
	struct sp_master *master;
	unsigned worker; /* 1.. */
	pid_t pid; /* 0 = nobody there */
	bool is_ready;
	uint64_t born_ms;
	struct sp_channel channel;
	struct sp_backoff backoff;
	struct sp_deadline timer; /* empty: when it is filled again; channel gone: when its process must be */
};

struct sp_master {
	const struct sp_conf *conf; /* borrowed */
	struct sp_loop *loop; /* owned */
	struct sp_slot *slots; /* owned */
	unsigned workers;
	struct sp_binds binds;
	struct sp_logs logs;
	struct sp_ids ids;
	struct sp_tally *tally; /* owned */
	struct sp_notify notify;
	enum sp_master_state state;
	struct sp_deadline watchdog, patience, tickets;
	uint64_t watchdog_ms;
	sigset_t signals; /* blocked here, read from signal_fd */
	int signal_fd; /* owned */
	struct event signal_event;
	struct sp_err failed; /* why it could not start */
};

/* slots.c: workers born, dead and born again. */
SP_MUST_USE bool sp_slots_start(struct sp_master *m, struct sp_err *err);
void sp_slots_reap(struct sp_master *m); /* after SIGCHLD */
void sp_slots_send(struct sp_master *m, const struct sp_ipc_message *message); /* to all that live */
void sp_slots_give_up(struct sp_master *m); /* no restart any more */
void sp_slots_kill(struct sp_master *m);
unsigned sp_slots_alive(const struct sp_master *m);
void sp_slots_free(struct sp_master *m);

/* master.c: told by slots.c. */
void sp_master_on_ready(struct sp_master *m);
void sp_master_on_death(struct sp_master *m, const struct sp_slot *slot, int status);

/* tickets.c: the ticket keys, drawn before the first fork and again as long as we run. */
SP_MUST_USE bool sp_tickets_begin(struct sp_master *m, struct sp_err *err);

/* spawn.c: the fork. Returns the child's pid in the master, with *channel_fd its end; -1 with *err. In the child it does
 * not return. */
SP_MUST_USE pid_t sp_spawn_worker(struct sp_master *m, unsigned worker, int *channel_fd, struct sp_err *err);

#endif
