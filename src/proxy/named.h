/*
 * named - a backend that is given by name, which has several addresses and now
 * and then others: which of them is next, and which connections lead to one that
 * it has no more.
 */
#ifndef SP_PROXY_NAMED_H
#define SP_PROXY_NAMED_H

#include <stdbool.h>
#include <stdint.h>

#include "sp/base/addr.h"

struct sp_backend;

/* In turn among the usable ones: its place on the board. false: there is none. */
SP_MUST_USE bool sp_named_next(struct sp_backend *backend, uint32_t *nth);
/* A connection to that address may be used again; of a backend that is written as an address always. */
bool sp_named_has(const struct sp_backend *backend, const struct sp_addr *addr);
/* The addresses were looked at anew: idle connections to others are closed. */
void sp_named_prune(struct sp_backend *backend);

#endif
