#include "routing/consent.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "json/json.h"
#include "json/write.h"

struct consent {
    struct consent *next;
    unsigned schema;
    char url[];
};

struct asking {
    struct consents *consents;
    const struct routing_endpoint *endpoint;
    const char *hub_name;
    char code[UUID_TEXT_LEN + 1];
    consent_fn *done;
    void *arg;
};

void consents_clear(struct consents *c)
{
    for (struct consent *one; (one = c->first);) {
        c->first = one->next;
        free(one);
    }
}

bool consent_given(const struct consents *c, const struct routing_endpoint *e)
{
    for (const struct consent *one = c->first; one; one = one->next)
        if (one->schema == e->webhook.schema && strcmp(one->url, e->webhook.url) == 0)
            return true;
    return false;
}

static void remember(struct consents *c, const struct routing_endpoint *e)
{
    struct consent *one = memory_new(sizeof(*one) + strlen(e->webhook.url) + 1);
    one->schema = e->webhook.schema;
    strcpy(one->url, e->webhook.url);
    one->next = c->first;
    c->first = one;
}

/* ---- what it answers ---- */

static bool sends_code_back(const struct asking *a, const struct rest_answer *answer)
{
    struct json_doc *doc = NULL;
    if (json_parse(answer->body, JSON_STRICT, &doc, NULL) != OK)
        return false;
    bool same = slice_eq(json_string(json_get(json_root(doc), "validationResponse")), slice_of(a->code));
    json_free(&doc);
    return same;
}

static bool allows_origin(const struct asking *a, const struct rest_answer *answer)
{
    struct slice origin = rest_answer_header(answer, "WebHook-Allowed-Origin");
    return slice_eq(origin, SLICE("*")) || slice_eq_nocase(origin, slice_of(a->hub_name));
}

static bool agrees(const struct asking *a, const struct rest_answer *answer)
{
    if (answer->status < 200 || answer->status >= 300)
        return false;
    return a->endpoint->webhook.schema == ROUTING_WEBHOOK_CLOUD_EVENTS ? allows_origin(a, answer)
                                                                       : sends_code_back(a, answer);
}

static void on_answer(void *arg, enum status why, const struct rest_answer *answer)
{
    struct asking *a = arg;
    if (why == OK && !agrees(a, answer)) {
        log_warn("webhook does not agree to events: it must %s endpoint=%s http=%d",
                 a->endpoint->webhook.schema == ROUTING_WEBHOOK_CLOUD_EVENTS
                     ? "answer OPTIONS with WebHook-Allowed-Origin"
                     : "answer with the validationCode as validationResponse",
                 a->endpoint->name, answer->status);
        why = PEER_FAILED;
    }
    if (why == OK)
        remember(a->consents, a->endpoint);
    a->done(a->arg, why, answer ? answer->status : 0);
    free(a);
}

/* ---- the question ---- */

static void put_validation(const struct asking *a, uint64_t wall_ms, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    struct buffer topic = {0};
    buffer_printf(&topic, "/providers/Microsoft.Devices/IotHubs/%s", a->hub_name);
    json_array(&w);
    json_object(&w);
    json_name(&w, "id"), json_put_text(&w, a->code);
    json_name(&w, "topic"), json_put_string(&w, buffer_slice(&topic));
    json_name(&w, "subject"), json_put_text(&w, "");
    json_name(&w, "data"), json_object(&w);
    json_name(&w, "validationCode"), json_put_text(&w, a->code);
    json_end_object(&w);
    json_name(&w, "eventType");
    json_put_text(&w, "Microsoft.EventGrid.SubscriptionValidationEvent");
    json_name(&w, "eventTime"), json_put_time(&w, wall_ms);
    json_name(&w, "metadataVersion"), json_put_text(&w, "1");
    json_name(&w, "dataVersion"), json_put_text(&w, "2");
    json_end_object(&w);
    json_end_array(&w);
    buffer_clear(&topic);
}

static enum status send(struct asking *a, struct rest_client *client, struct loop *loop)
{
    const struct routing_endpoint *e = a->endpoint;
    bool cloud = e->webhook.schema == ROUTING_WEBHOOK_CLOUD_EVENTS;
    struct buffer body = {0};
    struct arena arena = {0};
    struct rest_field *headers = ARENA_TAKE_N(&arena, struct rest_field, e->webhook.header_count + 2);
    size_t count = 0;
    if (cloud) {
        headers[count++] = (struct rest_field){SLICE("WebHook-Request-Origin"), slice_of(a->hub_name)};
    } else {
        headers[count++] = (struct rest_field){SLICE("Content-Type"), SLICE("application/json; charset=utf-8")};
        headers[count++] = (struct rest_field){SLICE("aeg-event-type"), SLICE("SubscriptionValidation")};
        put_validation(a, loop_wall_ms(loop), &body);
    }
    for (size_t i = 0; i < e->webhook.header_count; i++)
        headers[count++] = e->webhook.headers[i];
    enum status s = rest_client_send(client,
                                     &(struct rest_call){.method = cloud ? "OPTIONS" : "POST",
                                                         .url = e->webhook.url,
                                                         .headers = headers,
                                                         .header_count = count,
                                                         .body = buffer_slice(&body),
                                                         .timeout_ms = e->webhook.timeout_s * 1000},
                                     on_answer, a);
    arena_clear(&arena);
    buffer_clear(&body);
    return s;
}

enum status consent_ask(struct consents *c, struct rest_client *client, struct loop *loop,
                        const char *hub_name, const struct routing_endpoint *e, consent_fn *done,
                        void *arg)
{
    struct asking *a = MEMORY_NEW(struct asking);
    *a = (struct asking){.consents = c, .endpoint = e, .hub_name = hub_name, .done = done, .arg = arg};
    uint8_t random[16];
    loop_random(loop, random, sizeof(random));
    uuid_text(random, a->code);
    enum status s = send(a, client, loop);
    if (s != OK)
        free(a);
    return s;
}
