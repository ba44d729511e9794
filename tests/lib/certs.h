/*
 * certs - certificates made on the spot, as PEM text: an authority, and leaves
 * it signs. Keys of one kind are made once a process.
 */
#ifndef T_CERTS_H
#define T_CERTS_H

#include <stdbool.h>

#include "sp/base/str.h"

enum cert_key { CERT_P256, CERT_P384, CERT_P521, CERT_RSA2048, CERT_RSA1024, CERT_ED25519 };

struct cert_wish {
	enum cert_key key;
	const char *common_name; /* of the subject; NULL = "test" */
	const char *alt; /* as openssl writes it: "DNS:a.test,DNS:*.b.test"; NULL = none */
	int from_days, to_days; /* from now; both 0 = -1 to 90 */
	bool is_ca;
	bool is_client, is_server; /* extended key usage clientAuth, serverAuth */
	const struct cert *issuer; /* NULL = itself */
	long serial; /* 0 = 1 */
};

struct cert {
	struct sp_str pem, key_pem; /* owned */
	void *x509, *key; /* owned: for signing others */
};

void cert_make(struct cert *cert, const struct cert_wish *wish);
void cert_drop(struct cert *cert);
/* A list of the revoked serial, signed by ca; freed by the caller. */
struct sp_str cert_crl(const struct cert *ca, long revoked);
/* Two PEM texts behind each other; freed by the caller. */
struct sp_str cert_join(struct sp_str a, struct sp_str b);

#endif
