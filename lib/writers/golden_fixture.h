/*
 * Fixed values, messages of them, and the files that they are held against; for golden_*_test.c
 * alone. With MILLRACE_GOLDEN=write in the environment the files are written instead.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/memory.h"
#include "gzip/gzip.h"
#include "outbox/outbox_double.h"
#include "writers/group.h"

#include "base/cmocka.h"

#define NOW 133500000001234567 /* 2024-01-17T13:20:00.1234567Z */
#define FIELDS 22

/* ---- fixed values ---- */

static UA_String uris[] = {UA_STRING_STATIC("http://opcfoundation.org/UA/"),
                           UA_STRING_STATIC("urn:server"), UA_STRING_STATIC("urn:machine")};
static const struct opcua_namespaces names = {.uris = uris, .count = 3};

static struct fields {
    struct buffer heads[FIELDS];
    UA_DataValue values[FIELDS];
    size_t count;
} fields;

static UA_DataValue *add(const char *name, const void *v, int type)
{
    size_t n = fields.count++;
    assert_true(n < FIELDS);
    buffer_printf(&fields.heads[n], "\"%s\":", name);
    UA_DataValue *d = &fields.values[n];
    *d = (UA_DataValue){.hasSourceTimestamp = true,
                        .hasServerTimestamp = true,
                        .sourceTimestamp = NOW + (UA_DateTime)n,
                        .serverTimestamp = NOW + 10000000};
    if (v) {
        d->hasValue = true;
        UA_Variant_setScalarCopy(&d->value, v, &UA_TYPES[type]);
    }
    return d;
}

static void add_array(const char *name, const void *v, size_t count, int type)
{
    UA_DataValue *d = add(name, NULL, type);
    d->hasValue = true;
    UA_Variant_setArrayCopy(&d->value, v, count, &UA_TYPES[type]);
}

static void add_matrix(const char *name)
{
    static const UA_Int32 numbers[] = {1, 2, 3, 4, 5, 6};
    add_array(name, numbers, 6, UA_TYPES_INT32);
    UA_Variant *v = &fields.values[fields.count - 1].value;
    v->arrayDimensions = UA_Array_new(2, &UA_TYPES[UA_TYPES_UINT32]);
    v->arrayDimensionsSize = 2;
    v->arrayDimensions[0] = 2;
    v->arrayDimensions[1] = 3;
}

static void add_bad(const char *name, UA_StatusCode status)
{
    UA_DataValue *d = add(name, NULL, 0);
    d->hasStatus = true;
    d->status = status;
}

static int make_values(void **state)
{
    (void)state;
    UA_Boolean yes = true;
    UA_SByte sbyte = -5;
    UA_UInt16 uint16 = 65535;
    UA_Int32 int32 = -123456;
    UA_Int64 int64 = -9007199254740993;
    UA_UInt64 uint64 = 18446744073709551615u;
    UA_Float single = 0.1f;
    UA_Double number = 21.5, tiny = 5e-324, not_a_number = __builtin_nan("");
    UA_DateTime time = NOW;
    UA_String text = UA_STRING("\"hot\" \xe2\x84\x83\n");
    UA_Guid guid = {0x12345678, 0x9abc, 0xdef0, {1, 2, 3, 4, 5, 6, 7, 8}};
    UA_ByteString bytes = UA_BYTESTRING("\x01\xff!");
    UA_NodeId id = UA_NODEID_STRING(2, "Pump");
    UA_StatusCode code = UA_STATUSCODE_BADTIMEOUT;
    UA_QualifiedName name = UA_QUALIFIEDNAME(2, "Speed");
    UA_LocalizedText localized = UA_LOCALIZEDTEXT("en", "on");
    UA_Range range = {0, 100};
    UA_Double doubles[] = {1, 2.5, -0.0};

    fields = (struct fields){0};
    add("Boolean", &yes, UA_TYPES_BOOLEAN);
    add("SByte", &sbyte, UA_TYPES_SBYTE);
    add("UInt16", &uint16, UA_TYPES_UINT16);
    add("Int32", &int32, UA_TYPES_INT32);
    add("Int64", &int64, UA_TYPES_INT64);
    add("UInt64", &uint64, UA_TYPES_UINT64);
    add("Float", &single, UA_TYPES_FLOAT);
    UA_DataValue *uncertain = add("Double", &number, UA_TYPES_DOUBLE);
    uncertain->hasStatus = true;
    uncertain->status = UA_STATUSCODE_UNCERTAININITIALVALUE;
    add("Tiny", &tiny, UA_TYPES_DOUBLE);
    add("NaN", &not_a_number, UA_TYPES_DOUBLE);
    add("DateTime", &time, UA_TYPES_DATETIME);
    add("String", &text, UA_TYPES_STRING);
    add("Guid", &guid, UA_TYPES_GUID);
    add("ByteString", &bytes, UA_TYPES_BYTESTRING);
    add("NodeId", &id, UA_TYPES_NODEID);
    add("StatusCode", &code, UA_TYPES_STATUSCODE);
    add("QualifiedName", &name, UA_TYPES_QUALIFIEDNAME);
    add("LocalizedText", &localized, UA_TYPES_LOCALIZEDTEXT);
    add("Range", &range, UA_TYPES_RANGE);
    add_array("Doubles", doubles, 3, UA_TYPES_DOUBLE);
    add_matrix("Matrix");
    add_bad("Bad", UA_STATUSCODE_BADNODATA);
    return 0;
}

static int clear_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < fields.count; i++) {
        buffer_clear(&fields.heads[i]);
        UA_DataValue_clear(&fields.values[i]);
    }
    fields.count = 0;
    return 0;
}

/* ---- messages of them ---- */

static struct data_set data_set_of(struct group *g, bool extended)
{
    static UA_Int32 five = 5;
    static struct data_set_extra extras[1];
    UA_Variant_setScalar(&extras[0].value, &five, &UA_TYPES[UA_TYPES_INT32]);
    const struct form *f = group_form(g);
    struct data_set d = {.id = 7, .major = 1, .minor = 42, .field_count = (uint32_t)fields.count};
    struct plan_writer writer = {.name = SLICE("writer")};
    buffer_text(&d.name, "\"writer\"");
    buffer_text(&d.origin, ",\"EndpointUrl\":\"opc.tcp://plc:4840\",");
    if (f->samples && f->full)
        buffer_text(&d.origin, "\"ApplicationUri\":\"urn:server\",");
    if (f->samples && f->full)
        buffer_text(&d.extra, "\"DataSetWriterId\":\"writer\"");
    else if (extended)
        buffer_text(&d.extra, f->field_mask & OPCUA_FIELD_RAW ? "\"AssetId\":5"
                                                              : "\"AssetId\":{\"Value\":5}");
    if (extended) {
        d.extras = extras;
        d.extra_count = 1;
    }
    group_join(g, &d, &writer);
    return d;
}

static void forget_data_set(struct data_set *d)
{
    buffer_clear(&d->name);
    buffer_clear(&d->origin);
    buffer_clear(&d->extra);
}

/* ---- files ---- */

/* Message ids are random. */
static void put_without_ids(struct slice body, struct buffer *out)
{
    static const char *name = "\"MessageId\":\"";
    for (;;) {
        struct slice found = slice_from(NULL, 0);
        const uint8_t *at = memmem(body.at, body.len, name, strlen(name));
        if (!at) {
            buffer_put(out, body);
            return;
        }
        found = slice_from(body.at, (size_t)(at - body.at) + strlen(name));
        buffer_put(out, found);
        buffer_text(out, "00000000-0000-0000-0000-000000000000");
        body = slice_skip(body, found.len + UUID_TEXT_LEN);
    }
}

static void put_hex(struct slice body, struct buffer *out)
{
    for (size_t i = 0; i < body.len; i++)
        buffer_printf(out, "%02x", body.at[i]);
}

/* A line for each message. */
static struct buffer text_of_sent(enum message_encoding encoding)
{
    struct buffer text = {0};
    for (size_t i = 0; i < sent_count; i++) {
        struct slice body = buffer_slice(&sent[i]->body);
        struct buffer plain = {0};
        if (strstr(sent[i]->content_type, "gzip")) {
            assert_int_equal(gzip_expand(body, 1 << 20, &plain), OK);
            body = buffer_slice(&plain);
        }
        if (encoding == ENCODING_UADP)
            put_hex(body, &text);
        else
            put_without_ids(body, &text);
        buffer_u8(&text, '\n');
        buffer_clear(&plain);
    }
    forget_sent();
    return text;
}

static const char *path_of(const char *name)
{
    static char path[512];
    const char *source = getenv("MILLRACE_SOURCE");
    snprintf(path, sizeof path, "%s/tests/golden/publisher/%s", source ? source : ".", name);
    return path;
}

/* Does not free the text. */
static void hold_against_file(const char *name, const struct buffer *text)
{
    const char *mode = getenv("MILLRACE_GOLDEN");
    if (mode && strcmp(mode, "write") == 0) {
        assert_int_equal(file_write_public(path_of(name), buffer_slice(text)), OK);
        return;
    }
    struct buffer golden = {0};
    if (file_read(path_of(name), &golden) != OK)
        fail_msg("cannot read %s", path_of(name));
    if (!slice_eq(buffer_slice(&golden), buffer_slice(text)))
        fail_msg("%s is another:\n%s", name, buffer_cstr((struct buffer *)(uintptr_t)text));
    buffer_clear(&golden);
}

/* ---- the matrix ---- */

static const struct {
    const char *name;
    enum messaging_mode mode;
    bool uadp;
} modes[] = {
    {"Samples", MODE_SAMPLES, false},
    {"FullSamples", MODE_FULL_SAMPLES, false},
    {"PubSub", MODE_PUBSUB, true},
    {"FullNetworkMessages", MODE_FULL_NETWORK_MESSAGES, true},
    {"DataSetMessages", MODE_DATA_SET_MESSAGES, true},
    {"SingleDataSetMessage", MODE_SINGLE_DATA_SET_MESSAGE, true},
    {"DataSets", MODE_DATA_SETS, false},
    {"SingleDataSet", MODE_SINGLE_DATA_SET, false},
    {"RawDataSets", MODE_RAW_DATA_SETS, true},
    {"SingleRawDataSet", MODE_SINGLE_RAW_DATA_SET, true},
};
#define MODE_COUNT (sizeof modes / sizeof modes[0])

static struct plan_group plan_of(size_t mode, enum message_encoding encoding, bool strict)
{
    return (struct plan_group){.name = SLICE("group"),
                               .publisher_id = SLICE("publisher"),
                               .mode = modes[mode].mode,
                               .encoding = encoding,
                               .batch_size = strict ? 0 : 50,
                               .strict = strict};
}
