/*
 * A webhook: each message is one POST (or PUT) to /{topic}, its properties are headers. One after
 * the other, so that they arrive in their order; one that gets no answer, or an answer that time
 * may change, is sent again with back-off, for ever.
 */
#include "outbox/transport_http.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "iot/message.h"
#include "rest/client.h"

#define BACKOFF_MS_MIN 250
#define BACKOFF_MS_MAX 30000
#define HEADERS_MAX 64

struct webhook {
    struct transport base;
    struct transport_config config;
    struct rest_client *client;
    struct http_target target;

    /* The one message. */
    struct arena arena;
    bool busy, full;
    uint64_t token;
    struct rest_field headers[HEADERS_MAX];
    size_t header_count;
    const char *url;
    struct slice body;
    unsigned attempts;
    enum status last_why;
    int last_status;
    struct loop_timer timer;
};

/* ---- the answer ---- */

/* Time will not change these. */
static bool is_final(int status)
{
    return status == 400 || status == 405 || status == 413 || status == 414 || status == 415 ||
           status == 422 || status == 431;
}

static void send_it(void *arg);

static void try_again(struct webhook *w, enum status why, int status)
{
    if (why != w->last_why || status != w->last_status)
        log_warn("publisher webhook does not take a message, tried again url=%s status=%s http=%d",
                 w->url, status_name(why), status);
    w->last_why = why;
    w->last_status = status;
    uint64_t most = w->attempts < 7 ? (uint64_t)BACKOFF_MS_MIN << w->attempts : BACKOFF_MS_MAX;
    w->attempts++;
    loop_timer_start(w->config.loop, &w->timer,
                     most / 2 + loop_random_u64(w->config.loop) % (most / 2 + 1), send_it, w);
}

static void finish(struct webhook *w, enum status why)
{
    bool full = w->full;
    w->busy = w->full = false;
    arena_reset(&w->arena);
    w->config.events->on_sent(w->config.arg, w->token, why);
    if (full)
        w->config.events->on_room(w->config.arg);
}

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    struct webhook *w = arg;
    int status = a ? a->status : 0;
    if (why == CANCELLED)
        return;
    if (why != OK || (status >= 300 && !is_final(status))) {
        try_again(w, why, status);
        return;
    }
    if (w->attempts)
        log_info("publisher webhook takes messages again url=%s", w->target.root);
    w->attempts = 0;
    w->last_why = OK;
    w->last_status = 0;
    if (is_final(status))
        log_error("publisher webhook refused a message url=%s http=%d answer=\"%.*s\"", w->url,
                  status, SLICE_FMT(slice_first(a->body, 200)));
    finish(w, is_final(status) ? BAD_ARGUMENT : OK);
}

static void send_it(void *arg)
{
    struct webhook *w = arg;
    struct rest_call call = {.method = w->target.put ? "PUT" : "POST",
                             .url = w->url,
                             .headers = w->headers,
                             .header_count = w->header_count,
                             .body = w->body};
    enum status s = rest_client_send(w->client, &call, on_answer, w);
    if (s != OK)
        try_again(w, s, 0);
}

/* ---- the message ---- */

static void header(struct webhook *w, struct slice name, struct slice value)
{
    if (w->header_count < HEADERS_MAX)
        w->headers[w->header_count++] = (struct rest_field){name, value};
}

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] >= 127 || strchr("\"(),/:;<=>?@[\\]{}", s.at[i]))
            return false;
    return s.len > 0;
}

/* Names and values that no header can have are percent-encoded. */
static struct slice fit(struct webhook *w, struct slice s, bool name)
{
    bool good = !name || is_token(s);
    for (size_t i = 0; i < s.len && good; i++)
        good = s.at[i] >= ' ' && s.at[i] < 127;
    if (good)
        return arena_copy(&w->arena, s);
    struct buffer b = {0};
    percent_encode(s, &b);
    struct slice out = arena_copy(&w->arena, buffer_slice(&b));
    buffer_clear(&b);
    return out;
}

static void put_headers(struct webhook *w, const struct outgoing_view *v)
{
    struct slice list = v->properties, name, value;
    w->header_count = 0;
    header(w, SLICE("Content-Type"), fit(w, v->content_type, false));
    if (!w->target.put_query && !slice_eq(v->content_encoding, SLICE("utf-8")) &&
        v->content_encoding.len)
        header(w, SLICE("Content-Encoding"), fit(w, v->content_encoding, false));
    if (w->target.credential)
        header(w, slice_of(w->target.credential_name), slice_of(w->target.credential));
    while (!w->target.put_query && iot_property_next(&list, &name, &value))
        header(w, fit(w, name, true), fit(w, value, false));
}

static const char *url_of(struct webhook *w, const struct outgoing_view *v)
{
    struct buffer url = {0};
    struct slice topic = v->topic, level;
    buffer_text(&url, w->target.root);
    while (topic.len && slice_split(&topic, '/', &level)) {
        buffer_u8(&url, '/');
        percent_encode(level, &url);
    }
    if (w->target.put_query)
        w->target.put_query(v, &url);
    const char *text = arena_text(&w->arena, buffer_slice(&url));
    buffer_clear(&url);
    return text;
}

enum status transport_http_send(struct transport *t, const struct outgoing_view *v, uint64_t token)
{
    struct webhook *w = (struct webhook *)t;
    if (w->busy) {
        w->full = true;
        return FULL;
    }
    w->busy = true;
    w->token = token;
    w->url = url_of(w, v);
    w->body = arena_copy(&w->arena, v->body);
    put_headers(w, v);
    send_it(w);
    return OK;
}

/* ---- life ---- */

bool transport_http_put_root(const char *what, struct slice host, struct slice port, bool plain,
                             struct buffer *out)
{
    uint64_t number = 0;
    if (host.len == 0 ||
        (port.len && (!slice_to_u64(port, &number) || number == 0 || number > 65535))) {
        log_error("publisher %s: the connection string needs a host, and a port is a number", what);
        return false;
    }
    buffer_printf(out, "%s://%.*s", plain ? "http" : "https", SLICE_FMT(host));
    if (port.len)
        buffer_printf(out, ":%.*s", SLICE_FMT(port));
    return true;
}

struct transport *transport_http_new(const struct transport_ops *ops,
                                     const struct transport_config *config,
                                     const struct http_target *target)
{
    struct webhook *w = MEMORY_NEW(struct webhook);
    w->base.ops = ops;
    w->config = *config;
    w->target = *target;
    w->client = rest_client_new(&(struct rest_client_config){
        .loop = config->loop, .ca_file = config->ca_file, .active = 1});
    return &w->base;
}

void transport_http_close(struct transport **t)
{
    struct webhook *w = (struct webhook *)*t;
    loop_timer_stop(&w->timer);
    rest_client_free(&w->client);
    arena_clear(&w->arena);
    free(w->target.root);
    free(w->target.credential);
    free(w);
    *t = NULL;
}

/* ---- the webhook ---- */

static char *make_authorization(struct slice key)
{
    if (key.len == 0)
        return NULL;
    struct buffer value = {0};
    buffer_printf(&value, "%s%.*s", slice_find(key, ' ') < key.len ? "" : "ApiKey ",
                  SLICE_FMT(key));
    char *text = memory_text(buffer_cstr(&value));
    buffer_clear(&value);
    return text;
}

static enum status open(const struct transport_config *config, struct transport **out)
{
    const char *text = config->connection;
    struct buffer root = {0};
    bool plain = slice_eq_nocase(transport_text_find(text, "Scheme"), SLICE("http"));
    bool good = transport_http_put_root("webhook (HostName=;Port=;Scheme=;Put=;ApiKey=)",
                                        transport_text_find(text, "HostName"),
                                        transport_text_find(text, "Port"), plain, &root);
    if (good)
        *out = transport_http_new(
            &transport_http, config,
            &(struct http_target){
                .root = memory_text(buffer_cstr(&root)),
                .credential_name = "Authorization",
                .credential = make_authorization(transport_text_find(text, "ApiKey")),
                .put = slice_eq_nocase(transport_text_find(text, "Put"), SLICE("true"))});
    buffer_clear(&root);
    return good ? OK : BAD_ARGUMENT;
}

const struct transport_ops transport_http = {.name = "Http",
                                             .keeps_connection = true,
                                             .open = open,
                                             .send = transport_http_send,
                                             .close = transport_http_close};
