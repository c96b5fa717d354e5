/* What is taken from the bytes here must be what the stack makes of the same bytes. */
#include "opcua/notification.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool equal(const struct notification_changes *c, const UA_DataChangeNotification *n)
{
    bool same = c->count == n->monitoredItemsSize;
    for (size_t i = 0; same && i < c->count; i++)
        same = UA_order(&c->items[i], &n->monitoredItems[i],
                        &UA_TYPES[UA_TYPES_MONITOREDITEMNOTIFICATION]) == UA_ORDER_EQ;
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct notification_changes c = {0};
    if (notification_changes_decode(slice_from(data, size), &c) != UA_STATUSCODE_GOOD) {
        notification_changes_free(&c);
        return 0;
    }
    UA_ByteString bytes = {size, (UA_Byte *)data};
    UA_DataChangeNotification n;
    if (UA_decodeBinary(&bytes, &n, &UA_TYPES[UA_TYPES_DATACHANGENOTIFICATION], NULL) ==
        UA_STATUSCODE_GOOD) {
        if (!equal(&c, &n))
            abort();
        UA_DataChangeNotification_clear(&n);
    }
    notification_changes_clear(&c);
    notification_changes_free(&c);
    return 0;
}
