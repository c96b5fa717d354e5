/*
 * Small files, whole: configuration, keys, lists. They block: for program start, and from loop_work().
 * The durable stores of messages use store/disk.h.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define FILE_READ_MAX (64u << 20)

/* Appends. NOT_FOUND, TOO_LARGE (FILE_READ_MAX), or IO_FAILED, which is logged with the path: also for what is
 * no regular file, such as a pipe or a folder. */
CHECKED enum status file_read(const char *path, struct buffer *out);

/* Replaces: a reader sees the old file or the new one, whole, and the new one is on the disk when it returns
 * OK, where its folder may be read. Readable for its user alone; the public one for everybody. NOT_FOUND: there is no such folder. FULL. */
CHECKED enum status file_write(const char *path, struct slice bytes);
CHECKED enum status file_write_public(const char *path, struct slice bytes);

/* What stands there when a write was not OK. */
enum file_after {
    FILE_AS_BEFORE,
    FILE_NEW, /* whole, and the disk did not say that it keeps it: without power the old one may come back */
    FILE_TORN /* neither the old nor the new one; the log says where the old one is kept */
};

/* The same for a file that people and other programs have too: mode and owner stay as they are, and a link to it
 * stays a link. A file that no other can take the place of, because it is mounted by itself or nothing may be made
 * in its folder, is written in place, and the old text put back when that fails: then a crash can leave a part of
 * it. *after counts where it is not OK. */
CHECKED enum status file_rewrite(const char *path, struct slice bytes, enum file_after *after);

/* With its parents, for the user alone. OK when it is there already. */
CHECKED enum status file_make_directory(const char *path);

/* After it the files that were made, renamed or removed in the folder are so on the disk. errno says why not. */
CHECKED bool file_sync_directory(const char *path);

/* Renames it to `path`.damaged, over an older one, so that a program can start without it and a person can look
 * at it. Says so in the log. */
void file_set_aside(const char *path);
