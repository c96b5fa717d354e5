/* The service side over HTTP, as azure-iot-provisioning-service calls it. */
#include "base/log.h"
#include "dps/dps.h"
#include "dps/routes.h"

static void on_answer(void *arg, const struct dps_service_answer *a)
{
    struct rest_request *r = arg;
    if (a->etag.len)
        rest_add_header(r, "ETag",
                        slice_of(arena_printf(&r->arena, "\"%.*s\"", SLICE_FMT(a->etag))));
    if (a->continuation.len)
        rest_add_header(r, "x-ms-continuation", a->continuation);
    if (a->why != OK)
        dps_route_error(r, a->why, a->text);
    else if (a->json.len)
        rest_reply_json(r, 200, a->json);
    else
        rest_reply_empty(r, 204);
}

static bool may(struct rest_request *r, unsigned rights)
{
    enum status s = dps_service_may(r->app, rest_header(r, "Authorization"), r->path, rights,
                                    loop_wall_ms(r->loop));
    if (s == OK)
        return true;
    log_warn("provisioning call refused path=%.*s peer=%.*s status=%s", SLICE_FMT(r->path),
             SLICE_FMT(r->peer), status_name(s));
    dps_route_error(r, s,
                    s == FORBIDDEN ? "Unauthorized: the policy lacks the right for this"
                                   : "Unauthorized");
    return false;
}

static void ask(struct rest_request *r, unsigned rights, struct dps_service_ask a)
{
    struct slice page = rest_header(r, "x-ms-max-item-count");
    if (!may(r, rights))
        return;
    if (page.len && (!slice_to_u64(page, &a.page) || a.page == 0)) {
        dps_route_error(r, BAD_ARGUMENT, "x-ms-max-item-count: must be a whole number above 0");
        return;
    }
    a.id = rest_param(r, "id");
    a.body = r->body;
    a.if_match = rest_header(r, "If-Match");
    a.continuation = rest_header(r, "x-ms-continuation");
    dps_service(r->app, r->loop, &a, on_answer, r);
}

/* A handler a row: right, what, kind. */
#define HANDLER(name, right, what_, kind_)                                                         \
    static void name(struct rest_request *r)                                                       \
    {                                                                                              \
        ask(r, right, (struct dps_service_ask){.what = what_, .kind = kind_});                     \
    }

/* clang-format off */
HANDLER(get_one,          DPS_ENROLLMENT_READ_RIGHT,    DPS_ENROLLMENT_GET,       DPS_INDIVIDUAL)
HANDLER(put_one,          DPS_ENROLLMENT_WRITE_RIGHT,   DPS_ENROLLMENT_PUT,       DPS_INDIVIDUAL)
HANDLER(delete_one,       DPS_ENROLLMENT_WRITE_RIGHT,   DPS_ENROLLMENT_DELETE,    DPS_INDIVIDUAL)
HANDLER(mechanism_of_one, DPS_ENROLLMENT_WRITE_RIGHT,   DPS_ENROLLMENT_MECHANISM, DPS_INDIVIDUAL)
HANDLER(bulk,             DPS_ENROLLMENT_WRITE_RIGHT,   DPS_ENROLLMENT_BULK,      DPS_INDIVIDUAL)
HANDLER(query_ones,       DPS_ENROLLMENT_READ_RIGHT,    DPS_ENROLLMENT_QUERY,     DPS_INDIVIDUAL)
HANDLER(get_group,        DPS_ENROLLMENT_READ_RIGHT,    DPS_ENROLLMENT_GET,       DPS_GROUP)
HANDLER(put_group,        DPS_ENROLLMENT_WRITE_RIGHT,   DPS_ENROLLMENT_PUT,       DPS_GROUP)
HANDLER(delete_group,     DPS_ENROLLMENT_WRITE_RIGHT,   DPS_ENROLLMENT_DELETE,    DPS_GROUP)
HANDLER(mechanism_of_group, DPS_ENROLLMENT_WRITE_RIGHT, DPS_ENROLLMENT_MECHANISM, DPS_GROUP)
HANDLER(query_groups,     DPS_ENROLLMENT_READ_RIGHT,    DPS_ENROLLMENT_QUERY,     DPS_GROUP)
HANDLER(get_registration, DPS_REGISTRATION_READ_RIGHT,  DPS_REGISTRATION_GET,     DPS_INDIVIDUAL)
HANDLER(delete_registration, DPS_REGISTRATION_WRITE_RIGHT, DPS_REGISTRATION_DELETE, DPS_INDIVIDUAL)
HANDLER(query_registrations, DPS_REGISTRATION_READ_RIGHT, DPS_REGISTRATION_QUERY, DPS_GROUP)

const struct rest_route dps_service_routes[] = {
    {"GET",    "/enrollments/{id}",                            get_one,             REST_PUBLIC, NULL, NULL, NULL},
    {"PUT",    "/enrollments/{id}",                            put_one,             REST_PUBLIC, NULL, NULL, NULL},
    {"DELETE", "/enrollments/{id}",                            delete_one,          REST_PUBLIC, NULL, NULL, NULL},
    {"POST",   "/enrollments/{id}/attestationmechanism",       mechanism_of_one,    REST_PUBLIC, NULL, NULL, NULL},
    {"POST",   "/enrollments",                                 bulk,                REST_PUBLIC, NULL, NULL, NULL},
    {"POST",   "/enrollments/query",                           query_ones,          REST_PUBLIC, NULL, NULL, NULL},
    {"GET",    "/enrollmentGroups/{id}",                       get_group,           REST_PUBLIC, NULL, NULL, NULL},
    {"PUT",    "/enrollmentGroups/{id}",                       put_group,           REST_PUBLIC, NULL, NULL, NULL},
    {"DELETE", "/enrollmentGroups/{id}",                       delete_group,        REST_PUBLIC, NULL, NULL, NULL},
    {"POST",   "/enrollmentGroups/{id}/attestationmechanism",  mechanism_of_group,  REST_PUBLIC, NULL, NULL, NULL},
    {"POST",   "/enrollmentGroups/query",                      query_groups,        REST_PUBLIC, NULL, NULL, NULL},
    {"GET",    "/registrations/{id}",                          get_registration,    REST_PUBLIC, NULL, NULL, NULL},
    {"DELETE", "/registrations/{id}",                          delete_registration, REST_PUBLIC, NULL, NULL, NULL},
    {"POST",   "/registrations/{id}/query",                    query_registrations, REST_PUBLIC, NULL, NULL, NULL},
};
/* clang-format on */
const size_t dps_service_routes_count = sizeof dps_service_routes / sizeof *dps_service_routes;
