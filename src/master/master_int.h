/*
 * master_int - the master's state, seen by its own files only.
 */
#ifndef SP_MASTER_MASTER_INT_H
#define SP_MASTER_MASTER_INT_H

#include <signal.h>
#include <sys/types.h>

#include "admin.h"
#include "page.h"
#include "backoff.h"
#include "bind.h"
#include "ids.h"
#include "logs.h"
#include "notify.h"
#include "sp/board/board.h"
#include "sp/ipc/channel.h"
#include "sp/ipc/sandbox.h"
#include "sp/net/deadline.h"
#include "sp/net/loop.h"
#include "webroot.h"

enum sp_master_state {
	SP_MASTER_STARTING, /* until every worker said ready once */
	SP_MASTER_SERVING,
	SP_MASTER_RED, /* drain_delay: health is red, all else goes on */
	SP_MASTER_DRAINING, /* nobody accepts; what runs is finished */
	SP_MASTER_STOPPING, /* at once */
};

struct sp_master;
struct sp_elders;
struct sp_reload;
struct sp_upgrade;
struct sp_watch;

#define SP_ROLES 4U /* processes that there is one of */
#define SP_ORDERS 8U /* that are under way at a time */

struct sp_edition { /* a configuration, and the number of the generation that is made of it */
	struct sp_conf *conf; /* owned */
	uint32_t number; /* 1.. */
	uint16_t *ports; /* owned: where its dialer may connect to */
	size_t port_count;
	struct sp_board *board; /* borrowed: where its names have slots; NULL: they have none */
	uint64_t loaded_wall_ms; /* since when it is served, the last time */
};

struct sp_gauge { /* where it stands what a process has (measure.h) */
	int fds[SP_IPC_PROC_COUNT]; /* owned; -1: not there */
	uint64_t fds_max;
};
#define SP_NO_GAUGE ((struct sp_gauge){ .fds = { -1, -1 } })

struct sp_slot { /* the place of one process, dead or alive */
	struct sp_master *master;
	const struct sp_edition *edition; /* borrowed: what is born here serves; NULL: nothing is any more */
	enum sp_ipc_role role;
	unsigned worker; /* 1..; 0: a role of its own */
	pid_t pid; /* 0 = nobody there */
	bool is_ready;
	bool is_spare; /* of a role: will follow the one that is there, or was followed; is not born again */
	uint32_t prepared, left; /* a worker: the generation that it built last, and that it left last */
	uint64_t born_ms, born_wall_ms;
	uint32_t restarts;
	struct sp_gauge gauge;
	struct sp_sandbox_level level; /* as its process told; zeros: it has not yet */
	struct sp_channel channel;
	struct sp_backoff backoff;
	struct sp_deadline timer; /* empty: when it is filled again; channel gone: when its process must be */
};

struct sp_links { /* a new worker's ends of its channels to the others; -1: nobody there just now */
	int keeper_fd, dialer_fd;
};

struct sp_order { /* of somebody at the admin socket (orders.h) */
	struct sp_master *master;
	bool is_used, is_decided, is_done;
	uint32_t id, order; /* order: enum sp_ipc_order */
	int caller_fd; /* owned: who waits for the outcome; never read here */
	char *text; /* owned: of the outcome */
};

struct sp_orders {
	struct sp_order items[SP_ORDERS];
	uint32_t last_id;
	uint64_t tokens, filled_ms; /* what may still be ordered now */
};

struct sp_master {
	struct sp_edition *edition; /* owned: what is served */
	const struct sp_conf *conf; /* borrowed: the edition's */
	struct sp_reload *reload; /* owned */
	struct sp_watch *watch; /* owned */
	struct sp_upgrade *upgrade; /* owned */
	struct sp_elders *elders; /* owned: processes of the programs before */
	uint32_t set; /* which program this is of those that were executed in this process: 1.. */
	bool is_stuck; /* its first processes die, and those of the program before serve on */
	bool is_sealed; /* a filter of system calls is in force here */
	struct sp_loop *loop; /* owned */
	struct sp_slot **slots; /* owned: the roles first, in the order of their birth, then the workers */
	unsigned workers;
	struct sp_binds binds;
	struct sp_logs logs;
	struct sp_ids ids;
	int empty_root; /* owned: what the children of a root master are put into; -1 = none */
	struct sp_webroots webroots;
	struct sp_board *board; /* owned */
	bool has_old_board; /* it is that of the program before */
	struct sp_admin_socket admin;
	struct sp_page_socket page;
	bool is_last_reload_refused;
	bool is_drained; /* by an operator: health is red until he takes it back */
	uint64_t red_since_ms; /* health is red; 0: it is not */
	struct sp_orders orders;
	struct sp_sandbox_level level; /* our own */
	uint64_t born_ms, started_wall_ms;
	uint64_t dropped[SP_IPC_LOG_COUNT]; /* log lines, as the loggers told; of those that died, too */
	uint64_t dropped_before[SP_IPC_LOG_COUNT]; /* by loggers that are gone */
	struct sp_notify notify;
	enum sp_master_state state;
	struct sp_deadline watchdog, patience, tickets, measure;
	struct sp_gauge gauge; /* our own */
	unsigned looks; /* at all gauges */
	uint64_t watchdog_ms;
	sigset_t signals; /* blocked here, read from signal_fd */
	int signal_fd; /* owned */
	struct event signal_event;
	struct sp_err failed; /* why it could not start */
};

/* slots.c: processes born, dead and born again. */
SP_MUST_USE bool sp_slots_start(struct sp_master *m, struct sp_err *err);
void sp_slots_reap(struct sp_master *m); /* after SIGCHLD */
void sp_slots_send(struct sp_master *m, const struct sp_ipc_message *message); /* to all workers that live */
void sp_slots_set_health(struct sp_master *m, bool is_red); /* of those that live, and of those that are born later */
void sp_slots_give_up(struct sp_master *m); /* no worker is started again */
void sp_slots_kill(struct sp_master *m); /* the workers */
unsigned sp_slots_alive(const struct sp_master *m); /* workers */
bool sp_slots_are_ready(const struct sp_master *m);
void sp_slots_end_role(struct sp_master *m, enum sp_ipc_role role); /* after the last worker; waits for it */
struct sp_slot *sp_slot_of_role(struct sp_master *m, enum sp_ipc_role role);
void sp_slot_name(const struct sp_slot *slot, char name[static 32]); /* "keeper", "worker 2" */
/* false: it does not listen; that is logged. */
bool sp_slot_tell(struct sp_slot *slot, const struct sp_ipc_message *message);
/* For those that are not in m->slots. NULL: no memory. */
struct sp_slot *sp_slot_new(struct sp_master *m, enum sp_ipc_role role, unsigned worker,
			    const struct sp_edition *edition);
void sp_slot_free(struct sp_slot *slot); /* its process is gone, or not ours to end; NULL is fine */
SP_MUST_USE bool sp_slot_bear(struct sp_slot *slot, struct sp_err *err);
void sp_slot_end(struct sp_slot *slot); /* told to stop, and killed when it does not */
void sp_slots_free(struct sp_master *m);

/* master.c: told by slots.c. */
void sp_master_on_ready(struct sp_master *m);
void sp_master_on_death(struct sp_master *m, const struct sp_slot *slot, int status);

/* tickets.c: the ticket keys, drawn before the first fork (unless they are set), and again as long as we run. */
SP_MUST_USE bool sp_tickets_begin(struct sp_master *m, bool are_set, struct sp_err *err);

/* links.c: the channels between workers and roles. For a worker that is about to be born; and for a role that just was,
 * to all workers that live. */
void sp_links_of_worker(struct sp_master *m, unsigned worker, struct sp_links *links);
void sp_links_close(struct sp_links *links); /* the worker has its own copies, or will never be */
bool sp_links_of_role(struct sp_slot *slot); /* false: a worker does not listen */
void sp_links_of_monitor(struct sp_master *m); /* it serves from now on */

/* confine.c: what `sandbox =` and the way that we were started make of each process. */
void sp_confine_open(struct sp_master *m);
void sp_confine_close(struct sp_master *m);
/* All but the descriptors that stay and the parent. The want borrows from the master and the edition. */
void sp_confine_want(const struct sp_master *m, const struct sp_edition *edition, enum sp_ipc_role role,
		     struct sp_sandbox_want *want);
/* The ports of all backends; what port goes with which address is the egress rules' matter. */
SP_MUST_USE bool sp_confine_ports(struct sp_edition *edition, struct sp_err *err);
/* The master itself, when all is open and nobody is born yet. */
SP_MUST_USE bool sp_confine_self(struct sp_master *m, struct sp_err *err);
enum sp_role sp_confine_role(enum sp_ipc_role role);

/* spawn.c: the fork. Returns the child's pid in the master, with *channel_fd its end; -1 with *err. In the child it does
 * not return. links: of a worker, else NULL. */
SP_MUST_USE pid_t sp_spawn(struct sp_slot *slot, const struct sp_links *links, int *channel_fd, struct sp_err *err);

#endif
