/* UADP messages as JSON: with names once they are announced; and whatever else comes. */
#include "services/uadp_message.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "json/json.h"

static struct uadp_names *names;

static int set_up(void **state)
{
    (void)state;
    names = uadp_names_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    uadp_names_free(&names);
    return 0;
}

/* ---- messages ---- */

static void put_number(struct buffer *out, uint64_t v, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buffer_u8(out, (uint8_t)(v >> 8 * i));
}

static void put(struct buffer *out, const void *v, const UA_DataType *type)
{
    UA_ByteString bytes = UA_BYTESTRING_NULL;
    assert_int_equal(UA_encodeBinary(v, type, &bytes), UA_STATUSCODE_GOOD);
    buffer_put(out, slice_from(bytes.data, bytes.length));
    UA_ByteString_clear(&bytes);
}

/* Of the publisher "pub". */
static void put_announcement(struct buffer *out, uint16_t writer)
{
    UA_FieldMetaData fields[] = {{.name = UA_STRING("Load")}, {.name = UA_STRING("EndpointUrl")}};
    UA_String uri = UA_STRING("urn:tests");
    UA_DataSetMetaDataType data = {.name = UA_STRING("machine"), .fields = fields, .fieldsSize = 2, .namespaces = &uri, .namespacesSize = 1};
    static const uint8_t head[] = {0x91, 0x84, 0x08, 3, 0, 0, 0, 'p', 'u', 'b', 2, 1, 0};
    buffer_put(out, slice_from(head, sizeof head));
    put_number(out, writer, 2);
    put(out, &data, &UA_TYPES[UA_TYPES_DATASETMETADATATYPE]);
    put_number(out, 0, 4);
}

/* With publisher, group, payload head and a time: as publishers of ours have it. */
static void put_head(struct buffer *out, const uint16_t *writers, uint8_t count)
{
    static const uint8_t head[] = {0xf1, 0x24, 3, 0, 0, 0, 'p', 'u', 'b', 0x0d, 1, 0, 0, 0, 9, 0};
    buffer_put(out, slice_from(head, sizeof head));
    buffer_u8(out, count);
    for (uint8_t i = 0; i < count; i++)
        put_number(out, writers[i], 2);
    put_number(out, 1, 8);
}

static UA_DataValue value_of(void *data, int type)
{
    UA_DataValue v = {.hasValue = true, .hasSourceTimestamp = true, .sourceTimestamp = UA_DATETIME_UNIX_EPOCH};
    UA_Variant_setScalar(&v.value, data, &UA_TYPES[type]);
    return v;
}

/* A key frame of DataValues, with sequence, versions and time; a delta frame has the first field alone. */
static void put_set(struct buffer *out, bool delta)
{
    UA_Int64 load = INT64_MAX;
    UA_String url = UA_STRING("opc.tcp://plc:4840");
    UA_DataValue first = value_of(&load, UA_TYPES_INT64), second = value_of(&url, UA_TYPES_STRING);
    buffer_u8(out, 0xed);
    buffer_u8(out, delta ? 0x11 : 0x10);
    put_number(out, 5, 2);
    put_number(out, (uint64_t)UA_DATETIME_UNIX_EPOCH, 8);
    put_number(out, 1, 4);
    put_number(out, 2, 4);
    put_number(out, delta ? 1 : 2, 2);
    if (delta)
        put_number(out, 0, 2);
    put(out, &first, &UA_TYPES[UA_TYPES_DATAVALUE]);
    if (!delta)
        put(out, &second, &UA_TYPES[UA_TYPES_DATAVALUE]);
}

static struct buffer announcement(uint16_t writer)
{
    struct buffer out = {0};
    put_announcement(&out, writer);
    return out;
}

/* A key frame of writer 7, and a delta frame of writer 8. */
static struct buffer two_sets(void)
{
    static const uint16_t writers[] = {7, 8};
    struct buffer key = {0}, delta = {0}, out = {0};
    put_set(&key, false);
    put_set(&delta, true);
    put_head(&out, writers, 2);
    put_number(&out, key.len, 2);
    put_number(&out, delta.len, 2);
    buffer_put(&out, buffer_slice(&key));
    buffer_put(&out, buffer_slice(&delta));
    buffer_clear(&key);
    buffer_clear(&delta);
    return out;
}

static enum status read_as(const char *from, struct buffer message, struct buffer *out)
{
    enum status s = uadp_message_read(names, slice_of(from), buffer_slice(&message), out);
    buffer_clear(&message);
    return s;
}

#define KEY                                                                                        \
    "{\"DataSetWriterId\":\"7\",\"DataSetWriterName\":\"machine\",\"Timestamp\":\"1970-01-01T00:00:00.0000000Z\","               \
    "\"Payload\":{\"Load\":{\"Value\":{\"Type\":\"Int64\",\"Body\":9223372036854775807},\"SourceTimestamp\":\"1970-01-01T00:00:00.0000000Z\"},"    \
    "\"EndpointUrl\":{\"Value\":{\"Type\":\"String\",\"Body\":\"opc.tcp://plc:4840\"},\"SourceTimestamp\":\"1970-01-01T00:00:00.0000000Z\"}}}"
#define DELTA                                                                                      \
    "{\"DataSetWriterId\":\"8\",\"DataSetWriterName\":\"machine\",\"Timestamp\":\"1970-01-01T00:00:00.0000000Z\","               \
    "\"Payload\":{\"Load\":{\"Value\":{\"Type\":\"Int64\",\"Body\":9223372036854775807},\"SourceTimestamp\":\"1970-01-01T00:00:00.0000000Z\"}}}"

static void expect(struct buffer *out, const char *want)
{
    assert_string_equal(buffer_cstr(out), want);
    buffer_reset(out);
}

/* Each module's publisher and writer for itself; what is not announced is left out. */
static void fields_have_the_names_that_were_announced(void **state)
{
    (void)state;
    struct buffer out = {0};
    assert_int_equal(read_as("edge_module_opc", two_sets(), &out), NOT_FOUND);
    assert_int_equal(read_as("edge_module_opc", announcement(8), &out), OK);
    assert_int_equal(out.len, 0);
    assert_int_equal(read_as("edge_module_opc", two_sets(), &out), OK);
    expect(&out, "{\"PublisherId\":\"pub\",\"Messages\":[" DELTA "]}");
    assert_int_equal(read_as("other_module_opc", two_sets(), &out), NOT_FOUND);
    assert_int_equal(read_as("edge_module_opc", announcement(7), &out), OK);
    assert_int_equal(read_as("edge_module_opc", two_sets(), &out), OK);
    expect(&out, "{\"PublisherId\":\"pub\",\"Messages\":[" KEY "," DELTA "]}");
    buffer_clear(&out);
}

static void an_announcement_is_known_from_afar(void **state)
{
    (void)state;
    struct buffer one = announcement(7), other = two_sets();
    assert_true(uadp_message_announces(buffer_slice(&one)));
    assert_false(uadp_message_announces(buffer_slice(&other)));
    assert_false(uadp_message_announces(slice_first(buffer_slice(&one), 2)));
    buffer_clear(&one);
    buffer_clear(&other);
}

/* Every prefix is refused, and none is read past; nor is anything appended. */
static void what_is_cut_short_is_refused(void **state)
{
    (void)state;
    struct buffer whole[] = {announcement(7), two_sets()}, out = {0};
    assert_int_equal(read_as("m", announcement(7), &out), OK);
    assert_int_equal(read_as("m", announcement(8), &out), OK);
    for (int i = 0; i < 2; i++) {
        for (size_t len = 0; len + (i == 0 ? 4 : 0) < whole[i].len; len++) {
            uint8_t *exact = malloc(len ? len : 1);
            memcpy(exact, whole[i].at, len);
            assert_int_equal(uadp_message_read(names, SLICE("m"), slice_from(exact, len), &out), BAD_FORMAT);
            assert_int_equal(out.len, 0);
            free(exact);
        }
        buffer_clear(&whole[i]);
    }
    buffer_clear(&out);
}

static void what_cannot_be_read_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum status want;
    } rows[] = {
        {"\x02", 1, BAD_FORMAT},                 /* another version */
        {"\x81\x10", 2, UNSUPPORTED},            /* secured */
        {"\x81\x80\x01\x00", 4, UNSUPPORTED},    /* a chunk */
        {"\x81\x80\x04", 3, UNSUPPORTED},        /* a request */
        {"\x01\x03", 2, UNSUPPORTED},            /* raw fields */
        {"\x01\x85\x03", 3, OK},                 /* keep-alive */
        {"\x91\x07", 2, BAD_FORMAT},             /* no kind of a publisher's id */
    };
    struct buffer out = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(uadp_message_read(names, SLICE("m"), slice_from(rows[i].bytes, rows[i].len), &out), rows[i].want);
        assert_int_equal(out.len, 0);
    }
    buffer_clear(&out);
}

static void of_too_many_writers_the_oldest_are_forgotten(void **state)
{
    (void)state;
    struct buffer out = {0};
    for (unsigned n = 0; n <= UADP_NAMES_MAX; n++) {
        char from[32];
        snprintf(from, sizeof from, "m%u", n);
        assert_int_equal(read_as(from, announcement(7), &out), OK);
    }
    assert_int_equal(read_as("m0", two_sets(), &out), NOT_FOUND);
    assert_int_equal(read_as("m1", two_sets(), &out), OK);
    buffer_clear(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields_have_the_names_that_were_announced),
        TEST(an_announcement_is_known_from_afar),
        TEST(what_is_cut_short_is_refused),
        TEST(what_cannot_be_read_is_said),
        TEST(of_too_many_writers_the_oldest_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
