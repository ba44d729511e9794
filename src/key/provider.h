/*
 * provider - keys without a private part, as OpenSSL sees them.
 *
 * An OpenSSL 3 provider, loaded beside the default one, that knows two kinds of
 * key (RSA, EC) and signs by calling back with the whole text. All that is
 * public about a key is asked of the certificate's own public key; the private
 * half cannot be exported, so OpenSSL never signs by another provider instead.
 */
#ifndef SP_KEY_PROVIDER_H
#define SP_KEY_PROVIDER_H

#include <openssl/evp.h>

#include "sp/key/asks.h"

/* One signature. *n: the room in, the length out. false: none. */
typedef bool sp_provider_sign(void *arg, uint32_t number, uint16_t scheme, const uint8_t *text, size_t text_n,
			      uint8_t *signature, size_t *n);

/* Once a process; again is harmless. */
SP_MUST_USE bool sp_provider_load(sp_provider_sign *sign, struct sp_err *err);
/* A key whose public half is `half` (taken a reference of); arg and number are what sign gets. NULL: OpenSSL refuses. */
SP_MUST_USE EVP_PKEY *sp_provider_key(EVP_PKEY *half, void *arg, uint32_t number);

#endif
