/* What Azure Storage calls what goes wrong: its status, its code, its words. One table. */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

enum blob_error {
    BLOB_ERROR_CONTAINER_NOT_FOUND,
    BLOB_ERROR_CONTAINER_EXISTS,
    BLOB_ERROR_BLOB_NOT_FOUND,
    BLOB_ERROR_BLOB_EXISTS,
    BLOB_ERROR_CONDITION,
    BLOB_ERROR_AUTHENTICATION,
    BLOB_ERROR_PERMISSION,
    BLOB_ERROR_NAME,
    BLOB_ERROR_QUERY,
    BLOB_ERROR_HEADER,
    BLOB_ERROR_HEADER_MISSING,
    BLOB_ERROR_HEADER_UNSUPPORTED,
    BLOB_ERROR_RANGE,
    BLOB_ERROR_MD5,
    BLOB_ERROR_CRC64,
    BLOB_ERROR_BLOCK_ID,
    BLOB_ERROR_BLOCK_LIST,
    BLOB_ERROR_BLOCK_COUNT,
    BLOB_ERROR_XML,
    BLOB_ERROR_TOO_LARGE,
    BLOB_ERROR_TIMED_OUT,
    BLOB_ERROR_BODY,
    BLOB_ERROR_FULL,
    BLOB_ERROR_BUSY,
    BLOB_ERROR_INTERNAL,
    BLOB_ERROR_COUNT
};

struct blob_error_wire {
    int http;
    const char *code;
    const char *text;
};

/* Never NULL. */
const struct blob_error_wire *blob_error_wire(enum blob_error e);

/* The answer's body; `detail` may be NULL and then the table's own words stand there. */
void blob_error_body(enum blob_error e, const char *detail, struct slice request_id,
                     uint64_t wall_ms, struct buffer *out);
