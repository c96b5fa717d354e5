#include "audit/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

void audit_files_path(const char *folder, unsigned file, struct buffer *out)
{
    buffer_reset(out);
    if (file)
        buffer_printf(out, "%s/audit-%u.log", folder, file);
    else
        buffer_printf(out, "%s/audit.log", folder);
}

bool audit_files_is_there(const char *folder, unsigned file)
{
    struct buffer path = {0};
    struct stat st;
    audit_files_path(folder, file, &path);
    bool there = stat(buffer_cstr(&path), &st) == 0;
    buffer_clear(&path);
    return there;
}

static enum status open_file(struct audit_files *f)
{
    struct buffer path = {0};
    struct stat st;
    audit_files_path(f->folder, f->file, &path);
    f->fd = open(buffer_cstr(&path), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    enum status s = f->fd >= 0 && fstat(f->fd, &st) == 0 && file_sync_directory(f->folder) ? OK : IO_FAILED;
    if (s == OK)
        f->bytes = (uint64_t)st.st_size;
    else
        log_error("audit log cannot be opened path=%s errno=%d", buffer_cstr(&path), errno);
    buffer_clear(&path);
    return s;
}

/* ---- adding ---- */

static enum status write_all(struct audit_files *f, struct slice rest)
{
    while (rest.len > 0) {
        ssize_t n = write(f->fd, rest.at, rest.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return IO_FAILED;
        f->bytes += (uint64_t)n;
        rest = slice_skip(rest, (size_t)n);
    }
    return fdatasync(f->fd) == 0 ? OK : IO_FAILED;
}

enum status audit_files_add(struct audit_files *f, struct slice lines)
{
    enum status s = OK;
    if (f->bytes + lines.len > AUDIT_FILE_BYTES && f->bytes > 0) {
        close(f->fd);
        f->file++;
        s = open_file(f);
    }
    if (s == OK)
        s = write_all(f, lines);
    if (s != OK)
        log_error("audit log cannot be written: changes are refused until the program starts again "
                  "folder=%s errno=%d",
                  f->folder, errno);
    return s;
}

/* ---- the end of what is there ---- */

static ssize_t read_tail(const struct audit_files *f, char *block, size_t room, uint64_t *from)
{
    *from = f->bytes > room ? f->bytes - room : 0;
    return pread(f->fd, block, (size_t)(f->bytes - *from), (off_t)*from);
}

/* Where the last whole line ends, and where it begins, in a block that reaches to the file's end.
 */
static struct slice last_line(struct slice block, size_t *whole)
{
    size_t end = block.len;
    while (end > 0 && block.at[end - 1] != '\n')
        end--;
    *whole = end;
    size_t begin = end ? end - 1 : 0;
    while (begin > 0 && block.at[begin - 1] != '\n')
        begin--;
    return end ? slice_from(block.at + begin, end - 1 - begin) : (struct slice){0};
}

static enum status cut_tail(struct audit_files *f, uint64_t whole, uint64_t *cut)
{
    *cut = f->bytes - whole;
    log_warn("audit log ended in the midst of a line, which is cut away folder=%s bytes=%llu",
             f->folder, (unsigned long long)*cut);
    if (ftruncate(f->fd, (off_t)whole) != 0)
        return IO_FAILED;
    f->bytes = whole;
    return OK;
}

static enum status find_end(struct audit_files *f, uint64_t *cut)
{
    uint64_t from;
    char *block = memory_new(AUDIT_LINE_MAX);
    ssize_t n = read_tail(f, block, AUDIT_LINE_MAX, &from);
    size_t whole = 0;
    struct slice line = n > 0 ? last_line(slice_from(block, (size_t)n), &whole) : (struct slice){0};
    enum status s = n < 0 ? IO_FAILED : OK;
    if (s == OK && line.len > 0 && !audit_line_follow(line, &f->place))
        s = BAD_FORMAT;
    if (s == OK && n > 0 && whole < (size_t)n)
        s = cut_tail(f, from + whole, cut);
    if (s != OK)
        log_error(
            "audit log's last line cannot be followed: look at it with 'millrace audit %s', and "
            "move the files away status=%s",
            f->folder, status_name(s));
    free(block);
    return s;
}

/* The chain of a new file goes on from the last line of the one before it. */
static enum status open_last(struct audit_files *f, uint64_t *cut)
{
    while (audit_files_is_there(f->folder, f->file + 1))
        f->file++;
    enum status s = open_file(f);
    if (s != OK || f->bytes > 0 || f->file == 0)
        return s == OK ? find_end(f, cut) : s;
    close(f->fd); /* a crash came between making it and its first line */
    f->file--;
    s = open_file(f);
    return s == OK ? find_end(f, cut) : s;
}

enum status audit_files_open(struct audit_files *f, const char *folder, uint64_t *cut)
{
    *f = (struct audit_files){.folder = memory_text(folder), .fd = -1};
    *cut = 0;
    memset(f->place.previous, '0', AUDIT_HASH_LEN);
    enum status s = file_make_directory(folder);
    if (s == OK)
        s = open_last(f, cut);
    if (s != OK)
        audit_files_close(f);
    return s;
}

void audit_files_close(struct audit_files *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->folder);
    *f = (struct audit_files){.fd = -1};
}
