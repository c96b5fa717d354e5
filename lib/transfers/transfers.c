#include "transfers/transfers.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "http/url.h"
#include "transfers/transfers_priv.h"

#define RETRY_MS 1000 /* when the registry has too much to do */

struct transfers {
    struct transfers_config config;
    struct rest_client *others, *own; /* own is NULL when there is no file of that authority */
    struct transfer *running;
    struct loop_timer retry;
    bool looking; /* the registry is asked for the next one */
    bool again;   /* and must be asked once more */
};

static void look(void *arg);

/* ---- the transfer that runs ---- */

static void free_transfer(struct transfer *x)
{
    loop_timer_stop(&x->pause);
    transfer_reader_clear(&x->reader);
    transfer_writer_clear(&x->writer);
    buffer_clear(&x->lines);
    arena_clear(&x->arena);
    arena_clear(&x->cursor);
    free(x);
}

static void on_ended(void *arg, const struct registry_answer *a)
{
    struct transfers *t = arg;
    if (a->why != OK)
        log_error("the end of an import or export job was not kept status=%s", status_name(a->why));
    look(t);
}

void transfer_end(struct transfer *x, const char *reason)
{
    struct transfers *t = x->owner;
    log_info("%s %s job=%.*s%s%s%s", x->import ? "import" : "export",
             x->cancelled ? "cancelled"
             : reason     ? "failed"
                          : "completed",
             SLICE_FMT(x->id), reason ? " reason=\"" : "", reason ? reason : "",
             reason ? "\"" : "");
    registry_ask(
        x->registry, x->loop,
        &(struct registry_ask){.what = &transfer_row_end, .name = x->id, .body = slice_of(reason)},
        on_ended, t);
    t->running = NULL;
    free_transfer(x);
}

static void on_progress(void *arg, const struct registry_answer *a)
{
    struct transfers *t = arg;
    struct transfer *x = t->running;
    if (x == NULL)
        return; /* it ended meanwhile */
    x->telling = false;
    x->cancelled = x->cancelled || a->why == CANCELLED;
}

void transfer_progress(struct transfer *x, uint64_t done, uint64_t total)
{
    unsigned percent = total ? (unsigned)(done * 100 / total) : 0;
    x->progress = percent < 99 ? percent : 99; /* 100 is the end's */
    if (x->telling)
        return;
    x->telling = true;
    registry_ask(
        x->registry, x->loop,
        &(struct registry_ask){.what = &transfer_row_progress, .name = x->id, .top = x->progress},
        on_progress, x->owner);
}

/* ---- the next one ---- */

/* The hub's own store has a certificate of the hub's own authority. */
static struct rest_client *client_for(const struct transfers *t, const char *uri)
{
    struct http_url url;
    if (t->own == NULL || http_url_parse(slice_of(uri), &url) != OK)
        return t->others;
    for (const char *const *name = t->config.own_names; *name; name++)
        if (slice_eq_nocase(url.host, slice_of(*name)))
            return t->own;
    return t->others;
}

static const char *text(struct transfer *x, const struct json *job, const char *name,
                        const char *otherwise)
{
    struct slice v = json_string(json_get(job, name));
    return v.len ? arena_text(&x->arena, v) : otherwise;
}

static void begin_transfer(struct transfers *t, const struct json *job)
{
    struct transfer *x = t->running = MEMORY_NEW(struct transfer);
    x->owner = t;
    x->registry = t->config.registry;
    x->loop = t->config.loop;
    x->id = arena_copy(&x->arena, json_string(json_get(job, "jobId")));
    x->import = slice_eq(json_string(json_get(job, "type")), SLICE("import"));
    x->without_keys = json_bool(json_get(job, "excludeKeysInExport"), false);
    x->writer.uri = text(x, job, "outputBlobContainerUri", "");
    x->writer.name =
        x->import ? TRANSFER_ERRORS_NAME : text(x, job, "outputBlobName", TRANSFER_BLOB_NAME);
    x->reader.uri = text(x, job, "inputBlobContainerUri", "");
    x->reader.name = text(x, job, "inputBlobName", TRANSFER_BLOB_NAME);
    struct transfer_call *calls[] = {&x->reader.call, &x->writer.call};
    for (int i = 0; i < 2; i++) {
        calls[i]->loop = x->loop;
        calls[i]->client = client_for(t, i == 0 ? x->reader.uri : x->writer.uri);
    }
    x->reader.arg = x->writer.arg = x;
    x->configurations = text(x, job, "configurationsBlobName", NULL);
    transfer_mark_load(x, json_get(job, "mark"));
    log_info("%s %s job=%.*s", x->import ? "import" : "export",
             json_get(job, "mark") ? "goes on" : "begins", SLICE_FMT(x->id));
    x->import ? transfer_import_begin(x) : transfer_export_begin(x);
}

static void on_next(void *arg, const struct registry_answer *a)
{
    struct transfers *t = arg;
    struct json_doc *doc = NULL;
    t->looking = false;
    if (a->why == OK && json_parse(a->json, JSON_STRICT, &doc, NULL) == OK)
        begin_transfer(t, json_root(doc));
    else if (a->why == BUSY)
        loop_timer_start(t->config.loop, &t->retry, RETRY_MS, look, t);
    else if (a->why != NOT_FOUND)
        log_error("import and export jobs cannot be read status=%s", status_name(a->why));
    else if (t->again)
        look(t);
    json_free(&doc);
}

static void look(void *arg)
{
    struct transfers *t = arg;
    if (t->running)
        return; /* its end looks */
    t->again = t->looking;
    if (t->looking)
        return;
    t->looking = true;
    registry_ask(t->config.registry, t->config.loop,
                 &(struct registry_ask){.what = &transfer_row_begin}, on_next, t);
}

void transfers_look(struct transfers *t)
{
    loop_post(t->config.loop, look, t);
}

/* ---- life ---- */

struct transfers *transfers_new(const struct transfers_config *config)
{
    struct transfers *t = MEMORY_NEW(struct transfers);
    t->config = *config;
    t->others = rest_client_new(
        &(struct rest_client_config){.loop = config->loop, .ca_file = config->ca_file});
    if (config->own_ca_file)
        t->own = rest_client_new(
            &(struct rest_client_config){.loop = config->loop, .ca_file = config->own_ca_file});
    loop_post(config->loop, look, t);
    return t;
}

void transfers_free(struct transfers **transfers)
{
    struct transfers *t = *transfers;
    if (t == NULL)
        return;
    loop_timer_stop(&t->retry);
    rest_client_free(&t->others);
    rest_client_free(&t->own);
    if (t->running)
        free_transfer(t->running);
    free(t);
    *transfers = NULL;
}
