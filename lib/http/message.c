#include "http/message.h"

#include "base/clock.h"

#include <stdio.h>

struct slice http_message_field(const struct http_message *m, const char *name)
{
    struct slice wanted = slice_of(name);
    for (size_t i = 0; i < m->field_count; i++)
        if (slice_eq_nocase(m->fields[i].name, wanted))
            return m->fields[i].value;
    return (struct slice){0};
}

static bool list_has(struct slice list, struct slice word)
{
    struct slice part;
    while (slice_split(&list, ',', &part))
        if (slice_eq_nocase(slice_trim(part), word))
            return true;
    return false;
}

bool http_message_field_has(const struct http_message *m, const char *name, const char *word)
{
    for (size_t i = 0; i < m->field_count; i++)
        if (slice_eq_nocase(m->fields[i].name, slice_of(name)) &&
            list_has(m->fields[i].value, slice_of(word)))
            return true;
    return false;
}

void http_message_put_request(struct buffer *out, const char *method, struct slice target)
{
    buffer_text(out, method);
    buffer_u8(out, ' ');
    buffer_put(out, target);
    buffer_put(out, SLICE(" HTTP/1.1\r\n"));
}

void http_message_put_response(struct buffer *out, int status)
{
    buffer_printf(out, "HTTP/1.1 %03d %s\r\n", status, http_message_reason(status));
}

void http_message_put_field(struct buffer *out, const char *name, struct slice value)
{
    buffer_text(out, name);
    buffer_put(out, SLICE(": "));
    uint8_t *at = buffer_reserve(out, value.len);
    for (size_t i = 0; i < value.len; i++)
        at[i] = value.at[i] < ' ' || value.at[i] == 0x7f ? ' ' : value.at[i];
    buffer_added(out, value.len);
    buffer_put(out, SLICE("\r\n"));
}

void http_message_put_number(struct buffer *out, const char *name, uint64_t value)
{
    buffer_printf(out, "%s: %llu\r\n", name, (unsigned long long)value);
}

void http_message_put_date(struct buffer *out, uint64_t wall_ms)
{
    char date[CLOCK_ISO8601_MAX];
    clock_http_date(wall_ms, date);
    buffer_printf(out, "Date: %s\r\n", date);
}

void http_message_put_end(struct buffer *out)
{
    buffer_put(out, SLICE("\r\n"));
}

void http_message_put_continue(struct buffer *out)
{
    buffer_put(out, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
}
