/*
 * Messages of every mode, encoding and strictness from fixed values, held against the files in
 * tests/golden/publisher; tests/golden/read.mjs reads those files with rules of its own.
 */
#include "writers/golden_fixture.h"

/* ---- messages of the fixed values ---- */

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

/* What the server would say of the fixed values: of the one without a value nothing. */
static void tell_shape(struct group *g, const struct data_set *d)
{
    UA_FieldMetaData of[FIELDS] = {0};
    for (size_t i = 0; i < fields.count; i++) {
        const UA_Variant *v = &fields.values[i].value;
        struct slice name = slice_skip(buffer_slice(&fields.heads[i]), 1);
        of[i].name = (UA_String){name.len - 2, (UA_Byte *)(uintptr_t)name.at};
        of[i].dataType = v->type ? v->type->typeId : UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATATYPE);
        of[i].valueRank = !v->type                       ? UA_VALUERANK_ANY
                          : UA_Variant_isScalar(v)       ? UA_VALUERANK_SCALAR
                          : v->arrayDimensionsSize > 1   ? (UA_Int32)v->arrayDimensionsSize
                                                         : UA_VALUERANK_ONE_DIMENSION;
    }
    UA_DataSetMetaDataType m = {
        .name = UA_STRING("pumps"), .fields = of, .fieldsSize = fields.count};
    group_shape(g, d, &m, NULL);
}

static void make_messages(const struct plan_group *plan, size_t body_max, bool extended)
{
    struct group_counts counts = {0};
    struct group_sink sink = {
        .loop = loop_new(), .epoch = 9, .counts = &counts, .body_max = body_max, .id = 3};
    struct group *g = group_new(&sink, plan);
    struct data_set d = data_set_of(g, extended);
    if (plan->schemas)
        tell_shape(g, &d);
    if (group_form(g)->samples)
        put_samples(g, &d);
    else
        put_data_sets(g, &d);
    group_free(&g);
    forget_data_set(&d);
    loop_free(&sink.loop);
}

/* ---- the matrix ---- */

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

/* A message's random id, the first thing in it. */
static void put_avro(size_t mode, struct slice body, struct buffer *out)
{
    size_t id = form_of(modes[mode].mode)->network ? 1 + UUID_TEXT_LEN : 0;
    assert_true(body.len > id);
    for (size_t i = 0; i < id; i++)
        buffer_text(out, i ? "30" : "48");
    put_hex(slice_skip(body, id), out);
}

/* The schema, and a line for each message. */
static struct buffer avro_of_sent(size_t mode)
{
    struct buffer text = {0};
    for (size_t i = 0; i < sent_count; i++) {
        struct buffer plain = {0};
        struct slice body = buffer_slice(&sent[i]->body);
        if (slice_eq(slice_of(sent[i]->content_type), SLICE("application/avro+gzip"))) {
            assert_int_equal(gzip_expand(body, 1 << 20, &plain), OK);
            body = buffer_slice(&plain);
        }
        if (sent[i]->schema)
            buffer_put(&text, body);
        else
            put_avro(mode, body, &text);
        buffer_u8(&text, '\n');
        buffer_clear(&plain);
    }
    forget_sent();
    return text;
}

static void avro_is_as_in_the_files(void **state)
{
    (void)state;
    static const enum message_encoding encodings[] = {ENCODING_AVRO, ENCODING_AVRO_GZIP};
    for (size_t m = 2; m < MODE_COUNT; m++)
        for (size_t e = 0; e < sizeof encodings / sizeof encodings[0]; e++) {
            char name[128];
            struct plan_group plan = plan_of(m, encodings[e], false);
            plan.schemas = true;
            make_messages(&plan, 0, false);
            assert_true(sent_count >= 2 && sent[0]->schema);
            assert_string_equal(sent[1]->content_type,
                                e ? "application/avro+gzip" : "application/avro");
            struct buffer text = avro_of_sent(m);
            snprintf(name, sizeof name, "%s.Avro.txt", modes[m].name);
            hold_against_file(name, &text);
            buffer_clear(&text);
        }
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

/* A data set as writers make it, with what describes its source, and extension fields. */
static void put_described(const struct plan_group *plan)
{
    struct group_counts counts = {0};
    struct group_sink sink = {.loop = loop_new(), .epoch = 9, .counts = &counts, .id = 3};
    struct group *g = group_new(&sink, plan);
    struct plan_writer writer = {.name = SLICE("writer"),
                                 .extension_fields = SLICE("\"AssetId\":5,\"Line\":\"a\"")};
    struct data_set d;
    group_add(g, &d, plan, &writer, 7);
    d.minor = 42;
    d.field_count = (uint32_t)fields.count;
    group_of_server(&d, SLICE("opc.tcp://plc:4840"), SLICE("urn:server"));
    if (group_form(g)->samples)
        put_samples(g, &d);
    else
        put_data_sets(g, &d);
    group_leave(g, &d, false);
    group_free(&g);
    data_set_clear(&d);
    loop_free(&sink.loop);
}

static void full_messages_describe_their_source(void **state)
{
    (void)state;
    static const struct {
        size_t mode;
        enum message_encoding encoding;
        bool strict;
    } rows[] = {
        {1, ENCODING_JSON, false},         {1, ENCODING_JSON, true},
        {3, ENCODING_JSON, false},         {3, ENCODING_JSON, true},
        {3, ENCODING_JSON_COMPACT, true},  {3, ENCODING_UADP, true},
        {3, ENCODING_JSON_REVERSIBLE, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[128];
        struct plan_group plan = plan_of(rows[i].mode, rows[i].encoding, rows[i].strict);
        put_described(&plan);
        snprintf(name, sizeof name, "described.%s.%s.%s.txt", modes[rows[i].mode].name,
                 encoder_name(rows[i].encoding), rows[i].strict ? "strict" : "compatible");
        struct buffer text = text_of_sent(rows[i].encoding);
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
    forget_sent();
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
        cmocka_unit_test_setup_teardown(avro_is_as_in_the_files, make_values, clear_values),
        cmocka_unit_test_setup_teardown(gzip_holds_the_same_text, make_values, clear_values),
        cmocka_unit_test_setup_teardown(extension_fields_are_fields_of_every_frame, make_values,
                                        clear_values),
        cmocka_unit_test_setup_teardown(full_messages_describe_their_source, make_values,
                                        clear_values),
        cmocka_unit_test_setup_teardown(no_message_is_longer_than_it_may_be, make_values,
                                        clear_values),
        cmocka_unit_test_setup_teardown(uadp_chunks_are_as_in_the_file, make_values, clear_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
