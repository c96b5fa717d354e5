#include "services/live_wire.h"

#include "services/signalr.h"

#define RETRY "retry: 2000\n\n" /* after so many ms a browser connects again */

/* Line ends in JSON are white space, but end what they stand in here. */
static void put_on_one_line(struct buffer *out, struct slice json)
{
    size_t from = out->len;
    buffer_put(out, json);
    for (uint8_t *at = out->at + from, *end = out->at + out->len; at < end; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
}

void live_wire_put_records(enum live_wire wire, struct slice records, struct buffer *out)
{
    if (wire != LIVE_SIGNALR_STREAM) {
        buffer_put(out, records);
        return;
    }
    buffer_text(out, "data: ");
    put_on_one_line(out, records);
    buffer_text(out, "\r\n\r\n");
}

static enum signalr_protocol protocol_of(enum live_wire wire)
{
    return wire == LIVE_SIGNALR_PACKED ? SIGNALR_MESSAGEPACK : SIGNALR_JSON;
}

static void put_invocation(enum live_wire wire, const char *target, struct slice argument,
                           struct buffer *out)
{
    struct buffer record = {0};
    signalr_put(protocol_of(wire), &record, target, argument);
    live_wire_put_records(wire, buffer_slice(&record), out);
    buffer_clear(&record);
}

void live_wire_put(enum live_wire wire, const char *target, struct slice argument,
                   struct buffer *out)
{
    switch (wire) {
    case LIVE_EVENTS:
        buffer_printf(out, "event: %s\ndata: ", target);
        put_on_one_line(out, argument);
        buffer_text(out, "\n\n");
        return;
    case LIVE_LINES:
        buffer_printf(out, "{\"event\":\"%s\",\"data\":", target);
        put_on_one_line(out, argument);
        buffer_text(out, "}\n");
        return;
    default:
        put_invocation(wire, target, argument, out);
    }
}

void live_wire_put_ping(enum live_wire wire, struct buffer *out)
{
    struct buffer record = {0};
    if (wire == LIVE_EVENTS)
        buffer_text(out, ":\n\n"); /* a comment */
    if (!live_wire_is_signalr(wire))
        return;
    signalr_put_ping(protocol_of(wire), &record);
    live_wire_put_records(wire, buffer_slice(&record), out);
    buffer_clear(&record);
}

void live_wire_put_begin(enum live_wire wire, struct buffer *out)
{
    if (wire == LIVE_EVENTS)
        buffer_text(out, RETRY);
    else if (wire == LIVE_SIGNALR_STREAM)
        buffer_text(out, ":\r\n\r\n");
}
