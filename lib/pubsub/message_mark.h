/*
 * A mark on a file, as an extended attribute: from where on what stands in it is ours, and with
 * which bytes that begins. Only what has it may be cut off after a crash. It goes with the file
 * wherever that is moved, and is there before the first byte of ours: file systems keep that order
 * over a power failure. A copy has none, and neither has a file on a file system without
 * attributes: then nothing in it counts as ours. On a helper thread.
 */
#pragma once

#include <sys/types.h>

#include "base/slice.h"
#include "base/status.h"

#define MESSAGE_MARK_BYTES 64 /* of what is written that the mark has */

/* What is written next, at `from`, is `begins` and more. */
void message_mark_set(int fd, off_t from, struct slice begins);

/* From where on the file is ours, as far as those bytes are still there or were never written;
 * NOT_FOUND: nothing in it is; IO_FAILED. */
CHECKED enum status message_mark_find(int fd, off_t size, off_t *from);
