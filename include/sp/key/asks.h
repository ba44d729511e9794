/*
 * asks - what a private key may be asked to sign: a TLS server's own texts, or a
 * client's for a key that is shown to backends, and nothing else. No key signs
 * both.
 *
 * TLS 1.3: CertificateVerify (RFC 8446 4.4.3): 64 spaces, the context string
 * of the server or client, a zero, a transcript hash. TLS 1.2: the ServerKeyExchange of ECDHE
 * (RFC 8422 5.4): both randoms and parameters on X25519 or P-256. Their lengths
 * differ, so no text is of both kinds.
 */
#ifndef SP_KEY_ASKS_H
#define SP_KEY_ASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "sp/base/err.h"

enum sp_key_kind { SP_KEY_P256 = 1, SP_KEY_P384 = 2, SP_KEY_RSA = 4 }; /* bits, for the table */

enum sp_key_use { SP_KEY_SERVER, SP_KEY_CLIENT }; /* by the section that declares it: [tls], [pool] */

enum sp_key_text { SP_KEY_TEXT_NONE, SP_KEY_TEXT_TLS13, SP_KEY_TEXT_TLS12, SP_KEY_TEXT_CLIENT13 };

struct sp_key_scheme {
	uint16_t number; /* SignatureScheme of RFC 8446 */
	const char *hash; /* as OpenSSL calls it */
	bool is_rsa, is_pss;
	unsigned kinds[3]; /* of keys that may sign so, by enum sp_key_text; a client's text goes by that of the server */
};

enum sp_key_text sp_key_text_of(const uint8_t *text, size_t n);
/* NULL: unknown. */
const struct sp_key_scheme *sp_key_scheme_of(uint32_t number);
/* The scheme of a key family, padding and hash; NULL: none that we sign by. */
const struct sp_key_scheme *sp_key_scheme_find(bool is_rsa, bool is_pss, const char *hash);
/* number: of a scheme (RFC 8446 4.2.3). NULL: may be signed; else one word why not. */
const char *sp_key_refusal(enum sp_key_kind kind, enum sp_key_use use, uint32_t number, const uint8_t *text, size_t n);

/* RSA of 2048 to 4096 bits, P-256 or P-384. false with *err: another. */
SP_MUST_USE bool sp_key_kind_of(const EVP_PKEY *key, enum sp_key_kind *kind, struct sp_err *err);

#endif
