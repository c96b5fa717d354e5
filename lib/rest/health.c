#include "rest/health.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "json/write.h"

struct rest_health {
    struct rest_metrics *metrics;
    struct check {
        const char *name;
        rest_health_check *run;
        void *arg;
    } checks[REST_HEALTH_CHECKS_MAX];
    size_t count;
};

struct rest_health *rest_health_new(struct rest_metrics *metrics)
{
    struct rest_health *h = MEMORY_NEW(struct rest_health);
    h->metrics = metrics;
    return h;
}

void rest_health_free(struct rest_health **h)
{
    free(*h);
    *h = NULL;
}

void rest_health_add(struct rest_health *h, const char *name, rest_health_check *check, void *arg)
{
    assert(h->count < REST_HEALTH_CHECKS_MAX);
    h->checks[h->count++] = (struct check){name, check, arg};
}

static bool put_check(const struct check *c, struct json_writer *w)
{
    struct buffer detail = {0};
    bool ready = c->run(c->arg, &detail);
    json_object(w);
    json_name(w, "name"), json_put_text(w, c->name);
    json_name(w, "ready"), json_put_bool(w, ready);
    json_member(w, "detail", buffer_slice(&detail));
    json_end_object(w);
    buffer_clear(&detail);
    return ready;
}

bool rest_health_ready(struct rest_health *h, struct buffer *json)
{
    struct buffer checks = {0};
    struct json_writer list = json_writer(&checks);
    bool ready = true;
    json_array(&list);
    for (size_t i = 0; i < h->count; i++)
        ready &= put_check(&h->checks[i], &list);
    json_end_array(&list);
    struct json_writer w = json_writer(json);
    json_object(&w);
    json_name(&w, "status"), json_put_text(&w, ready ? "ready" : "not ready");
    json_name(&w, "checks"), json_put_raw(&w, buffer_slice(&checks));
    json_end_object(&w);
    buffer_clear(&checks);
    return ready;
}

static void healthz(struct rest_request *r)
{
    rest_reply(r, 200, "text/plain", SLICE("ok\n"));
}

static void readyz(struct rest_request *r)
{
    struct buffer json = {0};
    bool ready = rest_health_ready(r->app, &json);
    rest_reply_json(r, ready ? 200 : 503, buffer_slice(&json));
    buffer_clear(&json);
}

static void metrics(struct rest_request *r)
{
    const struct rest_health *h = r->app;
    struct buffer text = {0};
    if (h->metrics)
        rest_metrics_write(h->metrics, &text);
    rest_reply(r, 200, REST_METRICS_TYPE, buffer_slice(&text));
    buffer_clear(&text);
}

static const struct rest_route routes[] = {
    {"GET", "/healthz", healthz, REST_PUBLIC},
    {"GET", "/readyz", readyz, REST_PUBLIC},
    {"GET", "/metrics", metrics, REST_PUBLIC},
};

struct rest_table rest_health_table(struct rest_health *h)
{
    return REST_TABLE("", routes, h);
}
