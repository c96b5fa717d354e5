/* The audit log on a real folder: what is written, and what breaks the chain. */
#include "audit/request.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "base/file.h"
#include "base/memory.h"
#include "json/json.h"

#define WAIT_MS 20000

static struct loop *loop;
static struct audit *audit;
static char folder[64], path[96];

static int begin(void **state)
{
    (void)state;
    loop = loop_new();
    snprintf(folder, sizeof folder, "/tmp/millrace-audit-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/audit.log", folder);
    assert_int_equal(audit_open(folder, &audit), OK);
    return 0;
}

static void close_it(void)
{
    audit_close(&audit);
}

static int finish(void **state)
{
    (void)state;
    if (audit)
        close_it();
    loop_free(&loop);
    remove(path);
    return rmdir(folder);
}

static const struct rest_route write_value = {
    "POST", "/v2/write/{endpointId}", NULL, REST_WRITE, "WriteValue", NULL, NULL};

static struct rest_request request(const char *body)
{
    return (struct rest_request){.route = &write_value,
                                 .method = SLICE("POST"),
                                 .target = SLICE("/twin/v2/write/uat1"),
                                 .body = slice_of(body),
                                 .peer = SLICE("127.0.0.1:5"),
                                 .user = SLICE("anna"),
                                 .id = "call-1"};
}

struct heard {
    int count;
    enum status why;
};

static void hear(void *arg, enum status why)
{
    struct heard *h = arg;
    h->count++;
    h->why = why;
}

static bool heard_one(void *arg)
{
    return ((struct heard *)arg)->count == 1;
}

static void ask(const char *body)
{
    struct rest_request r = request(body);
    struct heard h = {0};
    struct audit_entry e = audit_request_asked(&r);
    audit_put_first(audit, &e, loop, hear, &h);
    assert_int_equal(h.count, 0); /* not before it is on the disk */
    assert_true(loop_run_until(loop, heard_one, &h, WAIT_MS));
    assert_int_equal(h.why, OK);
    e = audit_request_answered(&r, 200);
    audit_put(audit, &e);
}

static struct buffer text(void)
{
    struct buffer out = {0};
    assert_int_equal(file_read(path, &out), OK);
    return out;
}

static void what_was_there_and_what_came_of_it_are_copied(void **state)
{
    (void)state;
    char old[] = "{\"value\":1}", response[] = "{\"value\":2}", *large = memory_new(AUDIT_BODY_MAX + 2);
    memset(large, 'x', AUDIT_BODY_MAX + 1);
    audit_put(audit, &(struct audit_entry){.event = "answered", .old = slice_of(old), .response = slice_of(response)});
    audit_put(audit, &(struct audit_entry){.event = "answered", .response = slice_of(large)});
    memset(old, 'x', sizeof old - 1);
    memset(response, 'x', sizeof response - 1);
    free(large);
    close_it();
    struct buffer all = text();
    assert_true(slice_find_slice(buffer_slice(&all), SLICE("\"old\":{\"value\":1},\"response\":{\"value\":2}")) < all.len);
    assert_true(slice_find_slice(buffer_slice(&all), SLICE("\"response\":{\"bytes\":16385,\"sha256\":")) < all.len);
    assert_int_equal(audit_verify(folder), 0);
    buffer_clear(&all);
}

static void a_change_is_on_the_disk_before_it_is_made(void **state)
{
    (void)state;
    ask("{\"nodeId\":\"i=1\",\"value\":5,\"header\":{\"elevation\":{\"type\":\"UserName\","
        "\"value\":{\"user\":\"x\",\"password\":\"hush\"}}}}");
    close_it();
    struct buffer all = text();
    struct slice rest = buffer_slice(&all), line;
    struct json_doc *doc;
    assert_true(slice_split(&rest, '\n', &line));
    assert_int_equal(json_parse(line, JSON_STRICT, &doc, NULL), OK);
    const struct json *v = json_root(doc);
    assert_slice(json_string(json_get(v, "event")), SLICE("asked"));
    assert_slice(json_string(json_get(v, "who")), SLICE("anna"));
    assert_slice(json_string(json_get(v, "operation")), SLICE("WriteValue"));
    assert_slice(json_string(json_get(json_get(v, "request"), "nodeId")), SLICE("i=1"));
    json_free(&doc);
    assert_int_equal(slice_find_slice(line, SLICE("hush")), line.len);
    assert_true(
        slice_find_slice(
            rest,
            SLICE("\"event\":\"answered\",\"call\":\"call-1\",\"who\":\"anna\",\"status\":200")) <
        rest.len);
    assert_int_equal(audit_verify(folder), 0);
    buffer_clear(&all);
}

/* Longer than what may wait for the disk; it is the caller's until he is told. */
static void a_long_body_is_read_where_it_is(void **state)
{
    (void)state;
    struct heard h = {0};
    size_t len = AUDIT_WAITING_MAX + 1;
    uint8_t *body = memory_new(len);
    struct audit_entry e = {.event = "asked", .body = slice_from(body, len), .old = SLICE("{\"value\":1}")};
    memset(body, 'x', len);
    audit_put_first(audit, &e, loop, hear, &h);
    assert_true(loop_run_until(loop, heard_one, &h, WAIT_MS));
    assert_int_equal(h.why, OK);
    struct buffer digest = {0}, all;
    audit_line_digest(e.body, &digest);
    free(body);
    close_it();
    all = text();
    assert_true(slice_find_slice(buffer_slice(&all), buffer_slice(&digest)) < all.len);
    assert_int_equal(audit_verify(folder), 0);
    buffer_clear(&digest);
    buffer_clear(&all);
}

/* Of devices, of storage, of webhooks, of certificates, of transports. */
static void no_key_of_anybody_stands_in_it(void **state)
{
    (void)state;
    ask("{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"hush1\",\"secondaryKey\":\"hush2\"}},"
        "\"outputBlobContainerUri\":\"https://h/c?sig=hush3\",\"headers\":{\"Authorization\":\"hush4\"},"
        "\"pfxBlob\":\"hush5\",\"connection\":{\"user\":{\"type\":\"JwtToken\",\"value\":\"hush6\"}},"
        "\"WriterGroupTransportConfiguration\":\"hush7\",\"deviceId\":\"d1\"}");
    close_it();
    struct buffer all = text();
    assert_int_equal(slice_find_slice(buffer_slice(&all), SLICE("hush")), all.len);
    assert_true(slice_find_slice(buffer_slice(&all), SLICE("\"deviceId\":\"d1\"")) < all.len);
    buffer_clear(&all);
}

static void the_chain_goes_on_after_a_restart(void **state)
{
    (void)state;
    ask("{}");
    close_it();
    assert_int_equal(audit_open(folder, &audit), OK);
    ask("no JSON");
    close_it();
    assert_int_equal(audit_verify(folder), 0);
    struct buffer all = text();
    assert_true(slice_find_slice(buffer_slice(&all), SLICE("\"number\":4,")) < all.len);
    buffer_clear(&all);
}

static void write_back(struct buffer *all)
{
    assert_int_equal(file_write(path, buffer_slice(all)), OK);
    buffer_clear(all);
}

static void a_line_that_is_changed_or_taken_out_is_found(void **state)
{
    (void)state;
    ask("{\"value\":1}");
    ask("{\"value\":2}");
    close_it();
    struct buffer all = text();
    size_t at = slice_find_slice(buffer_slice(&all), SLICE("\"value\":2"));
    all.at[at + 8] = '3';
    write_back(&all);
    assert_int_equal(audit_verify(folder), 1);
    all = text();
    all.at[at + 8] = '2';
    struct slice rest = buffer_slice(&all), line;
    assert_true(slice_split(&rest, '\n', &line));
    buffer_drop(&all, line.len + 1);
    write_back(&all);
    assert_int_equal(audit_verify(folder), 1);
}

static void a_line_that_a_crash_cut_off_is_cut_away_and_said(void **state)
{
    (void)state;
    ask("{}");
    close_it();
    struct buffer all = text();
    all.len -= 10;
    write_back(&all);
    assert_int_equal(audit_verify(folder), 1);
    assert_int_equal(audit_open(folder, &audit), OK);
    ask("{}");
    close_it();
    assert_int_equal(audit_verify(folder), 0);
    all = text();
    assert_true(slice_find_slice(buffer_slice(&all), SLICE("\"event\":\"cut\"")) < all.len);
    buffer_clear(&all);
}

/* From several threads at once, and what does not fit into a line is known by its digest. */
static void *put_many(void *arg)
{
    (void)arg;
    struct slice large = slice_from(memory_new(AUDIT_BODY_MAX + 1), AUDIT_BODY_MAX + 1);
    for (int n = 0; n < 50; n++)
        audit_put(audit, &(struct audit_entry){.event = "called",
                                               .who = SLICE("policy"),
                                               .body = large,
                                               .old = SLICE("{\"key\":\"hush\"}")});
    free((void *)large.at);
    return NULL;
}

static void lines_of_several_threads_are_one_chain(void **state)
{
    (void)state;
    pthread_t threads[3];
    for (int n = 0; n < 3; n++)
        assert_int_equal(pthread_create(&threads[n], NULL, put_many, NULL), 0);
    for (int n = 0; n < 3; n++)
        pthread_join(threads[n], NULL);
    close_it();
    assert_int_equal(audit_verify(folder), 0);
    struct buffer all = text();
    assert_true(slice_find_slice(buffer_slice(&all), SLICE("\"number\":150,")) < all.len);
    assert_true(slice_find_slice(buffer_slice(&all), SLICE("{\"bytes\":16385,\"sha256\":")) <
                all.len);
    assert_int_equal(slice_find_slice(buffer_slice(&all), SLICE("hush")), all.len);
    buffer_clear(&all);
}

/* More than the disk takes: who waits is refused, and of the others it is said how many. */
static void what_is_too_much_is_refused_and_counted(void **state)
{
    (void)state;
    char body[AUDIT_BODY_MAX];
    memset(body, '1', sizeof body);
    struct audit_entry e = {.event = "called", .body = slice_from(body, sizeof body)};
    struct heard h = {0};
    for (int n = 0; n < 4 * (int)(AUDIT_WAITING_MAX / AUDIT_BODY_MAX); n++)
        audit_put(audit, &e);
    audit_put_first(audit, &e, loop, hear, &h);
    assert_true(loop_run_until(loop, heard_one, &h, WAIT_MS));
    assert_true(h.why == OK || h.why == FULL); /* as fast as the disk is */
    close_it();
    assert_int_equal(audit_verify(folder), 0);
}

static void what_is_none_of_ours_is_not_written_on(void **state)
{
    (void)state;
    close_it();
    struct buffer all = {0};
    buffer_text(&all, "something else\n");
    write_back(&all);
    assert_int_equal(audit_open(folder, &audit), BAD_FORMAT);
    assert_null(audit);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_on_the_disk_before_it_is_made),
        TEST(a_long_body_is_read_where_it_is),
        TEST(no_key_of_anybody_stands_in_it),
        TEST(what_was_there_and_what_came_of_it_are_copied),
        TEST(the_chain_goes_on_after_a_restart),
        TEST(a_line_that_is_changed_or_taken_out_is_found),
        TEST(a_line_that_a_crash_cut_off_is_cut_away_and_said),
        TEST(lines_of_several_threads_are_one_chain),
        TEST(what_is_too_much_is_refused_and_counted),
        TEST(what_is_none_of_ours_is_not_written_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
