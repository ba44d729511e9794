/*
 * local_signer - the keys in the workers, for `make bench` alone: what a keeper costs is measured against this.
 *
 * Linked with --wrap in the place of the signer that asks the keeper. The key is that of the file which SALLYPORT_KEY
 * names, read when the program begins: the workers have no descriptor of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "sp/key/sign.h"

struct sp_signer *__wrap_sp_signer_new_remote(struct sp_loop *loop, enum sp_ipc_role self, struct sp_err *err);
void __wrap_sp_signer_set_keeper(struct sp_signer *signer, int fd);

static EVP_PKEY *key;

__attribute__((constructor)) static void read_key(void)
{
	const char *path = getenv("SALLYPORT_KEY");
	FILE *file = path == NULL ? NULL : fopen(path, "re");

	if (file == NULL)
		return;
	key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	(void)fclose(file);
}

static bool attach(struct sp_signer *signer, SSL_CTX *ctx, const struct sp_conf_cert *cert, struct sp_err *err)
{
	(void)signer, (void)cert;
	return (key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1) ||
	       sp_err_set(err, "SALLYPORT_KEY is not the key");
}

static void put_away(struct sp_signer *signer)
{
	free(signer);
}

struct sp_signer *__wrap_sp_signer_new_remote(struct sp_loop *loop, enum sp_ipc_role self, struct sp_err *err)
{
	struct sp_signer *signer = malloc(sizeof(*signer));

	(void)loop, (void)self;
	if (signer == NULL)
		sp_err_set(err, "no memory for a signer");
	else
		*signer = (struct sp_signer){ .attach = attach, .free = put_away };
	return signer;
}

void __wrap_sp_signer_set_keeper(struct sp_signer *signer, int fd)
{
	(void)signer;
	(void)close(fd);
}
