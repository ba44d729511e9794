/*
 * reason - OpenSSL's error queue to one word for the log.
 */
#include "tls_int.h"

#include <openssl/err.h>

#include "sp/base/check.h"

static const struct {
	int reason;
	const char *word;
} words[] = {
	{ SSL_R_NO_SHARED_CIPHER, "no_shared_cipher" },
	{ SSL_R_NO_SHARED_GROUPS, "no_shared_group" },
	{ SSL_R_NO_SUITABLE_KEY_SHARE, "no_shared_group" },
	{ SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, "no_shared_signature" },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "no_shared_signature" },
	{ SSL_R_NO_APPLICATION_PROTOCOL, "no_application_protocol" },
	{ SSL_R_UNSUPPORTED_PROTOCOL, "wrong_version" },
	{ SSL_R_WRONG_VERSION_NUMBER, "wrong_version" },
	{ SSL_R_WRONG_SSL_VERSION, "wrong_version" },
	{ SSL_R_VERSION_TOO_LOW, "wrong_version" },
	{ SSL_R_UNKNOWN_PROTOCOL, "wrong_version" },
	{ SSL_R_INAPPROPRIATE_FALLBACK, "inappropriate_fallback" },
	{ SSL_R_HTTP_REQUEST, "http_request" },
	{ SSL_R_HTTPS_PROXY_REQUEST, "http_request" },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "no_client_certificate" },
	{ SSL_R_CERTIFICATE_VERIFY_FAILED, "bad_client_certificate" },
	{ SSL_R_NO_RENEGOTIATION, "renegotiation" },
	{ SSL_R_UNEXPECTED_EOF_WHILE_READING, "tls_truncated" },
	{ SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "bad_record" },
	{ SSL_R_ENCRYPTED_LENGTH_TOO_LONG, "bad_record" },
	{ SSL_R_PACKET_LENGTH_TOO_LONG, "bad_record" },
	{ SSL_R_LENGTH_MISMATCH, "bad_message" },
	{ SSL_R_EXCESSIVE_MESSAGE_SIZE, "bad_message" },
	{ SSL_R_BAD_EXTENSION, "bad_message" },
	{ SSL_R_UNEXPECTED_MESSAGE, "unexpected_message" },
	{ SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "alert_handshake_failure" },
	{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "alert_bad_certificate" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "alert_certificate_expired" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "alert_certificate_unknown" },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_CA, "alert_unknown_ca" },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "alert_protocol_version" },
	{ SSL_R_TLSV1_ALERT_USER_CANCELLED, "alert_user_cancelled" },
};

const char *sp_tls_reason(void)
{
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_REASON(e);
	bool is_ssl = ERR_GET_LIB(e) == ERR_LIB_SSL;

	ERR_clear_error();
	for (size_t i = 0; is_ssl && i < SP_COUNT(words); i++) {
		if (words[i].reason == reason)
			return words[i].word;
	}
	return is_ssl && reason >= SSL_AD_REASON_OFFSET ? "tls_alert" : "tls_error";
}
