#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "rest/client.h"
#include "routing/consent.h"
#include "routing/sink.h"

/* One for each file of authorities. */
struct client {
    char *ca_file; /* NULL: the machine's */
    struct rest_client *rest;
    struct client *next;
};

struct sink_webhooks {
    struct loop *loop;
    const char *hub_name;
    char *folder;
    struct client *clients;
    struct consents consents;
};

struct sink_webhooks *sink_webhooks_new(struct loop *loop, const char *hub_name, const char *folder)
{
    struct sink_webhooks *w = MEMORY_NEW(struct sink_webhooks);
    w->loop = loop;
    w->hub_name = hub_name;
    w->folder = memory_text(folder);
    return w;
}

void sink_webhooks_free(struct sink_webhooks **webhooks)
{
    struct sink_webhooks *w = *webhooks;
    *webhooks = NULL;
    for (struct client *c = w ? w->clients : NULL, *next; c; c = next) {
        next = c->next;
        rest_client_free(&c->rest);
        free(c->ca_file);
        free(c);
    }
    if (w) {
        consents_clear(&w->consents);
        free(w->folder);
    }
    free(w);
}

static struct rest_client *client_for(struct sink_webhooks *w, const char *ca_file)
{
    for (struct client *c = w->clients; c; c = c->next)
        if (c->ca_file == NULL ? ca_file == NULL : ca_file && strcmp(c->ca_file, ca_file) == 0)
            return c->rest;
    struct client *c = MEMORY_NEW(struct client);
    c->ca_file = ca_file ? memory_text(ca_file) : NULL;
    c->rest = rest_client_new(&(struct rest_client_config){.loop = w->loop, .ca_file = c->ca_file});
    c->next = w->clients;
    w->clients = c;
    return c->rest;
}

/* ---- what is given up ---- */

static void put_dead(struct json_writer *w, const struct outlet_batch *b, const char *reason,
                     uint64_t wall_ms)
{
    json_name(w, "deadLetterProperties"), json_object(w);
    json_name(w, "deadletterreason"), json_put_text(w, reason);
    json_name(w, "deliveryattempts"), json_put_u64(w, b->attempts + 1);
    json_name(w, "deliveryresult"), json_put_i64(w, b->sink.http_status);
    json_name(w, "publishutc"), json_put_time(w, b->first_try_ms);
    json_name(w, "deliveryattemptutc"), json_put_time(w, wall_ms);
    json_end_object(w);
}

static void put_event(const struct sink_webhooks *w, const struct outlet_batch *b, size_t n,
                      struct json_writer *json)
{
    struct iot_event e;
    struct event_json one = {&e, w->hub_name, b->endpoint->id, b->partition, 0};
    if (outlet_batch_event(b, n, &e, &one.sequence) != OK)
        json_put_null(json);
    else if (b->endpoint->webhook.schema == ROUTING_WEBHOOK_CLOUD_EVENTS)
        event_json_put_cloud(&one, json);
    else
        event_json_put_grid(&one, json);
}

struct burial {
    struct outlet_batch *batch;
    struct buffer path, lines;
    enum status why;
};

static enum status write_lines(int fd, struct slice lines)
{
    while (lines.len) {
        ssize_t n = write(fd, lines.at, lines.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return IO_FAILED;
        lines = slice_skip(lines, (size_t)n);
    }
    return fdatasync(fd) == 0 ? OK : IO_FAILED;
}

static void make_room(const char *path)
{
    struct stat st;
    struct buffer older = {0};
    if (stat(path, &st) != 0 || st.st_size < SINK_DEAD_LETTERS_BYTES_MAX)
        return;
    buffer_printf(&older, "%.*s.1.jsonl", (int)(strlen(path) - strlen(".jsonl")), path);
    if (rename(path, buffer_cstr(&older)) != 0)
        log_error("dead letters could not be renamed path=%s errno=%d", path, errno);
    buffer_clear(&older);
}

static void bury(void *arg)
{
    struct burial *d = arg;
    const char *path = buffer_cstr(&d->path);
    make_room(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    d->why = fd < 0 ? IO_FAILED : write_lines(fd, buffer_slice(&d->lines));
    if (d->why != OK)
        log_error("dead letters could not be written path=%s errno=%d", path, errno);
    if (fd >= 0)
        close(fd);
}

static void buried(void *arg)
{
    struct burial *d = arg;
    d->batch->sink.dead = d->why == OK;
    outlet_batch_done(d->batch, d->why);
    buffer_clear(&d->path);
    buffer_clear(&d->lines);
    free(d);
}

static void give_up(struct sink_webhooks *w, struct outlet_batch *b, const char *reason)
{
    struct burial *d = MEMORY_NEW(struct burial);
    struct buffer folder = {0};
    d->batch = b;
    buffer_printf(&folder, "%s/dead-letters", w->folder);
    buffer_printf(&d->path, "%s/%s.jsonl", buffer_cstr(&folder), b->endpoint->name);
    if (file_make_directory(buffer_cstr(&folder)) != OK)
        log_error("no folder for dead letters path=%s", buffer_cstr(&folder));
    buffer_clear(&folder);
    for (size_t n = 0; n < b->count; n++) {
        struct json_writer json = json_writer(&d->lines);
        json_object(&json);
        put_dead(&json, b, reason, loop_wall_ms(w->loop));
        json_name(&json, "event");
        put_event(w, b, n, &json);
        json_end_object(&json);
        buffer_u8(&d->lines, '\n');
    }
    log_error("events are given up: they are in the dead letters endpoint=%s events=%zu reason=%s",
              b->endpoint->name, b->count, reason);
    loop_work(w->loop, bury, buried, d);
}

/* ---- calls ---- */

struct call {
    struct sink_webhooks *webhooks;
    struct outlet_batch *batch;
};

/* Event Grid's rules: what the other side will never take is not tried again. */
static const char *no_more(const struct sink_webhooks *w, const struct outlet_batch *b)
{
    const struct routing_endpoint *e = b->endpoint;
    if (b->sink.http_status == 400 || b->sink.http_status == 413)
        return "Undeliverable";
    if (b->attempts + 1 >= e->webhook.attempts_max)
        return "MaxDeliveryAttemptsExceeded";
    if (loop_wall_ms(w->loop) >= b->first_try_ms + e->webhook.ttl_minutes * 60000)
        return "TimeToLiveExceeded";
    return NULL;
}

/* This attempt came to nothing. */
static void failed(struct sink_webhooks *w, struct outlet_batch *b, enum status why)
{
    const char *reason = no_more(w, b);
    if (why == CANCELLED) /* the hub ends; the cursor has not moved */
        outlet_batch_drop(b);
    else if (reason)
        give_up(w, b, reason);
    else
        outlet_batch_done(b, why);
}

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    struct call *c = arg;
    struct sink_webhooks *w = c->webhooks;
    struct outlet_batch *b = c->batch;
    free(c);
    b->sink.http_status = a ? a->status : 0;
    if (why == OK && a->status >= 200 && a->status < 300)
        outlet_batch_done(b, OK);
    else
        failed(w, b, why == OK ? PEER_FAILED : why);
}

static const char *content_type(const struct routing_endpoint *e)
{
    if (e->webhook.schema != ROUTING_WEBHOOK_CLOUD_EVENTS)
        return "application/json; charset=utf-8";
    return e->webhook.events_max > 1 ? "application/cloudevents-batch+json; charset=utf-8"
                                     : "application/cloudevents+json; charset=utf-8";
}

static void send(struct call *c)
{
    struct outlet_batch *b = c->batch;
    const struct routing_endpoint *e = b->endpoint;
    struct arena arena = {0};
    struct rest_field *headers =
        ARENA_TAKE_N(&arena, struct rest_field, e->webhook.header_count + 3);
    headers[0] = (struct rest_field){SLICE("Content-Type"), slice_of(content_type(e))};
    headers[1] = (struct rest_field){SLICE("aeg-delivery-count"),
                                     slice_of(arena_printf(&arena, "%u", b->attempts))};
    headers[2] = (struct rest_field){SLICE("aeg-event-type"), SLICE("Notification")};
    for (size_t i = 0; i < e->webhook.header_count; i++)
        headers[3 + i] = e->webhook.headers[i];
    enum status s =
        rest_client_send(client_for(c->webhooks, e->webhook.ca_file),
                         &(struct rest_call){.method = "POST",
                                             .url = e->webhook.url,
                                             .headers = headers,
                                             .header_count = e->webhook.header_count + 3,
                                             .body = buffer_slice(&b->sink.text),
                                             .timeout_ms = e->webhook.timeout_s * 1000},
                         on_answer, c);
    arena_clear(&arena);
    if (s != OK) {
        free(c);
        outlet_batch_done(b, s);
    }
}

/* Until it has agreed, its status does not say what becomes of the events. */
static void on_consent(void *arg, enum status why, int http_status)
{
    struct call *c = arg;
    if (why == OK) {
        send(c);
        return;
    }
    struct sink_webhooks *w = c->webhooks;
    struct outlet_batch *b = c->batch;
    free(c);
    b->sink.http_status = http_status == 400 || http_status == 413 ? 0 : http_status;
    failed(w, b, why);
}

static void call_arrives(void *arg)
{
    struct call *c = arg;
    struct sink_webhooks *w = c->webhooks;
    const struct routing_endpoint *e = c->batch->endpoint;
    if (!e->webhook.validate || consent_given(&w->consents, e)) {
        send(c);
        return;
    }
    enum status s = consent_ask(&w->consents, client_for(w, e->webhook.ca_file), w->loop,
                                w->hub_name, e, on_consent, c);
    if (s != OK) {
        outlet_batch_done(c->batch, s);
        free(c);
    }
}

static void deliver(void *sink, struct outlet_batch *b)
{
    struct sink_webhooks *w = sink;
    bool single = b->endpoint->webhook.schema == ROUTING_WEBHOOK_CLOUD_EVENTS &&
                  b->endpoint->webhook.events_max == 1;
    buffer_reset(&b->sink.text);
    struct json_writer json = json_writer(&b->sink.text);
    if (!single)
        json_array(&json);
    for (size_t n = 0; n < b->count; n++)
        put_event(w, b, n, &json);
    if (!single)
        json_end_array(&json);
    struct call *c = MEMORY_NEW(struct call);
    c->webhooks = w;
    c->batch = b;
    loop_post(w->loop, call_arrives, c);
}

const struct sink_ops sink_webhook = {deliver};
