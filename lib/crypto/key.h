/* Private keys, as PEM (PKCS #8) text or DER. A secret: for files see file_write(). */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

enum key_kind { KEY_EC_P256, KEY_RSA_2048, KEY_RSA_3072 };

/* Appends PEM. RSA takes a moment: up to a second. */
void key_new(enum key_kind kind, struct buffer *pem);

/* The public half of a private key, as PEM (SubjectPublicKeyInfo). Appends. */
CHECKED enum status key_public(struct slice private_pem, struct buffer *pem);

/* PEM to DER (PKCS #8). Appends. */
CHECKED enum status key_der(struct slice pem, struct buffer *der);
