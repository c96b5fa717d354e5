#include "hub/rest.h"

#include <assert.h>

static const struct rest_table *const tables[] = {
    &hub_rest_devices,        /* rest_devices.c */
    &hub_rest_bulk,           /* rest_bulk.c */
    &hub_rest_twins,          /* rest_twins.c */
    &hub_rest_methods,        /* rest_methods.c */
    &hub_rest_messages,       /* rest_messages.c */
    &hub_rest_query,          /* rest_query.c */
    &hub_rest_jobs,           /* rest_jobs.c */
    &hub_rest_transfers,      /* rest_transfers.c */
    &hub_rest_configurations, /* rest_configurations.c */
    &hub_rest_certificates,   /* rest_certificates.c */
    &hub_rest_files,          /* rest_files.c */
    &hub_rest_routing,        /* rest_routing.c */
};

size_t hub_rest_tables(struct rest_table out[HUB_REST_TABLES_MAX])
{
    size_t count = sizeof(tables) / sizeof(tables[0]);
    static_assert(sizeof(tables) / sizeof(tables[0]) <= HUB_REST_TABLES_MAX, "room for all");
    for (size_t i = 0; i < count; i++)
        out[i] = *tables[i];
    return count;
}
