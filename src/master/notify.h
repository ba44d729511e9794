/*
 * notify - tells the supervisor what we are at (sd_notify(3)), by one datagram
 * to NOTIFY_SOCKET: a path, or '@' and an abstract name.
 */
#ifndef SP_MASTER_NOTIFY_H
#define SP_MASTER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "sp/base/err.h"

struct sp_notify {
	int fd; /* owned; -1: nobody wants to know */
	struct sockaddr_un to;
	socklen_t to_n;
};

/* socket: the variable's text or NULL. false with *err: not a name we can send to. */
SP_MUST_USE bool sp_notify_address(const char *socket, struct sockaddr_un *to, socklen_t *n, struct sp_err *err);
void sp_notify_open(struct sp_notify *notify, const char *socket); /* what is odd is logged, and then nobody is told */
void sp_notify_close(struct sp_notify *notify);
void sp_notify_send(const struct sp_notify *notify, const char *fmt, ...) SP_PRINTF(2, 3); /* "READY=1\nSTATUS=…" */

/* WATCHDOG_USEC and WATCHDOG_PID as texts or NULL: milliseconds between two signs of life (half of what is asked), 0 = none. */
uint64_t sp_notify_watchdog_ms(const char *usec, const char *pid, pid_t self);

#endif
