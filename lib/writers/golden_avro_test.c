/* Avro's bytes and the names and fingerprints of its schemas; whole messages are read by another
 * make's reader in tests/interop/publisher_schemas.test.mjs. */
#pragma GCC diagnostic ignored "-Wunused-function" /* files are not held against here */
#include "writers/golden_fixture.h"

#include "pubsub/avro.h"
#include "pubsub/schema_avro.h"
#include "pubsub/schema_name.h"

static void assert_bytes(struct buffer *b, const char *bytes, size_t len)
{
    assert_int_equal(b->len, len);
    assert_memory_equal(b->at, bytes, len);
    buffer_clear(b);
}

/* Avro 1.11, "Binary encoding": int and long. */
static void numbers_are_zigzag(void **state)
{
    (void)state;
    static const struct {
        int64_t n;
        const char *bytes;
        size_t len;
    } cases[] = {{0, "\0", 1},   {-1, "\1", 1},        {1, "\2", 1},
                 {64, "\x80\1", 2}, {-64, "\x7f", 1}, {INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer out = {0};
        avro_put_long(&out, cases[i].n);
        assert_bytes(&out, cases[i].bytes, cases[i].len);
    }
}

static void fingerprints_are_those_of_avro(void **state)
{
    (void)state;
    assert_true(schema_avro_fingerprint(SLICE("\"null\"")) == 0x63dd24e7cc258f8aull);
    assert_true(schema_avro_fingerprint(SLICE("\"int\"")) == 0x7275d51a3f395c8full);
}

static void names_are_of_letters_digits_and_underscores(void **state)
{
    (void)state;
    static const char *const names_of[][2] = {{"a b/c", "a__32b_c"}, {"8bf", "_8bf"}, {"\xe2\x84\x83", "__8451"}, {"", "_"}};
    for (size_t i = 0; i < 4; i++) {
        struct buffer out = {0};
        schema_name_escape(slice_of(names_of[i][0]), &out);
        assert_string_equal(buffer_cstr(&out), names_of[i][1]);
        buffer_clear(&out);
    }
    struct buffer uri = {0};
    schema_name_of_uri(SLICE("http://www.Example.com/UA/machines/"), &uri);
    assert_string_equal(buffer_cstr(&uri), "com.example.UA.machines");
    buffer_clear(&uri);
}

static void a_variant_says_which_of_its_types_it_is(void **state)
{
    (void)state;
    UA_Byte bytes[] = {1, 2};
    UA_Double number = 1;
    UA_Variant v;
    struct buffer out = {0};
    UA_Variant_init(&v);
    avro_put_variant(&out, &v, NULL);
    assert_bytes(&out, "\0", 1);
    UA_Variant_setScalar(&v, &number, &UA_TYPES[UA_TYPES_DOUBLE]);
    avro_put_variant(&out, &v, NULL);
    assert_bytes(&out, "\x16\0\0\0\0\0\0\xf0\x3f", 9); /* the 11th */
    UA_Variant_setArray(&v, bytes, 2, &UA_TYPES[UA_TYPES_BYTE]);
    avro_put_variant(&out, &v, NULL);
    assert_bytes(&out, "\x1e\4\1\2", 4); /* a ByteString, the 15th */
    assert_int_equal(schema_avro_variant_index(UA_DATATYPEKIND_BOOLEAN, SHAPE_ARRAY), 25);
    assert_int_equal(schema_avro_variant_index(UA_DATATYPEKIND_VARIANT, SHAPE_ARRAY), 47);
    assert_int_equal(schema_avro_variant_index(UA_DATATYPEKIND_BOOLEAN, SHAPE_MATRIX), 49);
}

static void a_value_of_another_type_or_rank_does_not_fit(void **state)
{
    (void)state;
    struct shape_type type = {.kind = SHAPE_BUILTIN, .builtin = UA_DATATYPEKIND_DOUBLE};
    struct shape_field scalar = {.type = &type}, array = {.type = &type, .rank = SHAPE_ARRAY};
    UA_Double number = 1;
    UA_Int32 other = 1;
    UA_Variant v;
    struct buffer out = {0};
    UA_Variant_setScalar(&v, &number, &UA_TYPES[UA_TYPES_DOUBLE]);
    assert_false(avro_put_value(&out, &v, &array, NULL));
    assert_true(avro_put_value(&out, &v, &scalar, NULL));
    assert_int_equal(out.len, 8);
    UA_Variant_setScalar(&v, &other, &UA_TYPES[UA_TYPES_INT32]);
    assert_false(avro_put_value(&out, &v, &scalar, NULL));
    assert_int_equal(out.len, 8);
    buffer_clear(&out);
}

/* ---- messages ---- */

static struct group *make_group(struct group_sink *sink, struct group_counts *counts)
{
    *sink = (struct group_sink){.loop = loop_new(), .epoch = 9, .counts = counts, .id = 3};
    struct plan_group plan = plan_of(9, ENCODING_AVRO, true); /* SingleRawDataSet: payloads alone */
    plan.schemas = true;
    return group_new(sink, &plan);
}

static void tell(struct group *g, struct data_set *d, int type)
{
    UA_FieldMetaData of[] = {
        {.name = UA_STRING("Int32"), .dataType = UA_TYPES[type].typeId, .valueRank = -1},
        {.name = UA_STRING("Double"), .dataType = UA_TYPES[UA_TYPES_DOUBLE].typeId, .valueRank = -1}};
    UA_DataSetMetaDataType m = {.name = UA_STRING("pumps"), .fields = of, .fieldsSize = 2};
    group_shape(g, d, &m, NULL);
}

static void put(struct group *g, struct data_set *d, const size_t *which, size_t count)
{
    struct data_set_head h = {.frame = FRAME_DELTA, .now = NOW};
    group_begin(g, d, &h, &names);
    for (size_t i = 0; i < count; i++)
        group_field(g, buffer_slice(&fields.heads[which[i]]), (uint32_t)i, &fields.values[which[i]]);
    group_end(g);
}

static void forget_group(struct group **g, struct data_set *d, struct group_sink *sink)
{
    group_free(g);
    forget_data_set(d);
    forget_sent();
    loop_free(&sink->loop);
}

static void fields_come_in_any_order_and_stand_in_the_schemas(void **state)
{
    (void)state;
    struct group_counts counts = {0};
    struct group_sink sink;
    struct group *g = make_group(&sink, &counts);
    struct data_set d = data_set_of(g, false);
    tell(g, &d, UA_TYPES_INT32);
    put(g, &d, (const size_t[]){7, 3}, 2); /* "Double" first, then "Int32" */
    put(g, &d, (const size_t[]){7}, 1);
    assert_int_equal(sent_count, 3);
    assert_string_equal(sent[0]->content_type, "application/vnd.apache.avro+json");
    assert_true(sent[0]->retain);
    assert_string_equal(sent[1]->content_type, "application/avro");
    assert_memory_equal(sent[1]->body.at, "\2\xff\x88\x0f\2\0\0\0\0\0\x80\x35\x40", 13); /* -123456, 21.5 */
    assert_int_equal(sent[1]->body.len, 13);
    assert_memory_equal(sent[2]->body.at, "\0\2\0\0\0\0\0\x80\x35\x40", 10);
    forget_group(&g, &d, &sink);
}

static void another_type_is_another_schema_and_the_same_one_is_not(void **state)
{
    (void)state;
    struct group_counts counts = {0};
    struct group_sink sink;
    struct group *g = make_group(&sink, &counts);
    struct data_set d = data_set_of(g, false);
    tell(g, &d, UA_TYPES_INT32);
    put(g, &d, (const size_t[]){3}, 1);
    tell(g, &d, UA_TYPES_INT32);
    put(g, &d, (const size_t[]){3}, 1);
    assert_int_equal(counts.schemas, 1);
    tell(g, &d, UA_TYPES_UINT32);
    put(g, &d, (const size_t[]){3}, 1); /* it is not of that type: null */
    assert_int_equal(counts.schemas, 2);
    assert_int_equal(sent_count, 5);
    assert_memory_equal(sent[4]->body.at, "\0\0", 2);
    forget_group(&g, &d, &sink);
}

static void nothing_is_written_of_a_data_set_that_nobody_knows(void **state)
{
    (void)state;
    struct group_counts counts = {0};
    struct group_sink sink;
    struct group *g = make_group(&sink, &counts);
    struct data_set d = data_set_of(g, false);
    put(g, &d, (const size_t[]){3}, 1);
    assert_int_equal(sent_count, 0);
    assert_int_equal(d.sequence, 0);
    forget_group(&g, &d, &sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_zigzag),
        cmocka_unit_test(fingerprints_are_those_of_avro),
        cmocka_unit_test(names_are_of_letters_digits_and_underscores),
        cmocka_unit_test(a_variant_says_which_of_its_types_it_is),
        cmocka_unit_test(a_value_of_another_type_or_rank_does_not_fit),
        cmocka_unit_test_setup_teardown(fields_come_in_any_order_and_stand_in_the_schemas, make_values, clear_values),
        cmocka_unit_test_setup_teardown(another_type_is_another_schema_and_the_same_one_is_not, make_values, clear_values),
        cmocka_unit_test_setup_teardown(nothing_is_written_of_a_data_set_that_nobody_knows, make_values, clear_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
