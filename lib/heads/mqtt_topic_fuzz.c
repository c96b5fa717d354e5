/* Any bytes as a topic, a filter and a user name. */
#include <stdlib.h>

#include "heads/mqtt_topic.h"
#include "heads/mqtt_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct slice text = slice_from(at, len);
    static const struct slice bases[] = {SLICE_INIT("devices/d/"),
                                         SLICE_INIT("devices/d/modules/m/")};
    for (int i = 0; i < 2; i++) {
        struct heads_mqtt_topic t = {0};
        enum heads_mqtt_filter f;
        if (heads_mqtt_topic_parse(text, bases[i], &t) == OK && t.kind != HEADS_MQTT_TELEMETRY &&
            t.rid.len == 0)
            abort();
        if (heads_mqtt_topic_filter(text, bases[i], &f) == OK && f >= HEADS_MQTT_FILTER_COUNT)
            abort();
    }
    struct arena a = {0};
    struct heads_mqtt_user u;
    if (heads_mqtt_user_parse(text, SLICE("d"), &a, &u) == OK && u.host.len == 0)
        abort();
    arena_clear(&a);
    return 0;
}
