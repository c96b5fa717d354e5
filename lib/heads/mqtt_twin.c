/* Twin requests of a device, and their answers on "$iothub/twin/res/". */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "heads/mqtt_connection.h"
#include "iot/error.h"

struct request {
    struct link link; /* in c->twin_requests */
    uint64_t token;
    size_t rid_len;
    uint8_t rid[];
};

/* ---- answering ---- */

static void topic_begin(struct heads_mqtt_connection *c, int status, struct slice rid)
{
    buffer_reset(&c->topic);
    buffer_printf(&c->topic, "$iothub/twin/res/%d/?$rid=", status);
    buffer_put(&c->topic, rid);
}

static void send(struct heads_mqtt_connection *c, struct slice payload)
{
    if (!c->subscribed[HEADS_MQTT_TWIN])
        return;
    if (heads_mqtt_down(c, payload, 0) != OK)
        heads_mqtt_end(c, FULL, "the device does not read");
}

static void refuse(struct heads_mqtt_connection *c, struct slice rid, enum status why)
{
    uint8_t random[16];
    char tracking[UUID_TEXT_LEN + 1];
    loop_random(c->session.loop, random, sizeof random);
    uuid_text(random, tracking);
    const struct iot_status_wire *wire = iot_status_wire(why);
    struct iot_error e = {.wire = wire,
                          .text = slice_of(wire->name),
                          .call_id = slice_of(tracking),
                          .wall_ms = loop_wall_ms(c->session.loop)};
    struct buffer body = {0};
    iot_error_twin_body(&e, &body);
    topic_begin(c, wire->http, rid);
    send(c, buffer_slice(&body));
    buffer_clear(&body);
}

/* ---- asking ---- */

static struct request *request_new(struct heads_mqtt_connection *c, struct slice rid)
{
    struct request *r = memory_new(sizeof *r + rid.len);
    r->token = (uint64_t)c->serial << 32 | (uint32_t)c->twin_request_next++;
    r->rid_len = rid.len;
    memcpy(r->rid, rid.at, rid.len);
    list_push(&c->twin_requests, &r->link);
    c->twin_request_count++;
    return r;
}

void heads_mqtt_twin_ask(struct heads_mqtt_connection *c, const struct heads_mqtt_topic *t,
                         struct slice payload)
{
    if (t->rid.len > HEADS_MQTT_RID_MAX) {
        heads_mqtt_end(c, TOO_LARGE, "$rid too long");
        return;
    }
    if (c->twin_request_count == HEADS_MQTT_TWIN_REQUESTS_MAX) {
        refuse(c, t->rid, BUSY);
        return;
    }
    uint64_t token = request_new(c, t->rid)->token;
    if (t->kind == HEADS_MQTT_TWIN_GET)
        heads_mqtt_ops(c)->twin_get(c->device, token);
    else
        heads_mqtt_ops(c)->twin_report(c->device, payload, token);
}

/* ---- what the backend answers ---- */

/* Takes the request out; NULL for another connection's, and when the connection is ending. */
static struct request *take(struct heads_mqtt_connection *c, uint64_t token)
{
    if (c->state != HEADS_MQTT_READY)
        return NULL;
    LIST_EACH(l, &c->twin_requests)
    {
        struct request *r = LIST_OF(l, struct request, link);
        if (r->token == token) {
            list_remove(l);
            c->twin_request_count--;
            return r;
        }
    }
    return NULL;
}

void heads_mqtt_twin(struct heads_session *s, uint64_t token, enum status why, struct slice json)
{
    struct heads_mqtt_connection *c = (struct heads_mqtt_connection *)s;
    struct request *r = take(c, token);
    if (r == NULL)
        return;
    struct slice rid = slice_from(r->rid, r->rid_len);
    if (why == OK) {
        topic_begin(c, 200, rid);
        send(c, json);
    } else {
        refuse(c, rid, why);
    }
    free(r);
}

void heads_mqtt_reported(struct heads_session *s, uint64_t token, enum status why, uint64_t version)
{
    struct heads_mqtt_connection *c = (struct heads_mqtt_connection *)s;
    struct request *r = take(c, token);
    if (r == NULL)
        return;
    struct slice rid = slice_from(r->rid, r->rid_len);
    if (why == OK) {
        topic_begin(c, 204, rid);
        buffer_printf(&c->topic, "&$version=%llu", (unsigned long long)version);
        send(c, (struct slice){0});
    } else {
        refuse(c, rid, why);
    }
    free(r);
}

void heads_mqtt_twin_clear(struct heads_mqtt_connection *c)
{
    struct link *l;
    while ((l = list_pop(&c->twin_requests)))
        free(LIST_OF(l, struct request, link));
}
