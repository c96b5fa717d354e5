/* Topics and user names as peers send them: never past their end, and what is taken is within
 * bounds. */
#include <stdlib.h>

#include "dps/mqtt_topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct slice text = slice_from(at, len), client = slice_first(text, len / 2);
    struct arena a = {0};
    struct dps_mqtt_topic t;
    struct dps_mqtt_user u;
    if (dps_mqtt_topic_parse(text, &a, &t) == OK &&
        (t.rid.len == 0 || t.rid.len > DPS_MQTT_RID_MAX))
        abort();
    if (dps_mqtt_user_parse(slice_skip(text, len / 2), client, &u) &&
        (u.id_scope.len == 0 || u.registration_id.len == 0))
        abort();
    arena_clear(&a);
    return 0;
}
