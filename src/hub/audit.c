#include "hub/audit.h"

#include "audit/request.h"
#include "json/json.h"
#include "token/sas.h"

enum kind { NOTHING, CALLED, ASKED };

/* Requests that only look, or settle what was handed over, although they are no GET; and those that
 * call. */
static const struct exception {
    const char *path; /* of the route, or how it begins */
    enum kind kind;
} exceptions[] = {
    {"/devices/query", NOTHING},
    {"/configurations/testQueries", NOTHING},
    {"/routing/routes/$test", NOTHING},
    {"/messages/serviceBound/", NOTHING},
    {"/digitaltwins/{id}/commands/", CALLED},
    {"/digitaltwins/{id}/components/", CALLED},
    {"/enrollments/query", NOTHING},
    {"/enrollmentGroups/query", NOTHING},
    {"/enrollments/{id}/attestationmechanism", CALLED}, /* shows a key */
    {"/enrollmentGroups/{id}/attestationmechanism", CALLED},
    {"/enrollments", CALLED}, /* of the provisioning service, which asks for tokens itself */
    {"/enrollmentGroups", CALLED},
    {"/registrations/{id}/query", NOTHING},
    {"/registrations/{id}", CALLED},
};

static enum kind kind_of(const struct rest_request *r)
{
    if (!r->route || slice_eq(r->method, SLICE("GET")) || slice_eq(r->method, SLICE("HEAD")))
        return NOTHING;
    for (size_t n = 0; n < sizeof exceptions / sizeof *exceptions; n++)
        if (slice_starts(slice_of(r->route->path), slice_of(exceptions[n].path)))
            return exceptions[n].kind;
    switch (r->route->access) {
    case REST_CALL:
        return CALLED;
    case REST_WRITE:
    case REST_ADMIN:
    case REST_SERVICE:
        return ASKED;
    default:
        return NOTHING;
    }
}

static void on_recorded(void *arg, enum status why)
{
    rest_admitted(arg, why, "the audit log cannot be written, so nothing is changed");
}

void hub_audit_admit(struct rest_request *r)
{
    struct hub *hub = r->app;
    if (kind_of(r) != ASKED || !hub->audit) {
        rest_admitted(r, OK, NULL);
        return;
    }
    struct audit_entry e = audit_request_asked(r);
    audit_put_first(hub->audit, &e, r->loop, on_recorded, r);
}

struct slice hub_audit_policy(struct slice token)
{
    struct sas t;
    return sas_parse(token, &t) == OK ? t.policy : (struct slice){0};
}

#define PIECES_METHOD "$call" /* of modules: client/module_pieces.h */

/* What a call in pieces calls stands in its first piece. The text is inside of *doc; empty: it is no such piece. */
static struct slice method_in_pieces(const struct rest_request *r, struct json_doc **doc)
{
    bool may = slice_find(r->body, PIECES_METHOD[0]) < r->body.len || slice_find_slice(r->body, SLICE("\\u")) < r->body.len;
    if (!may || !r->route || r->route->access != REST_CALL || json_parse(r->body, JSON_STRICT, doc, NULL) != OK)
        return (struct slice){0};
    const struct json *call = json_root(*doc);
    bool is = slice_eq_nocase(json_string(json_get(call, "methodName")), SLICE(PIECES_METHOD));
    return is ? json_string(json_get_nocase(json_get(call, "payload"), "method")) : (struct slice){0};
}

void hub_audit_on_answer(void *arg, const struct rest_request *r, int status)
{
    struct hub *hub = arg;
    if (!hub->audit || status == 401)
        return;
    enum kind kind = kind_of(r);
    struct audit_entry e =
        kind == ASKED ? audit_request_answered(r, status) : audit_request_called(r, status);
    if (e.who.len == 0)
        e.who = hub_audit_policy(rest_header(r, "Authorization"));
    struct json_doc *doc = NULL;
    struct slice method = method_in_pieces(r, &doc);
    if (method.len > 0)
        e.operation = method;
    if (kind != NOTHING)
        audit_put(hub->audit, &e);
    json_free(&doc);
}

void hub_audit_message(struct hub *hub, struct slice token, const struct iot_message *m)
{
    struct buffer digest = {0};
    if (!hub->audit)
        return;
    audit_line_digest(m->body, &digest);
    audit_put(hub->audit, &(struct audit_entry){.event = "called",
                                                .who = hub_audit_policy(token),
                                                .target = m->to,
                                                .operation = SLICE("SendMessage"),
                                                .body = buffer_slice(&digest)});
    buffer_clear(&digest);
}
