#include "sp/tls/ticket.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "tls_int.h"

enum { PREVIOUS, CURRENT, NEXT };

/* The process's set. epoch grows with each change, so that sites know when to derive anew; 0 = no set yet. */
static struct {
	uint8_t secrets[SP_TLS_TICKET_SECRETS][SP_TLS_TICKET_SECRET];
	uint64_t epoch;
} set;
static uint64_t last_epoch;

void sp_tls_tickets_set(const uint8_t secrets[SP_TLS_TICKET_SECRETS][SP_TLS_TICKET_SECRET])
{
	memcpy(set.secrets, secrets, sizeof(set.secrets));
	set.epoch = ++last_epoch;
}

void sp_tls_tickets_get(uint8_t secrets[SP_TLS_TICKET_SECRETS][SP_TLS_TICKET_SECRET])
{
	memcpy(secrets, set.secrets, sizeof(set.secrets));
}

void sp_tls_tickets_rotate(const uint8_t fresh[SP_TLS_TICKET_SECRET])
{
	if (set.epoch == 0)
		return; /* nothing to follow: the first handshake draws a whole set */
	memmove(set.secrets[PREVIOUS], set.secrets[CURRENT], 2 * sizeof(set.secrets[0]));
	memcpy(set.secrets[NEXT], fresh, sizeof(set.secrets[NEXT]));
	set.epoch = ++last_epoch;
}

void sp_tls_tickets_forget(void)
{
	OPENSSL_cleanse(&set, sizeof(set));
}

static bool draw_own(void)
{
	if (RAND_priv_bytes((unsigned char *)set.secrets, sizeof(set.secrets)) != 1)
		return false;
	set.epoch = ++last_epoch;
	return true;
}

/* HMAC of a label, the site and a number under the secret. */
static bool derive_block(const uint8_t secret[SP_TLS_TICKET_SECRET], const struct sp_tls_site *site, uint8_t number,
			 uint8_t out[32])
{
	static const char label[16] = "sallyport ticket";
	uint8_t text[sizeof(label) + SP_TLS_SITE_ID + 1];

	memcpy(text, label, sizeof(label));
	memcpy(text + sizeof(label), site->id, SP_TLS_SITE_ID);
	text[sizeof(text) - 1] = number;
	return HMAC(EVP_sha256(), secret, SP_TLS_TICKET_SECRET, text, sizeof(text), out, NULL) != NULL;
}

static bool derive(const uint8_t secret[SP_TLS_TICKET_SECRET], const struct sp_tls_site *site,
		   struct sp_tls_ticket_key *key)
{
	uint8_t name[32];

	if (!derive_block(secret, site, 1, name) || !derive_block(secret, site, 2, key->aes) ||
	    !derive_block(secret, site, 3, key->hmac))
		return false;
	memcpy(key->name, name, sizeof(key->name));
	return true;
}

static bool follow_set(struct sp_tls_site *site)
{
	if (set.epoch == 0 && !draw_own())
		return false;
	if (site->tickets_epoch == set.epoch)
		return true;
	for (int i = 0; i < SP_TLS_TICKET_SECRETS; i++) {
		if (!derive(set.secrets[i], site, &site->tickets[i]))
			return false;
	}
	site->tickets_epoch = set.epoch;
	return true;
}

static bool use_mac(EVP_MAC_CTX *mac, struct sp_tls_ticket_key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof(key->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int make_ticket(struct sp_tls_ticket_key *key, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		       EVP_MAC_CTX *mac)
{
	const EVP_CIPHER *aes = EVP_aes_256_cbc();

	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) != 1 ||
	    EVP_EncryptInit_ex(cipher, aes, NULL, key->aes, iv) != 1 || !use_mac(mac, key))
		return -1;
	memcpy(name, key->name, sizeof(key->name));
	return 1;
}

/* 2: taken, and a new ticket is made. In 1.3 always: a client uses each ticket once, so that nobody can follow it. */
static int take_ticket(struct sp_tls_site *site, bool is_renewed, const unsigned char *name, const unsigned char *iv,
		       EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	for (int i = 0; i < SP_TLS_TICKET_SECRETS; i++) {
		struct sp_tls_ticket_key *key = &site->tickets[i];

		if (memcmp(name, key->name, sizeof(key->name)) != 0)
			continue;
		if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv) != 1 || !use_mac(mac, key))
			return -1;
		return is_renewed || i == PREVIOUS ? 2 : 1;
	}
	return 0; /* not ours, too old, or of another site: a full handshake */
}

int sp_tls_on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
		     int is_new)
{
	struct sp_tls_site *site = sp_tls_stream_of(ssl)->chosen;

	if (site == NULL || !follow_set(site))
		return -1;
	return is_new != 0 ? make_ticket(&site->tickets[CURRENT], name, iv, cipher, mac)
			   : take_ticket(site, SSL_version(ssl) == TLS1_3_VERSION, name, iv, cipher, mac);
}
