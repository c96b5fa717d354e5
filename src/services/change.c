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
    if (!app->audit) { /* the services stop */
        rest_admitted(r, CANCELLED, "the audit log is closed");
        return;
    }
    struct audit_entry e = audit_request_asked(r);
    e.old = arena_copy(&r->arena, old); /* a long one is to be there until it is recorded */
    audit_put_first(app->audit, &e, r->loop, on_recorded, r);
}

static void on_checked(struct rest_request *r)
{
    struct services *app = r->app;
    if (!app->audit || !services_change_is(r))
        rest_admitted(r, OK, NULL);
    else if (!services_change_ask_old(r))
        services_change_record(r, (struct slice){0});
}

void services_admit(struct rest_request *r)
{
    services_replies_check(r, on_checked);
}
