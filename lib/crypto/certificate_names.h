/* What else a certificate says of itself, for people who look at it. */
#pragma once

#include "crypto/certificate.h"

#define CERTIFICATE_NAME_MAX 1024
#define CERTIFICATE_SERIAL_MAX 128

struct certificate_names {
    char subject[CERTIFICATE_NAME_MAX], issuer[CERTIFICATE_NAME_MAX]; /* "CN=d1,O=site", RFC 2253 */
    char serial[CERTIFICATE_SERIAL_MAX]; /* upper-case hex */
    int version;                         /* 3 */
};

/* BAD_FORMAT when it is no certificate, or a text in it is too long. */
CHECKED enum status certificate_names(struct slice der, struct certificate_names *out);
