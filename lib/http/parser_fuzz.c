/* Any bytes, as requests and as responses, cut into pieces of any size: never out of bounds, never
 * past a limit. */
#include <stdlib.h>

#include "http/parser.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void walk(const struct http_message *m)
{
    struct http_url url;
    struct slice a, b;
    if (http_url_parse(m->target, &url) != OK)
        return;
    while (http_url_segment_next(&url.path, &a))
        ;
    while (http_url_query_next(&url.query, &a, &b))
        ;
}

static void run(enum http_parser_kind kind, size_t step, struct slice bytes)
{
    struct http_parser *p = http_parser_new(kind, 256);
    while (bytes.len) {
        struct slice piece = slice_first(bytes, step);
        bytes = slice_skip(bytes, piece.len);
        enum status s;
        while ((s = http_parser_feed(p, &piece)) == OK) {
            if (http_parser_message(p)->body.len > 256)
                abort();
            walk(http_parser_message(p));
            http_parser_next(p);
        }
        if (s != AGAIN)
            break;
    }
    if (http_parser_end(p) == OK)
        walk(http_parser_message(p));
    http_parser_free(&p);
}

/* llhttp itself is not instrumented: good beginnings lead past its first states. */
static const char *const starts[] = {
    "",
    "GET /a?b=c HTTP/1.1\r\n",
    "POST / HTTP/1.1\r\nContent-Length: 20\r\n",
    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: ",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
};

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    if (len < 2)
        return 0;
    unsigned start = at[1] % (sizeof starts / sizeof *starts);
    struct buffer bytes = {0};
    buffer_text(&bytes, starts[start]);
    buffer_put(&bytes, slice_from(at + 2, len - 2));
    run(start < 5 ? HTTP_PARSER_REQUESTS : HTTP_PARSER_RESPONSES, (size_t)at[0] + 1,
        buffer_slice(&bytes));
    buffer_clear(&bytes);
    return 0;
}
