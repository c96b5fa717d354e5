/* The services' own descriptions, made from their tables. */
#include "rest/openapi.h"
#include "services/models.h"
#include "services/services.h"

static void describe(struct rest_request *r, const struct rest_openapi *d)
{
    struct buffer text = {0};
    rest_openapi_put(d, &text);
    rest_reply_json(r, 200, buffer_slice(&text));
    buffer_clear(&text);
}

static void registry(struct rest_request *r)
{
    struct rest_table tables[] = {services_registry_table(), services_fleet_table()};
    describe(r, &(struct rest_openapi){.version = 2,
                                       .title = "Opc-Registry-Service",
                                       .api_version = "v2",
                                       .tables = tables,
                                       .table_count = 2,
                                       .models = services_models_registry,
                                       .model_suffix = "ApiModel"});
}

static void twin(struct rest_request *r)
{
    struct rest_table table = services_twin_table();
    describe(r, &(struct rest_openapi){.version = 2,
                                       .title = "Opc-Twin-Service",
                                       .api_version = "v2",
                                       .tables = &table,
                                       .table_count = 1,
                                       .models = services_models_twin,
                                       .model_suffix = "ApiModel"});
}

/* Both as one document. A model that both have stands in it once. */
static void all(struct rest_request *r)
{
    const struct rest_models *parts[] = {&services_models_registry, &services_models_twin};
    struct rest_model *models =
        ARENA_TAKE_N(&r->arena, struct rest_model, parts[0]->count + parts[1]->count);
    struct rest_models joined = {models, 0};
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < parts[p]->count; i++)
            if (!rest_model_find(&joined, slice_of(parts[p]->models[i].name)))
                models[joined.count++] = parts[p]->models[i];
    struct rest_table tables[] = {services_registry_table(), services_fleet_table(),
                                  services_twin_table()};
    describe(r, &(struct rest_openapi){.version = 2,
                                       .title = "Millrace-Services",
                                       .api_version = "v2",
                                       .tables = tables,
                                       .table_count = 3,
                                       .models = joined,
                                       .model_suffix = "ApiModel"});
}

static const struct rest_route routes[] = {
    {"GET", "/swagger/v2/openapi.json", all, REST_PUBLIC},
    {"GET", "/registry/swagger/v2/openapi.json", registry, REST_PUBLIC},
    {"GET", "/twin/swagger/v2/openapi.json", twin, REST_PUBLIC},
};

struct rest_table services_document_table(void)
{
    return REST_TABLE("", routes, NULL);
}
