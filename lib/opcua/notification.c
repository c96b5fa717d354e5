#include "opcua/notification.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/memory.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "scalars are copied as they lie on the wire"
#endif

#define ROOM_KEPT_MAX (4u << 20)
#define PICO_MAX 9999    /* of 10 ps each */
#define ITEM_BYTES_MIN 5 /* handle and mask */

/* ---- types for the stack ---- */

#ifdef UA_ENABLE_TYPEDESCRIPTION
#define NAMED(name) .memberName = name,
#define TYPE_NAMED(name) .typeName = name,
#else
#define NAMED(name)
#define TYPE_NAMED(name)
#endif
#define END_OF(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

/* `gap` is what lies between it and the member before. */
#define MEMBER(name, type, gap)                                                                    \
    {                                                                                              \
        NAMED(name).memberType = (type), .padding = (gap)                                          \
    }
#define ARRAY(name, type, gap)                                                                     \
    {                                                                                              \
        NAMED(name).memberType = (type), .padding = (gap), .isArray = true                         \
    }
#define STRUCTURE(name, of, id, list)                                                              \
    {                                                                                              \
        TYPE_NAMED(name).binaryEncodingId = {0, UA_NODEIDTYPE_NUMERIC, {id}},                      \
        .memSize = sizeof(of), .typeKind = UA_DATATYPEKIND_STRUCTURE,                              \
        .membersSize = sizeof(list) / sizeof((list)[0]), .members = (list)                         \
    }
/* The stack keeps an answer where one of its own would fit. */
_Static_assert(sizeof(struct publish_answer) <= sizeof(UA_PublishResponse),
               "as large as the stack's");
_Static_assert(sizeof(struct republish_answer) <= sizeof(UA_RepublishResponse),
               "as large as the stack's");

#define GAP(of, before, member) (offsetof(of, member) - END_OF(of, before))

static UA_DataTypeMember part_members[] = {
    MEMBER("TypeId", &UA_TYPES[UA_TYPES_NODEID], 0),
    MEMBER("Encoding", &UA_TYPES[UA_TYPES_BYTE], GAP(struct notification_part, type, encoding)),
    MEMBER("Body", &UA_TYPES[UA_TYPES_BYTESTRING], GAP(struct notification_part, encoding, body)),
};
static const UA_DataType part_type =
    STRUCTURE("NotificationData", struct notification_part, 0, part_members);

static UA_DataTypeMember notification_members[] = {
    MEMBER("SequenceNumber", &UA_TYPES[UA_TYPES_UINT32], 0),
    MEMBER("PublishTime", &UA_TYPES[UA_TYPES_DATETIME],
           GAP(struct notification, sequence, published)),
    ARRAY("NotificationData", &part_type, GAP(struct notification, published, part_count)),
};
const UA_DataType notification_type =
    STRUCTURE("NotificationMessage", struct notification, 0, notification_members);

static UA_DataTypeMember publish_members[] = {
    MEMBER("ResponseHeader", &UA_TYPES[UA_TYPES_RESPONSEHEADER], 0),
    MEMBER("SubscriptionId", &UA_TYPES[UA_TYPES_UINT32],
           GAP(struct publish_answer, header, subscription)),
    ARRAY("AvailableSequenceNumbers", &UA_TYPES[UA_TYPES_UINT32],
          GAP(struct publish_answer, subscription, available_count)),
    MEMBER("MoreNotifications", &UA_TYPES[UA_TYPES_BOOLEAN],
           GAP(struct publish_answer, available, more)),
    MEMBER("NotificationMessage", &notification_type, GAP(struct publish_answer, more, message)),
    ARRAY("Results", &UA_TYPES[UA_TYPES_STATUSCODE],
          GAP(struct publish_answer, message, result_count)),
    ARRAY("DiagnosticInfos", &UA_TYPES[UA_TYPES_DIAGNOSTICINFO],
          GAP(struct publish_answer, results, diagnostic_count)),
};
const UA_DataType publish_answer_type =
    STRUCTURE("PublishResponse", struct publish_answer,
              UA_NS0ID_PUBLISHRESPONSE_ENCODING_DEFAULTBINARY, publish_members);

static UA_DataTypeMember republish_members[] = {
    MEMBER("ResponseHeader", &UA_TYPES[UA_TYPES_RESPONSEHEADER], 0),
    MEMBER("NotificationMessage", &notification_type,
           GAP(struct republish_answer, header, message)),
};
const UA_DataType republish_answer_type =
    STRUCTURE("RepublishResponse", struct republish_answer,
              UA_NS0ID_REPUBLISHRESPONSE_ENCODING_DEFAULTBINARY, republish_members);

bool notification_is(const struct notification_part *part, const UA_DataType *type)
{
    return part->encoding == UA_EXTENSIONOBJECT_ENCODED_BYTESTRING &&
           UA_NodeId_equal(&part->type, &type->binaryEncodingId);
}

/* ---- values ---- */

/* Where a scalar lies that cannot be pointed to in the body, for its alignment. */
union scalar {
    UA_Boolean boolean;
    UA_UInt64 number;
    UA_Guid guid;
    UA_String text;
};

struct bytes {
    const uint8_t *at, *end;
};

static inline bool take(struct bytes *b, void *to, size_t len)
{
    if ((size_t)(b->end - b->at) < len)
        return false;
    memcpy(to, b->at, len);
    b->at += len;
    return true;
}

/* A string whose length is -1 is null, one of length 0 is not. */
static bool take_text(struct bytes *b, UA_String *out)
{
    int32_t len;
    if (!take(b, &len, sizeof len) || len > b->end - b->at)
        return false;
    *out = (UA_String){0};
    if (len >= 0)
        *out = (UA_String){(size_t)len, len ? (UA_Byte *)b->at : UA_EMPTY_ARRAY_SENTINEL};
    b->at += len > 0 ? len : 0;
    return true;
}

/* Encoding bytes of Variants are numbers of built-in types, when they are of single scalars. */
static bool take_scalar(struct bytes *b, uint8_t type, union scalar *out)
{
    switch (type) {
    case 1: {
        uint8_t set;
        if (!take(b, &set, 1))
            return false;
        out->boolean = set != 0;
        return true;
    }
    case 2:
    case 3:
        return take(b, out, 1);
    case 4:
    case 5:
        return take(b, out, 2);
    case 6:
    case 7:
    case 10:
    case 19:
        return take(b, out, 4);
    case 8:
    case 9:
    case 11:
    case 13:
        return take(b, out, 8);
    case 14:
        return take(b, out, sizeof(UA_Guid));
    case 12:
    case 15:
        return take_text(b, &out->text);
    default:
        return false;
    }
}

enum {
    HAS_VALUE = 1,
    HAS_STATUS = 2,
    HAS_SOURCE = 4,
    HAS_SERVER = 8,
    HAS_SOURCE_PICO = 16,
    HAS_SERVER_PICO = 32
};

/* More than there are in 100 ns count as the most that there are (Part 6, 5.2.2.17). */
static bool take_pico(struct bytes *b, UA_UInt16 *out)
{
    if (!take(b, out, sizeof *out))
        return false;
    *out = *out > PICO_MAX ? PICO_MAX : *out;
    return true;
}

static bool take_value(struct bytes *b, UA_DataValue *v, union scalar *scalar)
{
    uint8_t mask, type;
    if (!take(b, &mask, 1))
        return false;
    *v = (UA_DataValue){0};
    if (mask & HAS_VALUE) {
        if (!take(b, &type, 1) || !take_scalar(b, type, scalar))
            return false;
        v->hasValue = true;
        v->value.type = &UA_TYPES[type - 1];
        v->value.storageType = UA_VARIANT_DATA_NODELETE;
        v->value.data = scalar;
    }
    v->hasStatus = mask & HAS_STATUS;
    v->hasSourceTimestamp = mask & HAS_SOURCE;
    v->hasServerTimestamp = mask & HAS_SERVER;
    v->hasSourcePicoseconds = mask & HAS_SOURCE_PICO;
    v->hasServerPicoseconds = mask & HAS_SERVER_PICO;
    return (!v->hasStatus || take(b, &v->status, 4)) &&
           (!v->hasSourceTimestamp || take(b, &v->sourceTimestamp, 8)) &&
           (!v->hasSourcePicoseconds || take_pico(b, &v->sourcePicoseconds)) &&
           (!v->hasServerTimestamp || take(b, &v->serverTimestamp, 8)) &&
           (!v->hasServerPicoseconds || take_pico(b, &v->serverPicoseconds));
}

static void make_room(struct notification_changes *c, size_t count)
{
    size_t wanted = count * (sizeof *c->items + sizeof(union scalar));
    if (wanted > c->room_cap) {
        free(c->room);
        c->room = memory_new(wanted);
        c->room_cap = wanted;
    }
}

/* False: there is something in it that is not a single scalar, or it is broken. */
static bool take_all(struct bytes b, struct notification_changes *out)
{
    int32_t count;
    if (!take(&b, &count, sizeof count) || count <= 0 || count > (b.end - b.at) / ITEM_BYTES_MIN)
        return false;
    make_room(out, (size_t)count);
    union scalar *scalars = out->room;
    out->items = (UA_MonitoredItemNotification *)(scalars + count);
    for (int32_t i = 0; i < count; i++)
        if (!take(&b, &out->items[i].clientHandle, 4) ||
            !take_value(&b, &out->items[i].value, &scalars[i]))
            return false;
    out->count = (size_t)count;
    return true;
}

static void forget(struct notification_changes *c)
{
    c->items = NULL;
    c->count = 0;
}

static bool are_too_many(struct bytes b)
{
    int32_t count;
    return take(&b, &count, sizeof count) && count > (int32_t)NOTIFICATION_CHANGES_MAX;
}

UA_StatusCode notification_changes_decode(struct slice body, struct notification_changes *out)
{
    if (are_too_many((struct bytes){body.at, body.at + body.len}))
        return UA_STATUSCODE_BADENCODINGLIMITSEXCEEDED;
    if (take_all((struct bytes){body.at, body.at + body.len}, out))
        return UA_STATUSCODE_GOOD;
    forget(out);
    UA_ByteString bytes = {body.len, (UA_Byte *)body.at};
    UA_StatusCode status =
        UA_decodeBinary(&bytes, &out->whole, &UA_TYPES[UA_TYPES_DATACHANGENOTIFICATION], NULL);
    if (status != UA_STATUSCODE_GOOD)
        return status;
    out->items = out->whole.monitoredItems;
    out->count = out->whole.monitoredItemsSize;
    return UA_STATUSCODE_GOOD;
}

void notification_changes_clear(struct notification_changes *c)
{
    UA_DataChangeNotification_clear(&c->whole);
    forget(c);
    if (c->room_cap > ROOM_KEPT_MAX)
        notification_changes_free(c);
}

void notification_changes_free(struct notification_changes *c)
{
    free(c->room);
    *c = (struct notification_changes){0};
}
