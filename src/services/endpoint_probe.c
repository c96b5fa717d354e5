#include "services/endpoint_probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "services/endpoint_state.h"
#include "services/ids.h"
#include "services/twin_call.h"
#include "json/json.h"
#include "json/write.h"

#define METHOD "TestConnection_V2"

struct probe {
    struct services *app;
    char *id;
};

static void end(struct probe *p)
{
    p->app->probes--;
    free(p->id);
    free(p);
}

static void on_told(void *arg, enum status why, struct slice json)
{
    (void)json;
    if (why != OK)
        log_debug("endpoint state not kept status=%s", status_name(why));
    end(arg);
}

static void tell(struct probe *p, const char *state)
{
    char text[64];
    snprintf(text, sizeof text, "\"%s\"", state);
    services_registry_ask(p->app->registry,
                          &(struct services_registry_ask){.what = REGISTRY_STATE,
                                                          .id = slice_of(p->id),
                                                          .body = slice_of(text)},
                          on_told, p);
}

static void on_method(void *arg, enum status why, int status, struct slice payload)
{
    struct probe *p = arg;
    const char *state = why == OK ? services_endpoint_state(SLICE(METHOD), status, payload) : NULL;
    connecting_end(services_twin_connecting(p->app->twin), slice_of(p->id));
    log_debug("endpoint tried id=%s why=%s status=%d state=%s", p->id, status_name(why), status,
              state ? state : "-");
    if (state)
        tell(p, state);
    else
        end(p);
}

static enum status test(struct probe *p, struct slice module, const struct json *endpoint)
{
    struct buffer payload = {0};
    struct json_writer w = json_writer(&payload);
    json_object(&w);
    json_name(&w, "connection"), json_object(&w);
    json_name(&w, "endpoint"), json_put_value(&w, endpoint);
    json_end_object(&w);
    json_name(&w, "request"), json_put_raw(&w, SLICE("{}"));
    json_end_object(&w);
    enum status s =
        service_client_invoke_method(p->app->hub,
                                     &(struct service_method){.id = services_ids_module(module),
                                                              .name = METHOD,
                                                              .payload = buffer_slice(&payload),
                                                              .response_timeout_ms = PROBE_MS},
                                     on_method, p);
    buffer_clear(&payload);
    return s;
}

static void on_endpoint(void *arg, enum status why, struct slice json)
{
    struct probe *p = arg;
    struct json_doc *doc = NULL;
    if (why != OK || p->app->hub == NULL || json_parse(json, JSON_STRICT, &doc, NULL) != OK) {
        end(p);
        return;
    }
    const struct json *registration = json_get(json_root(doc), "registration");
    struct slice module = services_twin_module(p->app->twin, registration);
    if (module.len && test(p, module, json_get(registration, "endpoint")) == OK)
        connecting_begin(services_twin_connecting(p->app->twin), slice_of(p->id));
    else
        end(p);
    json_free(&doc);
}

void services_endpoint_probe(struct services *app, struct slice endpoint_id)
{
    if (app->hub == NULL || app->probes == PROBES_MAX)
        return;
    struct probe *p = MEMORY_NEW(struct probe);
    p->app = app;
    p->id = slice_dup(endpoint_id);
    app->probes++;
    services_registry_ask(
        app->registry,
        &(struct services_registry_ask){.what = REGISTRY_ENDPOINT, .id = endpoint_id}, on_endpoint,
        p);
}
