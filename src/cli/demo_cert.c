#include "demo.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define DAYS 10

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

/* A fresh serial number: browsers refuse a second certificate of the same issuer and number. */
static bool set_serial(X509 *cert)
{
	uint64_t number;

	return RAND_bytes((unsigned char *)&number, sizeof(number)) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), number >> 1) == 1;
}

static bool fill(X509 *cert, EVP_PKEY *key)
{
	static const unsigned char name[] = "sallyport demo";
	X509_NAME *subject = X509_get_subject_name(cert);

	return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(cert), DAYS * 86400L) != NULL &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, subject) == 1 && X509_set_pubkey(cert, key) == 1 &&
	       add_extension(cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
	       add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(cert, NID_ext_key_usage, "serverAuth") && X509_sign(cert, key, EVP_sha256()) > 0;
}

static FILE *create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (file == NULL && fd >= 0)
		close(fd);
	return file;
}

static bool write_pem(const char *path, X509 *cert, EVP_PKEY *key)
{
	FILE *file = create(path);
	bool ok;

	if (file == NULL)
		return false;
	ok = cert != NULL ? PEM_write_X509(file, cert) == 1
			  : PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
	return fclose(file) == 0 && ok;
}

bool sp_demo_cert(const char *chain_path, const char *key_path, struct sp_err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	bool ok = key != NULL && cert != NULL && fill(cert, key);

	if (!ok)
		sp_err_set(err, "cannot make a certificate");
	else if (!write_pem(chain_path, cert, NULL) || !write_pem(key_path, NULL, key))
		ok = sp_err_set(err, "cannot write %s: %s", chain_path, strerror(errno));
	X509_free(cert);
	EVP_PKEY_free(key);
	return ok;
}
