/*
 * OPC UA values as JSON and back (OPC UA Part 6, 5.4, with Azure Industrial IoT's own rules beside
 * it). Writing goes straight into the buffer, without allocation and without failing: it is the
 * publisher's hot path. Any thread; the values are only read.
 */
#pragma once

#include "opcua/node_id.h"
#include "json/json.h"

/* Of which edition of OPC UA Part 6, 5.4, as far as they differ. */
enum opcua_json_rules {
    OPCUA_JSON_1_04,
    OPCUA_JSON_COMPACT, /* of 1.05: {"UaType":…,"Value":…}, ids as texts; defaults left out */
    OPCUA_JSON_VERBOSE, /* the same with all that there is, and status codes by name */
};

/* How to write; one for all values of a writer. `{0}` is 2.8's form: plain, compat, Uri. */
struct opcua_value_form {
    const struct opcua_namespaces *names; /* for ids; NULL writes indexes */
    enum opcua_id_format format;
    bool reversible; /* each variant with its type: {"Type":…,"Body":…} */
    bool strict;     /* Part 6 of 1.04: Int64 as strings, ids as objects. Otherwise numbers and texts */
    enum opcua_json_rules rules; /* of 1.05, reversible: with types; otherwise the bare values */
    unsigned depth; /* of structures in the bytes of others; what is deeper stays in its bytes */
};

#define OPCUA_VALUE_DEPTH_MAX 16

/* Which members of a data value, with the bits of DataSetFieldContentMask. */
enum {
    OPCUA_FIELD_STATUS = 1,
    OPCUA_FIELD_SOURCE_TIME = 2,
    OPCUA_FIELD_SERVER_TIME = 4,
    OPCUA_FIELD_SOURCE_PICO = 8,
    OPCUA_FIELD_SERVER_PICO = 16,
    OPCUA_FIELD_RAW = 32, /* the bare value */
};

/* {"Value":…,"StatusCode":{"Symbol":…,"Code":…},"SourceTimestamp":…,…}. A status of Good, an absent
 * value and absent times are left out; with OPCUA_FIELD_RAW only what stands behind "Value", or
 * null. */
void opcua_value_json_data_value(const UA_DataValue *v, unsigned fields,
                                 const struct opcua_value_form *form, struct buffer *out);

/* null for an empty variant. Arrays are arrays, matrices arrays of arrays. */
void opcua_value_json_variant(const UA_Variant *v, const struct opcua_value_form *form,
                              struct buffer *out);

/* One value of any type in UA_TYPES, or null for NULL; structures member by member. */
void opcua_value_json_put(const void *value, const UA_DataType *type,
                          const struct opcua_value_form *form, struct buffer *out);

/* {"Symbol":"BadNodeIdUnknown","Code":2150891520}; a bare number when strict and reversible. */
void opcua_value_json_status(UA_StatusCode code, const struct opcua_value_form *form,
                             struct buffer *out);

/* "2026-11-23T07:03:00.1234567Z" with quotes. Times out of years 1 to 9999 are written as those
 * ends. */
void opcua_value_json_time(UA_DateTime t, struct buffer *out);

#define OPCUA_VALUE_ELEMENTS_MAX (1u << 20) /* of one array that is read */

/*
 * Loosely typed: numbers and booleans may be texts, a text may be base64 of bytes, one element may
 * stand for an array, and so may a text with commas; {"Type","Body"} and {"Value"} are looked into.
 *
 * `type` NULL: what the JSON suggests (Boolean, Int64, Double, String, arrays of them).
 * `value_rank` is the node's: -1 scalar, -2 any, -3 scalar or one dimension, 0 one or more, n
 * dimensions. null gives an empty variant. BAD_ARGUMENT (out of range, not such a value), TOO_LARGE
 * and UNSUPPORTED append a sentence to *why, which may be NULL. The caller clears *out.
 */
CHECKED enum status opcua_value_json_read(const struct json *v, const UA_DataType *type,
                                          int32_t value_rank, const struct opcua_namespaces *names,
                                          UA_Variant *out, struct buffer *why);

/* "BadNodeIdUnknown" to its code; false when there is no such name. */
bool opcua_value_json_status_parse(struct slice symbol, UA_StatusCode *out);

/* ISO 8601 to ticks, to the tenth of a microsecond. False for anything else. */
bool opcua_value_json_time_parse(struct slice text, UA_DateTime *out);
