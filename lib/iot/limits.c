#include "iot/limits.h"

#include <assert.h>
#include <stddef.h>

#include "iot/message.h"
#include "iot/query.h"
#include "settings/value.h"

#define AT(field) offsetof(struct iot_limits, field)

#define DAY_MS (24ll * 3600 * 1000)
#define MUCH (1ll << 30)

/* clang-format off */
static const struct row {
    struct setting setting;
    size_t at;
} rows[] = {
    {{"limits.message", SETTING_SIZE, "256KiB", "a device's message with its properties; a batch over HTTPS", 1, IOT_MESSAGE_MAX, NULL, false}, AT(message_bytes)},
    {{"limits.batch", SETTING_INTEGER, "500", "messages in one batch over HTTPS", 1, 10000, NULL, false}, AT(batch_items)},
    {{"limits.c2d.message", SETTING_SIZE, "64KiB", "a message to a device with its properties", 1, IOT_MESSAGE_MAX, NULL, false}, AT(c2d_bytes)},
    {{"limits.c2d.queue", SETTING_INTEGER, "50", "messages that wait for one device", 1, 100000, NULL, false}, AT(c2d_queue)},
    {{"limits.c2d.ttl", SETTING_DURATION, "1h", "how long a message to a device waits that says nothing else", 1000, 365 * DAY_MS, NULL, false}, AT(c2d_ttl_ms)},
    {{"limits.c2d.ttl.max", SETTING_DURATION, "2d", "how long it may wait at most", 1000, 365 * DAY_MS, NULL, false}, AT(c2d_ttl_ms_max)},
    {{"limits.c2d.lock", SETTING_DURATION, "1m", "how long a device may keep one before it answers", 1000, DAY_MS, NULL, false}, AT(c2d_lock_ms)},
    {{"limits.c2d.deliveries", SETTING_INTEGER, "10", "times that one is handed over before it is given up", 1, 100, NULL, false}, AT(c2d_deliveries)},
    {{"limits.feedback.ttl", SETTING_DURATION, "1h", "how long feedback about them is kept", 1000, 365 * DAY_MS, NULL, false}, AT(feedback_ttl_ms)},
    {{"limits.feedback.lock", SETTING_DURATION, "1m", "how long a service may keep one before it answers", 1000, DAY_MS, NULL, false}, AT(feedback_lock_ms)},
    {{"limits.feedback.deliveries", SETTING_INTEGER, "10", "times that one is handed over", 1, 100, NULL, false}, AT(feedback_deliveries)},
    {{"limits.notification.ttl", SETTING_DURATION, "1h", "how long a notification of an upload is kept", 1000, 365 * DAY_MS, NULL, false}, AT(notification_ttl_ms)},
    {{"limits.notification.lock", SETTING_DURATION, "1m", "how long a service may keep one before it answers", 1000, DAY_MS, NULL, false}, AT(notification_lock_ms)},
    {{"limits.notification.deliveries", SETTING_INTEGER, "10", "times that one is handed over", 1, 100, NULL, false}, AT(notification_deliveries)},
    {{"limits.uploads", SETTING_INTEGER, "10", "uploads of one device at once", 1, 10000, NULL, false}, AT(uploads)},
    {{"limits.upload.ttl", SETTING_DURATION, "1h", "how long a device may write to what it asked for", 1000, 365 * DAY_MS, NULL, false}, AT(upload_ttl_ms)},
    {{"limits.method", SETTING_SIZE, "128KiB", "payload of a direct method, and of its answer", 1, 128 << 10, NULL, false}, AT(method_bytes)},
    {{"limits.twin.tags", SETTING_SIZE, "8KiB", "tags of a twin, in IoT Hub's count", 64, IOT_TWIN_TEXT_MAX, NULL, false}, AT(twin.tags_bytes)},
    {{"limits.twin.desired", SETTING_SIZE, "32KiB", "its desired properties", 64, IOT_TWIN_TEXT_MAX, NULL, false}, AT(twin.desired_bytes)},
    {{"limits.twin.reported", SETTING_SIZE, "32KiB", "its reported properties", 64, IOT_TWIN_TEXT_MAX, NULL, false}, AT(twin.reported_bytes)},
    {{"limits.twin.string", SETTING_SIZE, "4KiB", "a string in it", 1, IOT_TWIN_TEXT_MAX, NULL, false}, AT(twin.string_bytes)},
    {{"limits.twin.name", SETTING_SIZE, "1KiB", "a name in it", 1, IOT_TWIN_TEXT_MAX, NULL, false}, AT(twin.name_bytes)},
    {{"limits.twin.depth", SETTING_INTEGER, "10", "objects in each other", 1, 32, NULL, false}, AT(twin.depth)},
    {{"limits.devices", SETTING_INTEGER, "1000000", "devices", 1, MUCH, NULL, false}, AT(devices)},
    {{"limits.modules", SETTING_INTEGER, "50", "modules of one device", 2, 1000, NULL, false}, AT(modules)},
    {{"limits.bulk", SETTING_INTEGER, "100", "devices and modules in one bulk request", 1, 10000, NULL, false}, AT(bulk_items)},
    {{"limits.list", SETTING_INTEGER, "1000", "devices in one list", 1, 100000, NULL, false}, AT(list_items)},
    {{"limits.query", SETTING_SIZE, "8KiB", "text of a query", 64, IOT_QUERY_TEXT_MAX, NULL, false}, AT(query_bytes)},
    {{"limits.query.page", SETTING_INTEGER, "100", "rows on a page of its answer", 1, 10000, NULL, false}, AT(query_page)},
    {{"limits.configurations", SETTING_INTEGER, "100", "configurations and deployments", 1, 10000, NULL, false}, AT(configurations)},
    {{"limits.configuration.modules", SETTING_INTEGER, "50", "modules in one deployment", 1, 1000, NULL, false}, AT(configuration_modules)},
    {{"limits.configuration.metrics", SETTING_INTEGER, "5", "metrics of one's own in one", 0, 100, NULL, false}, AT(configuration_metrics)},
    {{"limits.certificates", SETTING_INTEGER, "25", "certificates of authorities that devices' lead to", 1, 1000, NULL, false}, AT(certificates)},
    {{"limits.jobs.running", SETTING_INTEGER, "10", "scheduled jobs that run at once", 1, 1000, NULL, false}, AT(jobs_running)},
    {{"limits.jobs.history", SETTING_DURATION, "30d", "how long jobs are told of after their end", 1000, 3650 * DAY_MS, NULL, false}, AT(job_history_ms)},
    {{"limits.routes", SETTING_INTEGER, "100", "routes", 1, 10000, NULL, false}, AT(routes)},
    {{"limits.endpoints", SETTING_INTEGER, "10", "endpoints of routes", 1, 31, NULL, false}, AT(endpoints)},
    {{"limits.enrichments", SETTING_INTEGER, "10", "enrichments of messages", 0, 1000, NULL, false}, AT(enrichments)},
    {{"limits.consumer-groups", SETTING_INTEGER, "20", "consumer groups of the stream besides $Default", 0, 1000, NULL, false}, AT(consumer_groups)},
};
/* clang-format on */

const size_t iot_limits_settings_count = sizeof(rows) / sizeof(rows[0]);

const struct setting *iot_limits_setting(size_t i)
{
    return &rows[i].setting;
}

static uint64_t *field(struct iot_limits *l, const struct row *row)
{
    return (uint64_t *)((char *)l + row->at);
}

struct iot_limits iot_limits_azure(void)
{
    struct iot_limits l = {0};
    for (size_t i = 0; i < iot_limits_settings_count; i++) {
        struct setting_value v = {0};
        struct buffer why = {0};
        enum status s =
            setting_parse(&rows[i].setting, slice_of(rows[i].setting.otherwise), &v, &why);
        assert(s == OK);
        *field(&l, &rows[i]) = s == OK ? (uint64_t)v.number : 0;
        setting_value_clear(&v);
        buffer_clear(&why);
    }
    return l;
}

static uint64_t value_of(const struct settings *s, const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_SIZE:
        return settings_size(s, setting->name);
    case SETTING_DURATION:
        return settings_ms(s, setting->name);
    default:
        return (uint64_t)settings_integer(s, setting->name);
    }
}

struct iot_limits iot_limits_read(const struct settings *s)
{
    struct iot_limits l;
    for (size_t i = 0; i < iot_limits_settings_count; i++)
        *field(&l, &rows[i]) = value_of(s, &rows[i].setting);
    return l;
}
