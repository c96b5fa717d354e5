#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "routing/sink.h"

/* On its loop, but for what a helper thread has while `busy`: file, batches of the job. */
struct sink_file {
    struct loop *loop;
    const char *hub_name;
    char *folder;
    struct list waiting; /* batches: at most one of each partition */
    struct list under_way;
    bool busy;
    struct loop_timer timer;
    uint64_t bytes_max, ms_max; /* of the newest batch's endpoint */
    struct {                    /* the helper's */
        int fd;                 /* -1: none is open */
        char *path;             /* of the open one */
        uint64_t bytes, synced, opened_ms;
        unsigned number; /* of those begun in the same second */
        bool recovered;
    } file;
    enum status why;
    uint64_t now_ms;
};

/* ---- on a helper thread ---- */

/* Its name without ".open" says that it is whole. */
static void finish(struct sink_file *s, const char *path)
{
    struct buffer whole = {0};
    buffer_put(&whole, slice_first(slice_of(path), strlen(path) - strlen(".open")));
    if (rename(path, buffer_cstr(&whole)) != 0 || !file_sync_directory(s->folder))
        log_error("a file could not be finished path=%s errno=%d", path, errno);
    buffer_clear(&whole);
}

static void close_file(struct sink_file *s)
{
    if (s->file.fd < 0)
        return;
    close(s->file.fd);
    s->file.fd = -1;
    finish(s, s->file.path);
    free(s->file.path);
    s->file.path = NULL;
}

/* The bytes up to the last line's end. */
static off_t whole_lines(int fd, off_t len)
{
    char block[4096];
    while (len > 0) {
        off_t from = len > (off_t)sizeof(block) ? len - (off_t)sizeof(block) : 0;
        ssize_t n = pread(fd, block, (size_t)(len - from), from);
        if (n <= 0)
            return len;
        for (; n > 0; n--)
            if (block[n - 1] == '\n')
                return from + n;
        len = from;
    }
    return 0;
}

/* What a crash left open ends with its last whole line: the rest comes again. */
static void recover_file(struct sink_file *s, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || ftruncate(fd, whole_lines(fd, st.st_size)) != 0)
        log_error("a file could not be cut path=%s errno=%d", path, errno);
    if (fd >= 0)
        close(fd);
    finish(s, path);
}

static void recover(struct sink_file *s)
{
    DIR *d = opendir(s->folder);
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        struct buffer path = {0};
        buffer_printf(&path, "%s/%s", s->folder, entry->d_name);
        if (slice_ends(slice_of(entry->d_name), SLICE(".jsonl.open")))
            recover_file(s, buffer_cstr(&path));
        buffer_clear(&path);
    }
    if (d)
        closedir(d);
    s->file.recovered = true;
}

static enum status open_file(struct sink_file *s)
{
    if (file_make_directory(s->folder) != OK)
        return IO_FAILED;
    if (!s->file.recovered)
        recover(s);
    char time[CLOCK_ISO8601_MAX];
    size_t len = clock_iso8601(s->now_ms, time);
    for (size_t i = 0; i < len; i++)
        if (time[i] == ':' || time[i] == '.')
            time[i] = '-';
    struct buffer path = {0};
    buffer_printf(&path, "%s/%.*s-%u.jsonl.open", s->folder, (int)len, time, s->file.number++);
    s->file.fd = open(buffer_cstr(&path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->file.fd < 0) {
        log_error("a file could not be made path=%s errno=%d", buffer_cstr(&path), errno);
        buffer_clear(&path);
        return IO_FAILED;
    }
    s->file.path = memory_text(buffer_cstr(&path));
    s->file.bytes = s->file.synced = 0;
    s->file.opened_ms = s->now_ms;
    buffer_clear(&path);
    return file_sync_directory(s->folder) ? OK : IO_FAILED;
}

static enum status append(struct sink_file *s, struct slice text)
{
    while (text.len) {
        ssize_t n = pwrite(s->file.fd, text.at, text.len, (off_t)s->file.bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT ? FULL : IO_FAILED;
        s->file.bytes += (uint64_t)n;
        text = slice_skip(text, (size_t)n);
    }
    return OK;
}

static bool is_due(const struct sink_file *s)
{
    return s->file.fd >= 0 &&
           (s->file.bytes >= s->bytes_max || s->now_ms >= s->file.opened_ms + s->ms_max);
}

static enum status write_batch(struct sink_file *s, struct slice text)
{
    if (is_due(s))
        close_file(s);
    enum status why = s->file.fd < 0 ? open_file(s) : OK;
    return why == OK ? append(s, text) : why;
}

static void run(void *arg)
{
    struct sink_file *s = arg;
    s->why = OK;
    if (is_due(s))
        close_file(s);
    LIST_EACH(l, &s->under_way)
    {
        struct outlet_batch *b = LIST_OF(l, struct outlet_batch, sink.node);
        if (s->why == OK)
            s->why = write_batch(s, buffer_slice(&b->sink.text));
    }
    if (s->why == OK && s->file.fd >= 0 && fdatasync(s->file.fd) != 0)
        s->why = IO_FAILED;
    if (s->why == OK) {
        s->file.synced = s->file.bytes;
        return;
    }
    log_error("a file could not be written folder=%s status=%s errno=%d", s->folder,
              status_name(s->why), errno);
    if (s->file.fd >= 0 && ftruncate(s->file.fd, (off_t)s->file.synced) != 0)
        log_error("a file could not be cut path=%s errno=%d", s->file.path, errno);
    close_file(s); /* an event may be there twice, never half; the next try begins a new file */
}

/* ---- on the sink's loop ---- */

static void start(struct sink_file *s);

static void on_time(void *arg)
{
    start(arg);
}

static uint64_t due_in(const struct sink_file *s)
{
    uint64_t due = s->file.opened_ms + s->ms_max, now = loop_wall_ms(s->loop);
    return due > now ? due - now : 0;
}

static void done(void *arg)
{
    struct sink_file *s = arg;
    struct link *l;
    s->busy = false;
    while ((l = list_pop(&s->under_way)))
        outlet_batch_done(LIST_OF(l, struct outlet_batch, sink.node), s->why);
    if (!list_empty(&s->waiting))
        start(s);
    else if (s->file.fd >= 0)
        loop_timer_start(s->loop, &s->timer, due_in(s), on_time, s);
}

static void start(struct sink_file *s)
{
    struct link *l;
    if (s->busy)
        return;
    s->busy = true;
    s->now_ms = loop_wall_ms(s->loop);
    loop_timer_stop(&s->timer);
    while ((l = list_pop(&s->waiting)))
        list_push(&s->under_way, l);
    loop_work(s->loop, run, done, s);
}

static void batch_arrives(void *arg)
{
    struct outlet_batch *b = arg;
    struct sink_file *s = b->sink.more;
    s->bytes_max = b->endpoint->file.bytes_max;
    s->ms_max = b->endpoint->file.seconds_max * 1000;
    list_push(&s->waiting, &b->sink.node);
    start(s);
}

/* On the outlet's loop. */
static void deliver(void *sink, struct outlet_batch *b)
{
    struct sink_file *s = sink;
    buffer_reset(&b->sink.text);
    for (size_t n = 0; n < b->count; n++) {
        struct iot_event e;
        struct event_json one = {&e, s->hub_name, b->endpoint->id, b->partition, 0};
        struct json_writer json = json_writer(&b->sink.text);
        if (outlet_batch_event(b, n, &e, &one.sequence) != OK)
            continue;
        event_json_put_line(&one, &json);
        buffer_u8(&b->sink.text, '\n');
    }
    b->sink.more = s;
    loop_post(s->loop, batch_arrives, b);
}

const struct sink_ops sink_file = {deliver};

struct sink_file *sink_file_new(struct loop *loop, const char *hub_name, const char *folder,
                                const char *name)
{
    struct sink_file *s = MEMORY_NEW(struct sink_file);
    struct buffer path = {0};
    buffer_printf(&path, "%s/%s", folder, name);
    s->loop = loop;
    s->hub_name = hub_name;
    s->folder = memory_text(buffer_cstr(&path));
    s->file.fd = -1;
    list_init(&s->waiting);
    list_init(&s->under_way);
    buffer_clear(&path);
    return s;
}

bool sink_file_is_idle(const struct sink_file *s)
{
    return !s->busy;
}

void sink_file_free(struct sink_file **sink)
{
    struct sink_file *s = *sink;
    *sink = NULL;
    if (s == NULL || s->busy)
        return;
    loop_timer_stop(&s->timer);
    close_file(s);
    free(s->folder);
    free(s);
}
