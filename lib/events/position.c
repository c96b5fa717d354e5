#include "events/position.h"

/* A position by number: `text` is -1 for before the first, or a number of Event Hubs. */
static bool at_number(struct slice text, bool inclusive, struct events_position *out)
{
    uint64_t number;
    if (slice_eq(text, SLICE("@latest"))) {
        out->start = EVENTS_LATEST;
        return true;
    }
    out->start = EVENTS_AT;
    if (slice_eq(text, SLICE("-1"))) {
        out->record = 1;
        return true;
    }
    if (!slice_to_u64(text, &number) || number > INT64_MAX - 2)
        return false;
    out->record = number + (inclusive ? 1 : 2);
    return true;
}

static bool at_time(struct slice text, bool inclusive, struct events_position *out)
{
    int64_t ms;
    if (!slice_to_i64(text, &ms) || ms > INT64_MAX - 1)
        return false;
    ms += inclusive ? 0 : 1;
    out->start = EVENTS_TIME;
    out->time_ms = ms > 0 ? (uint64_t)ms : 0;
    return true;
}

static const struct {
    struct slice name;
    bool (*read)(struct slice text, bool inclusive, struct events_position *out);
} annotations[] = {
    {SLICE_INIT("amqp.annotation.x-opt-offset"), at_number},
    {SLICE_INIT("amqp.annotation.x-opt-sequence-number"), at_number},
    {SLICE_INIT("amqp.annotation.x-opt-enqueued-time"), at_time},
    {SLICE_INIT("amqp.annotation.x-opt-enqueuedtimeutc"), at_time}, /* an older name */
};

static bool unquote(struct slice *text)
{
    if (text->len >= 2 && text->at[0] == '\'' && text->at[text->len - 1] == '\'') {
        *text = slice_from(text->at + 1, text->len - 2);
        return true;
    }
    return text->len > 0 && slice_find(*text, '\'') == text->len;
}

enum status events_position_read(struct slice selector, struct events_position *out)
{
    struct slice text = slice_trim(selector);
    if (text.len == 0) {
        *out = (struct events_position){.start = EVENTS_AT, .record = 1};
        return OK;
    }
    size_t at = slice_find(text, '>');
    if (at == text.len)
        return BAD_ARGUMENT;
    struct slice name = slice_trim(slice_first(text, at));
    struct slice value = slice_skip(text, at + 1);
    bool inclusive = value.len && value.at[0] == '=';
    value = slice_trim(slice_skip(value, inclusive));
    if (!unquote(&value))
        return BAD_ARGUMENT;
    for (size_t i = 0; i < sizeof(annotations) / sizeof(annotations[0]); i++) {
        struct events_position p = {0};
        if (!slice_eq_nocase(name, annotations[i].name))
            continue;
        if (!annotations[i].read(value, inclusive, &p))
            return BAD_ARGUMENT;
        *out = p;
        return OK;
    }
    return BAD_ARGUMENT;
}
