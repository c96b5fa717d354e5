#include "dps/mqtt_topic.h"

#include "base/encoding.h"

bool dps_mqtt_user_parse(struct slice username, struct slice client_id, struct dps_mqtt_user *out)
{
    struct slice rest = username, scope, word, id;
    if (username.len == 0 || client_id.len == 0 || !slice_split(&rest, '/', &scope) ||
        !slice_split(&rest, '/', &word) || !slice_split(&rest, '/', &id))
        return false;
    if (scope.len == 0 || !slice_eq(word, SLICE("registrations")) ||
        !slice_eq_nocase(id, client_id))
        return false;
    *out = (struct dps_mqtt_user){scope, id};
    return true;
}

static const struct {
    struct slice prefix;
    enum dps_device_what what;
} topics[] = {
    {SLICE_INIT("$dps/registrations/PUT/iotdps-register/"), DPS_REGISTER},
    {SLICE_INIT("$dps/registrations/GET/iotdps-get-operationstatus/"), DPS_OPERATION},
};

static void parameters(struct slice query, struct arena *a, struct dps_mqtt_topic *t)
{
    struct slice pair;
    query = slice_skip(query, slice_starts(query, SLICE("?")));
    while (query.len && slice_split(&query, '&', &pair)) {
        size_t equals = slice_find(pair, '=');
        struct slice name = slice_first(pair, equals), value = slice_skip(pair, equals + 1);
        if (slice_eq(name, SLICE("$rid")))
            t->rid = value;
        else if (slice_eq(name, SLICE("operationId")))
            t->operation_id = percent_decode_in(a, value);
    }
}

enum status dps_mqtt_topic_parse(struct slice topic, struct arena *a, struct dps_mqtt_topic *out)
{
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        struct dps_mqtt_topic t = {.what = topics[i].what};
        if (!slice_starts(topic, topics[i].prefix))
            continue;
        parameters(slice_skip(topic, topics[i].prefix.len), a, &t);
        if (t.rid.len == 0 || t.rid.len > DPS_MQTT_RID_MAX ||
            (t.what == DPS_OPERATION) != (t.operation_id.len > 0))
            return BAD_ARGUMENT;
        *out = t;
        return OK;
    }
    return BAD_ARGUMENT;
}

void dps_mqtt_topic_put(struct buffer *out, int status, struct slice rid, unsigned retry_s)
{
    buffer_printf(out, "$dps/registrations/res/%d/?$rid=%.*s", status, SLICE_FMT(rid));
    if (retry_s)
        buffer_printf(out, "&retry-after=%u", retry_s);
}
