/*
 * URLs and request targets taken apart (RFC 3986). Everything stays encoded until the piece that is
 * wanted is decoded: %2F in a segment is a letter, not a border. base/encoding.h has
 * percent_decode_in().
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"

struct http_url {
    struct slice scheme; /* "https", as written; empty in a target like "/a?b" */
    struct slice host;   /* without the brackets of an IPv6 address */
    uint16_t port;       /* 0: none given */
    struct slice path;   /* begins with '/' (also when the URL had none); "*" for OPTIONS * */
    struct slice query;  /* without '?' */
    struct slice
        target; /* path and query as they go into a request line; "/" when there was neither */
};

/* "/path?query", "http://host:port/path?query#fragment" (fragment dropped), "*". BAD_FORMAT
 * otherwise: blanks, control characters, user names, a port that is none. */
CHECKED enum status http_url_parse(struct slice text, struct http_url *out);

/* "/path?query", for a request line. */
void http_url_put_target(struct buffer *out, const struct http_url *url);

/* The first segment off *path: "/a/b%20c/" gives "a", "b%20c", "". False at the end. Encoded. */
bool http_url_segment_next(struct slice *path, struct slice *segment);

/* The first pair off *query: "a=1&b&c=" gives a=1, b="", c="". False at the end. Encoded. */
bool http_url_query_next(struct slice *query, struct slice *name, struct slice *value);

/* As ASP.NET reads a query: %XX decoded and '+' a blank. */
struct slice http_url_query_decode(struct arena *a, struct slice text);
