#include "services/change.h"

#include <string.h>

#include "audit/request.h"
#include "json/json.h"
#include "json/write.h"
#include "services/replies.h"
#include "services/twin_call.h"

bool services_change_is(const struct rest_request *r)
{
    return r->route && (r->route->access == REST_WRITE || r->route->access == REST_ADMIN);
}

static void on_recorded(void *arg, enum status why)
{
    rest_admitted(arg, why, "the audit log cannot be written, so nothing is changed");
}

static void record(struct rest_request *r, struct slice old)
{
    struct services *app = r->app;
    struct audit_entry e = audit_request_asked(r);
    e.old = old;
    audit_put_first(app->audit, &e, r->loop, on_recorded, r);
}

/* ---- what was there ---- */

static void on_old(void *arg, enum status why, struct slice json)
{
    record(arg, why == OK ? json : (struct slice){0});
}

/* What the path names, of the registry; false when it names nothing there. */
static bool ask_registry(struct rest_request *r)
{
    struct services *app = r->app;
    struct slice application = rest_param(r, "applicationId"),
                 endpoint = rest_param(r, "endpointId");
    if (!slice_starts(r->target, SLICE("/registry/")) || application.len + endpoint.len == 0)
        return false;
    services_registry_ask(app->registry,
                          &(struct services_registry_ask){
                              .what = application.len ? REGISTRY_APPLICATION : REGISTRY_ENDPOINT,
                              .id = application.len ? application : endpoint},
                          on_old, r);
    return true;
}

static void on_value(struct rest_request *r, struct slice payload)
{
    record(r, payload);
}

static void on_no_value(struct rest_request *r)
{
    record(r, (struct slice){0});
}

/* What a node's value is before it is written; false when it is no such request, or nobody could be asked. */
static bool ask_value(struct rest_request *r)
{
    static const char *const names[] = {"nodeId", "browsePath", "indexRange", "header"};
    struct services *app = r->app;
    struct json_doc *doc;
    struct buffer request = {0};
    struct json_writer w = json_writer(&request);
    if (!app->hub || !r->route->operation || strcmp(r->route->operation, "WriteValue") != 0 ||
        json_parse(r->body, JSON_STRICT, &doc, NULL) != OK)
        return false;
    json_object(&w);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        const struct json *v = json_get_nocase(json_root(doc), names[n]);
        if (v)
            json_name(&w, names[n]), json_put_value(&w, v);
    }
    json_end_object(&w);
    json_free(&doc);
    services_twin_call(r, &(struct services_twin_ask){.method = "ValueRead_V2",
                                                      .request = buffer_slice(&request),
                                                      .answer = on_value,
                                                      .failed = on_no_value});
    explicit_bzero(request.at, request.len); /* a password may stand in the header */
    buffer_clear(&request);
    return true;
}

void services_admit(struct rest_request *r)
{
    struct services *app = r->app;
    if (!services_replies_valid(r))
        return;
    if (!app->audit || !services_change_is(r))
        rest_admitted(r, OK, NULL);
    else if (!ask_registry(r) && !ask_value(r))
        record(r, (struct slice){0});
}
