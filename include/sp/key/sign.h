/*
 * sign - private keys behind a question.
 *
 * A TLS context is given a key by its number; how the signature is made is
 * hidden here: today in this process, later by asking the keeper (an OpenSSL
 * provider whose keys have no private part, the handshake paused as an ASYNC
 * job). Nobody else touches a private key.
 */
#ifndef SP_KEY_SIGN_H
#define SP_KEY_SIGN_H

#include <openssl/ssl.h>

#include "sp/base/err.h"
#include "sp/base/str.h"

struct sp_signer;

SP_MUST_USE struct sp_signer *sp_signer_new_local(void);
void sp_signer_free(struct sp_signer *signer);          /* cleanses; NULL is fine */

/* Adds a key; its number is what _attach takes. pem is only read. false with *err: no key in it, or one that
 * is not RSA of 2048 bits or more, P-256 or P-384. */
SP_MUST_USE bool sp_signer_add(struct sp_signer *signer, struct sp_str pem, uint32_t *number, struct sp_err *err);
/* The key for the certificate that ctx took last (SSL_CTX_use_certificate). false: they do not match. */
SP_MUST_USE bool sp_signer_attach(struct sp_signer *signer, SSL_CTX *ctx, uint32_t number, struct sp_err *err);

#endif
