#include "heads/http.h"

#include <stdlib.h>

#include "base/memory.h"
#include "heads/http_priv.h"

struct heads_http *heads_http_new(const struct heads_http_config *config)
{
    struct heads_http *h = MEMORY_NEW(struct heads_http);
    h->config = *config;
    return h;
}

void heads_http_free(struct heads_http **h)
{
    free(*h);
    *h = NULL;
}

/* Public as far as the server knows: each signs in at the backend. */
const struct rest_route heads_http_routes[] = {
    {"POST", "/devices/{id}/messages/events", heads_http_send, REST_PUBLIC},
    {"POST", "/devices/{id}/modules/{moduleId}/messages/events", heads_http_send, REST_PUBLIC},
    {"GET", "/devices/{id}/messages/devicebound", heads_http_receive, REST_PUBLIC},
    {"DELETE", "/devices/{id}/messages/devicebound/{lock}", heads_http_settle, REST_PUBLIC},
    {"POST", "/devices/{id}/messages/devicebound/{lock}/abandon", heads_http_abandon, REST_PUBLIC},
};
const size_t heads_http_routes_count = sizeof(heads_http_routes) / sizeof(heads_http_routes[0]);
