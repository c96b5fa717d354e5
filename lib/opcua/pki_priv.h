/* The inside of a pki, for pki.c (the own certificate, what clients get) and pki_trust.c (whom to
 * trust). */
#pragma once

#include <stdio.h>

#include "base/buffer.h"
#include "opcua/pki.h"

#define PKI_PATH_MAX 4096
#define PKI_FILE_MAX (64u << 10) /* of a certificate or a revocation list */

struct opcua_pki {
    char *directory;
    char *application_uri;
    char *application_name;
    bool trust_all;
    struct buffer certificate, key; /* DER */
};

static inline void pki_path(const struct opcua_pki *pki, const char *name, char out[PKI_PATH_MAX])
{
    snprintf(out, PKI_PATH_MAX, "%s/%s", pki->directory, name);
}
