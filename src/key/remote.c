/*
 * remote - the signer whose keys are the keeper's.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "pause_int.h"
#include "provider.h"
#include "sp/base/check.h"
#include "sp/ipc/asker.h"
#include "sp/key/sign.h"

#define PATIENCE_MS 2000U /* a keeper that was killed is back long before */

struct remote {
	struct sp_signer signer; /* first */
	struct sp_asker asker;
};

/* One question; it stands on the stack of its paused job. */
struct question {
	struct sp_ask ask;
	struct sp_pause *pause;
	uint32_t key;
	uint16_t scheme;
	const uint8_t *text;
	size_t text_n;
	uint8_t *signature;
	size_t room, n; /* n == 0: none came, or a refusal */
};

static void fill(struct sp_ask *ask, struct sp_ipc_message *message)
{
	const struct question *q = SP_HOLDER(ask, struct question, ask);

	message->type = SP_IPC_SIGN;
	memset(&message->body, 0, sizeof(message->body.sign));
	message->body.sign.key = q->key;
	message->body.sign.scheme = q->scheme;
	message->body.sign.n = (uint32_t)q->text_n;
	memcpy(message->body.sign.text, q->text, q->text_n);
}

static void on_answer(struct sp_ask *ask, struct sp_ipc_message *answer)
{
	struct question *q = SP_HOLDER(ask, struct question, ask);
	size_t n = answer == NULL || answer->type != SP_IPC_SIGNED ? 0 : answer->body.is_signed.n;

	if (n > 0 && n <= q->room && n <= SP_IPC_SIGNATURE) {
		memcpy(q->signature, answer->body.is_signed.signature, n);
		q->n = n;
	}
	sp_pause_answered(q->pause);
}

/* Called by OpenSSL in the middle of a handshake. */
static bool ask_keeper(void *arg, uint32_t number, uint16_t scheme, const uint8_t *text, size_t text_n,
		       uint8_t *signature, size_t *n) /* NOLINT(readability-non-const-parameter): on_answer writes it */
{
	struct remote *remote = arg;
	struct question q = { .ask = { .fill = fill, .on_answer = on_answer },
			      .pause = sp_pause_current(),
			      .key = number,
			      .scheme = scheme,
			      .text = text,
			      .text_n = text_n,
			      .signature = signature,
			      .room = *n };

	if (q.pause == NULL || text_n > SP_IPC_TEXT || !sp_asker_ask(&remote->asker, &q.ask))
		return false;
	if (!sp_pause_now(q.pause)) {
		sp_ask_cancel(&q.ask);
		return false;
	}
	*n = q.n;
	return q.n > 0;
}

static bool remote_attach(struct sp_signer *signer, SSL_CTX *ctx, const struct sp_conf_cert *conf, struct sp_err *err)
{
	const X509 *cert = SSL_CTX_get0_certificate(ctx);
	EVP_PKEY *half = cert == NULL ? NULL : X509_get0_pubkey(cert), *key;
	enum sp_key_kind kind;
	bool is_fine;

	if (half == NULL)
		return sp_err_set(err, "the certificate has no public key");
	if (!sp_key_kind_of(half, &kind, err))
		return false;
	key = sp_provider_key(half, signer, conf->index);
	is_fine = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;
	EVP_PKEY_free(key);
	ERR_clear_error();
	if (!is_fine)
		return sp_err_set(err, "OpenSSL takes no key of the keeper's");
	SSL_CTX_set_mode(ctx, SSL_MODE_ASYNC);
	return true;
}

static void remote_free(struct sp_signer *signer)
{
	struct remote *remote = (struct remote *)signer;

	sp_asker_fini(&remote->asker);
	free(remote);
}

struct sp_signer *sp_signer_new_remote(struct sp_loop *loop, enum sp_ipc_role self, struct sp_err *err)
{
	struct remote *remote = malloc(sizeof(*remote));

	if (remote == NULL || !sp_asker_init(&remote->asker, loop, self, SP_IPC_KEEPER, SP_PAUSE_MOST, PATIENCE_MS)) {
		sp_err_set(err, "no memory for the keeper's channel");
		goto fail;
	}
	if (!sp_pause_prepare(err) || !sp_provider_load(ask_keeper, err))
		goto fail;
	remote->signer = (struct sp_signer){ .attach = remote_attach, .free = remote_free };
	return &remote->signer;
fail:
	free(remote);
	return NULL;
}

unsigned sp_signer_asked(const struct sp_signer *signer)
{
	SP_ASSERT(signer->attach == remote_attach);
	return ((const struct remote *)signer)->asker.count;
}

void sp_signer_leave(struct sp_signer *signer)
{
	SP_ASSERT(signer->attach == remote_attach);
	sp_channel_close(&((struct remote *)signer)->asker.channel);
}

void sp_signer_set_keeper(struct sp_signer *signer, int fd)
{
	SP_ASSERT(signer->attach == remote_attach);
	sp_asker_set_channel(&((struct remote *)signer)->asker, fd);
}
