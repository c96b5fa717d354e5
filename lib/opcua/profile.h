/*
 * What servers of one make bear, whatever they claim: limits found in the field, by what a server
 * says of itself (BuildInfo). A server that nobody knows begins with small calls, which grow while
 * it answers them well.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct opcua_profile {
    const char *name; /* found anywhere in the manufacturer's or product's name; NULL: unknown */
    uint32_t items_first;    /* of the first call that creates monitored items */
    uint32_t items_per_call; /* of any later one */
    uint32_t item_calls;     /* in flight, of one subscription */
    uint32_t nodes_per_call; /* of any other service; 0: as the server says */
    bool no_filters;         /* data change filters are refused (Micro Embedded profile) */
};

/* Never NULL. Texts may be NULL. */
const struct opcua_profile *opcua_profile_of(const char *manufacturer, const char *product);
