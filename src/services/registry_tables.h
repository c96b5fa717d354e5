/*
 * The registry's tables in the database, and the statements on them. What the API asks for is in
 * columns, what it shows is the JSON that it shows. Only jobs of the table's thread call these.
 * Slices of a row live until the statement's next step.
 */
#pragma once

#include "services/documents.h"
#include "store/table.h"

enum services_statement {
    APPLICATION_GET,
    APPLICATION_PUT,
    APPLICATION_DELETE,
    APPLICATION_LIST,
    APPLICATION_SEEN,    /* sets or clears not_seen */
    APPLICATION_OWNED,   /* by a discoverer, and not disabled */
    APPLICATION_EXPIRED, /* disabled before a time */
    APPLICATION_SITES,
    ENDPOINT_GET,
    ENDPOINT_PUT,
    ENDPOINT_DELETE_OF, /* of an application */
    ENDPOINT_LIST,
    ENDPOINT_OF, /* of an application */
    ENDPOINT_SEEN,
    ENDPOINT_SEEN_OF, /* of an application */
    ENDPOINT_OWNED,
    ENDPOINT_ACTIVATE,
    ENDPOINT_STATE_PUT,
    POSITION_PUT,
    POSITION_LIST,
    HUB_MARKS, /* rows that the hub is to be told of, in the order of their change */
    HUB_MARK_COUNT,
    HUB_MARK_GET,
    HUB_MARK_PUT,
    HUB_MARK_DELETE,
    HUB_MARK_UNSEEN,  /* twins that were last seen in the hub before a pass */
    HUB_MARK_UNKNOWN, /* rows without a twin in the hub */
    HUB_TWIN_GET,
    HUB_TWIN_PUT,
    HUB_TWIN_DELETE,
    HUB_TWIN_UNSEEN,
    SERVICES_STATEMENT_COUNT
};

/* Fills migrations and statements. */
void services_registry_tables(struct store_table_config *config);

struct application_row {
    struct slice id, site, discoverer; /* site: SiteOrGatewayId */
    uint64_t not_seen_ms;              /* wall clock; 0: seen */
    struct slice info;                 /* ApplicationInfo without notSeenSince */
};

CHECKED enum status application_row_get(struct store_table *t, struct slice id,
                                        struct application_row *out);
CHECKED enum status application_row_put(struct store_table *t, const struct application_row *row);

struct endpoint_row {
    struct slice id, application, site, discoverer, supervisor;
    struct slice url, mode, policy, certificate; /* url in lower case */
    bool activated;
    uint64_t not_seen_ms;
    struct slice registration; /* EndpointRegistration */
    struct slice state;        /* EndpointConnectivityState that was last known; empty: none. Not put with the row */
};

CHECKED enum status endpoint_row_get(struct store_table *t, struct slice id,
                                     struct endpoint_row *out);
CHECKED enum status endpoint_row_put(struct store_table *t, const struct endpoint_row *row);

/* The rows of the statement that was bound by the caller: OK, or NOT_FOUND after the last. */
CHECKED enum status application_row_next(struct store_table *t, enum services_statement s,
                                         struct application_row *out);
CHECKED enum status endpoint_row_next(struct store_table *t, enum services_statement s,
                                      struct endpoint_row *out);
