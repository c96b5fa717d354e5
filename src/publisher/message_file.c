#include "publisher/message_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "publisher/avro_file.h"

#define CHUNK 65536 /* of what is looked through, from the end */

static enum status write_all(int fd, struct slice s)
{
    while (s.len) {
        ssize_t n = write(fd, s.at, s.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC ? FULL : IO_FAILED;
        s = slice_skip(s, (size_t)n);
    }
    return OK;
}

static enum status make_folder(const char *path)
{
    struct slice folder = slice_of(path);
    while (folder.len && folder.at[folder.len - 1] != '/')
        folder.len--;
    char *text = slice_dup(folder);
    enum status s = file_make_directory(text);
    free(text);
    return s;
}

/* NOT_FOUND: it is not to be made. */
static enum status open_file(const char *path, bool make, int *fd)
{
    int flags = O_RDWR | O_APPEND | O_CLOEXEC | (make ? O_CREAT : 0);
    *fd = open(path, flags, 0640);
    if (*fd < 0 && errno == ENOENT && !make)
        return NOT_FOUND;
    if (*fd < 0 && errno == ENOENT && make_folder(path) == OK)
        *fd = open(path, flags, 0640);
    return *fd >= 0 ? OK : IO_FAILED;
}

/* ---- what an earlier process left ---- */

static bool read_at(int fd, uint8_t *out, size_t len, off_t at)
{
    while (len) {
        ssize_t n = pread(fd, out, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out += n;
        len -= (size_t)n;
        at += n;
    }
    return true;
}

/* Where the last `mark` ends; 0: there is none. */
static enum status find_end(int fd, off_t size, struct slice mark, off_t *out)
{
    uint8_t chunk[CHUNK];
    *out = 0;
    for (off_t end = size; end >= (off_t)mark.len;) {
        off_t from = end > CHUNK ? end - CHUNK : 0;
        size_t len = (size_t)(end - from);
        if (!read_at(fd, chunk, len, from))
            return IO_FAILED;
        for (size_t at = len - mark.len + 1; at-- > 0;)
            if (memcmp(chunk + at, mark.at, mark.len) == 0) {
                *out = from + (off_t)(at + mark.len);
                return OK;
            }
        if (from == 0)
            return OK;
        end = from + (off_t)mark.len - 1;
    }
    return OK;
}

/* Cuts off what stands behind the last mark. */
static enum status mend(const char *path, int fd, struct slice mark, off_t *size)
{
    off_t end;
    enum status s = find_end(fd, *size, mark, &end);
    if (s != OK || end == *size)
        return s;
    log_warn("file ends in a part of a message, which is cut off path=%s bytes=%lld", path,
             (long long)(*size - end));
    if (ftruncate(fd, end) != 0)
        return IO_FAILED;
    *size = end;
    return OK;
}

/* ---- appending ---- */

struct append {
    const char *path;
    struct slice head, body;
    struct slice mark; /* ends what is whole; empty: nothing does, or nobody needs to look */
    bool headed;       /* nothing can stand there before the head */
};

static enum status write_parts(const struct append *a, int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    enum status s = size < 0 ? IO_FAILED : OK;
    if (s == OK && a->mark.len)
        s = mend(a->path, fd, a->mark, &size);
    if (s == OK && size == 0 && a->headed && a->head.len == 0)
        return NOT_FOUND;
    if (s != OK)
        return s;
    if (size == 0)
        s = write_all(fd, a->head);
    if (s == OK)
        s = write_all(fd, a->body);
    if (s != OK && ftruncate(fd, size) != 0)
        log_warn("file not cut path=%s", a->path);
    return s;
}

static enum status append(const struct append *a, bool make)
{
    int fd;
    enum status s = open_file(a->path, make, &fd);
    if (s != OK)
        return s;
    s = write_parts(a, fd);
    close(fd);
    return s;
}

static void put_message(enum message_form form, struct slice body, struct buffer *out)
{
    if (form == MESSAGE_COUNTED)
        buffer_u32(out, (uint32_t)body.len);
    buffer_put(out, body);
    if (form == MESSAGE_LINE)
        buffer_u8(out, '\n');
}

enum status message_file_append_thread(const char *path, enum message_form form, struct slice body,
                                       bool first)
{
    struct buffer bytes = {0};
    put_message(form, body, &bytes);
    bool look = first && form == MESSAGE_LINE;
    enum status s = append(&(struct append){.path = path,
                                            .body = buffer_slice(&bytes),
                                            .mark = look ? SLICE("\n") : (struct slice){0}},
                           true);
    buffer_clear(&bytes);
    return s;
}

enum status message_file_append_avro_thread(const char *path, struct slice id, struct slice head,
                                            struct slice body, bool first)
{
    struct buffer block = {0}, mark = {0};
    avro_file_put_block(&block, body, id);
    if (first)
        avro_file_put_mark(&mark, id);
    enum status s = append(&(struct append){.path = path,
                                            .head = head,
                                            .body = buffer_slice(&block),
                                            .mark = buffer_slice(&mark),
                                            .headed = true},
                           head.len > 0);
    buffer_clear(&block);
    buffer_clear(&mark);
    return s;
}

enum status message_file_write_thread(int fd, enum message_form form, struct slice body)
{
    struct buffer bytes = {0};
    put_message(form, body, &bytes);
    enum status s = write_all(fd, buffer_slice(&bytes));
    buffer_clear(&bytes);
    return s;
}
