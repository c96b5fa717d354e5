/*
 * Small files, whole: configuration, keys, lists. They block: for program start, and from loop_work().
 * The durable stores of messages use store/disk.h.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define FILE_READ_MAX (64u << 20)

/* Appends. NOT_FOUND, TOO_LARGE, IO_FAILED (the log line has the path and why). */
CHECKED enum status file_read(const char *path, struct buffer *out);

/* Writes beside it, syncs, and puts it in place of the old one: a reader sees the old or the new, whole.
 * Readable for the user alone. */
CHECKED enum status file_write(const char *path, struct slice bytes);

/* With its parents, for the user alone. OK when it is there already. */
CHECKED enum status file_make_directory(const char *path);
