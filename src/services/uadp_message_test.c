/* UADP messages as JSON: with names once they are announced; and whatever else comes. */
#include "services/uadp_message.h"

#include "base/cmocka.h"
#include "services/uadp_fixture.h"

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

/* A key frame of writer 7, and a delta frame of writer 8. */
static struct buffer two_sets(void)
{
    static const uint16_t writers[] = {7, 8};
    struct buffer key = {0}, delta = {0}, out = {0};
    put_set(&key, false, 2);
    put_set(&delta, true, 2);
    put_head(&out, writers, 2);
    put_number(&out, key.len, 2);
    put_number(&out, delta.len, 2);
    buffer_put(&out, buffer_slice(&key));
    buffer_put(&out, buffer_slice(&delta));
    buffer_clear(&key);
    buffer_clear(&delta);
    return out;
}

static struct buffer known(uint16_t writer)
{
    return announcement(writer, 2, "Load", "EndpointUrl");
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
    "\"EndpointUrl\":{\"Value\":{\"Type\":\"String\",\"Body\":\"opc.tcp://one:4840\"},\"SourceTimestamp\":\"1970-01-01T00:00:00.0000000Z\"}}}"
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
    assert_int_equal(read_as("edge_module_opc", known(8), &out), OK);
    assert_int_equal(out.len, 0);
    assert_int_equal(read_as("edge_module_opc", two_sets(), &out), OK);
    expect(&out, "{\"PublisherId\":\"pub\",\"Messages\":[" DELTA "]}");
    assert_int_equal(read_as("other_module_opc", two_sets(), &out), NOT_FOUND);
    assert_int_equal(read_as("edge_module_opc", known(7), &out), OK);
    assert_int_equal(read_as("edge_module_opc", two_sets(), &out), OK);
    expect(&out, "{\"PublisherId\":\"pub\",\"Messages\":[" KEY "," DELTA "]}");
    buffer_clear(&out);
}

static void an_announcement_is_known_from_afar(void **state)
{
    (void)state;
    struct buffer one = known(7), other = two_sets();
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
    struct buffer whole[] = {known(7), two_sets()}, out = {0};
    assert_int_equal(read_as("m", known(7), &out), OK);
    assert_int_equal(read_as("m", known(8), &out), OK);
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

/* Groups number their writers each for itself, and their announcements do not say whose they are. */
static void writers_of_two_groups_may_have_the_same_number(void **state)
{
    (void)state;
    struct buffer out = {0};
    assert_int_equal(read_as("m", announcement(7, 2, "Load", "EndpointUrl"), &out), OK);
    assert_int_equal(read_as("m", announcement(7, 3, "Speed", "Server"), &out), OK);
    assert_int_equal(read_as("m", key_frame(7, 2), &out), OK);
    assert_non_null(strstr(buffer_cstr(&out), "{\"Load\":"));
    buffer_reset(&out);
    assert_int_equal(read_as("m", key_frame(7, 3), &out), OK);
    assert_non_null(strstr(buffer_cstr(&out), "{\"Speed\":"));
    buffer_clear(&out);
}

static void names_go_for_their_version_alone(void **state)
{
    (void)state;
    struct buffer out = {0}, set = key_frame(7, 2);
    uint8_t *major = &set.at[set.len];
    assert_int_equal(read_as("m", known(7), &out), OK);
    assert_int_equal(read_as("m", key_frame(7, 3), &out), NOT_FOUND);
    while (memcmp(--major, "\1\0\0\0\2\0\0\0", 8) != 0)
        ;
    *major = 2;
    assert_int_equal(read_as("m", set, &out), NOT_FOUND);
    /* it says the major one alone */
    assert_int_equal(read_as("m", announcement(0, 0, "Load", "EndpointUrl"), &out), OK);
    static const uint8_t bare[] = {0x91, 0x04, 3, 0, 0, 0, 'p', 'u', 'b', 0xa1, 1, 1, 0, 0, 0, 0, 0};
    assert_int_equal(uadp_message_read(names, SLICE("m"), slice_from(bare, sizeof bare), &out), NOT_FOUND);
    assert_int_equal(out.len, 0);
    buffer_clear(&out);
}

/* Of a delta frame each field says which it is. */
static void a_key_frame_has_all_fields(void **state)
{
    (void)state;
    UA_Int64 load = 1;
    UA_DataValue v = value_of(&load, UA_TYPES_INT64);
    struct buffer out = {0};
    assert_int_equal(read_as("m", known(7), &out), OK);
    for (uint16_t count = 0; count <= 3; count++) {
        struct buffer set = {0};
        put_head(&set, &(uint16_t){7}, 1);
        put_set_head(&set, false, 2);
        put_number(&set, count, 2);
        for (uint16_t i = 0; i < count; i++)
            put(&set, &v, &UA_TYPES[UA_TYPES_DATAVALUE]);
        assert_int_equal(read_as("m", set, &out), count == 2 ? OK : BAD_FORMAT);
    }
    buffer_clear(&out);
}

/* A node id in more bytes than it needs: where the next field begins would be guessed. */
static void what_is_encoded_in_another_way_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        size_t len;
        enum status want;
    } rows[] = {
        {"\1\x11\0\5" "\1\1\1", 7, OK},
        {"\1\x11\0\5" "\1\1\1\0", 8, BAD_FORMAT}, /* more behind them */
        {"\1\x11\1\0\5\0" "\1\1\1", 9, BAD_FORMAT},
        {"\1\x11\1\0\1\1", 6, BAD_FORMAT}, /* what is left of it would be a field */
        {"\1\x11\0\5" "\1\1\2", 7, BAD_FORMAT},
    };
    struct buffer out = {0};
    assert_int_equal(read_as("m", known(7), &out), OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer set = {0};
        put_head(&set, &(uint16_t){7}, 1);
        put_set_head(&set, false, 2);
        put_number(&set, 2, 2);
        buffer_put(&set, slice_from(rows[i].fields, rows[i].len));
        buffer_reset(&out);
        assert_int_equal(read_as("m", set, &out), rows[i].want);
        assert_true(rows[i].want == OK || out.len == 0);
    }
    buffer_clear(&out);
}

static void an_announcement_has_a_bound(void **state)
{
    (void)state;
    struct buffer large = known(7), out = {0};
    memset(buffer_reserve(&large, UADP_ANNOUNCEMENT_MAX), 0, UADP_ANNOUNCEMENT_MAX);
    buffer_added(&large, UADP_ANNOUNCEMENT_MAX);
    assert_int_equal(read_as("m", large, &out), TOO_LARGE);
    assert_int_equal(read_as("m", key_frame(7, 2), &out), NOT_FOUND);
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
        TEST(writers_of_two_groups_may_have_the_same_number),
        TEST(names_go_for_their_version_alone),
        TEST(a_key_frame_has_all_fields),
        TEST(what_is_encoded_in_another_way_is_refused),
        TEST(an_announcement_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
