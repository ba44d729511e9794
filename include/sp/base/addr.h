/*
 * addr - an IPv4 or IPv6 address with port, or a Unix path, as bytes and as text.
 */
#ifndef SP_BASE_ADDR_H
#define SP_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "sp/base/str.h"

#define SP_ADDR_TEXT 120                /* longest text of an address, with NUL (a Unix path is at most 107) */

enum sp_addr_family { SP_ADDR_NONE, SP_ADDR_V4, SP_ADDR_V6, SP_ADDR_UNIX };

struct sp_addr {
	enum sp_addr_family family;
	uint16_t port;                  /* host order; 0 for Unix */
	uint8_t ip[16];                 /* v4 in the first 4 bytes; the rest zero */
	char path[108];                 /* Unix only; NUL-terminated */
};

/* "10.0.0.1", "::1", "[::1]" - no port, nothing behind it. inet_pton's strictness (no 010.1, no scope id). */
SP_MUST_USE bool sp_addr_parse_ip(struct sp_str text, struct sp_addr *out);
/* "10.0.0.1:80", "[::1]:80", "unix:/run/x.sock". Without a port: default_port, or refused when that is 0. Port 0 and a
 * v6 address without brackets are refused. */
SP_MUST_USE bool sp_addr_parse(struct sp_str text, uint16_t default_port, struct sp_addr *out);

/* Writes "10.0.0.1:80", "[::1]:80" or "unix:/path"; returns `text`. */
const char *sp_addr_text(const struct sp_addr *addr, char text[static SP_ADDR_TEXT]);
const char *sp_addr_ip_text(const struct sp_addr *addr, char text[static SP_ADDR_TEXT]);       /* without port and brackets */

/* ::ffff:a.b.c.d becomes a.b.c.d; others stay. */
struct sp_addr sp_addr_fold(const struct sp_addr *addr);
bool sp_addr_eq(const struct sp_addr *a, const struct sp_addr *b);      /* family, address, port */
bool sp_addr_same_ip(const struct sp_addr *a, const struct sp_addr *b);

bool sp_addr_from_sockaddr(const struct sockaddr *sa, socklen_t n, struct sp_addr *out);        /* folds v4-mapped */
socklen_t sp_addr_to_sockaddr(const struct sp_addr *addr, struct sockaddr_storage *out);

#endif
