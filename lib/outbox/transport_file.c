/*
 * Files: each topic is one below the folder, its levels are folders, and messages are appended to
 * it. JSON stands a message a line, compressed messages one behind the other as gzip allows, others
 * with their length as four bytes before them. Avro stands in container files, one for each schema,
 * "TOPIC.ID.avro", which begin with the schema: once one is there it is gone on with. A message whose
 * schema never came by stands as others do. Or all goes to standard output or error.
 *
 * Written on a helper thread, a batch at a time (pubsub/message_file.h); a batch that the disk does
 * not take is tried again for ever. It is acknowledged when the disk has it, if the queue keeps messages so. Bounds: WINDOW messages, WINDOW_BYTES; schemas that are remembered
 * until a container needs them, KNOWN_BYTES, the one that was used the longest ago goes; OPENED_MAX
 * files that need not be looked at again.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "gzip/gzip.h"
#include "iot/message.h"
#include "outbox/transport.h"
#include "pubsub/avro_file.h"
#include "pubsub/message_file.h"

#define WINDOW 256
#define WINDOW_BYTES (8u << 20)
#define RETRY_MS 1000
#define SCHEMA_ID 24
#define LEVEL_MAX 200 /* of a file's name */
#define KNOWN_BYTES (32u << 20)
#define OPENED_MAX 4096
#define SYNCED_MAX 8 /* files of a batch, one by one */
#define EXPANDED_MAX (64u << 20) /* of a message that gzip made smaller */

/* What a container begins with; shared between threads. */
struct head {
    _Atomic unsigned references;
    struct buffer bytes;
};

struct piece {
    char *path; /* NULL: standard output or error */
    struct buffer body;
    enum message_form form;
    bool first; /* of this process in that file */

    /* Where it is an Avro message: */
    char *container; /* NULL: it is none */
    struct head *head; /* NULL: nobody knows the schema here */
    char id[SCHEMA_ID];
    bool container_first, gzip;

    uint64_t token;
    size_t done; /* of it, on standard output or error */
    const char *written; /* where it stands; NULL: not yet */
    bool begun;          /* the file, with it */
    bool synced;
};

struct known_schema {
    struct link link;
    char id[SCHEMA_ID];
    struct head *head;
};

struct files;

/* What is on the helper thread. */
struct batch {
    struct files *owner; /* NULL: it went */
    int fd;              /* of standard output or error; -1: files */
    const char *folder; /* of files that are to be on the disk itself; NULL: none are. Owned */
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
    bool waits; /* for `retry`: what is to be written is not on the helper thread */
    struct map schemas;     /* struct known_schema, by id */
    struct list by_use;     /* the same, those first that were used the longest ago */
    size_t schema_bytes;
    struct map opened; /* paths; themselves */
    struct loop_timer retry;
};

/* ---- on the helper thread ---- */

/* Into its container; as others stand if that cannot be. */
static enum status append_avro_thread(struct piece *p)
{
    struct buffer plain = {0};
    struct slice body = buffer_slice(&p->body);
    struct slice head = p->head ? buffer_slice(&p->head->bytes) : (struct slice){0};
    enum status s = p->gzip ? gzip_expand(body, EXPANDED_MAX, &plain) : OK;
    if (s == OK)
        s = message_file_append_avro_thread(p->container, slice_of(p->id), head,
                                            p->gzip ? buffer_slice(&plain) : body, p->container_first,
                                            &p->begun);
    buffer_clear(&plain);
    return s;
}

static bool is_no_container(enum status s)
{
    return s == NOT_FOUND || s == BAD_FORMAT || s == TOO_LARGE;
}

static enum status append_thread(struct piece *p)
{
    enum status s = p->container ? append_avro_thread(p) : NOT_FOUND;
    const char *path = is_no_container(s) ? p->path : p->container;
    if (is_no_container(s))
        s = message_file_append_thread(p->path, p->form, buffer_slice(&p->body), p->first,
                                       &p->begun);
    p->written = s == OK ? path : NULL;
    return s;
}

static enum status write_out_thread(const struct batch *b, struct piece *p)
{
    enum status s = message_file_write_thread(b->fd, p->form, buffer_slice(&p->body), &p->done);
    p->written = s == OK ? "" : NULL;
    return s;
}

/* What is not known to be there is written again, behind what is whole. */
static void take_back_thread(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        b->pieces[i].first = b->pieces[i].container_first = true;
        b->pieces[i].written = NULL;
    }
}

/* Of this process in that file. */
static bool is_first_there(const struct piece *p)
{
    return p->container && p->written == p->container ? p->container_first : p->first;
}

/* Those of the same file as the piece; whether its name may not be on the disk. */
static bool mark_synced_thread(struct batch *b, size_t at)
{
    const char *path = b->pieces[at].written;
    bool named = false;
    for (size_t i = at; i < b->count; i++) {
        struct piece *p = &b->pieces[i];
        if (strcmp(p->written, path) != 0)
            continue;
        named = named || is_first_there(p) || p->begun;
        p->synced = true;
    }
    return named;
}

/* Somebody took a file away, which may have had some of the batch, and it was begun anew. */
static bool was_taken_thread(const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->pieces[i].begun && !is_first_there(&b->pieces[i]))
            return true;
    return false;
}

/* Each file once, and where there are many of them all of the disk at once. */
static enum status sync_thread(struct batch *b)
{
    size_t files = 0;
    enum status s = OK;
    if (was_taken_thread(b))
        return message_file_sync_all_thread(b->folder);
    for (size_t i = 0; i < b->count; i++)
        b->pieces[i].synced = false;
    for (size_t i = 0; i < b->count && s == OK; i++) {
        const char *path = b->pieces[i].written;
        if (b->pieces[i].synced)
            continue;
        if (files++ == SYNCED_MAX)
            return message_file_sync_all_thread(b->folder);
        s = message_file_sync_thread(path, b->folder, mark_synced_thread(b, i));
    }
    return s;
}

static void write_thread(void *arg)
{
    struct batch *b = arg;
    b->status = OK;
    for (size_t i = 0; i < b->count && b->status == OK; i++) {
        struct piece *p = &b->pieces[i];
        if (!p->written)
            b->status = p->path ? append_thread(p) : write_out_thread(b, p);
    }
    if (b->status != OK || !b->folder)
        return;
    b->status = sync_thread(b);
    if (b->status != OK)
        take_back_thread(b);
}

/* ---- on the loop ---- */

static void head_unref(struct head *h)
{
    if (!h || atomic_fetch_sub(&h->references, 1) > 1)
        return;
    buffer_clear(&h->bytes);
    free(h);
}

static struct head *head_ref(struct head *h)
{
    atomic_fetch_add(&h->references, 1);
    return h;
}

static void free_batch(void *arg)
{
    struct batch *b = arg;
    for (size_t i = 0; b && i < b->count; i++) {
        free(b->pieces[i].path);
        free(b->pieces[i].container);
        buffer_clear(&b->pieces[i].body);
        head_unref(b->pieces[i].head);
    }
    if (b)
        free((char *)b->folder);
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
    f->waits = false;
    loop_work_or_drop(f->config.loop, write_thread, on_written, free_batch, f->writing);
}

static void on_failed(struct files *f)
{
    if (!f->failed)
        log_error("publisher files cannot be written, tried again each second folder=%s status=%s",
                  f->folder, status_name(f->writing->status));
    f->failed = f->waits = true;
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
        f->bytes -= b->pieces[i].body.len;
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

static struct slice schema_id(const struct outgoing_view *v)
{
    struct slice id = {0};
    bool there = iot_property_find(v->properties, SLICE("dataschema"), &id);
    return there && id.len < SCHEMA_ID ? id : (struct slice){0};
}

static void forget_schema(struct files *f, struct known_schema *k)
{
    map_remove(&f->schemas, slice_of(k->id));
    list_remove(&k->link);
    f->schema_bytes -= k->head->bytes.len;
    head_unref(k->head);
    free(k);
}

static struct known_schema *find_schema(struct files *f, struct slice id)
{
    struct known_schema *k = map_get(&f->schemas, id);
    if (!k)
        return NULL;
    list_remove(&k->link);
    list_push(&f->by_use, &k->link);
    return k;
}

static void remember_schema(struct files *f, const struct outgoing_view *v)
{
    struct slice id = schema_id(v);
    if (!slice_eq(v->content_type, SLICE("application/vnd.apache.avro+json")) || id.len == 0 ||
        v->body.len == 0 || find_schema(f, id))
        return;
    struct known_schema *k = MEMORY_NEW(struct known_schema);
    memcpy(k->id, id.at, id.len);
    k->head = MEMORY_NEW(struct head);
    k->head->references = 1;
    avro_file_put_head(&k->head->bytes, v->body, id);
    map_put(&f->schemas, slice_of(k->id), k);
    list_push(&f->by_use, &k->link);
    f->schema_bytes += k->head->bytes.len;
    while (f->schema_bytes > KNOWN_BYTES && list_first(&f->by_use) != &k->link)
        forget_schema(f, LIST_OF(list_first(&f->by_use), struct known_schema, link));
}

static void put_path(const struct files *f, const struct outgoing_view *v, struct buffer *out)
{
    struct slice topic = v->topic.len ? v->topic : SLICE("messages"), level;
    buffer_text(out, f->folder);
    while (slice_split(&topic, '/', &level)) {
        buffer_u8(out, '/');
        put_level(level, out);
    }
}

static char *path_of(const struct files *f, const struct outgoing_view *v)
{
    struct buffer path = {0};
    put_path(f, v, &path);
    buffer_text(&path, is_gzip(v) ? ".gz" : is_json(v) ? ".json" : ".bin");
    char *text = memory_text(buffer_cstr(&path));
    buffer_clear(&path);
    return text;
}

/* With OPENED_MAX all are looked at once more. */
static void forget_opened(struct files *f)
{
    struct map_entry *e;
    for (size_t at = 0; (e = map_next(&f->opened, &at));)
        free(e->value);
    map_clear(&f->opened);
    f->opened = (struct map){0};
}

static bool is_first(struct files *f, const char *path)
{
    if (map_get(&f->opened, slice_of(path)))
        return false;
    if (f->opened.count == OPENED_MAX)
        forget_opened(f);
    char *kept = memory_text(path);
    map_put(&f->opened, slice_of(kept), kept);
    return true;
}

static void set_container(struct files *f, const struct outgoing_view *v, struct piece *p)
{
    struct slice id = schema_id(v);
    struct buffer path = {0};
    if (id.len == 0 || !slice_starts(v->content_type, SLICE("application/avro")))
        return;
    put_path(f, v, &path);
    buffer_printf(&path, ".%.*s.avro", SLICE_FMT(id));
    p->container = memory_text(buffer_cstr(&path));
    p->container_first = is_first(f, p->container);
    p->gzip = is_gzip(v);
    memcpy(p->id, id.at, id.len);
    struct known_schema *known = find_schema(f, id);
    p->head = known ? head_ref(known->head) : NULL;
    buffer_clear(&path);
}

static enum message_form form_of_message(const struct outgoing_view *v)
{
    return is_gzip(v) ? MESSAGE_GZIP : is_json(v) ? MESSAGE_LINE : MESSAGE_COUNTED;
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
        if (f->fd < 0 && f->config.durable)
            f->gathering->folder = memory_text(f->folder);
    }
    struct piece *p = &f->gathering->pieces[f->gathering->count++];
    p->token = token;
    p->form = form_of_message(v);
    buffer_put(&p->body, v->body);
    if (f->fd < 0) {
        remember_schema(f, v);
        p->path = path_of(f, v);
        p->first = is_first(f, p->path);
        set_container(f, v, p);
    }
    f->bytes += p->body.len;
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
    list_init(&f->by_use);
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
    loop_timer_stop(&f->retry);
    if (f->writing && f->waits)
        free_batch(f->writing);
    else if (f->writing)
        f->writing->owner = NULL;
    free_batch(f->gathering);
    for (struct link *l; (l = list_first(&f->by_use));)
        forget_schema(f, LIST_OF(l, struct known_schema, link));
    map_clear(&f->schemas);
    forget_opened(f);
    free(f->folder);
    free(f);
    *t = NULL;
}

const struct transport_ops transport_file = {.name = "FileSystem",
                                             .keeps_connection = true,
                                             .open = open_files,
                                             .send = send,
                                             .close = close_files};
