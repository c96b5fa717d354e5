/*
 * The transport HTTPS: telemetry in batches, one request at a time, so that it stays in order;
 * messages to a device by asking for them. There is no connection to speak of: it counts as up from
 * the first answer on, and as lost with the first request that fails.
 */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "client/device_https_message.h"
#include "client/device_priv.h"
#include "iot/status_wire.h"
#include "rest/client.h"

#define BATCH_MAX 100 /* messages */
#define REQUEST_MS 30000
#define TOKEN_USED_MS (DEVICE_TOKEN_MS / 4 * 3)
#define ACTIVE 16     /* requests: two of a connection, and those of one that was lost */
#define HEADERS_MAX 4 /* of a request, besides a message's own */

/* What stays over all connections: an HTTP client has a thread, and its end waits for that. */
struct line {
    struct rest_client *http;
    unsigned answering;
};

/* One connection; it lives until the last of its requests has its answer. */
struct device_https {
    struct device_client *client; /* NULL: it has left */
    struct line *line;
    size_t under_way; /* requests, until their answers are dealt with */
    struct loop_timer poll;
    struct loop_timer failed; /* a request could not even be made, for this reason: */
    enum status why;
    struct buffer token;
    uint64_t token_made_ms; /* wall clock; 0: none */
    uint32_t numbers[BATCH_MAX];
    size_t flying; /* messages of the request under way; 0: none */
    size_t most;   /* in the next one */
    bool asking;   /* for a message */
    struct buffer properties, lock;
};

static struct device_https *of(const struct device_client *c)
{
    return c->link;
}

/* ---- messages, as the log keeps them ---- */

static enum status encode(struct device_client *c, const struct iot_message *m, uint16_t id,
                          struct buffer *out)
{
    (void)id;
    iot_event_encode(
        &(struct iot_event){.from = {.device = slice_of(c->config.device_id)}, .message = *m}, out);
    return OK;
}

static enum status decode(struct device_client *c, struct slice kept, struct iot_message *out)
{
    struct iot_event e;
    (void)c;
    if (iot_event_decode(kept, &e) != OK)
        return BAD_FORMAT;
    *out = e.message;
    return OK;
}

/* ---- requests ---- */

static void put_url(struct device_client *c, const char *path, struct buffer *out)
{
    struct connect_config to = device_connect_config(c);
    buffer_printf(out, "%s://%s:%d/devices/", to.tls ? "https" : "http", to.host, to.port);
    percent_encode(slice_of(c->config.device_id), out);
    if (c->config.module_id) {
        buffer_text(out, "/modules/");
        percent_encode(slice_of(c->config.module_id), out);
    }
    buffer_printf(out, "%s?api-version=" DEVICE_API_VERSION, path);
}

static enum status renew(struct device_client *c)
{
    struct device_https *h = of(c);
    uint64_t now = loop_wall_ms(c->config.loop);
    if (!device_has_token(c) || (h->token_made_ms && now - h->token_made_ms < TOKEN_USED_MS))
        return OK;
    buffer_reset(&h->token);
    h->token_made_ms = now;
    return device_put_token(c, &h->token);
}

static void on_failed(void *client);

/* True: `done` follows. */
static bool request(struct device_client *c, const char *method, const char *path,
                    const struct rest_field *more, size_t more_count, struct slice body,
                    rest_client_fn *done)
{
    struct device_https *h = of(c);
    struct arena a = {0};
    struct buffer url = {0};
    size_t n = 0;
    struct rest_field *fields = arena_take(&a, (HEADERS_MAX + more_count) * sizeof(*fields));
    enum status s = renew(c);
    put_url(c, path, &url);
    if (h->token.len)
        fields[n++] = (struct rest_field){SLICE("Authorization"), buffer_slice(&h->token)};
    for (size_t i = 0; i < more_count; i++)
        fields[n++] = more[i];
    if (s == OK)
        s = rest_client_send(h->line->http,
                             &(struct rest_call){.method = method,
                                                 .url = buffer_cstr(&url),
                                                 .headers = fields,
                                                 .header_count = n,
                                                 .body = body,
                                                 .timeout_ms = REQUEST_MS},
                             done, h);
    buffer_clear(&url);
    arena_clear(&a);
    if (s == OK) {
        h->under_way++;
    } else {
        h->why = s;
        loop_timer_start(c->config.loop, &h->failed, 0, on_failed, c);
    }
    return s == OK;
}

/* ---- answers ---- */

static void forget(struct device_https *h)
{
    buffer_clear(&h->token);
    buffer_clear(&h->properties);
    buffer_clear(&h->lock);
    free(h);
}

/* What is done with an answer stands between these two. NULL: nobody waits for it any more. */
static struct device_client *begin(struct device_https *h)
{
    h->line->answering++;
    if (h->client)
        device_enter(h->client);
    return h->client;
}

static void end(struct device_https *h, struct device_client *c)
{
    if (c)
        device_leave(c);
    h->line->answering--;
    if (--h->under_way == 0 && h->client == NULL)
        forget(h);
}

static void come_up(struct device_client *c)
{
    if (c->state != DEVICE_CONNECTING)
        return;
    c->tried = 0;
    device_up(c, c->config.host);
}

/* What an answer says of who we are and how the hub is; OK: of neither anything bad. */
static enum status of_answer(enum status why, const struct rest_answer *answer)
{
    if (why != OK)
        return why;
    if (answer->status == 401 || answer->status == 404)
        return UNAUTHORIZED;
    return answer->status == 403 || answer->status == 408 || answer->status == 429 ||
                   answer->status >= 500
               ? BUSY
               : OK;
}

static void lose(struct device_client *c, enum status why);

/* True: the request was of use. Otherwise the client is told, and may be gone. */
static bool take_answer(struct device_client *c, enum status why, const struct rest_answer *answer)
{
    enum status s = of_answer(why, answer);
    if (s == UNAUTHORIZED && why == OK)
        (void)device_refused(c, s);
    if (s != OK && !c->freed)
        lose(c, s);
    if (s == OK)
        come_up(c);
    return s == OK && !c->freed && c->link;
}

/* ---- telemetry ---- */

static void pump(struct device_client *c);

static void tell(struct device_client *c)
{
    device_tell_sent(c, false, OK);
    device_tell_room(c);
    if (!c->freed && c->link)
        pump(c);
}

/* One that the hub will not take is found by sending each by itself. */
static void on_refused_batch(struct device_client *c, int status)
{
    struct device_https *h = of(c);
    if (h->flying > 1) {
        h->most = 1;
        device_window_again(&c->window);
        return;
    }
    log_warn("a message was refused device=%s module=%s status=%d", device_who(c),
             device_who_module(c), status);
    (void)device_window_done(&c->window, h->numbers[0], status == 413 ? TOO_LARGE : BAD_ARGUMENT);
}

static void on_sent(void *arg, enum status why, const struct rest_answer *answer)
{
    struct device_https *h = arg;
    struct device_client *c = begin(h);
    if (c && take_answer(c, why, answer)) {
        bool taken = iot_status_of_http(answer->status) == OK;
        for (size_t i = 0; i < h->flying && taken; i++)
            (void)device_window_done(&c->window, h->numbers[i], OK);
        if (taken)
            h->most = h->most < BATCH_MAX / 2 ? h->most * 2 : BATCH_MAX;
        else
            on_refused_batch(c, answer->status);
        h->flying = 0;
        tell(c);
    }
    end(h, c);
}

static bool send_one(struct device_client *c, const struct iot_message *m)
{
    struct arena a = {0};
    size_t count;
    struct rest_field *fields = device_https_fields(m, &a, &count);
    bool sent = device_https_fields_ok(fields, count);
    if (sent)
        (void)request(c, "POST", "/messages/events", fields, count, m->body, on_sent);
    arena_clear(&a);
    return sent;
}

static void send_batch(struct device_client *c, struct slice body)
{
    const struct rest_field type = {SLICE("Content-Type"), SLICE(DEVICE_HTTPS_BATCH)};
    (void)request(c, "POST", "/messages/events", &type, 1, body, on_sent);
}

/* Takes what goes into the next request. True: it is one large message, and alone. */
static bool gather(struct device_client *c, struct buffer *batch, struct iot_message *large)
{
    struct device_https *h = of(c);
    struct device_window_item item;
    struct arena a = {0};
    struct json_writer w = json_writer(batch);
    bool alone = false;
    json_array(&w);
    for (size_t bytes = 0;
         h->flying < h->most && !alone && device_window_peek(&c->window, &item);) {
        struct iot_message m = {0};
        if (h->flying && bytes + item.len > DEVICE_HTTPS_BATCH_BYTES)
            break;
        (void)device_window_next(&c->window, &item);
        if (decode(c, slice_from(item.at, item.len), &m) != OK)
            continue; /* it is what encode() made */
        bytes += item.len;
        alone = bytes > DEVICE_HTTPS_BATCH_BYTES;
        *large = m;
        device_https_item(&w, &m, &a);
        h->numbers[h->flying++] = item.number;
    }
    json_end_array(&w);
    arena_clear(&a);
    return alone;
}

static void pump(struct device_client *c)
{
    struct device_https *h = of(c);
    struct buffer batch = {0};
    struct iot_message large = {0};
    if (h->flying || c->state < DEVICE_CONNECTING)
        return;
    bool alone = gather(c, &batch, &large);
    if (h->flying && !(alone && send_one(c, &large)))
        send_batch(c, buffer_slice(&batch));
    buffer_clear(&batch);
}

/* ---- messages to a device ---- */

static void ask(void *arg);

static void poll_later(struct device_client *c, uint64_t after_ms)
{
    loop_timer_start(c->config.loop, &of(c)->poll, after_ms, ask, c);
}

static void on_completed(void *arg, enum status why, const struct rest_answer *answer)
{
    struct device_https *h = arg;
    struct device_client *c = begin(h);
    h->asking = false;
    if (c && take_answer(c, why, answer))
        poll_later(c, 0); /* there may be more */
    end(h, c);
}

static void take_message(struct device_client *c, const struct rest_answer *answer)
{
    struct device_https *h = of(c);
    struct iot_message m;
    struct slice lock;
    if (device_https_read(answer->headers, answer->body, &h->properties, &m, &lock) != OK) {
        log_warn("a message without a lock device=%s", device_who(c));
        poll_later(c, DEVICE_CLIENT_POLL_MS);
        return;
    }
    buffer_reset(&h->lock);
    buffer_text(&h->lock, "/messages/devicebound/");
    percent_encode(lock, &h->lock);
    c->config.events->on_message(c->config.arg, &m);
    if (!c->freed && c->link)
        h->asking =
            request(c, "DELETE", buffer_cstr(&h->lock), NULL, 0, (struct slice){0}, on_completed);
}

static void on_asked(void *arg, enum status why, const struct rest_answer *answer)
{
    struct device_https *h = arg;
    struct device_client *c = begin(h);
    h->asking = false;
    if (c && take_answer(c, why, answer)) {
        if (answer->status == 200)
            take_message(c, answer);
        else
            poll_later(c, DEVICE_CLIENT_POLL_MS);
    }
    end(h, c);
}

static void ask(void *arg)
{
    struct device_client *c = arg;
    device_enter(c);
    of(c)->asking =
        request(c, "GET", "/messages/devicebound", NULL, 0, (struct slice){0}, on_asked);
    device_leave(c);
}

/* ---- life ---- */

static void dispose(struct device_client *c)
{
    struct device_https *h = of(c);
    c->link = NULL;
    h->client = NULL;
    loop_timer_stop(&h->poll);
    loop_timer_stop(&h->failed);
    if (h->under_way == 0)
        forget(h);
}

static void hang_up(void *arg)
{
    struct line *line = arg;
    rest_client_free(&line->http);
    free(line);
}

/* An HTTP client is not freed inside of its own answer. */
static void clear(struct device_client *c)
{
    struct line *line = c->kept;
    c->kept = NULL;
    if (line && line->answering)
        loop_defer(c->config.loop, hang_up, line);
    else if (line)
        hang_up(line);
}

static void lose(struct device_client *c, enum status why)
{
    dispose(c);
    device_lost(c, why);
}

static void on_failed(void *client)
{
    struct device_client *c = client;
    lose(c, of(c)->why);
}

static struct line *line_new(const struct device_client_config *config)
{
    struct line *line = MEMORY_NEW(struct line);
    line->http =
        rest_client_new(&(struct rest_client_config){.loop = config->loop,
                                                     .ca_file = config->ca_file,
                                                     .certificate_file = config->certificate_file,
                                                     .key_file = config->key_file,
                                                     .active = ACTIVE});
    return line;
}

static void connect(struct device_client *c)
{
    struct device_https *h = MEMORY_NEW(struct device_https);
    c->kept = c->kept ? c->kept : line_new(&c->config);
    h->client = c;
    h->line = c->kept;
    h->most = BATCH_MAX;
    c->link = h;
    device_window_again(&c->window);
    pump(c);
    if (c->link && c->config.events->on_message && c->config.module_id == NULL)
        poll_later(c, 0);
}

static void leave(struct device_client *c)
{
    of(c)->client = NULL;
    loop_timer_stop(&of(c)->poll);
    loop_timer_stop(&of(c)->failed);
}

/* Nothing of it comes: nobody could have called. */
static void no_reply(struct device_client *c, struct slice id, int status, struct slice payload)
{
    (void)c, (void)id, (void)status, (void)payload;
}

const struct device_transport_ops device_https = {
    .answers = false,
    .encode = encode,
    .decode = decode,
    .connect = connect,
    .pump = pump,
    .leave = leave,
    .dispose = dispose,
    .clear = clear,
    .method_reply = no_reply,
};
