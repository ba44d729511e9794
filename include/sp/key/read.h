/*
 * read - a private key out of an open file. For the keeper and for `check`.
 */
#ifndef SP_KEY_READ_H
#define SP_KEY_READ_H

#include <openssl/evp.h>

#include "sp/base/err.h"
#include "sp/key/asks.h"

/* From the file's beginning, whatever was read of it before. NULL with *err: no key in PEM form, an encrypted one, or
 * one of a kind that we do not serve. The text lives in OpenSSL's secure memory, where that was made, and is gone on
 * return. */
SP_MUST_USE EVP_PKEY *sp_key_read(int fd, enum sp_key_kind *kind, struct sp_err *err);

#endif
