#include "services/endpoint_probe.h"

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
    bool users_only; /* it is for nobody without a name, as we are */
};

static void end(struct probe *p, const char *state)
{
    services_twin_try_end(p->app, slice_of(p->id), state);
    p->app->probes--;
    free(p->id);
    free(p);
}

/* What it says of its users, when it says something. */
static bool takes_only_users(const struct json *registration)
{
    const struct json *methods = json_get(registration, "authenticationMethods");
    for (struct json_walk w = json_walk(methods); json_next(&w);) {
        struct slice type = json_string(json_get(w.value, "credentialType"));
        if (type.len == 0 || slice_eq_nocase(type, SLICE("None")))
            return false;
    }
    return json_count(methods) > 0;
}

static void on_method(void *arg, enum status why, int status, struct slice payload)
{
    struct probe *p = arg;
    const char *state = why == OK ? services_endpoint_state(SLICE(METHOD), status, payload) : NULL;
    connecting_end(services_twin_connecting(p->app->twin), slice_of(p->id));
    log_debug("endpoint tried id=%s why=%s status=%d state=%s", p->id, status_name(why), status,
              state ? state : "-");
    bool of_us = state && p->users_only && strcmp(state, "Unauthorized") == 0;
    end(p, of_us ? NULL : state);
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
        end(p, NULL);
        return;
    }
    const struct json *registration = json_get(json_root(doc), "registration");
    p->users_only = takes_only_users(registration);
    struct slice module = services_twin_module(p->app->twin, registration);
    if (module.len && test(p, module, json_get(registration, "endpoint")) == OK)
        connecting_begin(services_twin_connecting(p->app->twin), slice_of(p->id));
    else
        end(p, NULL);
    json_free(&doc);
}

void services_endpoint_probe(struct services *app, struct slice endpoint_id)
{
    if (app->hub == NULL || app->probes == PROBES_MAX || !services_twin_try_begin(app, endpoint_id))
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
