/* One request to the store on its way; for http*.c alone. It ends with blob_call_free(), after the
 * answer. */
#pragma once

#include "blob/error.h"
#include "blob/http.h"

#define BLOB_API_VERSION "2020-10-02" /* answered when the caller names none */

struct blob_call {
    struct rest_request *request;
    struct blob_store *store;
    unsigned granted; /* enum blob_permission */
    void *state;      /* the handler's own */
    struct blob_job job;
};

/* The names, the signature for any of these permissions, the conditions. NULL: it has been refused.
 */
struct blob_call *blob_call_begin(struct rest_request *r, unsigned any_of);
void blob_call_free(struct blob_call *call);

/* Asks the store; `done` gets the job, whose arg is the call. */
void blob_call_ask(struct blob_call *call, enum blob_what what,
                   void (*done)(struct blob_job *j, enum status why));

/* Each answers and frees the call. */
void blob_call_error(struct blob_call *call, enum blob_error e, const char *detail);
void blob_call_fail(struct blob_call *call, enum status why); /* of the job */
void blob_call_reply(struct blob_call *call, int status);
void blob_call_xml(struct blob_call *call, int status, struct slice xml);

/* x-ms-version and its kin. */
void blob_call_add_common(struct blob_call *call);
/* ETag, Last-Modified. */
void blob_call_add_facts(struct blob_call *call, const struct blob_facts *f);
/* "0x8DC…" */
void blob_etag_print(uint64_t etag, struct buffer *out);

rest_handler blob_http_put, blob_http_get, blob_http_delete; /* a blob */
rest_handler blob_http_container_put, blob_http_container_get,
    blob_http_container_delete; /* a container */
