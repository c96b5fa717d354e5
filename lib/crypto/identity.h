/*
 * A certificate together with its private key, as people hand it over: PKCS #12 (.pfx, .p12), or
 * PEM with both, or a key alone beside a certificate. Passwords are tried as given; none is asked
 * for.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

struct identity {
    struct buffer certificate; /* DER; empty: there was a key alone */
    struct buffer issuers;     /* DER, one behind the other: what came with it */
    struct buffer key;         /* DER (PKCS #8), secret */
};

/* UNAUTHORIZED: the password is wrong or missing. BAD_FORMAT: there is no key in it, or it is not
 * the certificate's. `password` NULL: none. */
CHECKED enum status identity_read(struct slice bytes, const char *password, struct identity *out);
void identity_clear(struct identity *i);

/* Whether the key is the certificate's. Both DER. */
bool identity_fits(struct slice certificate, struct slice key);

/* PKCS #12 with the certificate, and with its key unless that is empty. Appends. `password` NULL:
 * the key is not kept secret by it. */
CHECKED enum status identity_pfx(struct slice certificate, struct slice key, const char *password,
                                 struct buffer *pfx);
