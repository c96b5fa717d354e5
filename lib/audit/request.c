#include "audit/request.h"

struct audit_entry audit_request_asked(const struct rest_request *r)
{
    return (struct audit_entry){.event = "asked",
                                .call = slice_of(r->id),
                                .who = r->user,
                                .peer = r->peer,
                                .method = r->method,
                                .target = r->target,
                                .operation = slice_of(r->route ? r->route->operation : NULL),
                                .body = r->body};
}

struct audit_entry audit_request_answered(const struct rest_request *r, int status)
{
    struct audit_entry e = audit_request_asked(r);
    if (status == 403)
        e.event = "forbidden";
    else
        e = (struct audit_entry){.event = "answered", .call = e.call, .who = e.who};
    e.status = status;
    return e;
}

struct audit_entry audit_request_called(const struct rest_request *r, int status)
{
    struct audit_entry e = audit_request_asked(r);
    e.event = status == 403 ? "forbidden" : "called";
    e.status = status;
    return e;
}
