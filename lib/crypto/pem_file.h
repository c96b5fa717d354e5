/* Files with keys and certificates. A write is whole or not at all; only the owner may read a key.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define PEM_FILE_MAX (1u << 20)

/* Appends. NOT_FOUND, TOO_LARGE (PEM_FILE_MAX), or IO_FAILED, which is logged. */
CHECKED enum status pem_file_read(const char *path, struct buffer *out);

enum pem_file_kind {
    PEM_FILE_PUBLIC, /* mode 0644 */
    PEM_FILE_SECRET, /* mode 0600 */
};

/* Replaces; on the disk when it returns OK. */
CHECKED enum status pem_file_write(const char *path, struct slice bytes, enum pem_file_kind kind);
