#include "outbox/transport.h"

#include <inttypes.h>

static const struct transport_ops *const table[] = {
    [TRANSPORT_IOT_HUB] = &transport_module,      [TRANSPORT_MQTT] = &transport_mqtt,
    [TRANSPORT_EVENT_HUB] = &transport_event_hub, [TRANSPORT_KAFKA] = &transport_kafka,
    [TRANSPORT_HTTP] = &transport_http,           [TRANSPORT_FILE] = &transport_file,
    [TRANSPORT_DAPR] = &transport_dapr,           [TRANSPORT_NULL] = &transport_null,
};

/* clang-format off */
static const struct {
    const char *word, *why;
} refused[] = {
    {"AioMqtt", "it belongs to the broker of Azure IoT Operations: Mqtt speaks to any broker, this one included"},
    {"AioDss", "it belongs to the state store of Azure IoT Operations, which is not here"},
};
/* clang-format on */

#define TABLE_SIZE (sizeof table / sizeof table[0])

const struct transport_ops *transport_ops(enum plan_transport kind)
{
    return (size_t)kind < TABLE_SIZE ? table[kind] : NULL;
}

enum plan_transport transport_of_word(const char *word)
{
    for (size_t i = 0; i < TABLE_SIZE; i++)
        if (table[i] && slice_eq_nocase(slice_of(table[i]->name), slice_of(word)))
            return (enum plan_transport)i;
    return TRANSPORT_UNSET;
}

const char *transport_refusal(const char *word)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (slice_eq_nocase(slice_of(refused[i].word), slice_of(word)))
            return refused[i].why;
    return NULL;
}

bool transport_text_next(struct transport_text *t, struct slice *name, struct slice *value)
{
    struct slice part;
    while (t->rest.len && slice_split(&t->rest, ';', &part)) {
        part = slice_trim(part);
        if (part.len == 0)
            continue;
        size_t at = slice_find(part, '=');
        *name = at == part.len ? (struct slice){0} : slice_trim(slice_first(part, at));
        *value = slice_trim(slice_skip(part, at + 1));
        return true;
    }
    return false;
}

struct slice transport_text_find(const char *connection, const char *wanted)
{
    struct transport_text t = {slice_of(connection)};
    struct slice name, value;
    while (transport_text_next(&t, &name, &value))
        if (slice_eq_nocase(name, slice_of(wanted)))
            return value;
    return (struct slice){0};
}

/* They may change, and what waits still goes to the same place. */
static bool is_secret(struct slice name)
{
    static const char *const names[] = {"Password", "ApiKey", "SharedAccessKey",
                                        "SharedAccessSignature", "sasl.password"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_eq_nocase(name, slice_of(names[i])))
            return true;
    return false;
}

void transport_identify(enum plan_transport kind, const char *connection, struct buffer *out)
{
    struct transport_text t = {slice_of(connection)};
    struct slice name, value;
    uint64_t hash = 0;
    while (transport_text_next(&t, &name, &value))
        if (!is_secret(name))
            hash = hash * 31 + slice_hash(name) * 7 + slice_hash(value);
    const struct transport_ops *ops = transport_ops(kind);
    buffer_text(out, ops ? ops->name : "unknown");
    if (connection)
        buffer_printf(out, "-%016" PRIx64, hash);
}
