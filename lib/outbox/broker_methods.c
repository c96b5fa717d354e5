#include "outbox/broker_methods.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "mqtt/v5.h"

#define RID_MAX 128
#define ANSWERS_MAX 256 /* that a broker has no room for; then calls are left alone, and time out */

struct broker_methods {
    struct module *module;
    struct broker *broker; /* of the last call */
    struct buffer topic, filter;
    bool v5;
    struct list calls;   /* the module has them */
    struct list answers; /* the broker had no room for them */
    size_t answer_count;
};

/* A call until its answer is with the broker. */
struct call {
    struct link link;
    struct broker_methods *home; /* NULL: it has gone */
    struct buffer topic;         /* of the answer; in 3.1.1 made when its status is known */
    struct buffer correlation, rid, body;
    int status;
};

/* ---- names ---- */

bool broker_method_read(struct slice tail, struct broker_method_name *out)
{
    static const struct slice rid = SLICE_INIT("/?$rid=");
    struct broker_method_name n = {.method = tail};
    size_t at = slice_find_slice(tail, rid);
    if (at < tail.len) {
        n.method = slice_first(tail, at);
        n.rid = slice_skip(tail, at + rid.len);
        if (n.rid.len == 0 || n.rid.len > RID_MAX || slice_find(n.rid, '/') < n.rid.len)
            return false;
    }
    if (n.method.len == 0 || slice_find(n.method, '/') < n.method.len) /* "res/200" is no call */
        return false;
    *out = n;
    return true;
}

/* ---- answers ---- */

static void call_free(struct call *c)
{
    list_remove(&c->link);
    buffer_clear(&c->topic);
    buffer_clear(&c->correlation);
    buffer_clear(&c->rid);
    buffer_clear(&c->body);
    free(c);
}

/* False: it waits. */
static bool send_answer(struct broker_methods *b, struct call *c)
{
    char status[12];
    struct buffer properties = {0};
    snprintf(status, sizeof status, "%d", c->status);
    mqtt5_user_property_put(&properties, SLICE("StatusCode"), slice_of(status));
    /* MQTTnet's client takes no answer that is empty. */
    struct slice body = c->body.len || !b->v5 ? buffer_slice(&c->body) : slice_from("", 1);
    enum status s =
        broker_send(b->broker,
                    &(struct broker_message){.topic = buffer_slice(&c->topic),
                                             .payload = body,
                                             .qos = 1,
                                             .content_type = SLICE("application/json"),
                                             .correlation = buffer_slice(&c->correlation),
                                             .user_properties = buffer_slice(&properties)},
                    BROKER_METHODS_TOKEN);
    buffer_clear(&properties);
    if (s == FULL)
        return false;
    if (s != OK)
        log_warn("a method's answer cannot be sent topic=%s status=%s", buffer_cstr(&c->topic),
                 status_name(s));
    call_free(c);
    return true;
}

void broker_methods_pump(struct broker_methods *b)
{
    struct link *l;
    while ((l = list_first(&b->answers)) && send_answer(b, LIST_OF(l, struct call, link)))
        b->answer_count--;
}

static void on_answer(void *arg, int status, struct slice json)
{
    struct call *c = arg;
    struct broker_methods *b = c->home;
    if (b == NULL) {
        call_free(c);
        return;
    }
    c->status = status;
    buffer_put(&c->body, json);
    if (c->topic.len == 0)
        buffer_printf(&c->topic, "%s/res/%d/?$rid=%s", buffer_cstr(&b->topic), status,
                      buffer_cstr(&c->rid));
    list_remove(&c->link);
    list_push(&b->answers, &c->link);
    b->answer_count++;
    broker_methods_pump(b);
}

/* ---- calls ---- */

void broker_methods_call(struct broker_methods *b, struct broker *broker,
                         const struct broker_incoming *m)
{
    struct broker_method_name name;
    struct slice tail = slice_skip(m->topic, b->topic.len + 1);
    if (m->retain || !slice_starts(m->topic, buffer_slice(&b->topic)) ||
        !broker_method_read(tail, &name) || (name.rid.len == 0 && m->response_topic.len == 0))
        return;
    if (b->answer_count >= ANSWERS_MAX) {
        log_warn("publisher broker method left alone, the broker takes no answers method=%.*s",
                 SLICE_FMT(name.method));
        return;
    }
    struct call *c = MEMORY_NEW(struct call);
    b->broker = broker;
    c->home = b;
    buffer_put(&c->topic, m->response_topic);
    buffer_put(&c->correlation, m->correlation);
    buffer_put(&c->rid, name.rid);
    list_push(&b->calls, &c->link);
    module_invoke(b->module, "mqtt", name.method, m->payload, 0, on_answer, c);
}

/* ---- life ---- */

struct broker_methods *broker_methods_new(struct module *m, struct slice topic, bool v5)
{
    struct broker_methods *b = MEMORY_NEW(struct broker_methods);
    b->module = m;
    b->v5 = v5;
    buffer_put(&b->topic, topic);
    buffer_printf(&b->filter, "%.*s/#", SLICE_FMT(topic));
    list_init(&b->calls);
    list_init(&b->answers);
    return b;
}

void broker_methods_free(struct broker_methods **methods)
{
    struct broker_methods *b = *methods;
    *methods = NULL;
    if (b == NULL)
        return;
    LIST_EACH(l, &b->calls)
    {
        LIST_OF(l, struct call, link)->home = NULL;
        list_remove(l);
    }
    LIST_EACH(l, &b->answers)
    call_free(LIST_OF(l, struct call, link));
    buffer_clear(&b->topic);
    buffer_clear(&b->filter);
    free(b);
}

const char *broker_methods_filter(const struct broker_methods *b)
{
    return buffer_cstr((struct buffer *)&b->filter);
}
