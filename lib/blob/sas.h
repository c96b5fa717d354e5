/*
 * Shared access signatures of the blob store: who has one may do what it says, until it expires.
 * They stand in the query of a URL, and are signed as Azure Storage signs them (service SAS of
 * version 2018-11-09 and later, account SAS), so that its tools can make them with the account's
 * key. Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "rest/route.h"

/* What a signature may permit; the letters of "sp". */
enum blob_permission {
    BLOB_READ = 1,
    BLOB_ADD = 2,
    BLOB_CREATE = 4,
    BLOB_WRITE = 8,
    BLOB_DELETE = 16,
    BLOB_LIST = 32,
};

#define BLOB_SAS_VERSION "2020-10-02" /* of those that are made here */

struct blob_account {
    const char *name;
    struct slice key; /* base64 */
};

/* What a request wants to do. */
struct blob_wish {
    struct slice container, blob; /* names, decoded; no blob: the container itself */
    unsigned any_of;              /* enum blob_permission: one of these is enough */
    struct slice peer;            /* "address:port", for "sip" */
    uint64_t now_ms;
};

/*
 * OK, with all the permissions that it grants for the thing. UNAUTHORIZED: not signed with the key,
 * expired, not valid yet, for other addresses, or of a form that is not known; FORBIDDEN: signed,
 * but not for this. *why is for the log.
 */
CHECKED enum status blob_sas_check(const struct blob_account *account,
                                   const struct rest_field *query, size_t query_count,
                                   const struct blob_wish *wish, unsigned *granted,
                                   const char **why);

/* What a made one is for. */
struct blob_sas {
    struct slice container, blob; /* no blob: the whole container; neither: the account */
    unsigned permissions;
    uint64_t expires_ms;
};

/* Appends the query without its '?'. BAD_ARGUMENT: the account's key is no base64. */
CHECKED enum status blob_sas_make(const struct blob_account *account, const struct blob_sas *want,
                                  struct buffer *out);
