/*
 * demo - parts of `sallyport demo`: a certificate made on the spot and an origin
 * to stand behind the gateway.
 */
#ifndef SP_CLI_DEMO_H
#define SP_CLI_DEMO_H

#include <stdbool.h>
#include <stddef.h>

#include "sp/base/err.h"
#include "sp/base/str.h"

/* A P-256 key and a self-signed certificate for localhost, 127.0.0.1 and ::1, ten days long; both files 0600. */
SP_MUST_USE bool sp_demo_cert(const char *chain_path, const char *key_path, struct sp_err *err);

/* Serves on listen_fd until it is killed: a process of its own, one more for each connection. */
_Noreturn void sp_demo_origin(int listen_fd);

/* Everything or false. */
SP_MUST_USE bool sp_demo_send(int fd, const void *bytes, size_t n);
/* Answers a WebSocket handshake with that key and echoes until the peer closes. rest: bytes read already behind the head. */
void sp_demo_websocket(int fd, struct sp_str key, struct sp_str rest);

#endif
