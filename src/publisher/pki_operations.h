/*
 * The certificate stores for callers: OPC Publisher's "PKI" operations, by direct method
 * (pki_methods.c) and by the module's HTTP API, which calls those. They block on the disk.
 */
#pragma once

#include "base/buffer.h"
#include "opcua/pki_store.h"
#include "json/json.h"

struct pki_ask {
    struct slice store, thumbprint; /* empty where the operation has none */
    struct slice bytes;             /* a certificate, a chain or a revocation list */
    const char *password;           /* of a key; NULL: none */
};

/* Appends the answer's JSON, or nothing. Else why not, and what to do in *detail: a constant text.
 */
typedef enum status pki_operation_fn(struct opcua_pki *pki, const struct pki_ask *ask,
                                     struct buffer *json, const char **detail);

struct pki_operation {
    const char *name; /* "ListCertificates" */
    const char *parameter; /* the only one: its value is the payload; NULL: an object of several */
    pki_operation_fn *run;
};

/* All of them. */
extern const struct pki_operation pki_operations[];
extern const size_t pki_operation_count;

/* From a direct method's payload: an object with the parameters' names in any case, or the value of
 * the only one. Bytes are base64 there. BAD_FORMAT. `ask` borrows from `payload`, and `bytes` (to
 * be cleared by the caller). */
CHECKED enum status pki_ask_read(const struct pki_operation *o, const struct json *payload,
                                 struct buffer *bytes, struct buffer *password,
                                 struct pki_ask *ask);
