/* "bytes=0-499", "bytes=500-", "bytes=-500": a part of a blob (RFC 9110, 14.1.2). Pure. */
#pragma once

#include "base/slice.h"
#include "base/status.h"

struct blob_range {
    uint64_t at, len;
};

/*
 * NOT_FOUND: nothing is named, or several parts, or another unit: the whole is meant. BAD_FORMAT:
 * it is no range. BAD_ARGUMENT: it begins past the end (416).
 */
CHECKED enum status blob_range_parse(struct slice header, uint64_t blob_bytes,
                                     struct blob_range *out);
