#include "rest/route.h"

static struct slice find(const struct rest_field *fields, size_t count, const char *name)
{
    struct slice wanted = slice_of(name);
    for (size_t i = 0; i < count; i++)
        if (slice_eq(fields[i].name, wanted))
            return fields[i].value;
    return (struct slice){0};
}

struct slice rest_header(const struct rest_request *r, const char *name)
{
    struct slice wanted = slice_of(name);
    for (size_t i = 0; i < r->header_count; i++)
        if (slice_eq_nocase(r->headers[i].name, wanted))
            return r->headers[i].value;
    return (struct slice){0};
}

struct slice rest_query(const struct rest_request *r, const char *name)
{
    return find(r->query, r->query_count, name);
}

struct slice rest_param(const struct rest_request *r, const char *name)
{
    return find(r->params, r->param_count, name);
}
