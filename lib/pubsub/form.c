#include "pubsub/form.h"

#include <assert.h>

#define HEAD_SOME                                                                                  \
    (HEAD_META_DATA_VERSION | HEAD_SEQUENCE | HEAD_TIMESTAMP | HEAD_TYPE |                         \
     HEAD_WRITER_NAME)                        /* 0x6E */
#define HEAD_ALL (HEAD_SOME | HEAD_WRITER_ID) /* 0x6F */
#define VALUE_SOME (OPCUA_FIELD_STATUS | OPCUA_FIELD_SOURCE_TIME)
#define VALUE_ALL (VALUE_SOME | OPCUA_FIELD_SERVER_TIME)

/* clang-format off */
static const struct form forms[] = {
    [MODE_SAMPLES] = {.samples = true, .field_mask = VALUE_SOME},
    [MODE_FULL_SAMPLES] = {.samples = true, .full = true, .field_mask = VALUE_ALL},
    [MODE_PUBSUB] = {.network = true, .head = true, .key_frames = true, .metadata = true, .head_mask = HEAD_SOME, .field_mask = VALUE_ALL},
    [MODE_FULL_NETWORK_MESSAGES] = {.network = true, .head = true, .full = true, .key_frames = true, .metadata = true, .head_mask = HEAD_ALL, .field_mask = VALUE_ALL},
    [MODE_DATA_SET_MESSAGES] = {.head = true, .key_frames = true, .metadata = true, .head_mask = HEAD_SOME, .field_mask = VALUE_ALL},
    [MODE_SINGLE_DATA_SET_MESSAGE] = {.head = true, .single = true, .key_frames = true, .metadata = true, .head_mask = HEAD_SOME, .field_mask = VALUE_ALL},
    [MODE_DATA_SETS] = {.key_frames = true, .metadata = true, .field_mask = VALUE_ALL},
    [MODE_SINGLE_DATA_SET] = {.single = true, .key_frames = true, .metadata = true, .field_mask = VALUE_ALL},
    [MODE_RAW_DATA_SETS] = {.key_frames = true, .field_mask = OPCUA_FIELD_RAW},
    [MODE_SINGLE_RAW_DATA_SET] = {.single = true, .key_frames = true, .field_mask = OPCUA_FIELD_RAW},
};
/* clang-format on */

const struct form *form_of(enum messaging_mode mode)
{
    assert(mode > MODE_UNSET && (size_t)mode < sizeof forms / sizeof forms[0]);
    return &forms[mode];
}
