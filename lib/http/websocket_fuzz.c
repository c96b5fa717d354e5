/* Any bytes as frames, in both roles, gathered or passed on. */
#include <stdlib.h>

#include "http/websocket.h"

#define MESSAGE_MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void on_data(void *arg, struct slice piece, bool text, bool last)
{
    (void)text;
    if (*(bool *)arg && (piece.len > MESSAGE_MAX || !last))
        abort();
}

static void random_bytes(void *arg, void *out, size_t len)
{
    (void)arg;
    memset(out, 0x5a, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    if (len == 0)
        return 0;
    bool gathers = at[0] & 2;
    struct http_websocket_config c = {
        .role = at[0] & 1 ? HTTP_WEBSOCKET_CLIENT : HTTP_WEBSOCKET_SERVER,
        .message_bytes_max = gathers ? MESSAGE_MAX : 0,
        .on_data = on_data,
        .random = random_bytes,
        .arg = &gathers,
    };
    struct http_websocket *ws = http_websocket_new(&c);
    struct buffer out = {0};
    size_t step = (size_t)(at[0] >> 2) + 1;
    for (struct slice rest = slice_from(at + 1, len - 1); rest.len; rest = slice_skip(rest, step))
        if (http_websocket_feed(ws, slice_first(rest, step), &out) != OK)
            break;
    http_websocket_free(&ws);
    buffer_clear(&out);
    return 0;
}
