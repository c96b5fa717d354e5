/*
 * Where the last whole message in a file ends, so that what an earlier process left half written
 * behind it can be cut off. On a helper thread.
 *
 * Messages begin at `from`; what stands before is not looked at. Each answers OK and *end, which is
 * `size` when nothing is torn, and `from` when no message is whole; BAD_FORMAT: what stands at the
 * end is no part of one message, and nobody should cut it off; IO_FAILED. Whose file it is they do
 * not ask (pubsub/message_mark.h).
 */
#pragma once

#include <sys/types.h>

#include "base/slice.h"
#include "base/status.h"

#define MESSAGE_END_MAX (16 << 20) /* bytes that may be cut off */

/* Messages that end with that mark: it is looked for from the end on. */
CHECKED enum status message_end_marked(int fd, off_t from, off_t size, struct slice mark,
                                       off_t *end);

/* Messages with four bytes before them: read from length to length. */
CHECKED enum status message_end_counted(int fd, off_t from, off_t size, off_t *end);

/* Members of gzip: the last whole one is looked for from the end on. */
CHECKED enum status message_end_gzip(int fd, off_t from, off_t size, off_t *end);

/* All of that; false: it cannot be read. */
bool message_end_read(int fd, uint8_t *out, size_t len, off_t at);
/* What a power failure leaves where a file had grown and nothing was written. */
CHECKED enum status message_end_is_zero(int fd, off_t at, off_t size, bool *out);
