/*
 * Where the last whole message in a file ends, so that what an earlier process left half written
 * behind it can be cut off. On a helper thread.
 *
 * Each answers OK and *end, which is `size` when nothing is torn; BAD_FORMAT: what stands at the
 * end is no part of one message, or nothing in the file is ours, and nobody should cut it off;
 * IO_FAILED.
 */
#pragma once

#include <sys/types.h>

#include "base/slice.h"
#include "base/status.h"

#define MESSAGE_END_MAX (16 << 20) /* bytes that may be cut off */

/* Messages that end with that mark, looked for from the end on. Where there is none the file is a
 * first message, torn, if it begins as one of `heads` does. */
CHECKED enum status message_end_marked(int fd, off_t size, struct slice mark,
                                       const struct slice *heads, size_t count, off_t *end);

/* Messages with four bytes before them: read from the beginning, from length to length. */
CHECKED enum status message_end_counted(int fd, off_t size, off_t *end);

/* Members of gzip: the last whole one is looked for from the end on. */
CHECKED enum status message_end_gzip(int fd, off_t size, off_t *end);
