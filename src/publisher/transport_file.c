/*
 * Files: each topic is one below the folder, its levels are folders, and messages are appended to
 * it. JSON stands a message a line, compressed messages one behind the other as gzip allows, others
 * with their length as four bytes before them. Avro stands in container files, one for each schema,
 * "TOPIC.ID.avro", as soon as the schema came by (the queue may have messages of one that went before
 * a restart: these stand as others do). Or all goes to standard output or error.
 *
 * Written on a helper thread, a batch at a time; a batch that the disk does not take is cut off
 * again and tried again for ever. Bounds: WINDOW messages, WINDOW_BYTES.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "gzip/gzip.h"
#include "iot/message.h"
#include "publisher/avro_file.h"
#include "publisher/transport.h"

#define WINDOW 256
#define WINDOW_BYTES (8u << 20)
#define RETRY_MS 1000
#define SCHEMA_ID 24
#define LEVEL_MAX 200 /* of a file's name */
#define SCHEMAS_MAX 64 /* that are remembered; the oldest goes */
#define EXPANDED_MAX (64u << 20) /* of a message that gzip made smaller */

struct piece {
    char *path; /* NULL: standard output or error */
    struct buffer bytes;
    struct buffer head; /* of an Avro file: what stands at its beginning; empty: it is another file */
    char id[SCHEMA_ID];
    bool gzip; /* the same: the bytes are to be expanded */
    uint64_t token;
    bool written;
};

struct known_schema {
    char id[SCHEMA_ID];
    struct buffer text;
};

struct files;

/* What is on the helper thread. */
struct batch {
    struct files *owner; /* NULL: it went */
    int fd;              /* of standard output or error; -1: files */
    struct piece pieces[WINDOW];
    size_t count;
    enum status status;
};

struct files {
    struct transport base;
    struct transport_config config;
    char *folder;
    int fd;
    struct batch *gathering, *writing;
    size_t bytes;
    bool full, failed;
    struct known_schema schemas[SCHEMAS_MAX];
    size_t schema_at; /* where the next one goes */
    struct loop_timer retry;
};

/* ---- on the helper thread ---- */

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

static enum status open_thread(const char *path, int *fd)
{
    *fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (*fd >= 0)
        return OK;
    struct slice folder = slice_of(path);
    while (folder.len && folder.at[folder.len - 1] != '/')
        folder.len--;
    char *text = slice_dup(folder);
    enum status s = file_make_directory(text);
    free(text);
    if (s == OK)
        *fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    return *fd >= 0 ? OK : IO_FAILED;
}

/* What was written in part is cut off, so that it does not come twice. */
static enum status append_thread(const char *path, struct slice head, struct slice bytes)
{
    int fd;
    struct stat before;
    enum status s = open_thread(path, &fd);
    if (s != OK)
        return s;
    s = fstat(fd, &before) == 0 ? OK : IO_FAILED;
    if (s == OK && before.st_size == 0)
        s = write_all(fd, head);
    if (s == OK)
        s = write_all(fd, bytes);
    if (s != OK && ftruncate(fd, before.st_size) != 0)
        log_warn("file not cut path=%s", path);
    close(fd);
    return s;
}

static enum status append_message_thread(const struct piece *p)
{
    struct buffer block = {0}, plain = {0};
    struct slice body = buffer_slice(&p->bytes);
    if (p->head.len == 0)
        return append_thread(p->path, (struct slice){0}, body);
    if (p->gzip && gzip_expand(body, EXPANDED_MAX, &plain) == OK)
        body = buffer_slice(&plain);
    avro_file_put_block(&block, body, slice_of(p->id));
    enum status s = append_thread(p->path, buffer_slice(&p->head), buffer_slice(&block));
    buffer_clear(&block);
    buffer_clear(&plain);
    return s;
}

static void write_thread(void *arg)
{
    struct batch *b = arg;
    b->status = OK;
    for (size_t i = 0; i < b->count && b->status == OK; i++) {
        struct piece *p = &b->pieces[i];
        if (p->written)
            continue;
        b->status = p->path ? append_message_thread(p)
                            : write_all(b->fd, buffer_slice(&p->bytes));
        p->written = b->status == OK;
    }
}

/* ---- on the loop ---- */

static void free_batch(void *arg)
{
    struct batch *b = arg;
    for (size_t i = 0; b && i < b->count; i++) {
        free(b->pieces[i].path);
        buffer_clear(&b->pieces[i].bytes);
        buffer_clear(&b->pieces[i].head);
    }
    free(b);
}

static void on_written(void *arg);

static void start(struct files *f)
{
    f->writing = f->gathering;
    f->gathering = NULL;
    loop_work_or_drop(f->config.loop, write_thread, on_written, free_batch, f->writing);
}

static void on_retry(void *arg)
{
    struct files *f = arg;
    loop_work_or_drop(f->config.loop, write_thread, on_written, free_batch, f->writing);
}

static void on_failed(struct files *f)
{
    if (!f->failed)
        log_error("publisher files cannot be written, tried again each second folder=%s status=%s",
                  f->folder, status_name(f->writing->status));
    f->failed = true;
    loop_timer_start(f->config.loop, &f->retry, RETRY_MS, on_retry, f);
}

static void on_written(void *arg)
{
    struct batch *b = arg;
    struct files *f = b->owner;
    if (!f) {
        free_batch(b);
        return;
    }
    if (b->status != OK) {
        on_failed(f);
        return;
    }
    f->failed = false;
    f->writing = NULL;
    for (size_t i = 0; i < b->count; i++)
        f->bytes -= b->pieces[i].bytes.len + b->pieces[i].head.len;
    bool full = f->full;
    f->full = false;
    if (f->gathering)
        start(f);
    for (size_t i = 0; i < b->count; i++)
        f->config.events->on_sent(f->config.arg, b->pieces[i].token, OK);
    free_batch(b);
    if (full)
        f->config.events->on_room(f->config.arg);
}

/* ---- a message as bytes and a place ---- */

static bool is_json(const struct outgoing_view *v)
{
    struct slice json = SLICE("json");
    return slice_find_slice(v->content_type, json) < v->content_type.len;
}

static bool is_gzip(const struct outgoing_view *v)
{
    return slice_eq(v->content_encoding, SLICE("gzip")) ||
           slice_ends(v->content_type, SLICE("+gzip"));
}

/* A level of the topic as a name that no file system minds, and that stays in the folder. */
static void put_level(struct slice level, struct buffer *out)
{
    struct buffer name = {0};
    percent_encode(level, &name);
    if (name.len == 0 || name.at[0] == '.')
        buffer_text(out, "%");
    buffer_put(out, slice_first(buffer_slice(&name), LEVEL_MAX));
    if (name.len > LEVEL_MAX)
        buffer_printf(out, "~%016llx", (unsigned long long)slice_hash(level));
    buffer_clear(&name);
}

/* An Avro message's schema; NULL: it is no such message, or of a schema that nobody knows here. */
static const struct known_schema *schema_of(const struct files *f, const struct outgoing_view *v)
{
    struct slice list = v->properties, name, value;
    if (f->fd >= 0 || !slice_starts(v->content_type, SLICE("application/avro")))
        return NULL;
    while (iot_property_next(&list, &name, &value))
        if (slice_eq(name, SLICE("dataschema")))
            for (size_t i = 0; i < SCHEMAS_MAX; i++)
                if (f->schemas[i].text.len && slice_eq(slice_of(f->schemas[i].id), value))
                    return &f->schemas[i];
    return NULL;
}

static void remember_schema(struct files *f, const struct outgoing_view *v)
{
    struct slice list = v->properties, name, value;
    if (!slice_eq(v->content_type, SLICE("application/vnd.apache.avro+json")))
        return;
    while (iot_property_next(&list, &name, &value))
        if (slice_eq(name, SLICE("dataschema")) && value.len < SCHEMA_ID) {
            struct known_schema *k = &f->schemas[f->schema_at++ % SCHEMAS_MAX];
            memset(k->id, 0, sizeof k->id);
            memcpy(k->id, value.at, value.len);
            buffer_reset(&k->text);
            buffer_put(&k->text, v->body);
        }
}

static char *path_of(const struct files *f, const struct outgoing_view *v,
                     const struct known_schema *schema)
{
    struct buffer path = {0};
    struct slice topic = v->topic.len ? v->topic : SLICE("messages"), level;
    buffer_text(&path, f->folder);
    while (slice_split(&topic, '/', &level)) {
        buffer_u8(&path, '/');
        put_level(level, &path);
    }
    if (schema)
        buffer_printf(&path, ".%s.avro", schema->id);
    else
        buffer_text(&path, is_gzip(v) ? ".gz" : is_json(v) ? ".json" : ".bin");
    char *text = memory_text(buffer_cstr(&path));
    buffer_clear(&path);
    return text;
}

static void put_body(const struct outgoing_view *v, struct buffer *out)
{
    bool counted = !is_gzip(v) && !is_json(v);
    if (counted)
        buffer_u32(out, (uint32_t)v->body.len);
    buffer_put(out, v->body);
    if (!counted && !is_gzip(v))
        buffer_u8(out, '\n');
}

static enum status send(struct transport *t, const struct outgoing_view *v, uint64_t token)
{
    struct files *f = (struct files *)t;
    bool full = f->gathering && f->gathering->count == WINDOW;
    if (full || (f->bytes && f->bytes + v->body.len > WINDOW_BYTES)) {
        f->full = true;
        return FULL;
    }
    if (!f->gathering) {
        f->gathering = MEMORY_NEW(struct batch);
        f->gathering->owner = f;
        f->gathering->fd = f->fd;
    }
    struct piece *p = &f->gathering->pieces[f->gathering->count++];
    p->token = token;
    remember_schema(f, v);
    const struct known_schema *schema = schema_of(f, v);
    p->path = f->fd < 0 ? path_of(f, v, schema) : NULL;
    if (schema) {
        memcpy(p->id, schema->id, sizeof p->id);
        p->gzip = is_gzip(v);
        avro_file_put_head(&p->head, buffer_slice(&schema->text), slice_of(schema->id));
        buffer_put(&p->bytes, v->body);
    } else {
        put_body(v, &p->bytes);
    }
    f->bytes += p->bytes.len + p->head.len;
    if (!f->writing)
        start(f);
    return OK;
}

/* ---- life ---- */

static enum status open_files(const struct transport_config *config, struct transport **out)
{
    if (config->connection == NULL || config->connection[0] == 0) {
        log_error("publisher files: no folder is configured");
        return BAD_ARGUMENT;
    }
    struct files *f = MEMORY_NEW(struct files);
    f->base.ops = &transport_file;
    f->config = *config;
    f->folder = memory_text(config->connection);
    f->fd = strcmp(f->folder, "stdout") == 0   ? STDOUT_FILENO
            : strcmp(f->folder, "stderr") == 0 ? STDERR_FILENO
                                               : -1;
    if (f->fd < 0 && file_make_directory(f->folder) != OK) {
        log_error("publisher files: the folder cannot be made path=%s", f->folder);
        free(f->folder);
        free(f);
        return IO_FAILED;
    }
    *out = &f->base;
    return OK;
}

static void close_files(struct transport **t)
{
    struct files *f = (struct files *)*t;
    bool waits = f->retry.loop != NULL && f->failed;
    loop_timer_stop(&f->retry);
    if (f->writing && waits)
        free_batch(f->writing);
    else if (f->writing)
        f->writing->owner = NULL;
    free_batch(f->gathering);
    for (size_t i = 0; i < SCHEMAS_MAX; i++)
        buffer_clear(&f->schemas[i].text);
    free(f->folder);
    free(f);
    *t = NULL;
}

const struct transport_ops transport_file = {.name = "FileSystem",
                                             .keeps_connection = true,
                                             .open = open_files,
                                             .send = send,
                                             .close = close_files};
