/*
 * The services' own descriptions, made from their tables, as Swagger 2.0 and OpenAPI 3.0: of one
 * service below its base, of all at the root. And a page to try the operations.
 */
#include "rest/openapi.h"
#include "services/explorer.h"
#include "services/models.h"
#include "services/services.h"

static const struct part {
    const char *name, *title;
    struct rest_table (*tables[3])(void);
} parts[] = {
    {"registry",
     "Opc-Registry-Service",
     {services_registry_table, services_fleet_table, services_module_table}},
    {"twin", "Opc-Twin-Service", {services_twin_table}},
    {"history", "Opc-History-Service", {services_history_table}},
    {"publisher", "Opc-Publisher-Service", {services_publisher_table}},
    {"events", "Opc-Events-Service", {services_live_table}},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static const char *access_text(enum rest_access access)
{
    return access == REST_READ    ? "For everybody with a token."
           : access == REST_WRITE ? "Needs the role Write, Admin or Sign."
           : access == REST_ADMIN ? "Needs the role Admin or Sign."
                                  : NULL;
}

static size_t add_tables(const struct part *part, struct rest_table *out)
{
    size_t count = 0;
    for (size_t i = 0; i < 3 && part->tables[i]; i++)
        out[count++] = part->tables[i]();
    return count;
}

/* Of the service that the path names; NULL and `all` of them when it names none. */
static const struct part *part_of(const struct rest_request *r, bool *all)
{
    struct slice name = rest_param(r, "service");
    *all = name.len == 0;
    for (size_t i = 0; i < PARTS; i++)
        if (slice_eq_nocase(name, slice_of(parts[i].name)))
            return &parts[i];
    return NULL;
}

static void describe(struct rest_request *r, int version)
{
    struct rest_table tables[3 * PARTS];
    size_t count = 0;
    bool all;
    const struct part *part = part_of(r, &all);
    if (!part && !all) {
        rest_reply_problem(r, 404, "there is no such service");
        return;
    }
    for (size_t i = 0; i < PARTS; i++)
        if (all || part == &parts[i])
            count += add_tables(&parts[i], tables + count);
    struct buffer text = {0};
    rest_openapi_put(&(struct rest_openapi){.version = version,
                                            .title = part ? part->title : "Millrace-Services",
                                            .api_version = "v2",
                                            .tables = tables,
                                            .table_count = count,
                                            .models = services_models,
                                            .model_suffix = "ApiModel",
                                            .access = access_text,
                                            .messagepack = true},
                     &text);
    rest_reply_json(r, 200, buffer_slice(&text));
    buffer_clear(&text);
}

static void swagger(struct rest_request *r)
{
    describe(r, 2);
}

static void openapi(struct rest_request *r)
{
    describe(r, 3);
}

/* ---- the page ---- */

static void static_text(struct rest_request *r, const char *type, const char *text)
{
    rest_add_header(r, "Content-Security-Policy",
                    SLICE("default-src 'self'; frame-ancestors 'none'"));
    rest_add_header(r, "X-Content-Type-Options", SLICE("nosniff"));
    rest_reply(r, 200, type, slice_of(text));
}

static void page(struct rest_request *r)
{
    bool all;
    if (part_of(r, &all) || all)
        static_text(r, "text/html; charset=utf-8", services_explorer_page);
    else
        rest_reply_problem(r, 404, "there is no such service");
}

static void style(struct rest_request *r)
{
    static_text(r, "text/css; charset=utf-8", services_explorer_style);
}

static void script(struct rest_request *r)
{
    static_text(r, "text/javascript; charset=utf-8", services_explorer_script);
}

static const struct rest_route routes[] = {
    {"GET", "/swagger/v2/openapi.json", swagger, REST_PUBLIC},
    {"GET", "/openapi.json", openapi, REST_PUBLIC},
    {"GET", "/swagger", page, REST_PUBLIC},
    {"GET", "/swagger/index.html", page, REST_PUBLIC},
    {"GET", "/swagger/explorer.css", style, REST_PUBLIC},
    {"GET", "/swagger/explorer.js", script, REST_PUBLIC},
    {"GET", "/{service}/swagger/v2/openapi.json", swagger, REST_PUBLIC},
    {"GET", "/{service}/openapi.json", openapi, REST_PUBLIC},
    {"GET", "/{service}/swagger", page, REST_PUBLIC},
    {"GET", "/{service}/swagger/index.html", page, REST_PUBLIC},
};

struct rest_table services_document_table(void)
{
    return REST_TABLE("", routes, NULL);
}
