/* What stands in files: Avro's containers, and what an earlier process left half written. */
#include "publisher/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "gzip/gzip.h"
#include "iot/message.h"
#include "publisher/avro_file.h"

#include "base/cmocka.h"

static struct rig {
    struct loop *loop;
    struct transport *files;
    unsigned put, sent;
    char folder[64];
} rig;

static void on_sent(void *arg, uint64_t token, enum status why)
{
    (void)arg, (void)token;
    assert_int_equal(why, OK);
    rig.sent++;
}

static void on_room(void *arg)
{
    (void)arg;
}

static const struct transport_events events = {.on_sent = on_sent, .on_room = on_room};

static void open_files(void)
{
    assert_int_equal(transport_ops(TRANSPORT_FILE)
                         ->open(&(struct transport_config){.loop = rig.loop,
                                                           .connection = rig.folder,
                                                           .events = &events},
                                &rig.files),
                     OK);
}

static int set_up(void **state)
{
    (void)state;
    rig = (struct rig){.loop = loop_new(), .folder = "/tmp/transport-file-test-XXXXXX"};
    if (!mkdtemp(rig.folder))
        return 1;
    open_files();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[80];
    rig.files->ops->close(&rig.files);
    loop_free(&rig.loop);
    snprintf(command, sizeof command, "rm -rf %s", rig.folder);
    return system(command);
}

static bool all_sent(void *arg)
{
    (void)arg;
    return rig.sent == rig.put;
}

static void start_again(void)
{
    rig.files->ops->close(&rig.files);
    open_files();
}

static void put(const char *type, const char *topic, const char *id, struct slice body)
{
    struct buffer properties = {0};
    if (id)
        iot_property_put(&properties, SLICE("dataschema"), slice_of(id));
    struct outgoing_view v = {.body = body,
                              .content_type = slice_of(type),
                              .topic = slice_of(topic),
                              .properties = buffer_slice(&properties)};
    assert_int_equal(rig.files->ops->send(rig.files, &v, rig.put++), OK);
    assert_true(loop_run_until(rig.loop, all_sent, NULL, 10000));
    buffer_clear(&properties);
}

static void put_schema(const char *id, const char *text)
{
    put("application/vnd.apache.avro+json", "t/schema", id, slice_of(text));
}

static void put_avro(const char *id, const char *body)
{
    put("application/avro", "t", id, slice_of(body));
}

/* ---- what is there ---- */

static char *path_of(const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", rig.folder, name);
    return path;
}

static void expect(const char *name, struct buffer *wanted)
{
    struct buffer got = {0};
    assert_int_equal(file_read(path_of(name), &got), OK);
    assert_slice(buffer_slice(&got), buffer_slice(wanted));
    buffer_clear(&got);
    buffer_clear(wanted);
}

static bool is_there(const char *name)
{
    struct stat s;
    return stat(path_of(name), &s) == 0;
}

static struct buffer container(const char *id, const char *schema, const char *const *bodies)
{
    struct buffer out = {0};
    avro_file_put_head(&out, slice_of(schema), slice_of(id));
    for (; *bodies; bodies++)
        avro_file_put_block(&out, slice_of(*bodies), slice_of(id));
    return out;
}

static void cut_off(const char *name, off_t bytes)
{
    struct stat s;
    assert_int_equal(stat(path_of(name), &s), 0);
    assert_int_equal(truncate(path_of(name), s.st_size - bytes), 0);
}

/* ---- tests ---- */

static void a_container_is_gone_on_with_after_a_restart_without_its_schema(void **state)
{
    (void)state;
    put_schema("-7", "\"int\"");
    put_avro("-7", "a");
    start_again();
    put_avro("-7", "b");
    struct buffer wanted = container("-7", "\"int\"", (const char *const[]){"a", "b", NULL});
    expect("t.-7.avro", &wanted);
    assert_false(is_there("t.bin"));
}

static void what_nobody_knows_the_schema_of_stands_as_others_do(void **state)
{
    (void)state;
    put_avro("-7", "a");
    assert_false(is_there("t.-7.avro"));
    struct buffer wanted = {0};
    buffer_put(&wanted, SLICE("\0\0\0\1a"));
    expect("t.bin", &wanted);
}

/* Each is announced again and again, and there are more of them than a quiet group has messages. */
static void a_quiet_groups_schema_is_remembered(void **state)
{
    (void)state;
    put_schema("1", "\"int\"");
    for (int i = 0; i < 300; i++) {
        char id[24];
        snprintf(id, sizeof id, "%d", 2 + i % 200);
        put_schema(id, "\"long\"");
    }
    put_avro("1", "a");
    struct buffer wanted = container("1", "\"int\"", (const char *const[]){"a", NULL});
    expect("t.1.avro", &wanted);
}

static void what_a_crash_left_of_a_block_is_cut_off(void **state)
{
    (void)state;
    for (off_t cut = 1; cut < 19; cut++) {
        char id[24], name[32];
        snprintf(id, sizeof id, "%d", (int)cut);
        snprintf(name, sizeof name, "t.%d.avro", (int)cut);
        put_schema(id, "\"int\"");
        put_avro(id, "first");
        put_avro(id, "b");
        cut_off(name, cut);
        start_again();
        put_avro(id, "c");
        struct buffer wanted = container(id, "\"int\"", (const char *const[]){"first", "c", NULL});
        expect(name, &wanted);
    }
}

static void what_a_crash_left_of_a_head_is_made_anew(void **state)
{
    (void)state;
    put_schema("1", "\"int\"");
    put_avro("1", "a");
    cut_off("t.1.avro", 25);
    start_again();
    put_schema("1", "\"int\"");
    put_avro("1", "b");
    struct buffer wanted = container("1", "\"int\"", (const char *const[]){"b", NULL});
    expect("t.1.avro", &wanted);
}

/* A message that is longer than what is looked through at once. */
static void what_a_crash_left_of_a_long_message_is_cut_off(void **state)
{
    (void)state;
    static char large[200000];
    memset(large, 'x', sizeof large - 1);
    put_schema("1", "\"int\"");
    put_avro("1", "a");
    put_avro("1", large);
    cut_off("t.1.avro", 3);
    start_again();
    put_avro("1", "b");
    struct buffer wanted = container("1", "\"int\"", (const char *const[]){"a", "b", NULL});
    expect("t.1.avro", &wanted);
}

static void what_a_crash_left_of_a_line_is_cut_off(void **state)
{
    (void)state;
    put("application/json", "t", NULL, SLICE("{\"a\":1}"));
    put("application/json", "t", NULL, SLICE("{\"b\":1}"));
    cut_off("t.json", 3);
    start_again();
    put("application/json", "t", NULL, SLICE("{\"c\":1}"));
    struct buffer wanted = {0};
    buffer_text(&wanted, "{\"a\":1}\n{\"c\":1}\n");
    expect("t.json", &wanted);
}

static void what_gzip_does_not_expand_is_in_no_container(void **state)
{
    (void)state;
    struct buffer small = {0};
    gzip_compress(SLICE("a"), &small);
    put_schema("1", "\"int\"");
    put("application/avro+gzip", "t", "1", buffer_slice(&small));
    put("application/avro+gzip", "t", "1", SLICE("broken"));
    struct buffer wanted = container("1", "\"int\"", (const char *const[]){"a", NULL});
    expect("t.1.avro", &wanted);
    struct buffer other = {0};
    buffer_text(&other, "broken");
    expect("t.gz", &other);
    buffer_clear(&small);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_container_is_gone_on_with_after_a_restart_without_its_schema),
        TEST(what_nobody_knows_the_schema_of_stands_as_others_do),
        TEST(a_quiet_groups_schema_is_remembered),
        TEST(what_a_crash_left_of_a_block_is_cut_off),
        TEST(what_a_crash_left_of_a_head_is_made_anew),
        TEST(what_a_crash_left_of_a_long_message_is_cut_off),
        TEST(what_a_crash_left_of_a_line_is_cut_off),
        TEST(what_gzip_does_not_expand_is_in_no_container),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
