#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

static enum status failed(const char *what, const char *path)
{
    int error = errno;
    if (error == ENOENT)
        return NOT_FOUND;
    log_error("file failed doing=%s path=%s reason=%s", what, path, strerrorname_np(error));
    return error == ENOSPC || error == EDQUOT ? FULL : IO_FAILED;
}

static enum status regular(int fd, const char *path)
{
    struct stat facts;
    if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode))
        return OK;
    log_error("not a file path=%s", path);
    return IO_FAILED;
}

enum status file_read(const char *path, struct buffer *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC |
                            O_NONBLOCK); /* a pipe would hold us until somebody writes */
    if (fd < 0)
        return failed("open", path);
    enum status status = regular(fd, path);
    size_t before = out->len;
    while (status == OK) {
        ssize_t n = read(fd, buffer_reserve(out, 16384), 16384);
        if (n > 0)
            buffer_added(out, (size_t)n);
        if (n < 0 && errno != EINTR)
            status = failed("read", path);
        if (out->len - before > FILE_READ_MAX)
            status = TOO_LARGE;
        if (n == 0)
            break;
    }
    close(fd);
    if (status != OK)
        out->len = before;
    return status;
}

static bool write_all(int fd, struct slice rest)
{
    while (rest.len) {
        ssize_t n = write(fd, rest.at, rest.len);
        if (n < 0 && errno != EINTR)
            return false;
        rest = slice_skip(rest, n > 0 ? (size_t)n : 0);
    }
    return fsync(fd) == 0;
}

bool file_sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced;
}

/* A folder that we may write and not read, or a file system that does not sync folders, is as good as it gets. */
static bool sync_directory_of(const char *path)
{
    char *copy = memory_text(path);
    bool synced = file_sync_directory(dirname(copy)) || errno == EACCES || errno == EINVAL;
    free(copy);
    return synced;
}

/* As `like`, where we may. */
static bool take_over(int fd, const struct stat *like)
{
    return (fchown(fd, like->st_uid, like->st_gid) == 0 || errno == EPERM) &&
           fchmod(fd, like->st_mode & 07777) == 0;
}

/* ---- in place ---- */

/* *done: how many of them are there now. */
static bool write_at(int fd, struct slice bytes, size_t at, size_t *done)
{
    *done = 0;
    while (*done < bytes.len) {
        ssize_t n = pwrite(fd, bytes.at + *done, bytes.len - *done, (off_t)(at + *done));
        if (n < 0 && errno != EINTR)
            return false;
        *done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* What it has more than the old text comes first, and behind that: without room, quota or leave for that length
 * nothing is lost yet. *over: so much of the old text may be gone. */
static bool write_over(int fd, struct slice old, struct slice bytes, size_t *over)
{
    size_t done;
    *over = 0;
    if (bytes.len > old.len &&
        (!write_at(fd, slice_skip(bytes, old.len), old.len, &done) || fsync(fd) != 0))
        return false;
    if (!write_at(fd, slice_first(bytes, old.len), 0, over))
        return false;
    *over = old.len;
    return ftruncate(fd, (off_t)bytes.len) == 0 && fsync(fd) == 0;
}

static bool put_back(int fd, struct slice old, size_t over)
{
    size_t done;
    return write_at(fd, slice_first(old, over), 0, &done) && ftruncate(fd, (off_t)old.len) == 0 &&
           fsync(fd) == 0;
}

static bool keep_at(char *name, struct slice old)
{
    int fd = mkostemp(name, O_CLOEXEC);
    bool kept = fd >= 0 && write_all(fd, old);
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && !kept)
        unlink(name);
    return kept;
}

/* Beside the file, or where there is room for anybody. */
static void keep(const char *path, struct slice old)
{
    struct buffer beside = {0};
    char elsewhere[] = "/tmp/millrace-kept-XXXXXX";
    buffer_printf(&beside, "%s.kept-XXXXXX", path);
    buffer_cstr(&beside);
    const char *kept = keep_at((char *)beside.at, old) ? (char *)beside.at
                       : keep_at(elsewhere, old)       ? elsewhere
                                                       : "nowhere";
    log_error("file is damaged, put back what stood in it path=%s kept=%s", path, kept);
    buffer_clear(&beside);
}

static enum status overwrite(const char *path, struct slice bytes, enum file_after *after)
{
    struct buffer old = {0};
    enum status status = file_read(path, &old);
    int fd = status == OK ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    size_t over;
    if (status == OK && (fd < 0 || !write_over(fd, buffer_slice(&old), bytes, &over))) {
        status = failed(fd < 0 ? "open" : "write", path);
        if (fd >= 0 && !put_back(fd, buffer_slice(&old), over)) {
            *after = FILE_TORN;
            keep(path, buffer_slice(&old));
        }
    }
    if (fd >= 0)
        close(fd);
    buffer_wipe(&old); /* passwords may stand in it */
    return status;
}

/* ---- by another ---- */

/* `like`: whose file it is and was; NULL: ours, with that mode. */
static enum status replace(const char *path, struct slice bytes, mode_t mode,
                           const struct stat *like, enum file_after *after)
{
    struct buffer draft = {0};
    buffer_printf(&draft, "%s.XXXXXX", path);
    char *name = (char *)draft.at;
    buffer_cstr(&draft);
    *after = FILE_AS_BEFORE;
    int fd = mkostemp(name, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        bool closed = errno == EACCES || errno == EPERM || errno == EROFS; /* the folder, not the file */
        enum status status = like && closed ? overwrite(path, bytes, after) : failed("create", path);
        buffer_clear(&draft);
        return status;
    }
    bool whole = (like ? take_over(fd, like) : fchmod(fd, mode) == 0) && write_all(fd, bytes);
    whole = close(fd) == 0 && whole;
    enum status status = OK;
    bool renamed = whole && rename(name, path) == 0;
    if (whole && !renamed && like && errno == EBUSY)
        status = overwrite(path, bytes, after);
    else if (!renamed)
        status = failed("write", path);
    else if (!sync_directory_of(path))
        status = failed("sync", path);
    if (renamed)
        *after = FILE_NEW;
    else
        unlink(name);
    buffer_clear(&draft);
    return status;
}

enum status file_write(const char *path, struct slice bytes)
{
    enum file_after after;
    return replace(path, bytes, 0600, NULL, &after);
}

enum status file_write_public(const char *path, struct slice bytes)
{
    enum file_after after;
    return replace(path, bytes, 0644, NULL, &after);
}

enum status file_rewrite(const char *path, struct slice bytes, enum file_after *after)
{
    struct stat now;
    char *real = realpath(path, NULL);
    bool there = real && stat(real, &now) == 0;
    enum status status = replace(there ? real : path, bytes, 0600, there ? &now : NULL, after);
    free(real);
    return status;
}

/* Its parents were made just now: what is not found here is no folder that could be made. */
static enum status no_directory(const char *path)
{
    log_error("file failed doing=mkdir path=%s reason=%s", path, strerrorname_np(errno));
    return errno == ENOSPC ? FULL : IO_FAILED;
}

enum status file_make_directory(const char *path)
{
    char *copy = memory_text(path);
    enum status status = OK;
    for (char *at = copy + (*copy != 0); status == OK; at++) {
        char end = *at;
        if (end != '/' && end != 0)
            continue;
        *at = 0;
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            status = no_directory(copy);
        if (end == 0)
            break;
        *at = end;
    }
    free(copy);
    return status;
}

void file_set_aside(const char *path)
{
    struct buffer aside = {0};
    buffer_printf(&aside, "%s.damaged", path);
    if (rename(path, buffer_cstr(&aside)) == 0)
        log_error("file cannot be read and is set aside path=%s", buffer_cstr(&aside));
    else
        (void)failed("set aside", path);
    buffer_clear(&aside);
}
