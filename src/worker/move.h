/*
 * move - a worker goes from one generation to the next.
 *
 * What the next one needs comes from the master piece by piece: channels to its
 * keeper and dialer, its listening sockets, at last its bundle. It is built beside
 * the one that is served, and taken between two turns. What was asked of the
 * processes before is answered by them: they are left when nothing is asked any more.
 */
#ifndef SP_WORKER_MOVE_H
#define SP_WORKER_MOVE_H

#include "intake.h"
#include "sp/ipc/dial_remote.h"
#include "sp/ipc/channel.h"
#include "sp/key/sign.h"
#include "sp/proxy/proxy.h"
#include "sp/proxy/serve.h"

struct sp_worker_part { /* one generation in a worker */
	uint32_t number; /* 0: none */
	struct sp_serve *serve; /* one hold */
	struct sp_signer *signer; /* borrowed: of the generation, as the next */
	struct sp_dial *dial;
};

struct sp_move {
	struct sp_loop *loop; /* borrowed, as the next two */
	struct sp_proxy *proxy;
	struct sp_intake *intake;
	void (*on_left)(struct sp_move *move, uint32_t generation); /* nothing is asked of the ones before any more */
	struct sp_worker_part now; /* what is served */
	struct sp_worker_part before; /* what is being left */
	struct sp_worker_part next; /* what is built */
	uint32_t coming; /* number of the generation whose pieces come; 0: none */
	int keeper_fd, dialer_fd; /* owned: pieces of it; -1: none */
	struct sp_worker_socket *sockets; /* owned */
	size_t socket_count;
	struct sp_proxy_next *next_proxy;
	struct sp_intake_next *next_intake;
	struct sp_flush flush;
};

/* The first generation, from a configuration that is borrowed for the process's life. The descriptors are owned; -1:
 * nobody there just now. false with *err. */
SP_MUST_USE bool sp_move_begin(struct sp_move *move, struct sp_loop *loop, const struct sp_conf *conf, uint32_t number,
			       int keeper_fd, int dialer_fd, struct sp_err *err);
/* Pieces; they take the descriptor. One of a generation that is neither served nor coming is closed. */
void sp_move_peer(struct sp_move *move, struct sp_ipc_message *peer);
void sp_move_door(struct sp_move *move, struct sp_ipc_message *door);
/* Builds it from the bundle. false with *err: all of it is gone again. */
SP_MUST_USE bool sp_move_build(struct sp_move *move, const struct sp_ipc_message *bundle, struct sp_err *err);
/* Serves it. false: there is none of that number. */
SP_MUST_USE bool sp_move_commit(struct sp_move *move, uint32_t generation);
void sp_move_rollback(struct sp_move *move);
void sp_move_end(struct sp_move *move); /* after the proxy was freed */

#endif
