/*
 * Messages of every mode, encoding and strictness from fixed values, held against the files in
 * tests/golden/publisher; tests/golden/read.mjs reads those files with rules of its own. With
 * MILLRACE_GOLDEN=write in the environment the files are written instead.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/memory.h"
#include "gzip/gzip.h"
#include "publisher/group.h"

#include "base/cmocka.h"

#define NOW 133500000001234567 /* 2024-01-17T13:20:00.1234567Z */
#define FIELDS 22
#define MESSAGES_MAX 64

/* ---- what takes messages: in the place of publisher/outbox.c ---- */

static struct outgoing *sent[MESSAGES_MAX];
static size_t sent_count;

struct outbox_route *outbox_route_ua(struct outbox *o, enum plan_transport transport,
                                     struct slice connection, uint32_t partitions)
{
    (void)o, (void)transport, (void)connection, (void)partitions;
    return NULL;
}

bool outbox_retains_ua(const struct outbox *o, const struct outbox_route *r)
{
    (void)o, (void)r;
    return true;
}

void outbox_put_ua(struct outbox *o, struct outgoing *m)
{
    (void)o;
    assert_true(sent_count < MESSAGES_MAX);
    sent[sent_count++] = m;
}

static void forget(void)
{
    while (sent_count)
        outgoing_free(&sent[--sent_count]);
}

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

static void put_frame(struct group *g, struct data_set *d, enum frame frame, size_t from, size_t to)
{
    bool event = frame == FRAME_EVENT || frame == FRAME_CONDITION;
    struct data_set_head h = {.frame = frame, .now = NOW + 20000000 + (UA_DateTime)from};
    if (event)
        h.name = SLICE("\"writer|BaseEventType\"");
    group_begin(g, d, &h, &names);
    for (size_t i = from; i < to; i++) {
        UA_DataValue v = fields.values[i];
        if (event)
            v = (UA_DataValue){.hasValue = true, .value = v.value};
        group_field(g, buffer_slice(&fields.heads[i]), (uint32_t)(event ? i - from : i), &v);
    }
    group_end(g);
}

static void put_samples(struct group *g, struct data_set *d)
{
    for (size_t i = 0; i < fields.count; i++)
        group_sample(
            g, d,
            &(struct sample){.node = SLICE("{\"NodeId\":\"nsu=urn:machine;s=Pump\""),
                             .label = i % 2 ? SLICE("\"DisplayName\":\"Pump\"") : (struct slice){0},
                             .value = &fields.values[i],
                             .now = NOW + 20000000,
                             .heartbeat = i == 3},
            &names);
    UA_EventFieldList event = {.eventFieldsSize = 2};
    UA_Variant two[] = {fields.values[3].value, fields.values[11].value};
    event.eventFields = two;
    struct buffer heads[] = {fields.heads[3], fields.heads[11]};
    group_sample(g, d,
                 &(struct sample){.node = SLICE("{\"NodeId\":\"i=2253\""),
                                  .event = &event,
                                  .heads = heads,
                                  .now = NOW + 20000000},
                 &names);
}

static void put_data_sets(struct group *g, struct data_set *d)
{
    put_frame(g, d, FRAME_KEY, 0, fields.count);
    put_frame(g, d, FRAME_DELTA, 3, 5);
    put_frame(g, d, FRAME_DELTA, 21, 22);
    put_frame(g, d, FRAME_DELTA, 7, 8);
    put_frame(g, d, FRAME_EVENT, 11, 13);
    put_frame(g, d, FRAME_CONDITION, 3, 4);
    put_frame(g, d, FRAME_KEEP_ALIVE, 0, 0);
}

static void make_messages(const struct plan_group *plan, size_t body_max, bool extended)
{
    struct group_counts counts = {0};
    struct group_sink sink = {
        .loop = loop_new(), .epoch = 9, .counts = &counts, .body_max = body_max, .id = 3};
    struct group *g = group_new(&sink, plan);
    struct data_set d = data_set_of(g, extended);
    if (group_form(g)->samples)
        put_samples(g, &d);
    else
        put_data_sets(g, &d);
    group_free(&g);
    forget_data_set(&d);
    loop_free(&sink.loop);
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
    forget();
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

static void check(size_t mode, enum message_encoding encoding, bool strict)
{
    char name[128];
    struct plan_group plan = plan_of(mode, encoding, strict);
    snprintf(name, sizeof name, "%s.%s.%s.txt", modes[mode].name, encoder_name(encoding),
             strict ? "strict" : "compatible");
    make_messages(&plan, 0, false);
    struct buffer text = text_of_sent(encoding);
    hold_against_file(name, &text);
    buffer_clear(&text);
}

static void json_is_as_in_the_files(void **state)
{
    (void)state;
    static const enum message_encoding encodings[] = {ENCODING_JSON, ENCODING_JSON_REVERSIBLE};
    for (size_t m = 0; m < MODE_COUNT; m++)
        for (size_t e = 0; e < sizeof encodings / sizeof encodings[0]; e++)
            for (int strict = 0; strict < 2; strict++)
                check(m, encodings[e], strict);
}

/* Always as the standard has it, whatever is asked for. */
static void json_of_1_05_is_as_in_the_files(void **state)
{
    (void)state;
    static const enum message_encoding encodings[] = {ENCODING_JSON_COMPACT, ENCODING_JSON_VERBOSE};
    for (size_t m = 2; m < MODE_COUNT; m++)
        for (size_t e = 0; e < sizeof encodings / sizeof encodings[0]; e++) {
            char name[128];
            struct plan_group plan = plan_of(m, encodings[e], false);
            snprintf(name, sizeof name, "%s.%s.strict.txt", modes[m].name,
                     encoder_name(encodings[e]));
            make_messages(&plan, 0, false);
            struct buffer text = text_of_sent(encodings[e]);
            hold_against_file(name, &text);
            buffer_clear(&text);
        }
}

static void uadp_is_as_in_the_files(void **state)
{
    (void)state;
    for (size_t m = 0; m < MODE_COUNT; m++)
        if (modes[m].uadp)
            check(m, ENCODING_UADP, true);
}

static void gzip_holds_the_same_text(void **state)
{
    (void)state;
    static const enum message_encoding pairs[][2] = {
        {ENCODING_JSON, ENCODING_JSON_GZIP},
        {ENCODING_JSON_REVERSIBLE, ENCODING_JSON_REVERSIBLE_GZIP},
        {ENCODING_JSON_COMPACT, ENCODING_JSON_COMPACT_GZIP},
        {ENCODING_JSON_VERBOSE, ENCODING_JSON_VERBOSE_GZIP}};
    for (size_t m = 2; m < MODE_COUNT; m++)
        for (size_t e = 0; e < sizeof pairs / sizeof pairs[0]; e++) {
            struct plan_group plain = plan_of(m, pairs[e][0], false);
            struct plan_group small = plan_of(m, pairs[e][1], false);
            make_messages(&plain, 0, false);
            struct buffer want = text_of_sent(pairs[e][0]);
            make_messages(&small, 0, false);
            assert_string_equal(sent[0]->content_type, "application/json+gzip");
            assert_string_equal(sent[0]->content_encoding, "utf-8");
            struct buffer got = text_of_sent(pairs[e][1]);
            assert_slice(buffer_slice(&got), buffer_slice(&want));
            buffer_clear(&got);
            buffer_clear(&want);
        }
}

static void extension_fields_are_fields_of_every_frame(void **state)
{
    (void)state;
    static const enum message_encoding encodings[] = {ENCODING_JSON, ENCODING_UADP};
    for (size_t e = 0; e < 2; e++) {
        char name[128];
        struct plan_group plan = plan_of(2, encodings[e], true);
        snprintf(name, sizeof name, "extension.%s.txt", encoder_name(encodings[e]));
        make_messages(&plan, 0, true);
        struct buffer text = text_of_sent(encodings[e]);
        hold_against_file(name, &text);
        buffer_clear(&text);
    }
}

/* For tests/golden/uadp_subscriber.c, which is open62541: a key frame by itself, and one with
 * a delta frame in the same message. */
static void uadp_for_open62541_is_as_in_the_file(void **state)
{
    (void)state;
    struct group_counts counts = {0};
    struct group_sink sink = {.loop = loop_new(), .epoch = 9, .counts = &counts, .id = 3};
    struct plan_group plan = plan_of(2, ENCODING_UADP, true);
    struct group *g = group_new(&sink, &plan);
    struct data_set d = data_set_of(g, false);
    UA_Int32 *number = fields.values[3].value.data;
    *number = 7;
    put_frame(g, &d, FRAME_KEY, 0, fields.count);
    group_flush(g);
    *number = 8;
    put_frame(g, &d, FRAME_KEY, 0, fields.count);
    put_frame(g, &d, FRAME_DELTA, 3, 5);
    group_free(&g);
    struct buffer text = text_of_sent(ENCODING_UADP);
    hold_against_file("frames.Uadp.txt", &text);
    buffer_clear(&text);
    forget_data_set(&d);
    loop_free(&sink.loop);
}

/* ---- metadata ---- */

static UA_FieldMetaData field_of(char *name, UA_Byte builtin, UA_NodeId type, UA_Int32 rank)
{
    return (UA_FieldMetaData){.name = UA_STRING(name),
                              .description = UA_LOCALIZEDTEXT("en", "of the pump"),
                              .builtInType = builtin,
                              .dataType = type,
                              .valueRank = rank,
                              .dataSetFieldId = {.data1 = 1}};
}

/* A structure, an enumeration and a type derived from Double, each with a field of it. */
static void send_metadata(struct group *g, const struct data_set *d)
{
    UA_StructureField members[] = {{.name = UA_STRING("Low"),
                                    .dataType = UA_NODEID_NUMERIC(0, UA_NS0ID_DOUBLE),
                                    .valueRank = UA_VALUERANK_SCALAR},
                                   {.name = UA_STRING("State"),
                                    .dataType = UA_NODEID_NUMERIC(2, 3002),
                                    .valueRank = UA_VALUERANK_SCALAR}};
    UA_EnumField states[] = {{.value = 0, .name = UA_STRING("Off")},
                             {.value = 1, .name = UA_STRING("On")}};
    UA_StructureDescription structure = {
        .dataTypeId = UA_NODEID_NUMERIC(2, 3001),
        .name = UA_QUALIFIEDNAME(2, "PumpType"),
        .structureDefinition = {.defaultEncodingId = UA_NODEID_NUMERIC(2, 5001),
                                .baseDataType = UA_NODEID_NUMERIC(0, UA_NS0ID_STRUCTURE),
                                .fields = members,
                                .fieldsSize = 2}};
    UA_EnumDescription enumeration = {.dataTypeId = UA_NODEID_NUMERIC(2, 3002),
                                      .name = UA_QUALIFIEDNAME(2, "StateType"),
                                      .enumDefinition = {.fields = states, .fieldsSize = 2},
                                      .builtInType = 6};
    UA_SimpleTypeDescription simple = {.dataTypeId = UA_NODEID_NUMERIC(2, 3003),
                                       .name = UA_QUALIFIEDNAME(2, "Bar"),
                                       .baseDataType = UA_NODEID_NUMERIC(0, UA_NS0ID_DOUBLE),
                                       .builtInType = 11};
    UA_UInt32 dimensions[] = {2, 3};
    UA_FieldMetaData of_fields[] = {
        field_of("Pump", 22, UA_NODEID_NUMERIC(2, 3001), UA_VALUERANK_SCALAR),
        field_of("State", 6, UA_NODEID_NUMERIC(2, 3002), UA_VALUERANK_SCALAR),
        field_of("Pressures", 11, UA_NODEID_NUMERIC(2, 3003), 2)};
    of_fields[2].arrayDimensions = dimensions;
    of_fields[2].arrayDimensionsSize = 2;
    UA_DataSetMetaDataType m = {.namespaces = uris + 1,
                                .namespacesSize = 2,
                                .structureDataTypes = &structure,
                                .structureDataTypesSize = 1,
                                .enumDataTypes = &enumeration,
                                .enumDataTypesSize = 1,
                                .simpleDataTypes = &simple,
                                .simpleDataTypesSize = 1,
                                .name = UA_STRING("pumps"),
                                .fields = of_fields,
                                .fieldsSize = 3,
                                .configurationVersion = {.majorVersion = 1, .minorVersion = 42}};
    struct plan_writer writer = {.name = SLICE("writer")};
    assert_true(group_metadata(g, group_metadata_batch(g, &writer), d, &m, &names));
}

static void metadata_is_as_in_the_files(void **state)
{
    (void)state;
    static const enum message_encoding encodings[] = {ENCODING_JSON, ENCODING_JSON_VERBOSE,
                                                      ENCODING_UADP};
    for (size_t e = 0; e < sizeof encodings / sizeof encodings[0]; e++)
        for (int strict = 0; strict < 2; strict++) {
            char name[128];
            struct group_counts counts = {0};
            struct group_sink sink = {.loop = loop_new(), .epoch = 9, .counts = &counts, .id = 3};
            struct plan_group plan = plan_of(2, encodings[e], strict);
            struct group *g = group_new(&sink, &plan);
            struct data_set d = data_set_of(g, false);
            send_metadata(g, &d);
            group_free(&g);
            assert_int_equal(counts.metadata, 1);
            snprintf(name, sizeof name, "metadata.%s.%s.txt", encoder_name(encodings[e]),
                     strict ? "strict" : "compatible");
            struct buffer text = text_of_sent(encodings[e]);
            hold_against_file(name, &text);
            buffer_clear(&text);
            forget_data_set(&d);
            loop_free(&sink.loop);
        }
}

/* ---- sizes ---- */

static void check_sizes(enum message_encoding encoding, size_t mode, size_t max)
{
    struct plan_group plan = plan_of(mode, encoding, false);
    make_messages(&plan, max, false);
    assert_true(sent_count > 0);
    for (size_t i = 0; i < sent_count; i++) {
        struct slice text;
        uint64_t n;
        if (sent[i]->body.len > max)
            fail_msg("%s %s max %zu message %zu has %zu", modes[mode].name, encoder_name(encoding),
                     max, i, sent[i]->body.len);
        assert_true(iot_property_find(buffer_slice(&sent[i]->properties),
                                      SLICE("millrace-sequence"), &text) &&
                    slice_to_u64(text, &n));
        assert_int_equal(n, i + 1);
    }
    forget();
}

static void no_message_is_longer_than_it_may_be(void **state)
{
    (void)state;
    for (size_t m = 0; m < MODE_COUNT; m++)
        for (size_t max = 600; max < 1600; max += 37) {
            check_sizes(ENCODING_JSON, m, max);
            if (modes[m].uadp)
                check_sizes(ENCODING_UADP, m, max / 4);
        }
}

static void uadp_chunks_are_as_in_the_file(void **state)
{
    (void)state;
    struct plan_group plan = plan_of(2, ENCODING_UADP, true);
    make_messages(&plan, 250, false);
    struct buffer text = text_of_sent(ENCODING_UADP);
    hold_against_file("chunks.Uadp.txt", &text);
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_is_as_in_the_files, make_values, clear_values),
        cmocka_unit_test_setup_teardown(json_of_1_05_is_as_in_the_files, make_values, clear_values),
        cmocka_unit_test_setup_teardown(uadp_is_as_in_the_files, make_values, clear_values),
        cmocka_unit_test_setup_teardown(uadp_for_open62541_is_as_in_the_file, make_values,
                                        clear_values),
        cmocka_unit_test_setup_teardown(metadata_is_as_in_the_files, make_values, clear_values),
        cmocka_unit_test_setup_teardown(gzip_holds_the_same_text, make_values, clear_values),
        cmocka_unit_test_setup_teardown(extension_fields_are_fields_of_every_frame, make_values,
                                        clear_values),
        cmocka_unit_test_setup_teardown(no_message_is_longer_than_it_may_be, make_values,
                                        clear_values),
        cmocka_unit_test_setup_teardown(uadp_chunks_are_as_in_the_file, make_values, clear_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
