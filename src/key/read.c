#include "sp/key/read.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

enum { FILE_MOST = 65536 }; /* a key of 4096 bits has 3 KiB */

/* Without it OpenSSL would ask for a passphrase on the terminal. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int refuse_passphrase(char *to, int room, int is_writing, void *was_asked)
{
	(void)to, (void)room, (void)is_writing;
	*(bool *)was_asked = true;
	return -1;
}

static EVP_PKEY *parse(const char *pem, size_t n, struct sp_err *err)
{
	bool was_asked = false;
	EVP_PKEY *key = NULL;
	BIO *bio = BIO_new_mem_buf(pem, (int)n);

	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &was_asked);
	BIO_free(bio);
	ERR_clear_error();
	if (key == NULL && was_asked)
		sp_err_set(err, "the private key is encrypted; it must be stored without a passphrase");
	else if (key == NULL)
		sp_err_set(err, "no private key in PEM form");
	return key;
}

/* pread: the descriptor is shared with the process that opened it, and with who reads the key after us. */
static bool read_all(int fd, char *to, size_t n, struct sp_err *err)
{
	size_t at = 0;

	while (at < n) {
		ssize_t got = pread(fd, to + at, n - at, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sp_err_set(err, "the private key cannot be read: %s", strerror(errno));
		if (got == 0)
			return sp_err_set(err, "the private key's file became shorter");
		at += (size_t)got;
	}
	return true;
}

EVP_PKEY *sp_key_read(int fd, enum sp_key_kind *kind, struct sp_err *err)
{
	EVP_PKEY *key = NULL;
	struct stat st;
	char *pem;
	size_t n;

	if (fstat(fd, &st) != 0 || st.st_size > FILE_MOST) {
		sp_err_set(err, "no private key in PEM form");
		return NULL;
	}
	n = (size_t)st.st_size;
	pem = OPENSSL_secure_malloc(n + 1);
	if (pem == NULL)
		sp_err_set(err, "no memory for a private key");
	else if (read_all(fd, pem, n, err))
		key = parse(pem, n, err);
	OPENSSL_secure_clear_free(pem, n + 1);
	if (key == NULL || sp_key_kind_of(key, kind, err))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}
