#include "move.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sp/base/check.h"
#include "sp/base/log.h"
#include "sp/build/generation.h"

#define SOCKETS_MOST 65536 /* more than any configuration has: whoever sends them is broken */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* ---- building */

/* conf is the generation's from here on if `owned`; it is freed when that fails. */
static bool build(struct sp_move *move, struct sp_worker_part *part, const struct sp_conf *conf, struct sp_conf *owned,
		  uint32_t number, struct sp_err *err)
{
	struct sp_generation_asks asks = { .signer = NULL };

	asks.dial = sp_dial_new_remote(move->loop, SP_IPC_WORKER, err);
	if (asks.dial != NULL)
		asks.signer = sp_signer_new_remote(move->loop, SP_IPC_WORKER, err);
	part->dial = asks.dial;
	part->signer = asks.signer;
	part->serve = asks.dial == NULL ? NULL : sp_generation_new(conf, number, &asks, err);
	if (part->serve == NULL) {
		*part = (struct sp_worker_part){ .number = 0 };
		sp_conf_free(owned);
		return false;
	}
	part->serve->owned = owned;
	part->number = number;
	return true;
}

/* Whom it asks. */
static void connect_part(struct sp_worker_part *part, int *keeper_fd, int *dialer_fd)
{
	if (*keeper_fd >= 0)
		sp_signer_set_keeper(part->signer, *keeper_fd);
	if (*dialer_fd >= 0)
		sp_dial_set_dialer(part->dial, *dialer_fd);
	*keeper_fd = *dialer_fd = -1;
}

static void release(struct sp_worker_part *part)
{
	if (part->serve != NULL)
		sp_serve_release(part->serve);
	*part = (struct sp_worker_part){ .number = 0 };
}

static void leave(struct sp_move *move)
{
	uint32_t number = move->before.number;

	sp_signer_leave(move->before.signer);
	sp_dial_leave(move->before.dial);
	release(&move->before);
	move->on_left(move, number);
}

static void on_turn_end(struct sp_flush *flush)
{
	struct sp_move *move = SP_HOLDER(flush, struct sp_move, flush);

	if (move->before.number != 0 && sp_signer_asked(move->before.signer) == 0 &&
	    sp_dial_asked(move->before.dial) == 0)
		leave(move);
}

bool sp_move_begin(struct sp_move *move, struct sp_loop *loop, const struct sp_conf *conf, uint32_t number,
		   int keeper_fd, int dialer_fd, struct sp_err *err)
{
	move->loop = loop;
	move->keeper_fd = move->dialer_fd = -1;
	if (!build(move, &move->now, conf, NULL, number, err))
		return false;
	connect_part(&move->now, &keeper_fd, &dialer_fd);
	move->flush.run = on_turn_end;
	sp_loop_on_flush(loop, &move->flush);
	return true;
}

/* ---- pieces */

static void drop_sockets(struct sp_move *move)
{
	for (size_t i = 0; i < move->socket_count; i++)
		(void)close(move->sockets[i].fd);
	free(move->sockets);
	move->sockets = NULL;
	move->socket_count = 0;
}

/* Pieces of another generation than those before: these belong to nothing. */
static bool is_coming(struct sp_move *move, uint32_t generation)
{
	if (generation == 0 || generation <= move->now.number)
		return false;
	if (generation != move->coming)
		sp_move_rollback(move);
	move->coming = generation;
	return true;
}

void sp_move_peer(struct sp_move *move, struct sp_ipc_message *peer)
{
	int *fd = peer->body.peer.role == SP_IPC_KEEPER	  ? &move->keeper_fd
		  : peer->body.peer.role == SP_IPC_DIALER ? &move->dialer_fd
							  : NULL;
	struct sp_worker_part *part = NULL;

	if (fd == NULL)
		return;
	if (peer->body.peer.generation == move->now.number)
		part = &move->now;
	else if (!is_coming(move, peer->body.peer.generation))
		return;
	else if (move->next.number != 0)
		part = &move->next;
	close_fd(fd);
	*fd = peer->fd;
	peer->fd = -1;
	if (part != NULL)
		connect_part(part, &move->keeper_fd, &move->dialer_fd);
}

void sp_move_door(struct sp_move *move, struct sp_ipc_message *door)
{
	struct sp_worker_socket *grown;

	if (!is_coming(move, door->body.door.generation) || move->socket_count >= SOCKETS_MOST)
		return;
	grown = realloc(move->sockets, (move->socket_count + 1) * sizeof(*grown));
	if (grown == NULL)
		return; /* its count will not fit, and the generation is refused */
	move->sockets = grown;
	move->sockets[move->socket_count++] = (struct sp_worker_socket){ .listener = door->body.door.listener,
									 .port = (uint16_t)door->body.door.port,
									 .fd = door->fd,
									 
									 .door = door->body.door.door };
	door->fd = -1;
}

static bool is_sealed(int fd)
{
	const int must = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & must) == must;
}

/* The master read it without an error, so one here is ours. */
static struct sp_conf *read_bundle(int fd, struct sp_err *err)
{
	struct sp_conf_report report;
	struct sp_conf *conf = NULL;

	sp_conf_report_init(&report);
	if (is_sealed(fd))
		conf = sp_conf_read_bundle(fd, &report);
	if (conf == NULL)
		sp_err_set(err, "the bundle cannot be read: %s",
			   report.first == NULL ? "it is not sealed" : report.first->text);
	sp_conf_report_fini(&report);
	return conf;
}

static bool are_sockets_of(const struct sp_move *move, const struct sp_conf *conf)
{
	for (size_t i = 0; i < move->socket_count; i++)
		if (move->sockets[i].listener >= conf->listener_count)
			return false;
	return true;
}

static bool build_next(struct sp_move *move, int fd, struct sp_err *err)
{
	struct sp_conf *conf = read_bundle(fd, err);
	size_t count = move->socket_count;

	if (conf == NULL || !build(move, &move->next, conf, conf, move->coming, err))
		return false;
	connect_part(&move->next, &move->keeper_fd, &move->dialer_fd);
	if (!are_sockets_of(move, conf))
		return sp_err_set(err, "a socket of no listener");
	move->next_proxy = sp_proxy_prepare(move->proxy, move->next.serve, err);
	if (move->next_proxy == NULL)
		return false;
	move->socket_count = 0; /* they go over, whatever comes */
	move->next_intake = sp_intake_prepare(move->intake, conf, move->sockets, count, err);
	return move->next_intake != NULL;
}

bool sp_move_build(struct sp_move *move, const struct sp_ipc_message *bundle, struct sp_err *err)
{
	if (!is_coming(move, bundle->body.bundle.generation) || move->next.number != 0)
		return sp_err_set(err, "generation %u does not come now", bundle->body.bundle.generation);
	if (move->before.number != 0)
		return sp_err_set(err, "generation %u is still being left", move->before.number);
	if (build_next(move, bundle->fd, err))
		return true;
	sp_move_rollback(move);
	return false;
}

/* ---- the outcome */

bool sp_move_commit(struct sp_move *move, uint32_t generation)
{
	if (move->next.number == 0 || move->next.number != generation)
		return false;
	SP_ASSERT(move->before.number == 0); /* else it would not have been built */
	sp_intake_finish_others(move->intake, move->next_intake);
	sp_proxy_take(move->proxy, move->next_proxy);
	sp_intake_take(move->intake, move->next_intake);
	move->before = move->now;
	move->now = move->next;
	move->next = (struct sp_worker_part){ .number = 0 };
	move->next_proxy = NULL;
	move->next_intake = NULL;
	move->coming = 0;
	drop_sockets(move);
	sp_log_level(move->now.serve->conf->log.level);
	return true;
}

void sp_move_rollback(struct sp_move *move)
{
	sp_intake_abandon(move->next_intake);
	sp_proxy_abandon(move->next_proxy);
	move->next_intake = NULL;
	move->next_proxy = NULL;
	release(&move->next);
	drop_sockets(move);
	close_fd(&move->keeper_fd);
	close_fd(&move->dialer_fd);
	move->coming = 0;
}

void sp_move_end(struct sp_move *move)
{
	if (move->loop == NULL)
		return;
	if (move->flush.run != NULL)
		sp_loop_off_flush(&move->flush);
	release(&move->before);
	release(&move->now);
}
