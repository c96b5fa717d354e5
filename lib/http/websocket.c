#include "http/websocket.h"

#include <assert.h>
#include <stdlib.h>
#include <wslay/wslay.h>

#include "base/memory.h"

/* wslay reads frames and keeps their rules; messages are gathered here, so that memory grows with
 * what has come, and not with what a frame's head announces. */
struct http_websocket {
    struct http_websocket_config config;
    wslay_event_context_ptr wslay;
    struct slice in;        /* during a feed */
    struct buffer *out;     /* during a call that sends */
    struct buffer gathered; /* of one message */
    uint64_t frame_left;    /* of the frame that is being read */
    bool frame_final, frame_control;
    bool text; /* of the message, over all its frames */
    bool told_last;
    bool closed_by_us;
    enum status end; /* OK while it goes on */
};

static ssize_t on_read(wslay_event_context_ptr wslay, uint8_t *at, size_t len, int flags, void *arg)
{
    (void)flags;
    struct http_websocket *ws = arg;
    struct slice taken = slice_first(ws->in, len);
    if (taken.len == 0) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(at, taken.at, taken.len);
    ws->in = slice_skip(ws->in, taken.len);
    return (ssize_t)taken.len;
}

static ssize_t on_write(wslay_event_context_ptr wslay, const uint8_t *at, size_t len, int flags,
                        void *arg)
{
    (void)wslay, (void)flags;
    struct http_websocket *ws = arg;
    buffer_put(ws->out, slice_from(at, len));
    return (ssize_t)len;
}

static int on_mask(wslay_event_context_ptr wslay, uint8_t *at, size_t len, void *arg)
{
    (void)wslay;
    struct http_websocket *ws = arg;
    ws->config.random(ws->config.arg, at, len);
    return 0;
}

static void on_frame(wslay_event_context_ptr wslay,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *arg)
{
    (void)wslay;
    struct http_websocket *ws = arg;
    ws->frame_control = wslay_is_ctrl_frame(frame->opcode);
    ws->frame_left = frame->payload_length;
    ws->frame_final = frame->fin;
    if (!ws->frame_control)
        ws->told_last = false;
    if (!ws->frame_control && frame->opcode != WSLAY_CONTINUATION_FRAME)
        ws->text = frame->opcode == WSLAY_TEXT_FRAME;
}

static void fail(struct http_websocket *ws, enum status why, uint16_t code)
{
    ws->end = why;
    wslay_event_shutdown_read(ws->wslay);
    wslay_event_queue_close(ws->wslay, code, NULL, 0);
}

static void gather(struct http_websocket *ws, struct slice piece, bool last)
{
    struct buffer *b = &ws->gathered;
    if (piece.len > ws->config.message_bytes_max - b->len) {
        fail(ws, TOO_LARGE, WSLAY_CODE_MESSAGE_TOO_BIG);
        return;
    }
    buffer_put(b, piece);
    if (last) {
        ws->config.on_data(ws->config.arg, buffer_slice(b), ws->text, true);
        buffer_reset(b);
    }
}

static void pass(struct http_websocket *ws, struct slice piece, bool last)
{
    if (ws->end != OK)
        return;
    ws->told_last = last;
    if (ws->config.message_bytes_max)
        gather(ws, piece, last);
    else
        ws->config.on_data(ws->config.arg, piece, ws->text, last);
}

static void on_chunk(wslay_event_context_ptr wslay,
                     const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *arg)
{
    (void)wslay;
    struct http_websocket *ws = arg;
    if (ws->frame_control || chunk->data_length == 0)
        return;
    ws->frame_left -= chunk->data_length;
    /* The end of a text is told in on_frame_end: only there is its UTF-8 known to be whole. */
    bool last = ws->frame_final && ws->frame_left == 0 && !ws->text;
    pass(ws, slice_from(chunk->data, chunk->data_length), last);
}

static void on_frame_end(wslay_event_context_ptr wslay, void *arg)
{
    (void)wslay;
    struct http_websocket *ws = arg;
    if (!ws->frame_control && ws->frame_final && !ws->told_last)
        pass(ws, (struct slice){0}, true);
}

static void on_message(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *m,
                       void *arg)
{
    (void)wslay;
    struct http_websocket *ws = arg;
    if (m->opcode == WSLAY_PONG && ws->config.on_pong)
        ws->config.on_pong(ws->config.arg);
    if (m->opcode != WSLAY_CONNECTION_CLOSE || !ws->config.on_close)
        return;
    struct slice reason = slice_skip(slice_from(m->msg, m->msg_length), 2);
    uint16_t code = m->status_code ? m->status_code : HTTP_WEBSOCKET_NO_STATUS;
    ws->config.on_close(ws->config.arg, code, reason);
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_read,
    .send_callback = on_write,
    .genmask_callback = on_mask,
    .on_frame_recv_start_callback = on_frame,
    .on_frame_recv_chunk_callback = on_chunk,
    .on_frame_recv_end_callback = on_frame_end,
    .on_msg_recv_callback = on_message,
};

struct http_websocket *http_websocket_new(const struct http_websocket_config *config)
{
    assert(config->role == HTTP_WEBSOCKET_SERVER || config->random);
    struct http_websocket *ws = MEMORY_NEW(struct http_websocket);
    ws->config = *config;
    int failed = config->role == HTTP_WEBSOCKET_SERVER
                     ? wslay_event_context_server_init(&ws->wslay, &callbacks, ws)
                     : wslay_event_context_client_init(&ws->wslay, &callbacks, ws);
    if (failed)
        abort(); /* no memory */
    wslay_event_config_set_no_buffering(ws->wslay, 1);
    wslay_event_config_set_max_recv_msg_length(
        ws->wslay, config->message_bytes_max ? config->message_bytes_max : UINT64_MAX / 2);
    return ws;
}

void http_websocket_free(struct http_websocket **ws)
{
    if (*ws == NULL)
        return;
    wslay_event_context_free((*ws)->wslay);
    buffer_clear(&(*ws)->gathered);
    free(*ws);
    *ws = NULL;
}

static void send_queued(struct http_websocket *ws, struct buffer *out)
{
    ws->out = out;
    wslay_event_send(ws->wslay);
    ws->out = NULL;
}

/* What wslay thought of the bytes: it says so only by the close frame that it has sent. */
static enum status judge(const struct http_websocket *ws)
{
    bool sent = wslay_event_get_close_sent(ws->wslay);
    if (wslay_event_get_close_received(ws->wslay))
        return CLOSED;
    if (!sent || ws->closed_by_us)
        return wslay_event_get_read_enabled(ws->wslay) ? OK : BAD_FORMAT;
    bool too_large = wslay_event_get_status_code_sent(ws->wslay) == WSLAY_CODE_MESSAGE_TOO_BIG;
    return too_large ? TOO_LARGE : BAD_FORMAT;
}

enum status http_websocket_feed(struct http_websocket *ws, struct slice bytes, struct buffer *out)
{
    if (ws->end != OK)
        return ws->end;
    ws->in = bytes;
    int failed = wslay_event_recv(ws->wslay);
    ws->in = (struct slice){0};
    send_queued(ws, out);
    if (ws->end == OK)
        ws->end = failed ? BAD_FORMAT : judge(ws);
    return ws->end;
}

/* RFC 6455 section 5.2. Returns where the payload goes, `len` bytes. */
static uint8_t *put_head(struct buffer *out, uint8_t opcode, size_t len, const uint8_t *mask)
{
    uint8_t masked = mask ? 0x80 : 0;
    buffer_u8(out, 0x80 | opcode);
    if (len < 126) {
        buffer_u8(out, masked | (uint8_t)len);
    } else if (len <= UINT16_MAX) {
        buffer_u8(out, masked | 126);
        buffer_u16(out, (uint16_t)len);
    } else {
        buffer_u8(out, masked | 127);
        buffer_u64(out, len);
    }
    if (mask)
        buffer_put(out, slice_from(mask, 4));
    return buffer_reserve(out, len);
}

/* Data frames are written here and not queued in wslay: one copy, no allocation. */
static void put_frame(struct http_websocket *ws, uint8_t opcode, struct slice payload,
                      struct buffer *out)
{
    if (wslay_event_get_close_sent(ws->wslay))
        return;
    if (ws->config.role == HTTP_WEBSOCKET_SERVER) {
        uint8_t *at = put_head(out, opcode, payload.len, NULL);
        if (payload.len)
            memcpy(at, payload.at, payload.len);
    } else {
        uint8_t mask[4];
        ws->config.random(ws->config.arg, mask, sizeof mask);
        uint8_t *at = put_head(out, opcode, payload.len, mask);
        for (size_t i = 0; i < payload.len; i++)
            at[i] = payload.at[i] ^ mask[i & 3];
    }
    buffer_added(out, payload.len);
}

void http_websocket_put(struct http_websocket *ws, struct slice message, bool text,
                        struct buffer *out)
{
    put_frame(ws, text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, message, out);
}

void http_websocket_put_ping(struct http_websocket *ws, struct buffer *out)
{
    put_frame(ws, WSLAY_PING, (struct slice){0}, out);
}

void http_websocket_put_close(struct http_websocket *ws, uint16_t code, struct slice reason,
                              struct buffer *out)
{
    if (wslay_event_get_close_sent(ws->wslay))
        return;
    reason = slice_first(reason, 122); /* wslay's own bound */
    wslay_event_queue_close(ws->wslay, code, reason.at, reason.len);
    ws->closed_by_us = true;
    send_queued(ws, out);
}
