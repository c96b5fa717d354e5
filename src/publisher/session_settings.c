#include "publisher/session_settings.h"

#include "base/log.h"

/* clang-format off */
const struct setting session_settings[] = {
    {"session.connect", SETTING_DURATION, "15s", "one try to connect to an OPC UA server, until it is known", 100, 86400000, NULL, false},
    {"session.keepalive", SETTING_DURATION, "5s", "a server that says nothing for so long is asked whether it is there, and has twice as long to answer", 100, 86400000, NULL, false},
    {"session.timeout", SETTING_DURATION, "2m", "how long a server is to keep a session without a connection", 1000, 86400000, NULL, false},
    {"session.call", SETTING_DURATION, "10s", "for an answer of a server, where who asks names no time", 100, 86400000, NULL, false},
    {"session.token", SETTING_DURATION, "1h", "lifetime of a secure channel's keys", 1000, 86400000, NULL, false},
    {"session.linger", SETTING_DURATION, "10s", "how long a session that nobody uses stays", 1, 86400000, NULL, false},
    {"reconnect.min", SETTING_DURATION, "100ms", "until the second try to connect; later ones are further apart", 1, 86400000, NULL, false},
    {"reconnect.max", SETTING_DURATION, "10s", "between two tries, at most", 1, 86400000, NULL, false},
    {"retry.node", SETTING_DURATION, "10s", "until a node that a server refused is tried again", 1000, INT64_MAX / 1000, NULL, false},
    {"retry.node.max", SETTING_DURATION, NULL, "that time is doubled each time up to this; without it 5 min, or always retry.node where that is given", 1000, INT64_MAX / 1000, NULL, false},
    {"retry.invalid", SETTING_DURATION, "10s", "the same for a node that cannot be asked for as it is configured", 1000, INT64_MAX / 1000, NULL, false},
    {"retry.invalid.max", SETTING_DURATION, NULL, "as retry.node.max", 1000, INT64_MAX / 1000, NULL, false},
    {"retry.subscription", SETTING_DURATION, "2s", "until a subscription that a server refused is tried again", 1, 86400000, NULL, false},
    {"publish.requests.min", SETTING_INTEGER, "2", "publish requests that wait at a server, at least", 1, 1000, NULL, false},
    {"publish.requests.percent", SETTING_INTEGER, "300", "of the number of subscriptions", 1, 10000, NULL, false},
    {"publish.requests.max", SETTING_INTEGER, "32", "at most; fewer when a server says that there are too many", 1, 1000, NULL, false},
    {"limits.items", SETTING_INTEGER, "0", "monitored items in one call; 0: as the server says, and what is known of its make", 0, UINT32_MAX, NULL, false},
    {"limits.read", SETTING_INTEGER, "0", "nodes in one Read; 0: likewise", 0, UINT32_MAX, NULL, false},
    {"limits.browse", SETTING_INTEGER, "0", "nodes in one Browse; 0: likewise", 0, UINT32_MAX, NULL, false},
    {"reverse.port", SETTING_INTEGER, "4840", "where servers of entries with UseReverseConnect connect to", 1, 65535, NULL, false},
};
/* clang-format on */
const size_t session_settings_count = sizeof session_settings / sizeof session_settings[0];

static uint32_t ms(const struct settings *s, const char *name)
{
    return (uint32_t)settings_ms(s, name);
}

static uint32_t number(const struct settings *s, const char *name)
{
    return (uint32_t)settings_integer(s, name);
}

/* Nobody said it: then it is 0, for which opcua/thread.h has a sense of its own. */
static uint32_t seconds(const struct settings *s, const char *name)
{
    return settings_given(s, name) ? (uint32_t)(settings_ms(s, name) / 1000) : 0;
}

void session_settings_read(const struct settings *s, struct opcua_thread_config *out)
{
    out->try_ms = ms(s, "session.connect");
    out->silence_ms = ms(s, "session.keepalive");
    if (settings_given(s, "session.keepalive")) /* --ki is in seconds or in milliseconds (publisher_options.c) */
        log_info("sessions keep alive ms=%u note=\"--ki (KeepAliveInterval) below 1000 is taken as seconds, 1000 and more as "
                 "milliseconds\"", out->silence_ms);
    out->lease_ms = ms(s, "session.linger");
    out->reverse_port = (int)settings_integer(s, "reverse.port");
    out->tuning = (struct opcua_tuning){
        .reconnect_ms_min = ms(s, "reconnect.min"),
        .reconnect_ms_max = ms(s, "reconnect.max"),
        .session_timeout_ms = ms(s, "session.timeout"),
        .token_ms = ms(s, "session.token"),
        .call_ms = ms(s, "session.call"),
        .publish_min = number(s, "publish.requests.min"),
        .publish_percent = number(s, "publish.requests.percent"),
        .publish_max = number(s, "publish.requests.max"),
        .item_retry_s = seconds(s, "retry.node"),
        .item_retry_s_max = seconds(s, "retry.node.max"),
        .invalid_retry_s = seconds(s, "retry.invalid"),
        .invalid_retry_s_max = seconds(s, "retry.invalid.max"),
        .subscription_retry_ms = ms(s, "retry.subscription"),
        .items_per_call = number(s, "limits.items"),
        .nodes_per_read = number(s, "limits.read"),
        .nodes_per_browse = number(s, "limits.browse"),
    };
}
