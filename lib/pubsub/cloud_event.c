#include "pubsub/cloud_event.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "iot/message.h"

#define ID_MAX 56 /* 32 hexadecimal digits, a slash, a number */

/* A UUID of version 7 (RFC 9562, 5.7) without its hyphens. */
static void make_start(char out[33], uint64_t wall_ms, uint64_t random)
{
    unsigned a = (unsigned)(random & 0xfff);
    uint64_t b = 1ull << 63 | random >> 2;
    snprintf(out, 33, "%012llx7%03x%016llx", (unsigned long long)(wall_ms & 0xffffffffffff), a,
             (unsigned long long)(b & ~(1ull << 62)));
}

static bool is_of_events(const struct plan_writer *writer)
{
    return writer->item_count > 0 && writer->items[0].event_filter.len > 0;
}

void cloud_event_init(struct cloud_event *e, const struct plan_writer *writer, bool metadata,
                      uint64_t wall_ms, uint64_t random)
{
    struct buffer type = {0};
    buffer_text(&type, metadata ? "Metadata" : is_of_events(writer) ? "Event" : "Dataset");
    if (writer->type.len)
        buffer_printf(&type, "/%.*s", SLICE_FMT(writer->type));
    *e = (struct cloud_event){
        .type = slice_dup(buffer_slice(&type)),
        .source = slice_dup(writer->source_uri.len ? writer->source_uri
                                                   : writer->connection.endpoint_url),
        .subject = slice_dup(writer->subject),
        .source_given = writer->source_uri.len > 0,
    };
    make_start(e->start, wall_ms, random);
    buffer_clear(&type);
}

void cloud_event_clear(struct cloud_event *e)
{
    free(e->type);
    free(e->source);
    free(e->subject);
    free(e->server);
    *e = (struct cloud_event){0};
}

bool cloud_event_same(const struct cloud_event *a, const struct cloud_event *b)
{
    return slice_eq(slice_of(a->type), slice_of(b->type)) &&
           slice_eq(slice_of(a->source), slice_of(b->source)) &&
           slice_eq(slice_of(a->subject), slice_of(b->subject));
}

void cloud_event_of_server(struct cloud_event *e, struct slice application_uri)
{
    if (!e->type || e->source_given || application_uri.len == 0)
        return;
    free(e->server);
    e->server = slice_dup(application_uri);
}

void cloud_event_put(const struct cloud_event *e, uint64_t sequence, uint64_t wall_ms,
                     struct buffer *properties)
{
    char id[ID_MAX], time[CLOCK_ISO8601_MAX];
    snprintf(id, sizeof id, "%s/%llX", e->start, (unsigned long long)sequence);
    size_t time_len = clock_iso8601(wall_ms, time);
    iot_property_put(properties, SLICE("specversion"), SLICE("1.0"));
    iot_property_put(properties, SLICE("id"), slice_of(id));
    iot_property_put(properties, SLICE("source"), slice_of(e->server ? e->server : e->source));
    iot_property_put(properties, SLICE("type"), slice_of(e->type));
    if (e->subject[0])
        iot_property_put(properties, SLICE("subject"), slice_of(e->subject));
    iot_property_put(properties, SLICE("time"), slice_from(time, time_len));
}
