#include "amqp/composite.h"

#include <assert.h>

enum kind { BOOL, UBYTE, USHORT, UINT, ULONG, TIME, STRING, SYMBOL, BINARY, ANY };

struct field {
    uint8_t kind;
    bool required;
    uint16_t offset;
};

struct composite {
    const char *symbol; /* "amqp:" … ":list" */
    enum amqp_code code;
    uint8_t count;
    const struct field *fields;
};

/* clang-format off */
#define F(member, kind) {kind, false, offsetof(struct COMPOSITE, member)}
#define R(member, kind) {kind, true, offsetof(struct COMPOSITE, member)}
#define ROWS(fields) sizeof(fields) / sizeof((fields)[0]), fields

/* ---- part 2: transport ---- */

#define COMPOSITE amqp_open
static const struct field open_fields[] = {
    R(container_id, STRING), F(hostname, STRING), F(frame_max, UINT), F(channel_max, USHORT), F(idle_ms, UINT),
    F(outgoing_locales, ANY), F(incoming_locales, ANY), F(offered, ANY), F(desired, ANY), F(properties, ANY),
};
#undef COMPOSITE
#define COMPOSITE amqp_begin
static const struct field begin_fields[] = {
    F(remote_channel, USHORT), R(next_outgoing_id, UINT), R(incoming_window, UINT), R(outgoing_window, UINT),
    F(handle_max, UINT), F(offered, ANY), F(desired, ANY), F(properties, ANY),
};
#undef COMPOSITE
#define COMPOSITE amqp_attach
static const struct field attach_fields[] = {
    R(name, STRING), R(handle, UINT), R(receiver, BOOL), F(send_settle, UBYTE), F(receive_settle, UBYTE),
    F(source, ANY), F(target, ANY), F(unsettled, ANY), F(incomplete_unsettled, BOOL),
    F(initial_delivery_count, UINT), F(message_max, ULONG), F(offered, ANY), F(desired, ANY), F(properties, ANY),
};
#undef COMPOSITE
#define COMPOSITE amqp_flow
static const struct field flow_fields[] = {
    F(next_incoming_id, UINT), R(incoming_window, UINT), R(next_outgoing_id, UINT), R(outgoing_window, UINT),
    F(handle, UINT), F(delivery_count, UINT), F(credit, UINT), F(available, UINT), F(drain, BOOL), F(echo, BOOL),
    F(properties, ANY),
};
#undef COMPOSITE
#define COMPOSITE amqp_transfer
static const struct field transfer_fields[] = {
    R(handle, UINT), F(delivery_id, UINT), F(tag, BINARY), F(format, UINT), F(settled, BOOL), F(more, BOOL),
    F(receive_settle, UBYTE), F(state, ANY), F(resume, BOOL), F(aborted, BOOL), F(batchable, BOOL),
};
#undef COMPOSITE
#define COMPOSITE amqp_disposition
static const struct field disposition_fields[] = {
    R(receiver, BOOL), R(first, UINT), F(last, UINT), F(settled, BOOL), F(state, ANY), F(batchable, BOOL),
};
#undef COMPOSITE
#define COMPOSITE amqp_detach
static const struct field detach_fields[] = {R(handle, UINT), F(closed, BOOL), F(error, ANY)};
#undef COMPOSITE
#define COMPOSITE amqp_end
static const struct field end_fields[] = {F(error, ANY)};
#undef COMPOSITE
#define COMPOSITE amqp_close
static const struct field close_fields[] = {F(error, ANY)};
#undef COMPOSITE
#define COMPOSITE amqp_error
static const struct field error_fields[] = {R(condition, SYMBOL), F(description, STRING), F(info, ANY)};
#undef COMPOSITE

/* ---- part 3: messaging ---- */

#define COMPOSITE amqp_received
static const struct field received_fields[] = {R(section_number, UINT), R(section_offset, ULONG)};
#undef COMPOSITE
#define COMPOSITE amqp_rejected
static const struct field rejected_fields[] = {F(error, ANY)};
#undef COMPOSITE
#define COMPOSITE amqp_modified
static const struct field modified_fields[] = {
    F(delivery_failed, BOOL), F(undeliverable_here, BOOL), F(annotations, ANY),
};
#undef COMPOSITE
#define COMPOSITE amqp_source
static const struct field source_fields[] = {
    F(address, ANY), F(durable, UINT), F(expiry_policy, SYMBOL), F(timeout, UINT), F(dynamic, BOOL),
    F(dynamic_properties, ANY), F(distribution_mode, SYMBOL), F(filter, ANY), F(default_outcome, ANY),
    F(outcomes, ANY), F(capabilities, ANY),
};
#undef COMPOSITE
#define COMPOSITE amqp_target
static const struct field target_fields[] = {
    F(address, ANY), F(durable, UINT), F(expiry_policy, SYMBOL), F(timeout, UINT), F(dynamic, BOOL),
    F(dynamic_properties, ANY), F(capabilities, ANY),
};
#undef COMPOSITE
#define COMPOSITE amqp_header
static const struct field header_fields[] = {
    F(durable, BOOL), F(priority, UBYTE), F(ttl_ms, UINT), F(first_acquirer, BOOL), F(delivery_count, UINT),
};
#undef COMPOSITE
#define COMPOSITE amqp_properties
static const struct field properties_fields[] = {
    F(message_id, ANY), F(user_id, BINARY), F(to, STRING), F(subject, STRING), F(reply_to, STRING),
    F(correlation_id, ANY), F(content_type, SYMBOL), F(content_encoding, SYMBOL), F(expiry_ms, TIME),
    F(creation_ms, TIME), F(group_id, STRING), F(group_sequence, UINT), F(reply_to_group, STRING),
};
#undef COMPOSITE

/* ---- part 5: security ---- */

#define COMPOSITE amqp_sasl_mechanisms
static const struct field sasl_mechanisms_fields[] = {R(mechanisms, ANY)};
#undef COMPOSITE
#define COMPOSITE amqp_sasl_init
static const struct field sasl_init_fields[] = {R(mechanism, SYMBOL), F(response, BINARY), F(hostname, STRING)};
#undef COMPOSITE
#define COMPOSITE amqp_sasl_challenge
static const struct field sasl_challenge_fields[] = {R(challenge, BINARY)};
#undef COMPOSITE
#define COMPOSITE amqp_sasl_response
static const struct field sasl_response_fields[] = {R(response, BINARY)};
#undef COMPOSITE
#define COMPOSITE amqp_sasl_outcome
static const struct field sasl_outcome_fields[] = {R(code, UBYTE), F(additional, BINARY)};
#undef COMPOSITE

#define TABLE(table)                                                                                      \
    table(open, "open", AMQP_OPEN) table(begin, "begin", AMQP_BEGIN) table(attach, "attach", AMQP_ATTACH) \
    table(flow, "flow", AMQP_FLOW) table(transfer, "transfer", AMQP_TRANSFER)                             \
    table(disposition, "disposition", AMQP_DISPOSITION) table(detach, "detach", AMQP_DETACH)              \
    table(end, "end", AMQP_END) table(close, "close", AMQP_CLOSE) table(error, "error", AMQP_ERROR)       \
    table(received, "received", AMQP_RECEIVED) table(rejected, "rejected", AMQP_REJECTED)                 \
    table(modified, "modified", AMQP_MODIFIED) table(source, "source", AMQP_SOURCE)                       \
    table(target, "target", AMQP_TARGET) table(header, "header", AMQP_HEADER)                             \
    table(properties, "properties", AMQP_PROPERTIES)                                                      \
    table(sasl_mechanisms, "sasl-mechanisms", AMQP_SASL_MECHANISMS)                                       \
    table(sasl_init, "sasl-init", AMQP_SASL_INIT)                                                         \
    table(sasl_challenge, "sasl-challenge", AMQP_SASL_CHALLENGE)                                          \
    table(sasl_response, "sasl-response", AMQP_SASL_RESPONSE)                                             \
    table(sasl_outcome, "sasl-outcome", AMQP_SASL_OUTCOME)

#define COMPOSITE_ROW(name, symbol, code) \
    static const struct composite name##_type = {symbol, code, ROWS(name##_fields)};
TABLE(COMPOSITE_ROW)

/* Two without fields. */
static const struct composite accepted_type = {"accepted", AMQP_ACCEPTED, 0, NULL};
static const struct composite released_type = {"released", AMQP_RELEASED, 0, NULL};

#define COMPOSITE_POINTER(name, symbol, code) &name##_type,
static const struct composite *const composites[] = {TABLE(COMPOSITE_POINTER) &accepted_type, &released_type};
/* clang-format on */

/* ---- reading ---- */

static bool read_number(struct reader *r, enum amqp_type want, int64_t *out)
{
    struct amqp_value v;
    amqp_read(r, &v);
    if (v.type == AMQP_NULL)
        return true;
    if (v.type != want || v.described)
        return false;
    *out = v.type == AMQP_ULONG && v.u > INT64_MAX ? INT64_MAX : v.i;
    return true;
}

static bool read_bytes(struct reader *r, enum amqp_type want, struct slice *out)
{
    struct amqp_value v;
    amqp_read(r, &v);
    if (v.type == AMQP_NULL)
        return true;
    *out = v.bytes;
    /* Some clients write symbols where strings belong, and the other way round. */
    bool text = want != AMQP_BINARY && amqp_is_text(&v);
    return (v.type == want || text) && !v.described;
}

static bool read_bool(struct reader *r, bool *out)
{
    struct amqp_value v;
    amqp_read(r, &v);
    if (v.type == AMQP_BOOLEAN)
        *out = v.boolean;
    return v.type == AMQP_BOOLEAN || v.type == AMQP_NULL;
}

static bool read_field(struct reader *r, const struct field *f, void *at)
{
    static const enum amqp_type types[] = {
        [UBYTE] = AMQP_UBYTE,   [USHORT] = AMQP_USHORT,  [UINT] = AMQP_UINT,
        [ULONG] = AMQP_ULONG,   [TIME] = AMQP_TIMESTAMP, [STRING] = AMQP_STRING,
        [SYMBOL] = AMQP_SYMBOL, [BINARY] = AMQP_BINARY,
    };
    switch ((enum kind)f->kind) {
    case BOOL:
        return read_bool(r, at);
    case UBYTE:
    case USHORT:
    case UINT:
    case ULONG:
    case TIME:
        return read_number(r, types[f->kind], at);
    case STRING:
    case SYMBOL:
    case BINARY:
        return read_bytes(r, types[f->kind], at);
    case ANY:
        *(struct slice *)at = amqp_read_raw(r);
        return reader_ok(r);
    }
    return false;
}

static bool is_number(const struct field *f)
{
    return f->kind >= UBYTE && f->kind <= TIME;
}

static bool is_there(const struct field *f, const void *at)
{
    if (f->kind == BOOL)
        return true;
    return is_number(f) ? *(const int64_t *)at != AMQP_ABSENT
                        : ((const struct slice *)at)->at != NULL;
}

static void *member(const struct field *f, const void *of)
{
    return (char *)of + f->offset;
}

static bool is_described_as(const struct amqp_value *v, const struct composite *t)
{
    if (!v->described || v->type != AMQP_LIST)
        return false;
    if (v->descriptor_symbol.at == NULL)
        return v->descriptor == t->code;
    struct slice s = v->descriptor_symbol;
    return slice_starts(s, SLICE("amqp:")) && slice_ends(s, SLICE(":list")) && s.len >= 10 &&
           slice_eq(slice_from(s.at + 5, s.len - 10), slice_of(t->symbol));
}

/* Fills `out` as far as the bytes are good; the caller drops it when they are not. */
static enum status read(const struct composite *t, struct slice encoded, void *out)
{
    struct amqp_value list;
    if (amqp_value_of(encoded, &list) != OK || !is_described_as(&list, t))
        return BAD_FORMAT;
    struct reader r = reader_of(list.bytes);
    for (unsigned i = 0; i < t->count; i++) {
        const struct field *f = &t->fields[i];
        void *at = member(f, out);
        if (is_number(f))
            *(int64_t *)at = AMQP_ABSENT;
        if (i < list.count && !read_field(&r, f, at))
            return BAD_FORMAT;
        if (f->required && !is_there(f, at))
            return BAD_FORMAT;
    }
    return reader_ok(&r) ? OK : BAD_FORMAT;
}

/* ---- writing ---- */

static void write_number(struct buffer *b, enum kind kind, int64_t v)
{
    if (v == AMQP_ABSENT)
        amqp_write_null(b);
    else if (kind == UINT)
        amqp_write_uint(b, (uint32_t)v);
    else if (kind == UBYTE)
        amqp_write_ubyte(b, (uint8_t)v);
    else if (kind == USHORT)
        amqp_write_ushort(b, (uint16_t)v);
    else if (kind == ULONG)
        amqp_write_ulong(b, (uint64_t)v);
    else
        amqp_write_timestamp(b, v);
}

static void write_field(struct buffer *b, const struct field *f, const void *at)
{
    if (f->kind == BOOL) {
        amqp_write_bool(b, *(const bool *)at);
        return;
    }
    if (is_number(f)) {
        write_number(b, f->kind, *(const int64_t *)at);
        return;
    }
    struct slice bytes = *(const struct slice *)at;
    if (bytes.at == NULL || (f->kind == ANY && bytes.len == 0)) /* no value is no bytes */
        amqp_write_null(b);
    else if (f->kind == ANY)
        buffer_put(b, bytes);
    else if (f->kind == STRING)
        amqp_write_string(b, bytes);
    else if (f->kind == SYMBOL)
        amqp_write_symbol(b, bytes);
    else
        amqp_write_binary(b, bytes);
}

/* A list of one byte sizes is 6 bytes shorter, and most of them are. */
static void write_list_end(struct buffer *b, size_t at, uint8_t count)
{
    size_t items = b->len - at - 3;
    if (items + 1 <= UINT8_MAX) {
        b->at[at] = 0xc0;
        b->at[at + 1] = (uint8_t)(items + 1);
        b->at[at + 2] = count;
        return;
    }
    buffer_reserve(b, 6);
    memmove(b->at + at + 9, b->at + at + 3, items);
    buffer_added(b, 6);
    b->at[at] = 0xd0;
    amqp_write_end(b, at, count);
}

static void write(const struct composite *t, struct buffer *b, const void *v)
{
    amqp_write_descriptor(b, t->code);
    size_t at = b->len;
    buffer_put(b, SLICE("\xc0\0\0"));
    for (unsigned i = 0; i < t->count; i++) {
        assert(!t->fields[i].required || is_there(&t->fields[i], member(&t->fields[i], v)));
        write_field(b, &t->fields[i], member(&t->fields[i], v));
    }
    write_list_end(b, at, t->count);
}

#define READ_WRITE(name, symbol, code)                                                             \
    enum status amqp_##name##_read(struct slice encoded, struct amqp_##name *out)                  \
    {                                                                                              \
        struct amqp_##name v = {0};                                                                \
        enum status s = read(&name##_type, encoded, &v);                                           \
        if (s == OK)                                                                               \
            *out = v;                                                                              \
        return s;                                                                                  \
    }                                                                                              \
    void amqp_##name##_write(struct buffer *b, const struct amqp_##name *v)                        \
    {                                                                                              \
        write(&name##_type, b, v);                                                                 \
    }
TABLE(READ_WRITE)

enum amqp_code amqp_composite_next(struct reader *r, struct slice *encoded)
{
    struct slice from = r->rest;
    struct amqp_value v;
    amqp_read(r, &v);
    if (!reader_ok(r))
        return 0;
    *encoded = (struct slice){from.at, from.len - r->rest.len};
    for (size_t i = 0; i < sizeof(composites) / sizeof(composites[0]); i++)
        if (is_described_as(&v, composites[i]))
            return composites[i]->code;
    return 0;
}

struct slice amqp_text_of(struct slice encoded)
{
    struct amqp_value v;
    if (encoded.at == NULL || amqp_value_of(encoded, &v) != OK || !amqp_is_text(&v))
        return (struct slice){0};
    return v.bytes;
}

/* ---- the state of a delivery ---- */

static enum status read_rejected(struct slice encoded, struct amqp_state *s)
{
    struct amqp_rejected rejected;
    if (amqp_rejected_read(encoded, &rejected) != OK)
        return BAD_FORMAT;
    s->outcome = AMQP_OUTCOME_REJECTED;
    return rejected.error.at ? amqp_error_read(rejected.error, &s->error) : OK;
}

static enum status read_modified(struct slice encoded, struct amqp_state *s)
{
    struct amqp_modified modified;
    if (amqp_modified_read(encoded, &modified) != OK)
        return BAD_FORMAT;
    s->outcome = AMQP_OUTCOME_MODIFIED;
    s->delivery_failed = modified.delivery_failed;
    s->undeliverable_here = modified.undeliverable_here;
    return OK;
}

enum status amqp_state_read(struct slice encoded, struct amqp_state *out)
{
    struct amqp_state s = {0};
    enum status status = OK;
    if (encoded.at) {
        struct reader r = reader_of(encoded);
        struct slice whole;
        enum amqp_code code = amqp_composite_next(&r, &whole);
        if (!reader_done(&r))
            return BAD_FORMAT;
        if (code == AMQP_ACCEPTED)
            s.outcome = AMQP_OUTCOME_ACCEPTED;
        else if (code == AMQP_RELEASED)
            s.outcome = AMQP_OUTCOME_RELEASED;
        else if (code == AMQP_REJECTED)
            status = read_rejected(whole, &s);
        else if (code == AMQP_MODIFIED)
            status = read_modified(whole, &s);
    }
    if (status == OK)
        *out = s;
    return status;
}

static void write_rejected(struct buffer *b, const struct amqp_error *e)
{
    struct buffer error = {0};
    struct amqp_rejected rejected = {0};
    if (e->condition.at) {
        amqp_error_write(&error, e);
        rejected.error = buffer_slice(&error);
    }
    amqp_rejected_write(b, &rejected);
    buffer_clear(&error);
}

void amqp_state_write(struct buffer *b, const struct amqp_state *v)
{
    switch (v->outcome) {
    case AMQP_OUTCOME_NONE:
        amqp_write_null(b);
        return;
    case AMQP_OUTCOME_ACCEPTED:
        write(&accepted_type, b, NULL);
        return;
    case AMQP_OUTCOME_REJECTED:
        write_rejected(b, &v->error);
        return;
    case AMQP_OUTCOME_RELEASED:
        write(&released_type, b, NULL);
        return;
    case AMQP_OUTCOME_MODIFIED:
        amqp_modified_write(b,
                            &(struct amqp_modified){.delivery_failed = v->delivery_failed,
                                                    .undeliverable_here = v->undeliverable_here});
        return;
    }
}
