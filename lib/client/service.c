#include "client/service.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "iot/connection_string.h"
#include "token/sas.h"
#include "iot/status_wire.h"
#include "json/json.h"
#include "json/write.h"

#define API_VERSION "api-version=2021-04-12"
#define TOKEN_MS (3600u * 1000)
#define RENEW_MS (600u * 1000) /* before the token ends */
#define METHOD_MS 30000
#define METHOD_MS_MIN 5000
#define METHOD_MS_MAX 300000
#define METHOD_GRACE_MS 5000 /* the hub's deadline is the inner one */

struct service_client {
    struct loop *loop;
    struct rest_client *rest;
    char *url;
    char *resource, *policy, *key;
    struct buffer token;
    uint64_t token_ends_ms; /* wall clock */
    size_t held;
    bool freed; /* goes when nobody holds it */
};

/* ---- the token ---- */

static enum status sign(struct service_client *c)
{
    uint64_t now = loop_wall_ms(c->loop);
    if (c->token.len > 0 && now + RENEW_MS < c->token_ends_ms && now + TOKEN_MS >= c->token_ends_ms)
        return OK;
    buffer_reset(&c->token);
    c->token_ends_ms = now + TOKEN_MS;
    return sas_make(slice_of(c->resource), slice_of(c->key), slice_of(c->policy), c->token_ends_ms,
                    &c->token);
}

/* ---- a call ---- */

struct call {
    service_client_fn *done;
    void *arg;
};

/* Of a direct method's error: the code is in JSON inside the JSON's Message. */
static int64_t inner_code(struct slice message)
{
    struct json_doc *doc;
    int64_t code = 0;
    if (message.len == 0 || message.at[0] != '{' ||
        json_parse(message, JSON_STRICT, &doc, NULL) != OK)
        return 0;
    (void)json_i64(json_get(json_root(doc), "errorCode"), &code);
    json_free(&doc);
    return code;
}

static bool device_is_offline(const struct rest_answer *a)
{
    struct json_doc *doc;
    if (slice_eq(rest_answer_header(a, "iothub-errorcode"), SLICE("DeviceNotOnline")))
        return true;
    if (json_parse(a->body, JSON_STRICT, &doc, NULL) != OK)
        return false;
    int64_t code = 0;
    const struct json *root = json_root(doc);
    if (!json_i64(json_get_nocase(root, "errorCode"), &code))
        code = inner_code(json_string(json_get_nocase(root, "Message")));
    json_free(&doc);
    return code == 404103;
}

static enum status outcome(const struct rest_answer *a)
{
    return a->status == 404 && device_is_offline(a) ? OFFLINE : iot_status_of_http(a->status);
}

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    struct call *call = arg;
    call->done(call->arg, why == OK ? outcome(a) : why, a);
    free(call);
}

static size_t put_headers(const struct service_client *c, const struct service_call *call,
                          struct rest_field out[6])
{
    size_t n = 0;
    out[n++] = (struct rest_field){SLICE("Authorization"), buffer_slice(&c->token)};
    if (call->body.len > 0)
        out[n++] =
            (struct rest_field){SLICE("Content-Type"), SLICE("application/json; charset=utf-8")};
    if (call->if_match)
        out[n++] = (struct rest_field){SLICE("If-Match"), slice_of(call->if_match)};
    if (call->continuation)
        out[n++] = (struct rest_field){SLICE("x-ms-continuation"), slice_of(call->continuation)};
    if (call->id)
        out[n++] = (struct rest_field){SLICE("x-ms-client-request-id"), slice_of(call->id)};
    return n;
}

enum status service_client_request(struct service_client *c, const struct service_call *call,
                                   service_client_fn *done, void *arg)
{
    enum status s = c->freed ? CANCELLED : sign(c);
    if (s != OK)
        return s;
    struct buffer url = {0};
    buffer_printf(&url, "%s%s%s" API_VERSION, c->url, call->path,
                  strchr(call->path, '?') ? "&" : "?");
    struct rest_field headers[6];
    struct rest_call wanted = {.method = call->method,
                               .url = buffer_cstr(&url),
                               .headers = headers,
                               .header_count = put_headers(c, call, headers),
                               .body = call->body,
                               .timeout_ms = call->timeout_ms};
    struct call *kept = MEMORY_NEW(struct call);
    *kept = (struct call){done, arg};
    s = rest_client_send(c->rest, &wanted, on_answer, kept);
    if (s != OK)
        free(kept);
    buffer_clear(&url);
    return s;
}

/* ---- direct methods ---- */

struct method {
    service_client_method_fn *done;
    void *arg;
};

static void on_method(void *arg, enum status why, const struct rest_answer *a)
{
    struct method *m = arg;
    struct json_doc *doc = NULL;
    struct buffer payload = {0};
    int64_t status = 0;
    if (why == OK && json_parse(a->body, JSON_STRICT, &doc, NULL) != OK)
        why = PEER_FAILED;
    if (why == OK && !json_i64(json_get(json_root(doc), "status"), &status))
        why = PEER_FAILED;
    if (why == OK && json_get(json_root(doc), "payload")) {
        struct json_writer w = json_writer(&payload);
        json_put_value(&w, json_get(json_root(doc), "payload"));
    }
    m->done(m->arg, why, (int)status, buffer_slice(&payload));
    json_free(&doc);
    buffer_clear(&payload);
    free(m);
}

static uint64_t response_ms(const struct service_method *m)
{
    uint64_t ms = m->response_timeout_ms ? m->response_timeout_ms : METHOD_MS;
    return ms < METHOD_MS_MIN ? METHOD_MS_MIN : ms > METHOD_MS_MAX ? METHOD_MS_MAX : ms;
}

static void put_body(const struct service_method *m, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "methodName"), json_put_text(&w, m->name);
    json_name(&w, "responseTimeoutInSeconds"), json_put_u64(&w, (response_ms(m) + 999) / 1000);
    json_name(&w, "connectTimeoutInSeconds"), json_put_u64(&w, m->connect_timeout_ms / 1000);
    if (m->payload.len > 0)
        json_name(&w, "payload"), json_put_raw(&w, m->payload);
    json_end_object(&w);
}

static void put_path(struct iot_id id, struct buffer *out)
{
    buffer_text(out, "/twins/");
    percent_encode(id.device, out);
    if (id.module.len > 0) {
        buffer_text(out, "/modules/");
        percent_encode(id.module, out);
    }
    buffer_text(out, "/methods");
}

enum status service_client_invoke_method(struct service_client *c, const struct service_method *m,
                                         service_client_method_fn *done, void *arg)
{
    struct buffer path = {0}, body = {0};
    put_path(m->id, &path);
    put_body(m, &body);
    struct method *kept = MEMORY_NEW(struct method);
    *kept = (struct method){done, arg};
    struct service_call call = {.method = "POST",
                                .path = buffer_cstr(&path),
                                .body = buffer_slice(&body),
                                .id = m->call_id,
                                .timeout_ms =
                                    response_ms(m) + m->connect_timeout_ms + METHOD_GRACE_MS};
    enum status s = service_client_request(c, &call, on_method, kept);
    if (s != OK)
        free(kept);
    buffer_clear(&path);
    buffer_clear(&body);
    return s;
}

/* ---- beginning and end ---- */

static void set_url(struct service_client *c, const char *url, struct slice host)
{
    struct buffer text = {0};
    if (url)
        buffer_text(&text, url);
    else
        buffer_printf(&text, "https://%.*s", SLICE_FMT(host));
    while (slice_ends(buffer_slice(&text), SLICE("/")))
        text.len--;
    c->url = memory_text(buffer_cstr(&text));
    buffer_clear(&text);
}

/* The audience is the hub's name; a port does not belong to it. */
static struct slice without_port(struct slice host)
{
    return slice_first(host, slice_find(host, ':'));
}

enum status service_client_new(const struct service_client_config *config,
                               struct service_client **out)
{
    struct iot_connection_string parts;
    enum status s = iot_connection_string_parse(slice_of(config->connection_string), &parts);
    if (s != OK || parts.host_name.len == 0 || parts.key_name.len == 0 || parts.key.len == 0)
        return BAD_FORMAT;
    struct service_client *c = MEMORY_NEW(struct service_client);
    c->loop = config->loop;
    c->rest = config->rest;
    set_url(c, config->url, parts.host_name);
    c->resource = slice_dup(without_port(parts.host_name));
    c->policy = slice_dup(parts.key_name);
    c->key = slice_dup(parts.key);
    if (sign(c) != OK) {
        service_client_free(&c);
        return BAD_FORMAT;
    }
    *out = c;
    return OK;
}

struct loop *service_client_loop(const struct service_client *c)
{
    return c->loop;
}

static void forget(struct service_client *c)
{
    free(c->url);
    free(c->resource);
    free(c->policy);
    free(c->key);
    buffer_clear(&c->token);
    free(c);
}

void service_client_hold(struct service_client *c)
{
    c->held++;
}

void service_client_give_back(struct service_client *c)
{
    if (--c->held == 0 && c->freed)
        forget(c);
}

void service_client_free(struct service_client **c)
{
    if (*c == NULL)
        return;
    (*c)->freed = true;
    if ((*c)->held == 0)
        forget(*c);
    *c = NULL;
}
