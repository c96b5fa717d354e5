#include "pubsub/message_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "pubsub/avro_file.h"
#include "pubsub/message_end.h"
#include "pubsub/message_mark.h"

#define ASIDE_MAX 1000 /* names for what is set aside; then the last is written over */

/* *s is what is left. */
static enum status write_all(int fd, struct slice *s)
{
    while (s->len) {
        ssize_t n = write(fd, s->at, s->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC ? FULL : IO_FAILED;
        *s = slice_skip(*s, (size_t)n);
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

/* How the end of what is whole is found. */
enum ends {
    ENDS_UNSEEN, /* nobody needs to look */
    ENDS_MARKED,
    ENDS_COUNTED,
    ENDS_GZIP,
};

struct append {
    const char *path;
    struct slice head, body;
    enum ends ends;
    struct slice mark; /* of ENDS_MARKED */
    bool headed;       /* nothing can stand there before the head */
    bool make;         /* the file, where there is none */
    bool marks;        /* out: it is another's so far, and ours from its end on */
    bool begun;        /* out: nothing stood there */
};

static enum status find_end(const struct append *a, int fd, off_t from, off_t size, off_t *end)
{
    switch (a->ends) {
    case ENDS_MARKED:
        return message_end_marked(fd, from, size, a->mark, end);
    case ENDS_COUNTED:
        return message_end_counted(fd, from, size, end);
    case ENDS_GZIP:
        return message_end_gzip(fd, from, size, end);
    case ENDS_UNSEEN:
        break;
    }
    *end = size;
    return OK;
}

static enum status cut_off(const char *path, int fd, off_t size, off_t end)
{
    log_warn("file ends in a part of a message, which is cut off path=%s bytes=%lld", path,
             (long long)(size - end));
    return ftruncate(fd, end) == 0 ? OK : IO_FAILED;
}

/* What stands there stays as it is, under another name. */
static enum status set_aside(const char *path)
{
    struct buffer name = {0};
    int n = 0;
    do {
        buffer_reset(&name);
        buffer_printf(&name, "%s.torn-%d", path, ++n);
    } while (n < ASIDE_MAX && access(buffer_cstr(&name), F_OK) == 0);
    bool moved = rename(path, buffer_cstr(&name)) == 0;
    if (moved)
        log_warn("file does not end in messages of its kind: it is set aside path=%s to=%s", path,
                 buffer_cstr(&name));
    buffer_clear(&name);
    return moved ? OK : IO_FAILED;
}

/* ---- appending ---- */

/* Others' files are gone on with where they end in messages of the kind, and never cut. BAD_FORMAT:
 * it does not end as it should, and is to be set aside. */
static enum status mend(struct append *a, int fd, off_t *size)
{
    off_t from = 0, end = *size;
    enum status s = *size > 0 ? message_mark_find(fd, *size, &from) : OK;
    bool ours = s == OK;
    if (s == NOT_FOUND || s == OK)
        s = find_end(a, fd, from, *size, &end);
    if (s == OK && end < *size)
        s = ours ? cut_off(a->path, fd, *size, end) : BAD_FORMAT;
    *size = end;
    a->marks = !ours;
    return s;
}

static void mark(const struct append *a, int fd, off_t size)
{
    struct buffer begins = {0};
    if (size == 0)
        buffer_put(&begins, slice_first(a->head, MESSAGE_MARK_BYTES));
    buffer_put(&begins, slice_first(a->body, MESSAGE_MARK_BYTES));
    message_mark_set(fd, size, buffer_slice(&begins));
    buffer_clear(&begins);
}

static enum status write_parts(struct append *a, int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    enum status s = size < 0 ? IO_FAILED : a->ends == ENDS_UNSEEN ? OK : mend(a, fd, &size);
    if (s == OK && size == 0 && a->headed && a->head.len == 0)
        return NOT_FOUND;
    if (s != OK)
        return s;
    struct slice head = a->head, body = a->body;
    a->begun = size == 0;
    if (a->begun || a->marks)
        mark(a, fd, size);
    if (size == 0)
        s = write_all(fd, &head);
    if (s == OK)
        s = write_all(fd, &body);
    if (s != OK && ftruncate(fd, size) != 0)
        log_warn("file not cut path=%s", a->path);
    return s;
}

static enum status append_once(struct append *a)
{
    int fd;
    enum status s = open_file(a->path, a->make, &fd);
    if (s != OK)
        return s;
    s = write_parts(a, fd);
    close(fd);
    return s;
}

static enum status append(struct append *a)
{
    enum status s = append_once(a);
    if (s != BAD_FORMAT)
        return s;
    s = set_aside(a->path);
    return s == OK ? append_once(a) : s;
}

static void put_message(enum message_form form, struct slice body, struct buffer *out)
{
    if (form == MESSAGE_COUNTED)
        buffer_u32(out, (uint32_t)body.len);
    buffer_put(out, body);
    if (form == MESSAGE_LINE)
        buffer_u8(out, '\n');
}

/* A length of none would be taken for the end. */
static bool is_nothing(enum message_form form, struct slice body)
{
    return form == MESSAGE_COUNTED && body.len == 0;
}

enum status message_file_append_thread(const char *path, enum message_form form, struct slice body,
                                       bool first, bool *begun)
{
    static const enum ends ends[] = {[MESSAGE_GZIP] = ENDS_GZIP,
                                     [MESSAGE_LINE] = ENDS_MARKED,
                                     [MESSAGE_COUNTED] = ENDS_COUNTED};
    struct buffer bytes = {0};
    *begun = false;
    if (is_nothing(form, body))
        return OK;
    put_message(form, body, &bytes);
    struct append a = {.path = path,
                       .body = buffer_slice(&bytes),
                       .ends = first ? ends[form] : ENDS_UNSEEN,
                       .mark = SLICE("\n"),
                       .make = true};
    enum status s = append(&a);
    *begun = a.begun;
    buffer_clear(&bytes);
    return s;
}

enum status message_file_append_avro_thread(const char *path, struct slice id, struct slice head,
                                            struct slice body, bool first, bool *begun)
{
    struct buffer block = {0}, mark = {0};
    avro_file_put_block(&block, body, id);
    avro_file_put_mark(&mark, id);
    struct append a = {.path = path,
                       .head = head,
                       .body = buffer_slice(&block),
                       .ends = first ? ENDS_MARKED : ENDS_UNSEEN,
                       .mark = buffer_slice(&mark),
                       .headed = true,
                       .make = head.len > 0};
    enum status s = append(&a);
    *begun = a.begun;
    buffer_clear(&block);
    buffer_clear(&mark);
    return s;
}

enum status message_file_write_thread(int fd, enum message_form form, struct slice body,
                                      size_t *done)
{
    struct buffer bytes = {0};
    if (is_nothing(form, body))
        return OK;
    put_message(form, body, &bytes);
    struct slice rest = slice_skip(buffer_slice(&bytes), *done);
    enum status s = write_all(fd, &rest);
    *done = bytes.len - rest.len;
    buffer_clear(&bytes);
    return s;
}

/* ---- on the disk itself ---- */

/* NOT_FOUND: somebody took it away. */
static enum status sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? NOT_FOUND : IO_FAILED;
    int r = fsync(fd);
    close(fd);
    return r == 0 ? OK : IO_FAILED;
}

enum status message_file_sync_all_thread(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return IO_FAILED;
    int r = syncfs(fd);
    close(fd);
    return r == 0 ? OK : IO_FAILED;
}

static enum status sync_names(const char *path, const char *folder)
{
    enum status s = OK;
    char *parent = memory_text(path);
    size_t least = strlen(folder);
    bool more = true;
    for (char *slash; s == OK && more && (slash = strrchr(parent, '/'));) {
        *slash = 0;
        s = strlen(parent) >= least ? sync_path(parent, O_RDONLY | O_DIRECTORY) : OK;
        more = strlen(parent) > least;
    }
    free(parent);
    return s;
}

enum status message_file_sync_thread(const char *path, const char *folder, bool named)
{
    enum status s = sync_path(path, O_RDONLY);
    if (s == OK && named)
        s = sync_names(path, folder);
    return s == NOT_FOUND ? message_file_sync_all_thread(folder) : s;
}
