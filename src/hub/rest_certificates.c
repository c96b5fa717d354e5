#include "hub/rest.h"

static void ask(struct rest_request *r, const struct registry_work *what)
{
    hub_rest_ask(r,
                 &(struct registry_ask){
                     .what = what,
                     .name = rest_param(r, "name"),
                     .body = r->body,
                     .if_match = hub_rest_if_match(r),
                 },
                 200);
}

static void list(struct rest_request *r)
{
    ask(r, &registry_certificate_list);
}

static void get(struct rest_request *r)
{
    ask(r, &registry_certificate_get);
}

static void put(struct rest_request *r)
{
    ask(r, &registry_certificate_put);
}

static void delete (struct rest_request *r)
{
    ask(r, &registry_certificate_delete);
}

static void code(struct rest_request *r)
{
    ask(r, &registry_certificate_code);
}

static void verify(struct rest_request *r)
{
    ask(r, &registry_certificate_verify);
}

/* clang-format off */
static const struct rest_route routes[] = {
    {"GET", "/certificates", list, REST_READ, "Certificates_ListByIotHub", NULL, NULL},
    {"GET", "/certificates/{name}", get, REST_READ, "Certificates_Get", NULL, NULL},
    {"PUT", "/certificates/{name}", put, REST_WRITE, "Certificates_CreateOrUpdate", NULL, NULL},
    {"DELETE", "/certificates/{name}", delete, REST_WRITE, "Certificates_Delete", NULL, NULL},
    {"POST", "/certificates/{name}/generateVerificationCode", code, REST_WRITE, "Certificates_GenerateVerificationCode", NULL, NULL},
    {"POST", "/certificates/{name}/verify", verify, REST_WRITE, "Certificates_Verify", NULL, NULL},
};
/* clang-format on */
const struct rest_table hub_rest_certificates = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};
