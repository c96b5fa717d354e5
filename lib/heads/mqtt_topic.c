#include "heads/mqtt_topic.h"

void heads_mqtt_topic_base(struct iot_id id, struct buffer *out)
{
    buffer_text(out, "devices/");
    buffer_put(out, id.device);
    if (id.module.len) {
        buffer_text(out, "/modules/");
        buffer_put(out, id.module);
    }
    buffer_u8(out, '/');
}

/* "$rid=…" among the parameters behind '?'. */
static bool rid_find(struct slice parameters, struct slice *rid)
{
    struct slice pair;
    while (slice_split(&parameters, '&', &pair)) {
        if (slice_starts(pair, SLICE("$rid="))) {
            *rid = slice_skip(pair, 5);
            return rid->len > 0;
        }
    }
    return false;
}

/* "{status}/?$rid=…" */
static bool reply_parse(struct slice rest, struct heads_mqtt_topic *out)
{
    uint64_t status;
    size_t slash = slice_find(rest, '/');
    if (!slice_to_u64(slice_first(rest, slash), &status) || status > INT32_MAX)
        return false;
    out->status = (int)status;
    rest = slice_skip(rest, slash + 1);
    return slice_starts(rest, SLICE("?")) && rid_find(slice_skip(rest, 1), &out->rid);
}

static bool request_parse(struct slice rest, struct heads_mqtt_topic *out)
{
    return rid_find(rest, &out->rid);
}

static const struct up {
    struct slice start;
    enum heads_mqtt_up kind;
    bool (*parse)(struct slice rest, struct heads_mqtt_topic *out);
} ups[] = {
    {SLICE_INIT("$iothub/methods/res/"), HEADS_MQTT_METHOD_REPLY, reply_parse},
    {SLICE_INIT("$iothub/twin/GET/?"), HEADS_MQTT_TWIN_GET, request_parse},
    {SLICE_INIT("$iothub/twin/PATCH/properties/reported/?"), HEADS_MQTT_TWIN_REPORT, request_parse},
};

/* Telemetry first: it is nearly all there is. The slash before the bag may be missing with the bag.
 */
static bool telemetry_parse(struct slice topic, struct slice base, struct heads_mqtt_topic *out)
{
    struct slice events = SLICE("messages/events");
    if (!slice_starts(topic, base) || !slice_starts(slice_skip(topic, base.len), events))
        return false;
    struct slice rest = slice_skip(topic, base.len + events.len);
    if (rest.len && rest.at[0] != '/')
        return false;
    out->kind = HEADS_MQTT_TELEMETRY;
    out->bag = slice_skip(rest, 1);
    return true;
}

enum status heads_mqtt_topic_parse(struct slice topic, struct slice base,
                                   struct heads_mqtt_topic *out)
{
    if (telemetry_parse(topic, base, out))
        return OK;
    for (size_t i = 0; i < sizeof ups / sizeof *ups; i++) {
        if (!slice_starts(topic, ups[i].start))
            continue;
        out->kind = ups[i].kind;
        return ups[i].parse(slice_skip(topic, ups[i].start.len), out) ? OK : BAD_FORMAT;
    }
    return BAD_FORMAT;
}

enum whose { ANYBODY, OWN, MODULE_OWN };

static const struct {
    struct slice filter; /* behind the base, when it is one's own */
    enum whose whose;
    enum heads_mqtt_filter kind;
} filters[] = {
    {SLICE_INIT("$iothub/methods/POST/#"), ANYBODY, HEADS_MQTT_METHODS},
    {SLICE_INIT("$iothub/twin/res/#"), ANYBODY, HEADS_MQTT_TWIN},
    {SLICE_INIT("$iothub/twin/PATCH/properties/desired/#"), ANYBODY, HEADS_MQTT_DESIRED},
    {SLICE_INIT("messages/devicebound/#"), OWN, HEADS_MQTT_DEVICEBOUND},
    {SLICE_INIT("inputs/#"), MODULE_OWN, HEADS_MQTT_INPUTS},
    {SLICE_INIT("#"), MODULE_OWN, HEADS_MQTT_INPUTS}, /* the C and .NET SDKs' */
};

static bool is_module(struct slice base)
{
    struct slice rest = slice_skip(base, 8); /* "devices/" */
    return slice_starts(slice_skip(rest, slice_find(rest, '/')), SLICE("/modules/"));
}

enum status heads_mqtt_topic_filter(struct slice filter, struct slice base,
                                    enum heads_mqtt_filter *out)
{
    bool own = slice_starts(filter, base);
    struct slice rest = own ? slice_skip(filter, base.len) : filter;
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (own != (filters[i].whose != ANYBODY) || !slice_eq(rest, filters[i].filter))
            continue;
        if (filters[i].whose == MODULE_OWN && !is_module(base))
            continue;
        *out = filters[i].kind;
        return OK;
    }
    return BAD_FORMAT;
}
