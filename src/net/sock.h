/*
 * sock - socket options and questions, each one system call, for net alone.
 */
#ifndef SP_NET_SOCK_H
#define SP_NET_SOCK_H

#include <stdbool.h>

#include "sp/base/addr.h"

/* A stream socket for this family: non-blocking, close-on-exec. -1 with errno. */
int sp_sock_new(enum sp_addr_family family);
/* A datagram socket, the same. */
int sp_sock_new_udp(enum sp_addr_family family);
/* No delay, keep-alive, a bound on unacknowledged bytes. Accepted sockets inherit them from their listener. */
void sp_sock_tune(int fd, enum sp_addr_family family);
/* Takes the pending error of the socket: an errno, 0 for none. */
int sp_sock_error(int fd);
/* Has the connection broken (reset, or closed both ways)? Takes nothing. */
bool sp_sock_is_broken(int fd);
/* "reset", "timed_out", …: one word for the log. */
const char *sp_sock_why(int error);

#endif
