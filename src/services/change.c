#include "services/change.h"

#include "audit/request.h"
#include "services/replies.h"

bool services_change_is(const struct rest_request *r)
{
    return r->route && (r->route->access == REST_WRITE || r->route->access == REST_ADMIN);
}

static void on_recorded(void *arg, enum status why)
{
    rest_admitted(arg, why, "the audit log cannot be written, so nothing is changed");
}

void services_change_record(struct rest_request *r, struct slice old)
{
    struct services *app = r->app;
    struct audit_entry e = audit_request_asked(r);
    e.old = old;
    audit_put_first(app->audit, &e, r->loop, on_recorded, r);
}

void services_admit(struct rest_request *r)
{
    struct services *app = r->app;
    if (!services_replies_valid(r))
        return;
    if (!app->audit || !services_change_is(r))
        rest_admitted(r, OK, NULL);
    else if (!services_change_ask_old(r))
        services_change_record(r, (struct slice){0});
}
