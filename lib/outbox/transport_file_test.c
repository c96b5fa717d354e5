/* What stands in files: Avro's containers, and what an earlier process left half written. */
#include "outbox/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "gzip/gzip.h"
#include "iot/message.h"
#include "pubsub/avro_file.h"

#include "base/cmocka.h"

static struct rig {
    struct loop *loop;
    struct transport *files;
    unsigned put, sent;
    char folder[64];
    bool durable;
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
                                                           .durable = rig.durable,
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

/* Without such attributes nothing counts as ours after a crash (pubsub/message_mark.h). */
static void needs_attributes(void)
{
    if (setxattr(rig.folder, "user.millrace.test", "", 0, 0) != 0)
        skip();
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
    needs_attributes();
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
    needs_attributes();
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
    needs_attributes();
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
    needs_attributes();
    put("application/json", "t", NULL, SLICE("{\"a\":1}"));
    put("application/json", "t", NULL, SLICE("{\"b\":1}"));
    cut_off("t.json", 3);
    start_again();
    put("application/json", "t", NULL, SLICE("{\"c\":1}"));
    struct buffer wanted = {0};
    buffer_text(&wanted, "{\"a\":1}\n{\"c\":1}\n");
    expect("t.json", &wanted);
}

static void put_gzip(const char *topic, struct slice text)
{
    struct buffer small = {0};
    gzip_compress(text, &small);
    put("application/json+gzip", topic, NULL, buffer_slice(&small));
    buffer_clear(&small);
}

static void add_gzip(struct buffer *out, struct slice text)
{
    struct buffer small = {0};
    gzip_compress(text, &small);
    buffer_put(out, buffer_slice(&small));
    buffer_clear(&small);
}

/* Wherever it was cut, and though its bytes look like the beginning of another. */
static void what_a_crash_left_of_a_compressed_message_is_cut_off(void **state)
{
    (void)state;
    needs_attributes();
    struct buffer inner = {0}, second = {0};
    add_gzip(&inner, SLICE("x"));
    add_gzip(&second, buffer_slice(&inner));
    for (off_t cut = 1; cut < (off_t)second.len; cut++) {
        char topic[24], name[32];
        snprintf(topic, sizeof topic, "t%d", (int)cut);
        snprintf(name, sizeof name, "t%d.gz", (int)cut);
        put_gzip(topic, SLICE("first"));
        put_gzip(topic, buffer_slice(&inner));
        cut_off(name, cut);
        start_again();
        put_gzip(topic, SLICE("third"));
        struct buffer wanted = {0};
        add_gzip(&wanted, SLICE("first"));
        add_gzip(&wanted, SLICE("third"));
        expect(name, &wanted);
    }
    buffer_clear(&inner);
    buffer_clear(&second);
}

static void what_a_crash_left_of_a_counted_message_is_cut_off(void **state)
{
    (void)state;
    needs_attributes();
    for (off_t cut = 1; cut < 10; cut++) {
        char topic[24], name[32];
        snprintf(topic, sizeof topic, "t%d", (int)cut);
        snprintf(name, sizeof name, "t%d.bin", (int)cut);
        put("application/opcua+uadp", topic, NULL, SLICE("first"));
        put("application/opcua+uadp", topic, NULL, SLICE("second"));
        cut_off(name, cut);
        start_again();
        put("application/opcua+uadp", topic, NULL, SLICE("third"));
        struct buffer wanted = {0};
        buffer_put(&wanted, SLICE("\0\0\0\5first\0\0\0\5third"));
        expect(name, &wanted);
    }
}

static void add_bytes(const char *name, struct slice bytes)
{
    FILE *f = fopen(path_of(name), "a");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.at, 1, bytes.len, f), bytes.len);
    fclose(f);
}

/* A file had grown, and its bytes were not there yet when the power went. */
static void zeros_at_the_end_are_cut_off(void **state)
{
    (void)state;
    needs_attributes();
    static const char zeros[5000];
    struct buffer bin = {0}, gz = {0};
    put("application/opcua+uadp", "t", NULL, SLICE("first"));
    put_gzip("t", SLICE("first"));
    add_bytes("t.bin", slice_from(zeros, sizeof zeros));
    add_bytes("t.gz", slice_from(zeros, sizeof zeros));
    start_again();
    put("application/opcua+uadp", "t", NULL, SLICE("third"));
    put_gzip("t", SLICE("third"));
    buffer_put(&bin, SLICE("\0\0\0\5first\0\0\0\5third"));
    add_gzip(&gz, SLICE("first"));
    add_gzip(&gz, SLICE("third"));
    expect("t.bin", &bin);
    expect("t.gz", &gz);
}

/* Somebody else's, or damaged: nothing of it is thrown away. */
static void what_is_no_message_is_set_aside(void **state)
{
    (void)state;
    struct buffer whole = {0}, before = {0};
    put("application/opcua+uadp", "t", NULL, SLICE("first"));
    add_bytes("t.bin", SLICE("\xff\xff\xff\xff what is this"));
    assert_int_equal(file_read(path_of("t.bin"), &before), OK);
    for (int i = 1; i < 3; i++) {
        start_again();
        put("application/opcua+uadp", "t", NULL, SLICE("third"));
        add_bytes("t.bin", SLICE("\xff\xff\xff\xff"));
    }
    buffer_put(&whole, SLICE("\0\0\0\5third\xff\xff\xff\xff"));
    expect("t.bin", &whole);
    expect("t.bin.torn-1", &before);
    assert_true(is_there("t.bin.torn-2"));
}

/* None of it is ours, though some of it looks like half a message: nothing is cut off. */
static void others_files_are_set_aside(void **state)
{
    (void)state;
    static const struct {
        const char *name, *aside;
        struct slice bytes;
    } files[] = {
        {"t.gz", "t.gz.torn-1", SLICE("\x1f\x8b\x08\x08\0\0\0\0\0\3name\0bytes of somebody's")},
        {"t.json", "t.json.torn-1", SLICE("{\"one\":\"line of somebody's\"}")},
        {"t.bin", "t.bin.torn-1", SLICE("\0\0\x10\0 some program's own format")},
        {"z.json", "z.json.torn-1", SLICE("\0\0\0\0")},
        {"t.1.avro", "t.1.avro.torn-1", SLICE("Obj\1\4\x16" "avro.schema" "\x0c" "\"long\"")},
    };
    put_schema("1", "\"int\"");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        add_bytes(files[i].name, files[i].bytes);
    put_gzip("t", SLICE("first"));
    put("application/json", "t", NULL, SLICE("{}"));
    put("application/json", "z", NULL, SLICE("{}"));
    put("application/opcua+uadp", "t", NULL, SLICE("first"));
    put_avro("1", "a");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct buffer wanted = {0};
        buffer_put(&wanted, files[i].bytes);
        expect(files[i].aside, &wanted);
    }
    struct buffer gz = {0}, json = {0};
    struct buffer avro = container("1", "\"int\"", (const char *const[]){"a", NULL});
    add_gzip(&gz, SLICE("first"));
    buffer_text(&json, "{}\n");
    expect("t.gz", &gz);
    expect("t.json", &json);
    expect("t.1.avro", &avro);
}

static void leave(const char *name, size_t len)
{
    assert_int_equal(truncate(path_of(name), (off_t)len), 0);
}

/* What follows is ours, and no more than that is cut off. */
static void anothers_file_is_gone_on_with_and_never_cut(void **state)
{
    (void)state;
    needs_attributes();
    struct buffer json = {0}, bin = {0};
    add_bytes("t.json", SLICE("theirs\n"));
    add_bytes("t.bin", SLICE("\0\0\0\6theirs"));
    for (size_t len = 8; len < 20; len++) {
        put("application/json", "t", NULL, SLICE("{\"ours\":1}"));
        put("application/opcua+uadp", "t", NULL, SLICE("ours and more"));
        leave("t.json", len < 18 ? len : 17);
        leave("t.bin", len + 3);
        start_again();
    }
    put("application/json", "t", NULL, SLICE("{}"));
    put("application/opcua+uadp", "t", NULL, SLICE("last"));
    buffer_text(&json, "theirs\n{}\n");
    buffer_put(&bin, SLICE("\0\0\0\6theirs\0\0\0\4last"));
    expect("t.json", &json);
    expect("t.bin", &bin);
}

/* It is the same file to the disk. */
static void what_somebody_wrote_over_ours_is_set_aside(void **state)
{
    (void)state;
    needs_attributes();
    struct buffer wanted = {0}, json = {0};
    put("application/json", "t", NULL, SLICE("{\"ours\":1}"));
    leave("t.json", 0);
    add_bytes("t.json", SLICE("{\"theirs\":1}"));
    start_again();
    put("application/json", "t", NULL, SLICE("{}"));
    buffer_text(&wanted, "{\"theirs\":1}");
    buffer_text(&json, "{}\n");
    expect("t.json.torn-1", &wanted);
    expect("t.json", &json);
}

static void the_first_message_may_be_torn(void **state)
{
    (void)state;
    needs_attributes();
    struct buffer small = {0}, json = {0};
    add_gzip(&small, SLICE("first"));
    for (size_t len = 1; len < small.len; len++) {
        char topic[24], name[32];
        struct buffer wanted = {0};
        snprintf(topic, sizeof topic, "t%d", (int)len);
        snprintf(name, sizeof name, "t%d.gz", (int)len);
        put_gzip(topic, SLICE("first"));
        leave(name, len);
        start_again();
        put_gzip(topic, SLICE("first"));
        add_gzip(&wanted, SLICE("first"));
        expect(name, &wanted);
    }
    put("application/json", "t", NULL, SLICE("{\"a\":1}"));
    leave("t.json", 5);
    start_again();
    put("application/json", "t", NULL, SLICE("{}"));
    buffer_text(&json, "{}\n");
    expect("t.json", &json);
    buffer_clear(&small);
}

/* Its length, 0, would be taken for damage. */
static void an_empty_message_is_not_written(void **state)
{
    (void)state;
    struct buffer wanted = {0};
    put("application/opcua+uadp", "t", NULL, SLICE("first"));
    put("application/opcua+uadp", "t", NULL, (struct slice){0});
    put("application/opcua+uadp", "t", NULL, SLICE("third"));
    start_again();
    put("application/opcua+uadp", "t", NULL, SLICE("last"));
    buffer_put(&wanted, SLICE("\0\0\0\5first\0\0\0\5third\0\0\0\4last"));
    expect("t.bin", &wanted);
}

/* By who carries files away. */
static void a_file_that_was_taken_is_begun_anew(void **state)
{
    (void)state;
    struct buffer wanted = {0};
    rig.files->ops->close(&rig.files);
    rig.durable = true;
    open_files();
    put("application/json", "a/t", NULL, SLICE("{\"a\":1}"));
    assert_int_equal(unlink(path_of("a/t.json")), 0);
    assert_int_equal(rmdir(path_of("a")), 0);
    put("application/json", "a/t", NULL, SLICE("{\"b\":1}"));
    buffer_text(&wanted, "{\"b\":1}\n");
    expect("a/t.json", &wanted);
}

/* More files than are looked after one by one. */
static void many_files_are_put_on_the_disk(void **state)
{
    (void)state;
    rig.files->ops->close(&rig.files);
    rig.durable = true;
    open_files();
    for (int i = 0; i < 40; i++) {
        char topic[24];
        struct outgoing_view v = {.body = SLICE("{}"), .content_type = SLICE("application/json")};
        snprintf(topic, sizeof topic, "a/b%d/c", i % 20);
        v.topic = slice_of(topic);
        assert_int_equal(rig.files->ops->send(rig.files, &v, rig.put++), OK);
    }
    assert_true(loop_run_until(rig.loop, all_sent, NULL, 10000));
    for (int i = 0; i < 20; i++) {
        char name[32];
        struct buffer wanted = {0};
        snprintf(name, sizeof name, "a/b%d/c.json", i);
        buffer_text(&wanted, "{}\n{}\n");
        expect(name, &wanted);
    }
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
        TEST(what_a_crash_left_of_a_compressed_message_is_cut_off),
        TEST(what_a_crash_left_of_a_counted_message_is_cut_off),
        TEST(zeros_at_the_end_are_cut_off),
        TEST(what_is_no_message_is_set_aside),
        TEST(others_files_are_set_aside),
        TEST(anothers_file_is_gone_on_with_and_never_cut),
        TEST(what_somebody_wrote_over_ours_is_set_aside),
        TEST(the_first_message_may_be_torn),
        TEST(an_empty_message_is_not_written),
        TEST(a_file_that_was_taken_is_begun_anew),
        TEST(many_files_are_put_on_the_disk),
        TEST(what_gzip_does_not_expand_is_in_no_container),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
