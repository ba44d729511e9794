/*
 * keys - the private keys of one configuration, by the index of their certificate.
 */
#ifndef SP_ROLE_KEEPER_KEYS_H
#define SP_ROLE_KEEPER_KEYS_H

#include "sp/conf/conf.h"
#include "sp/key/asks.h"

struct sp_keys;

/* Secure memory is made for them first: locked, and left out of dumps. NULL with *err: which one does not serve and why. */
SP_MUST_USE struct sp_keys *sp_keys_read(const struct sp_conf *conf, struct sp_err *err);
void sp_keys_free(struct sp_keys *keys); /* cleanses; NULL is fine */

/* The signature of a text, if it is one that this key may sign. *n: the room in, the length out. NULL: signed; else one
 * word why not. */
const char *sp_keys_sign(struct sp_keys *keys, uint32_t index, uint32_t scheme, const uint8_t *text, size_t text_n,
			 uint8_t *signature, size_t *n);

#endif
