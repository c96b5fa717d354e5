/*
 * Messages at the end of files, on a helper thread: as lines, with their length before them, as
 * they are, or in Avro's container files (publisher/avro_file.h). A message stands in a file whole
 * or not at all: what the disk took a part of is cut off again, and so is what an earlier process
 * left half written, of lines and containers, with the first message of this one.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"

enum message_form {
    MESSAGE_RAW,
    MESSAGE_LINE,
    MESSAGE_COUNTED, /* four bytes before it */
};

/* `first`: of this process in that file. FULL, IO_FAILED: nothing was written. */
CHECKED enum status message_file_append_thread(const char *path, enum message_form form,
                                               struct slice body, bool first);

/* Into the container of the schema `id`. `head`: what it begins with if it is not there yet;
 * NOT_FOUND: it is not, and the head is empty. */
CHECKED enum status message_file_append_avro_thread(const char *path, struct slice id,
                                                    struct slice head, struct slice body,
                                                    bool first);

/* To a descriptor that nothing can be cut off from. */
CHECKED enum status message_file_write_thread(int fd, enum message_form form, struct slice body);
