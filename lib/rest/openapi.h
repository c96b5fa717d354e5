/* OpenAPI 2.0 ("swagger") and 3.0 documents, from the route tables and models that the server
 * itself uses: the operations of the tables, and of the models those that they lead to. */
#pragma once

#include "rest/model.h"
#include "rest/router.h"

struct rest_openapi {
    int version; /* 2 or 3 */
    const char *title;
    const char *description;         /* may be NULL */
    const char *api_version;         /* "v2" */
    const struct rest_table *tables; /* routes without an operation are left out */
    size_t table_count;
    struct rest_models models;
    const char *(*access)(
        enum rest_access access); /* what a caller needs, for people; NULL: not said */
    const char *model_suffix;     /* behind the names of object models, "ApiModel"; NULL: none */
    bool messagepack;             /* the server's: bodies may also be that */
};

void rest_openapi_put(const struct rest_openapi *d, struct buffer *out);
