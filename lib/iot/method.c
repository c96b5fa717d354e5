#include "iot/method.h"

#include "json/write.h"

/* The member as milliseconds; false when it is out of bounds. */
static bool seconds(const struct json *v, uint64_t least, uint64_t otherwise, uint64_t *ms)
{
    uint64_t s = otherwise;
    if (v && !json_is(v, JSON_NULL) && !json_u64(v, &s))
        return false;
    *ms = s * 1000;
    return s >= least && s <= IOT_METHOD_SECONDS_MAX;
}

const char *iot_method_read(struct arena *a, const struct iot_limits *limits,
                            const struct json *body, struct iot_method_call *call)
{
    const struct json *payload = json_get(body, "payload");
    const struct json *response = json_get(body, "responseTimeoutInSeconds");
    if (response == NULL)
        response = json_get(body, "timeoutInSeconds"); /* its name in older jobs */
    call->name = arena_copy(a, json_string(json_get(body, "methodName")));
    if (call->name.len == 0 || call->name.len > IOT_METHOD_NAME_MAX)
        return "methodName must be a text of 1 to 100 characters";
    if (!seconds(response, IOT_METHOD_SECONDS_MIN, IOT_METHOD_RESPONSE_SECONDS,
                 &call->response_timeout_ms))
        return "responseTimeoutInSeconds must be a whole number from 5 to 300";
    if (!seconds(json_get(body, "connectTimeoutInSeconds"), 0, 0, &call->connect_timeout_ms))
        return "connectTimeoutInSeconds must be a whole number from 0 to 300";
    if (payload) {
        struct buffer text = {0};
        struct json_writer w = json_writer(&text);
        json_put_value(&w, payload);
        call->payload = arena_copy(a, buffer_slice(&text));
        buffer_clear(&text);
    }
    return call->payload.len > limits->method_bytes ? "payload is larger than limits.method allows"
                                                    : NULL;
}

void iot_method_put(struct json_writer *w, int status, struct slice payload)
{
    json_object(w);
    json_name(w, "status"), json_put_i64(w, status);
    json_name(w, "payload");
    if (payload.len)
        json_put_raw(w, payload);
    else
        json_put_null(w);
    json_end_object(w);
}

bool iot_method_payload_ok(struct slice payload)
{
    struct json_doc *doc = NULL;
    bool ok = payload.len == 0 || json_parse(payload, JSON_STRICT, &doc, NULL) == OK;
    json_free(&doc);
    return ok;
}
