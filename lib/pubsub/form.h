/* What a messaging mode puts into messages: the masks of OPC UA Part 14 and of OPC Publisher, as
 * one table. */
#pragma once

#include "opcua/value_json.h"
#include "published/plan.h"

/* Of a data set message's head (JsonDataSetMessageContentMask). */
enum {
    HEAD_WRITER_ID = 1,
    HEAD_META_DATA_VERSION = 2,
    HEAD_SEQUENCE = 4,
    HEAD_TIMESTAMP = 8,
    HEAD_STATUS = 0x10,
    HEAD_TYPE = 0x20,
    HEAD_WRITER_NAME = 0x40,
};

struct form {
    bool samples;    /* one message a value, OPC Publisher's own shape */
    bool network;    /* network messages around data set messages */
    bool head;       /* data set messages have a head, and their fields stand in "Payload" */
    bool single;     /* one data set message alone, no array around it */
    bool full;       /* with what describes the source */
    bool key_frames; /* of use here, and keep-alive messages */
    bool metadata;   /* metadata messages go with it */
    unsigned head_mask, field_mask; /* HEAD_…, OPCUA_FIELD_… */
};

const struct form *form_of(enum messaging_mode mode);
