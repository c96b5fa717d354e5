#include "events/incoming.h"

#include "amqp/message.h"

static enum status refuse(struct events_incoming *in, enum status why, const char *text)
{
    in->text = text;
    return why;
}

/* All the way down: what is kept is given to others as it is. */
static bool well_formed(struct slice bytes)
{
    struct reader r = reader_of(bytes);
    while (r.rest.len)
        if (!amqp_value_check(amqp_read_raw(&r)))
            return false;
    return true;
}

/* What stands behind header and annotations. */
static struct slice bare(struct slice bytes)
{
    struct reader r = reader_of(bytes);
    struct amqp_value section;
    while (r.rest.len) {
        struct slice from = r.rest;
        amqp_read(&r, &section);
        if (section.descriptor > AMQP_MESSAGE_ANNOTATIONS)
            return from;
    }
    return r.rest;
}

/* Those that a hub sets, and nobody else. */
static bool is_ours(const struct amqp_value *name)
{
    static const struct slice names[] = {
        SLICE_INIT("x-opt-sequence-number"),
        SLICE_INIT("x-opt-offset"),
        SLICE_INIT("x-opt-enqueued-time"),
        SLICE_INIT("x-opt-partition-key"),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_eq_nocase(name->bytes, names[i]))
            return true;
    return slice_eq_nocase(slice_first(name->bytes, 7), SLICE("iothub-")) ||
           slice_eq_nocase(slice_first(name->bytes, 3), SLICE("dt-"));
}

static enum status read_key(struct events_incoming *in, const struct amqp_message *m,
                            struct slice *key)
{
    struct amqp_value v;
    if (!amqp_map_find(&m->message_annotations, SLICE("x-opt-partition-key"), &v) ||
        v.type == AMQP_NULL)
        return OK;
    if (!amqp_is_text(&v) || v.bytes.len > EVENTS_KEY_MAX)
        return refuse(in, BAD_ARGUMENT, "x-opt-partition-key is not a string of 128 bytes at most");
    *key = v.bytes;
    return OK;
}

/* Keys and values that are the sender's own. */
static void put_annotations(const struct amqp_value *map, struct buffer *out)
{
    struct amqp_value name, value;
    struct amqp_items items = amqp_items_of(map);
    while (amqp_items_next(&items, &name) && amqp_items_next(&items, &value)) {
        if (!amqp_is_text(&name) || is_ours(&name))
            continue;
        amqp_write_symbol(out, name.bytes);
        amqp_write_value(out, &value);
    }
}

static enum status add(struct events_incoming *in, const struct amqp_message *m, struct slice bytes,
                       struct slice key, uint64_t wall_ms)
{
    struct buffer annotations = {0};
    if (!well_formed(bytes))
        return refuse(in, BAD_FORMAT, "a section of the message is broken");
    enum status s = read_key(in, m, &key);
    if (s != OK)
        return s;
    put_annotations(&m->message_annotations, &annotations);
    partition_append_add(in->append, &(struct iot_event){.enqueued_ms = wall_ms,
                                                         .source = IOT_SOURCE_SENT,
                                                         .partition_key = key,
                                                         .annotations = buffer_slice(&annotations),
                                                         .message = {.body = bare(bytes)}});
    buffer_clear(&annotations);
    return OK;
}

static enum status add_all(struct events_incoming *in, struct slice sections, struct slice key,
                           uint64_t wall_ms)
{
    struct amqp_message m;
    struct slice one;
    while (amqp_message_data_next(&sections, &one)) {
        if (amqp_message_read(one, &m) != OK)
            return refuse(in, BAD_FORMAT, "a section of the batch is not an AMQP message");
        enum status s = add(in, &m, one, key, wall_ms);
        if (s != OK)
            return s;
    }
    return OK;
}

enum status events_incoming_read(struct events_incoming *in, uint32_t format, struct slice bytes,
                                 uint64_t wall_ms)
{
    struct amqp_message m;
    struct slice key = {0};
    if (amqp_message_read(bytes, &m) != OK)
        return refuse(in, BAD_FORMAT, "this is not an AMQP message");
    enum status s = read_key(in, &m, &key);
    if (s != OK)
        return s;
    in->partition_key = arena_copy(in->arena, key);
    if (format != AMQP_FORMAT_BATCH)
        return add(in, &m, bytes, key, wall_ms);
    if (m.body != AMQP_BODY_DATA)
        return refuse(in, BAD_ARGUMENT, "the batch has no messages");
    return add_all(in, m.sections, key, wall_ms);
}
