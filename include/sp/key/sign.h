/*
 * sign - private keys behind a question.
 *
 * A TLS context is given the key of a certificate; how a signature is made is
 * hidden here. The remote signer asks the keeper: its keys have no private
 * part, and a handshake that needs a signature is paused (pause.h) until the
 * answer is there. The local one reads the key, for `check`, which ends at once.
 */
#ifndef SP_KEY_SIGN_H
#define SP_KEY_SIGN_H

#include <openssl/ssl.h>

#include "sp/base/err.h"
#include "sp/conf/conf.h"
#include "sp/ipc/channel.h"

struct sp_loop;

struct sp_signer {
	bool (*attach)(struct sp_signer *signer, SSL_CTX *ctx, const struct sp_conf_cert *cert, struct sp_err *err);
	void (*free)(struct sp_signer *signer);
};

/* In this process: reads cert->key_fd. NULL: no memory. */
SP_MUST_USE struct sp_signer *sp_signer_new_local(void);
/* By asking the keeper for cert->index. It has none to ask until it is given a channel; what is asked meanwhile waits,
 * as long as its deadline lets it. NULL with *err. */
SP_MUST_USE struct sp_signer *sp_signer_new_remote(struct sp_loop *loop, enum sp_ipc_role self, struct sp_err *err);
/* Of a remote one: fd is our end of a channel to the keeper, owned from here on. What was asked and not
 * answered is asked anew, once. */
void sp_signer_set_keeper(struct sp_signer *signer, int fd);

/* Questions that it has not answered yet. */
unsigned sp_signer_asked(const struct sp_signer *signer);
/* Nobody is asked any more: what still is finds no answer. */
void sp_signer_leave(struct sp_signer *signer);

/* The key for the certificate that ctx took last (SSL_CTX_use_certificate), which is that of cert. false: no such key,
 * or they do not match. */
SP_MUST_USE static inline bool sp_signer_attach(struct sp_signer *signer, SSL_CTX *ctx, const struct sp_conf_cert *cert,
						struct sp_err *err)
{
	return signer->attach(signer, ctx, cert, err);
}

/* After the contexts that it was attached to; NULL is fine. */
static inline void sp_signer_free(struct sp_signer *signer)
{
	if (signer != NULL)
		signer->free(signer);
}

#endif
