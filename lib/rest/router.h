/*
 * From a method and a path to a route: a tree of path segments, built once from route tables.
 * Literal segments are preferred over "{name}", and compare without case, as ASP.NET's and IoT
 * Hub's do. "{name*}" as the last segment matches all that is left, slashes included.
 */
#pragma once

#include "rest/route.h"

#define REST_SEGMENTS_MAX 24 /* of a request's path; a longer one is not found */
#define REST_PARAMS_MAX 8    /* in one route */

/* The rows and their texts are static; `base` ("/registry", "" for none) goes before each path. */
struct rest_table {
    const char *base;
    const struct rest_route *routes;
    size_t count;
    void *app; /* for this table's handlers; NULL: the server's */
    bool last; /* asked only for paths that no other table has, whatever the method */
};

#define REST_TABLE(base_, routes_, app_)                                                           \
    ((struct rest_table){(base_), (routes_), sizeof(routes_) / sizeof((routes_)[0]), (app_)})

struct rest_router;

/* Two rows with the same method and path are a bug of ours. Copies the tables, not the rows. */
struct rest_router *rest_router_new(const struct rest_table *tables, size_t count);
void rest_router_free(struct rest_router **r);

/* Whether any row has stream_bytes. */
bool rest_router_streams(const struct rest_router *r);

struct rest_match {
    const struct rest_route *route;
    void *app;
    struct rest_field params[REST_PARAMS_MAX];
    size_t param_count;
};

/*
 * `path` is as sent, without query; every segment is decoded for itself, so %2F does not divide.
 * A HEAD without a row of its own is a GET. NOT_FOUND; UNSUPPORTED when the path is there for other
 * methods, which are then in *allow ("GET, PUT", in the arena). *out's slices live in the arena or
 * in `path`.
 */
CHECKED enum status rest_router_find(const struct rest_router *r, struct slice method,
                                     struct slice path, struct arena *arena, struct rest_match *out,
                                     struct slice *allow);
