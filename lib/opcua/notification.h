/*
 * NotificationMessages (Part 4, 7.26), decoded late and without memory of their own for each value:
 * most of what a publisher does with a value was once the stack's allocating, clearing and freeing
 * of it. The stack decodes the answers of Publish and Republish by the types below, which leave the
 * parts of a message as the bytes that came; what is held for later stays as small as on the wire.
 *
 * Single scalars of the built-in types are taken from the bytes by this file (Part 6, 5.2). A part
 * in which there is anything else (arrays, structures) is decoded by the stack as a whole.
 */
#pragma once

#include "base/slice.h"
#include "opcua/stack.h"

/* An ExtensionObject that has a body. */
struct notification_part {
    UA_NodeId type; /* of its encoding */
    UA_Byte encoding;
    UA_ByteString body;
};

struct notification {
    UA_UInt32 sequence;
    UA_DateTime published;
    size_t part_count;
    struct notification_part *parts;
};

/* PublishResponse */
struct publish_answer {
    UA_ResponseHeader header;
    UA_UInt32 subscription;
    size_t available_count;
    UA_UInt32 *available;
    UA_Boolean more;
    struct notification message;
    size_t result_count;
    UA_StatusCode *results;
    size_t diagnostic_count;
    UA_DiagnosticInfo *diagnostics;
};

/* RepublishResponse */
struct republish_answer {
    UA_ResponseHeader header;
    struct notification message;
};

extern const UA_DataType notification_type, publish_answer_type, republish_answer_type;

/* Whether the part's body is that type's, in binary. */
bool notification_is(const struct notification_part *part, const UA_DataType *type);

/* Of one notification: a hundred times what is asked for, and all items of a subscription. */
#define NOTIFICATION_CHANGES_MAX (1u << 20)

/* The values of a DataChangeNotification. They point into its body, which must outlive them. */
struct notification_changes {
    UA_MonitoredItemNotification *items;
    size_t count;
    void *room;                      /* of `items` and their scalars; used again by the next */
    size_t room_cap;                 /* bytes */
    UA_DataChangeNotification whole; /* what the stack decoded; owns `items` when it has any */
};

/* `out` is {0}, or was cleared. BadDecodingError, BadEncodingLimitsExceeded; then it has no items. */
UA_StatusCode notification_changes_decode(struct slice body, struct notification_changes *out);
/* Keeps a room that is not large. */
void notification_changes_clear(struct notification_changes *c);
void notification_changes_free(struct notification_changes *c);
