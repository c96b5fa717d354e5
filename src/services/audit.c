#include "services/audit.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "services/audit_line.h"

struct waiter {
    struct link link;
    audit_fn *done;
    void *arg;
};

struct audit {
    struct loop *loop;
    char *folder;
    struct audit_place place; /* of the next line that is made */
    struct buffer lines;      /* made, and not yet with the helper */
    struct list waiters;      /* for them */
    bool busy, failed;
    loop_fn *on_end; /* NULL: goes on */
    void *on_end_arg;

    /* The helper's while `busy`. */
    struct buffer writing;
    struct list writing_waiters;
    int fd;
    unsigned file; /* its number; 0: audit.log */
    uint64_t file_bytes;
    enum status why;
};

/* ---- files ---- */

static void put_path(const char *folder, unsigned file, struct buffer *out)
{
    buffer_reset(out);
    if (file)
        buffer_printf(out, "%s/audit-%u.log", folder, file);
    else
        buffer_printf(out, "%s/audit.log", folder);
}

static bool is_there(const char *folder, unsigned file)
{
    struct buffer path = {0};
    struct stat st;
    put_path(folder, file, &path);
    bool there = stat(buffer_cstr(&path), &st) == 0;
    buffer_clear(&path);
    return there;
}

static bool sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static enum status open_file(struct audit *a)
{
    struct buffer path = {0};
    struct stat st;
    put_path(a->folder, a->file, &path);
    a->fd = open(buffer_cstr(&path), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    enum status s = a->fd >= 0 && fstat(a->fd, &st) == 0 && sync_folder(a->folder) ? OK : IO_FAILED;
    if (s == OK)
        a->file_bytes = (uint64_t)st.st_size;
    else
        log_error("audit log cannot be opened path=%s errno=%d", buffer_cstr(&path), errno);
    buffer_clear(&path);
    return s;
}

/* ---- writing, on a helper thread ---- */

static enum status write_all(struct audit *a)
{
    struct slice rest = buffer_slice(&a->writing);
    if (a->file_bytes + rest.len > AUDIT_FILE_BYTES && a->file_bytes > 0) {
        close(a->fd);
        a->file++;
        enum status s = open_file(a);
        if (s != OK)
            return s;
    }
    while (rest.len > 0) {
        ssize_t n = write(a->fd, rest.at, rest.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return IO_FAILED;
        a->file_bytes += (uint64_t)n;
        rest = slice_skip(rest, (size_t)n);
    }
    return fdatasync(a->fd) == 0 ? OK : IO_FAILED;
}

static void work(void *arg)
{
    struct audit *a = arg;
    a->why = write_all(a);
    if (a->why != OK)
        log_error("audit log cannot be written: changes are refused until the program starts again "
                  "errno=%d",
                  errno);
}

static void tell(struct list *waiters, enum status why)
{
    struct link *l;
    while ((l = list_pop(waiters))) {
        struct waiter *w = LIST_OF(l, struct waiter, link);
        w->done(w->arg, why);
        free(w);
    }
}

static void worked(void *arg);

static void pump(struct audit *a)
{
    if (a->busy || a->failed || a->lines.len == 0)
        return;
    a->busy = true;
    struct buffer empty = a->writing;
    buffer_reset(&empty);
    a->writing = a->lines;
    a->lines = empty;
    for (struct link *l; (l = list_pop(&a->waiters));)
        list_push(&a->writing_waiters, l);
    loop_work(a->loop, work, worked, a);
}

static void end_if_idle(struct audit *a)
{
    if (a->on_end && !a->busy)
        loop_defer(a->loop, a->on_end, a->on_end_arg);
}

/* After a failure nobody knows what is on the disk: the chain ends until the next start. */
static void worked(void *arg)
{
    struct audit *a = arg;
    a->busy = false;
    a->failed = a->why != OK;
    tell(&a->writing_waiters, a->why);
    if (a->failed)
        tell(&a->waiters, a->why);
    pump(a);
    end_if_idle(a);
}

void audit_end(struct audit *a, loop_fn *fn, void *arg)
{
    a->on_end = fn;
    a->on_end_arg = arg;
    end_if_idle(a);
}

/* ---- lines ---- */

static void put(struct audit *a, const char *event, const struct rest_request *r, int status,
                uint64_t bytes)
{
    audit_line_put(&(struct audit_line){.event = event,
                                        .request = r,
                                        .status = status,
                                        .wall_ms = loop_wall_ms(a->loop),
                                        .bytes = bytes},
                   &a->place, &a->lines);
}

void audit_asked(struct audit *a, const struct rest_request *r, audit_fn *done, void *arg)
{
    if (a->failed || a->lines.len > AUDIT_WAITING_MAX) {
        done(arg, a->failed ? IO_FAILED : FULL);
        return;
    }
    struct waiter *w = MEMORY_NEW(struct waiter);
    *w = (struct waiter){.done = done, .arg = arg};
    put(a, "asked", r, 0, 0);
    list_push(&a->waiters, &w->link);
    pump(a);
}

void audit_answered(struct audit *a, const struct rest_request *r, int status)
{
    if (a->failed)
        return;
    put(a, status == 403 ? "forbidden" : "answered", r, status, 0);
    pump(a);
}

bool audit_ready(void *arg, struct buffer *detail)
{
    const struct audit *a = arg;
    buffer_printf(detail, a->failed ? "the audit log cannot be written: see the log" : "%llu lines",
                  (unsigned long long)a->place.number);
    return !a->failed;
}

/* ---- the end of what is there ---- */

static ssize_t read_tail(int fd, uint64_t size, char *block, size_t room, uint64_t *from)
{
    *from = size > room ? size - room : 0;
    return pread(fd, block, (size_t)(size - *from), (off_t)*from);
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

static enum status cut_tail(struct audit *a, uint64_t whole)
{
    uint64_t bytes = a->file_bytes - whole;
    log_warn("audit log ended in the midst of a line, which is cut away bytes=%llu",
             (unsigned long long)bytes);
    if (ftruncate(a->fd, (off_t)whole) != 0)
        return IO_FAILED;
    a->file_bytes = whole;
    put(a, "cut", NULL, 0, bytes);
    return OK;
}

static enum status find_end(struct audit *a)
{
    uint64_t from;
    char *block = memory_new(AUDIT_LINE_MAX);
    ssize_t n = read_tail(a->fd, a->file_bytes, block, AUDIT_LINE_MAX, &from);
    size_t whole = 0;
    struct slice line = n > 0 ? last_line(slice_from(block, (size_t)n), &whole) : (struct slice){0};
    enum status s = n < 0 ? IO_FAILED : OK;
    if (s == OK && line.len > 0 && !audit_line_follow(line, &a->place))
        s = BAD_FORMAT;
    if (s == OK && n > 0 && whole < (size_t)n)
        s = cut_tail(a, from + whole);
    if (s != OK)
        log_error("audit log's last line cannot be followed: look at it with 'millrace services "
                  "audit', and move the "
                  "files away folder=%s status=%s",
                  a->folder, status_name(s));
    free(block);
    return s;
}

/* The chain of a new file goes on from the last line of the one before it. */
static enum status open_last(struct audit *a)
{
    while (is_there(a->folder, a->file + 1))
        a->file++;
    enum status s = open_file(a);
    if (s != OK || a->file_bytes > 0 || a->file == 0)
        return s == OK ? find_end(a) : s;
    close(a->fd); /* a crash came between making it and its first line */
    a->file--;
    s = open_file(a);
    return s == OK ? find_end(a) : s;
}

enum status audit_open(struct loop *loop, const char *folder, struct audit **out)
{
    struct audit *a = MEMORY_NEW(struct audit);
    a->loop = loop;
    a->folder = memory_text(folder);
    a->fd = -1;
    memset(a->place.previous, '0', AUDIT_HASH_LEN);
    list_init(&a->waiters);
    list_init(&a->writing_waiters);
    enum status s = file_make_directory(folder);
    if (s == OK)
        s = open_last(a);
    if (s != OK) {
        a->failed = true;
        audit_close(&a);
        return s;
    }
    pump(a);
    *out = a;
    return OK;
}

void audit_close(struct audit **audit)
{
    struct audit *a = *audit;
    if (!a)
        return;
    assert(!a->busy);
    if (a->fd >= 0)
        close(a->fd);
    buffer_clear(&a->lines);
    buffer_clear(&a->writing);
    free(a->folder);
    free(a);
    *audit = NULL;
}

/* ---- looking at it from outside ---- */

struct look {
    struct audit_place place;
    bool broken;
};

static void look_at_file(struct look *l, const char *path)
{
    char *line = NULL;
    size_t room = 0;
    const char *why;
    ssize_t n;
    FILE *f = fopen(path, "re");
    for (uint64_t at = 1; f && !l->broken && (n = getline(&line, &room, f)) > 0; at++) {
        bool whole = line[n - 1] == '\n';
        l->broken = !audit_line_check(slice_from(line, (size_t)n - whole), &l->place, &why);
        if (l->broken)
            printf("%s:%llu: the chain is broken: %s\n", path, (unsigned long long)at,
                   whole ? why : "the line has no end");
    }
    free(line);
    if (f)
        fclose(f);
}

int audit_verify(const char *folder)
{
    struct look l = {0};
    struct buffer path = {0};
    unsigned file = 0;
    memset(l.place.previous, '0', AUDIT_HASH_LEN);
    do {
        put_path(folder, file, &path);
        look_at_file(&l, buffer_cstr(&path));
    } while (!l.broken && is_there(folder, ++file));
    if (!l.broken)
        printf("%s: %llu lines, the chain holds; its end is %s\n", folder,
               (unsigned long long)l.place.number, l.place.previous);
    buffer_clear(&path);
    return l.broken ? 1 : 0;
}
