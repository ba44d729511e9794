/*
 * proxy_header - the PROXY header, version 2, that we write in front of a
 * connection to a backend (the reading half is forwarded.h).
 */
#ifndef SP_NET_PROXY_HEADER_H
#define SP_NET_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "sp/base/addr.h"

#define SP_PROXY_HEADER_MAX 52          /* 16, and two IPv6 addresses with ports */

/* Addresses of two families go as IPv6, the v4 one mapped. One without an internet address (a Unix socket, unknown):
 * PROXY with AF_UNSPEC, which says that there is nothing to say. Returns the bytes written. */
size_t sp_proxy_header_write(const struct sp_addr *source, const struct sp_addr *destination,
                             uint8_t out[static SP_PROXY_HEADER_MAX]);
/* Our own connection, a health check: LOCAL. */
size_t sp_proxy_header_write_local(uint8_t out[static SP_PROXY_HEADER_MAX]);

#endif
