/*
 * Messages at the end of files, on a helper thread: as lines, with their length before them, as
 * members of gzip, or in Avro's container files (pubsub/avro_file.h). A message stands in a file whole
 * or not at all: what the disk took a part of is cut off again, and so is what an earlier process
 * left half written, with the first message of this one (pubsub/message_end.h), but only behind
 * where we began ourselves (pubsub/message_mark.h). A file that does not end in messages of its
 * kind, or in half of one that is not known to be ours, is set aside whole as PATH.torn-N, and begun
 * anew. A log line says so.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"

enum message_form {
    MESSAGE_GZIP,    /* a member of it */
    MESSAGE_LINE,
    MESSAGE_COUNTED, /* four bytes before it */
};

/* `first`: of this process in that file. *begun: nothing stood there before. FULL, IO_FAILED: nothing
 * was written. An empty body with its length is nothing, and is not written. */
CHECKED enum status message_file_append_thread(const char *path, enum message_form form,
                                               struct slice body, bool first, bool *begun);

/* Into the container of the schema `id`. `head`: what it begins with if it is not there yet;
 * NOT_FOUND: it is not, and the head is empty. */
CHECKED enum status message_file_append_avro_thread(const char *path, struct slice id,
                                                    struct slice head, struct slice body,
                                                    bool first, bool *begun);

/* To a descriptor that nothing can be cut off from. *done: bytes that it took before, 0 at first; what
 * failed goes on there. */
CHECKED enum status message_file_write_thread(int fd, enum message_form form, struct slice body,
                                              size_t *done);

/* What was appended is on the disk, and with `named` its names up to `folder`; wherever somebody took
 * the file meanwhile, if it is on that disk. After IO_FAILED it may be lost, whatever a second call
 * says. */
CHECKED enum status message_file_sync_thread(const char *path, const char *folder, bool named);
/* The same for all files of the disk that `folder` is on. */
CHECKED enum status message_file_sync_all_thread(const char *folder);
