/* The store over HTTP, as its clients use it: on a real server, a real table and real files. */
#include "blob/http.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "base/encoding.h"
#include "rest/server.h"

#define WAIT_MS 20000

static struct house {
    struct loop *loop;
    struct blob_store *store;
    struct rest_server *server;
    struct listener *listener;
    char directory[64];
    struct buffer got; /* the last answer */
    struct stream *peer;
    bool closed;
} house;

/* ---- a house with a store ---- */

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static void open_store(uint64_t bytes_max)
{
    assert_int_equal(blob_store_open(&(struct blob_store_config){.directory = house.directory,
                                                                 .disk = store_disk_real(),
                                                                 .bytes_max = bytes_max},
                                     &house.store),
                     OK);
    struct rest_table table = {"", blob_routes, blob_routes_count, house.store};
    house.server = rest_server_new(
        &(struct rest_server_config){.loop = house.loop, .tables = &table, .table_count = 1});
}

static void close_store(void)
{
    rest_server_free(&house.server);
    blob_store_close(&house.store);
}

static void peer_data(void *arg, struct slice bytes)
{
    (void)arg;
    buffer_put(&house.got, bytes);
}

static void peer_close(void *arg, enum status why)
{
    (void)arg, (void)why;
    house.closed = true;
    house.peer = NULL;
}

static const struct stream_events peer_events = {.on_data = peer_data, .on_close = peer_close};

static bool is_closed(void *arg)
{
    (void)arg;
    return house.closed;
}

/* Sends all of it on a connection of its own, and returns the answer. */
static const char *send_all(struct slice request)
{
    buffer_reset(&house.got);
    house.closed = false;
    house.peer = stream_connect(&(struct connect_config){.loop = house.loop,
                                                         .host = "127.0.0.1",
                                                         .port = listener_port(house.listener)},
                                &peer_events, NULL);
    stream_write(house.peer, request);
    if (!loop_run_until(house.loop, is_closed, NULL, WAIT_MS))
        fail_msg("no answer to %.*s: %s", 60, request.at, buffer_cstr(&house.got));
    return buffer_cstr(&house.got);
}

/* `target` without the signature, which is of the account and allows all. */
static const char *ask(const char *method, const char *target, const char *headers,
                       struct slice body)
{
    struct buffer request = {0};
    struct blob_sas all = {.permissions = 63, .expires_ms = loop_wall_ms(house.loop) + 60000};
    buffer_printf(&request, "%s %s%c", method, target, strchr(target, '?') ? '&' : '?');
    struct buffer sas = {0};
    assert_int_equal(blob_sas_make(blob_store_account(house.store), &all, &sas), OK);
    buffer_put(&request, buffer_slice(&sas));
    buffer_printf(&request,
                  " HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n",
                  body.len, headers);
    buffer_put(&request, body);
    const char *answer = send_all(buffer_slice(&request));
    buffer_clear(&request);
    buffer_clear(&sas);
    return answer;
}

static void expect(const char *answer, const char *part)
{
    if (strstr(answer, part) == NULL)
        fail_msg("no '%s' in '%s'", part, answer);
}

static void expect_not(const char *answer, const char *part)
{
    if (strstr(answer, part))
        fail_msg("'%s' in '%s'", part, answer);
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new()};
    strcpy(house.directory, "/tmp/millrace-blob-XXXXXX");
    assert_non_null(mkdtemp(house.directory));
    open_store(1 << 30);
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
    expect(ask("PUT", "/uploads?restype=container", "", SLICE("")), "201 Created");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    listener_close(&house.listener);
    close_store();
    loop_free(&house.loop);
    buffer_clear(&house.got);
    char command[128];
    snprintf(command, sizeof(command), "rm -r '%s'", house.directory);
    assert_int_equal(system(command), 0);
    return 0;
}

#define BLOCK_BLOB "x-ms-blob-type: BlockBlob\r\n"

static size_t counted;

static int count_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)path, (void)st, (void)ftw;
    counted += kind == FTW_F;
    return 0;
}

static size_t files(void)
{
    char data[80];
    snprintf(data, sizeof(data), "%s/data", house.directory);
    counted = 0;
    nftw(data, count_file, 8, FTW_PHYS);
    return counted;
}

static bool one_file(void *arg)
{
    return files() == *(size_t *)arg;
}

/* Files go after the answer, on a helper thread. */
static void expect_files(size_t count)
{
    loop_run_until(house.loop, one_file, &count, 2000);
    assert_int_equal(files(), count);
}

/* ---- what must work ---- */

static void keeps_a_blob_with_what_is_told_of_it(void **state)
{
    (void)state;
    const char *a =
        ask("PUT", "/uploads/d%201/a.txt",
            BLOCK_BLOB "Content-Type: text/x\r\nx-ms-meta-Line: 7\r\nCache-Control: no-store\r\n"
                       "x-ms-version: 2019-12-12\r\nx-ms-client-request-id: mine\r\n",
            SLICE("hello, blob"));
    expect(a, "201 Created");
    expect(a, "\r\nETag: \"0x");
    expect(a, "\r\nLast-Modified: ");
    expect(a, "\r\nx-ms-version: 2019-12-12\r\n");
    expect(a, "\r\nx-ms-client-request-id: mine\r\n");
    expect(a, "\r\nx-ms-content-crc64: ");
    a = ask("GET", "/uploads/d 1/a.txt", "", SLICE(""));
    expect(a, "400 Bad Request"); /* a blank in a target */
    a = ask("GET", "/uploads/d%201/a.txt", "", SLICE(""));
    expect(a, "200 OK");
    expect(a, "\r\n\r\nhello, blob");
    expect(a, "Content-Type: text/x\r\n");
    expect(a, "x-ms-meta-Line: 7\r\n");
    expect(a, "Cache-Control: no-store\r\n");
    expect(a, "x-ms-blob-type: BlockBlob\r\n");
    expect(a, "Content-Length: 11\r\n");
    a = ask("HEAD", "/uploads/d%201/a.txt", "", SLICE(""));
    expect(a, "200 OK");
    expect(a, "Content-Length: 11\r\n");
    expect_not(a, "hello");
    expect(ask("PUT", "/uploads/empty", BLOCK_BLOB, SLICE("")), "201 Created");
    expect(ask("GET", "/uploads/empty", "", SLICE("")), "Content-Length: 0\r\n");
}

static void gives_parts(void **state)
{
    (void)state;
    expect(ask("PUT", "/uploads/b", BLOCK_BLOB, SLICE("0123456789")), "201");
    const char *a = ask("GET", "/uploads/b", "Range: bytes=2-4\r\n", SLICE(""));
    expect(a, "206 Partial Content");
    expect(a, "Content-Range: bytes 2-4/10\r\n");
    expect(a, "\r\n\r\n234");
    a = ask("GET", "/uploads/b", "Range: bytes=0-1\r\nx-ms-range: bytes=8-\r\n", SLICE(""));
    expect(a, "\r\n\r\n89");
    expect(ask("GET", "/uploads/b", "Range: bytes=-1\r\n", SLICE("")), "\r\n\r\n9");
    expect(ask("GET", "/uploads/b", "Range: bytes=0-1\r\nIf-Range: \"other\"\r\n", SLICE("")),
           "\r\n\r\n0123456789");
    a = ask("GET", "/uploads/b", "Range: bytes=10-\r\n", SLICE(""));
    expect(a, "416 ");
    expect(a, "Content-Range: bytes */10\r\n");
    expect(a, "InvalidRange");
    expect(ask("GET", "/uploads/b", "x-ms-range: bytes=x\r\n", SLICE("")), "InvalidHeaderValue");
    expect(ask("PUT", "/uploads/b", BLOCK_BLOB, SLICE("say hello to")), "201");
    a = ask("GET", "/uploads/b", "Range: bytes=4-8\r\nx-ms-range-get-content-md5: true\r\n",
            SLICE(""));
    expect(a, "\r\nContent-MD5: XUFAKrxLKna5cZ2REBfFkg==\r\n");
    expect(a, "\r\n\r\nhello");
}

static void makes_a_blob_of_blocks(void **state)
{
    (void)state;
    expect(ask("PUT", "/uploads/b?comp=block&blockid=MDE%3D", "", SLICE("one,")), "201 Created");
    expect(ask("PUT", "/uploads/b?comp=block&blockid=MDI%3D", "", SLICE("two,")), "201 Created");
    expect(ask("PUT", "/uploads/b?comp=block&blockid=MDM%3D", "", SLICE("three")), "201 Created");
    expect(ask("GET", "/uploads/b", "", SLICE("")), "BlobNotFound");
    const char *a = ask("GET", "/uploads/b?comp=blocklist&blocklisttype=all", "", SLICE(""));
    expect(a, "<CommittedBlocks></CommittedBlocks><UncommittedBlocks><Block><Name>MDE=</"
              "Name><Size>4</Size></Block>");
    a = ask("PUT", "/uploads/b?comp=blocklist",
            "x-ms-blob-content-type: text/y\r\nContent-Type: application/xml\r\n",
            SLICE("<BlockList><Latest>MDI=</Latest><Latest>MDE=</Latest></BlockList>"));
    expect(a, "201 Created");
    expect(a, "ETag: ");
    a = ask("GET", "/uploads/b", "", SLICE(""));
    expect(a, "\r\n\r\ntwo,one,");
    expect(a, "Content-Type: text/y\r\n");
    expect(ask("GET", "/uploads/b", "Range: bytes=3-5\r\n", SLICE("")),
           "\r\n\r\n,on"); /* over two files */
    expect_files(2);       /* the third was let go */
}

static void commits_again_with_what_is_there(void **state)
{
    (void)state;
    ask("PUT", "/uploads/b?comp=block&blockid=MDE%3D", "", SLICE("old"));
    ask("PUT", "/uploads/b?comp=blocklist", "",
        SLICE("<BlockList><Latest>MDE=</Latest></BlockList>"));
    ask("PUT", "/uploads/b?comp=block&blockid=MDI%3D", "", SLICE("first"));
    ask("PUT", "/uploads/b?comp=block&blockid=MDI%3D", "", SLICE("new"));
    ask("PUT", "/uploads/b?comp=block&blockid=MDE%3D", "", SLICE("never"));
    const char *a = ask(
        "PUT", "/uploads/b?comp=blocklist", "",
        SLICE("<BlockList><Committed>MDE=</Committed><Uncommitted>MDI=</Uncommitted></BlockList>"));
    expect(a, "201 Created");
    expect(ask("GET", "/uploads/b", "", SLICE("")), "\r\n\r\noldnew");
    a = ask("PUT", "/uploads/b?comp=blocklist", "",
            SLICE("<BlockList><Uncommitted>MDE=</Uncommitted></BlockList>"));
    expect(a, "InvalidBlockList");
    expect(ask("GET", "/uploads/b", "", SLICE("")), "\r\n\r\noldnew");
    expect(ask("PUT", "/uploads/b", BLOCK_BLOB, SLICE("whole")), "201");
    expect(ask("GET", "/uploads/b", "", SLICE("")), "\r\n\r\nwhole");
    expect_files(1);
    expect(ask("DELETE", "/uploads/b", "", SLICE("")), "202 Accepted");
    expect_files(0);
    assert_int_equal(blob_store_bytes(house.store), 0);
}

static void lists_pages_and_prefixes(void **state)
{
    (void)state;
    static const char *const names[] = {"/uploads/a", "/uploads/d/1", "/uploads/d/2",
                                        "/uploads/d%26/3", "/uploads/z"};
    for (size_t i = 0; i < 5; i++)
        ask("PUT", names[i], BLOCK_BLOB "x-ms-meta-k: <v>\r\n", SLICE("xyz"));
    const char *a =
        ask("GET", "/uploads?restype=container&comp=list&include=metadata", "", SLICE(""));
    expect(a, "Content-Type: application/xml\r\n");
    expect(a, "<EnumerationResults ServiceEndpoint=\"https://h/\" ContainerName=\"uploads\">");
    expect(a, "<Name>d&amp;/3</Name>");
    expect(a, "<Metadata><k>&lt;v&gt;</k></Metadata>");
    expect(a, "<Content-Length>3</Content-Length>");
    expect(a, "<NextMarker></NextMarker>");
    a = ask("GET", "/uploads?restype=container&comp=list&delimiter=/&maxresults=2", "", SLICE(""));
    expect(a, "<Name>a</Name>");
    expect(a, "<BlobPrefix><Name>d&amp;/</Name></BlobPrefix>");
    expect_not(a, "<Name>z</Name>");
    char next[128], marker[64] = "";
    assert_int_equal(sscanf(strstr(a, "<NextMarker>"), "<NextMarker>%60[^<]", marker), 1);
    snprintf(next, sizeof(next), "/uploads?restype=container&comp=list&delimiter=/&marker=%s",
             marker);
    a = ask("GET", next, "", SLICE(""));
    expect(a, "<BlobPrefix><Name>d/</Name></BlobPrefix>");
    expect(a, "<Name>z</Name>");
    expect_not(a, "<Name>a</Name>");
    a = ask("GET", "/uploads?restype=container&comp=list&prefix=d/", "", SLICE(""));
    expect(a, "<Name>d/1</Name>");
    expect_not(a, "<Name>a</Name>");
    expect_not(a, "<Name>z</Name>");
}

static void drops_a_container_with_its_blobs(void **state)
{
    (void)state;
    ask("PUT", "/uploads/a", BLOCK_BLOB, SLICE("x"));
    ask("PUT", "/uploads/b?comp=block&blockid=MDE%3D", "", SLICE("y"));
    expect(ask("PUT", "/uploads?restype=container", "", SLICE("")), "ContainerAlreadyExists");
    expect(ask("HEAD", "/uploads?restype=container", "", SLICE("")), "200 OK");
    expect(ask("DELETE", "/uploads?restype=container", "", SLICE("")), "202 Accepted");
    expect_files(0);
    expect(ask("GET", "/uploads/a", "", SLICE("")), "ContainerNotFound");
    expect(ask("PUT", "/uploads/a", BLOCK_BLOB, SLICE("x")), "ContainerNotFound");
    expect_files(0);
}

static void keeps_its_promises_over_a_restart(void **state)
{
    (void)state;
    ask("PUT", "/uploads/b", BLOCK_BLOB, SLICE("kept"));
    ask("PUT", "/uploads/c?comp=block&blockid=MDE%3D", "", SLICE("staged"));
    struct buffer orphan = {0};
    blob_store_file_path(house.store, blob_store_file_new(house.store) + 5, &orphan);
    FILE *f = fopen(buffer_cstr(&orphan), "w");
    assert_non_null(f);
    fclose(f);
    close_store();
    open_store(1 << 30);
    expect(ask("GET", "/uploads/b", "", SLICE("")), "\r\n\r\nkept");
    ask("PUT", "/uploads/c?comp=blocklist", "",
        SLICE("<BlockList><Latest>MDE=</Latest></BlockList>"));
    expect(ask("GET", "/uploads/c", "", SLICE("")), "\r\n\r\nstaged");
    assert_int_equal(blob_store_bytes(house.store), 10);
    expect_files(2); /* what a crash left has gone */
    assert_int_not_equal(access(buffer_cstr(&orphan), F_OK), 0);
    buffer_clear(&orphan);
}

/* ---- conditions ---- */

static void heeds_conditions(void **state)
{
    (void)state;
    expect(ask("PUT", "/uploads/b", BLOCK_BLOB "If-Match: \"0x1\"\r\n", SLICE("x")),
           "ConditionNotMet");
    expect(ask("PUT", "/uploads/b", BLOCK_BLOB "If-None-Match: *\r\n", SLICE("x")), "201 Created");
    char etag[64], header[128];
    assert_int_equal(sscanf(strstr(buffer_cstr(&house.got), "ETag: "), "ETag: %60[^\r]", etag), 1);
    expect(ask("PUT", "/uploads/b", BLOCK_BLOB "If-None-Match: *\r\n", SLICE("y")),
           "BlobAlreadyExists");
    snprintf(header, sizeof(header), "If-None-Match: %s\r\n", etag);
    expect(ask("GET", "/uploads/b", header, SLICE("")), "304 Not Modified");
    snprintf(header, sizeof(header), BLOCK_BLOB "If-Match: %s\r\n", etag);
    expect(ask("PUT", "/uploads/b", header, SLICE("z")), "201 Created");
    expect(ask("DELETE", "/uploads/b", header, SLICE("")), "412 ");
    expect(
        ask("GET", "/uploads/b", "If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT\r\n", SLICE("")),
        "304 ");
    expect(ask("GET", "/uploads/b", "If-Unmodified-Since: Thu, 01 Jan 2015 00:00:00 GMT\r\n",
               SLICE("")),
           "412 ");
    expect_files(1); /* what was refused left nothing */
}

/* ---- what must be refused ---- */

static void checks_digests(void **state)
{
    (void)state;
    const char *a = ask("PUT", "/uploads/b", BLOCK_BLOB "Content-MD5: XUFAKrxLKna5cZ2REBfFkg==\r\n",
                        SLICE("hello"));
    expect(a, "201 Created");
    expect(a, "Content-MD5: XUFAKrxLKna5cZ2REBfFkg==\r\n");
    expect(ask("GET", "/uploads/b", "", SLICE("")), "Content-MD5: XUFAKrxLKna5cZ2REBfFkg==\r\n");
    a = ask("PUT", "/uploads/c?comp=block&blockid=MDE%3D",
            "Content-MD5: XUFAKrxLKna5cZ2REBfFkg==\r\n", SLICE("hellO"));
    expect(a, "400 Bad Request");
    expect(a, "x-ms-error-code: Md5Mismatch\r\n");
    expect(a, "<Error><Code>Md5Mismatch</Code><Message>");
    expect(
        ask("PUT", "/uploads/c", BLOCK_BLOB "x-ms-content-crc64: AAAAAAAAAAA=\r\n", SLICE("hello")),
        "Crc64Mismatch");
    expect(ask("PUT", "/uploads/c", BLOCK_BLOB "x-ms-content-crc64: iJh5CoYUi64=\r\n",
               SLICE("123456789")),
           "201");
    expect(ask("PUT", "/uploads/c?comp=blocklist", "Content-MD5: XUFAKrxLKna5cZ2REBfFkg==\r\n",
               SLICE("<BlockList/>")),
           "Md5Mismatch");
    expect_files(2);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *headers, *body, *code;
    } rows[] = {
        {"PUT", "/uploads/b", "", "x", "MissingRequiredHeader"},
        {"PUT", "/uploads/b", "x-ms-blob-type: PageBlob\r\n", "x", "InvalidHeaderValue"},
        {"PUT", "/uploads/b?comp=block", "", "x", "InvalidBlobOrBlock"},
        {"PUT", "/uploads/b?comp=block&blockid=no%20base64", "", "x", "InvalidBlobOrBlock"},
        {"PUT", "/uploads/b?comp=blocklist", "", "<BlockList>", "InvalidXmlDocument"},
        {"PUT", "/uploads/b?comp=blocklist", "", "<BlockList><Latest>MDk=</Latest></BlockList>",
         "InvalidBlockList"},
        {"PUT", "/uploads/b?comp=page", BLOCK_BLOB, "x", "InvalidQueryParameterValue"},
        {"PUT", "/uploads/b", BLOCK_BLOB "x-ms-copy-source: https://h/c/d\r\n", "",
         "UnsupportedHeader"},
        {"PUT", "/Uploads/b", BLOCK_BLOB, "x", "InvalidResourceName"},
        {"PUT", "/uploads/a%0Ab", BLOCK_BLOB, "x", "InvalidResourceName"},
        {"PUT", "/uploads", "", "", "InvalidQueryParameterValue"},
        {"GET", "/uploads/nothing", "", "", "BlobNotFound"},
        {"DELETE", "/uploads/nothing", "", "", "BlobNotFound"},
        {"GET", "/nothing-here?restype=container&comp=list", "", "", "ContainerNotFound"},
        {"GET", "/uploads?restype=container&comp=list&maxresults=0", "", "",
         "InvalidQueryParameterValue"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect(ask(rows[i].method, rows[i].target, rows[i].headers, slice_of(rows[i].body)),
               rows[i].code);
    expect(ask("PUT", "/uploads/b?comp=block&blockid=MDE%3D", "", SLICE("x")), "201");
    expect(ask("PUT", "/uploads/b?comp=block&blockid=MDEwMDA%3D", "", SLICE("x")),
           "InvalidBlobOrBlock");
    expect_files(1);
}

static void refuses_who_has_no_signature(void **state)
{
    (void)state;
    ask("PUT", "/uploads/b", BLOCK_BLOB, SLICE("secret"));
    const char *a =
        send_all(SLICE("GET /uploads/b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    expect(a, "404 Not Found");
    expect(a, "application/problem+json");
    a = send_all(SLICE(
        "GET /uploads/b?sv=2020-10-02&sr=b&sp=r&se=2099-01-01&sig=AAAA HTTP/1.1\r\nHost: h\r\n"
        "Connection: close\r\n\r\n"));
    expect(a, "403 Forbidden");
    expect(a, "AuthenticationFailed");
    expect_not(a, "secret");
}

static void holds_to_its_limit(void **state)
{
    (void)state;
    close_store();
    open_store(1000);
    struct buffer body = {0};
    memset(buffer_reserve(&body, 600), 'x', 600);
    buffer_added(&body, 600);
    expect(ask("PUT", "/uploads/a", BLOCK_BLOB, buffer_slice(&body)), "201");
    expect(ask("PUT", "/uploads/b", BLOCK_BLOB, buffer_slice(&body)), "507 ");
    expect_files(1);
    expect(ask("DELETE", "/uploads/a", "", SLICE("")), "202");
    expect(ask("PUT", "/uploads/b", BLOCK_BLOB, buffer_slice(&body)), "201");
    buffer_clear(&body);
}

static bool no_connections(void *arg)
{
    (void)arg;
    return rest_server_connections(house.server) == 0;
}

/* The peer goes in the middle of its body: nothing is left of it. */
static void forgets_what_came_half(void **state)
{
    (void)state;
    struct blob_sas all = {.permissions = 63, .expires_ms = loop_wall_ms(house.loop) + 60000};
    struct buffer request = {0};
    buffer_text(&request, "PUT /uploads/b?");
    assert_int_equal(blob_sas_make(blob_store_account(house.store), &all, &request), OK);
    buffer_text(&request, " HTTP/1.1\r\nHost: h\r\n" BLOCK_BLOB "Content-Length: 1000000\r\n\r\n");
    memset(buffer_reserve(&request, 600000), 'x', 600000);
    buffer_added(&request, 600000);
    house.closed = false;
    house.peer = stream_connect(&(struct connect_config){.loop = house.loop,
                                                         .host = "127.0.0.1",
                                                         .port = listener_port(house.listener)},
                                &peer_events, NULL);
    stream_write(house.peer, buffer_slice(&request));
    buffer_clear(&request);
    size_t one = 1;
    assert_true(loop_run_until(house.loop, one_file, &one, WAIT_MS));
    stream_abort(house.peer, CANCELLED);
    assert_true(loop_run_until(house.loop, no_connections, NULL, WAIT_MS));
    expect_files(0);
    assert_int_equal(blob_store_bytes(house.store), 0);
}

/* Larger than every buffer on the way. */
static void carries_many_pieces(void **state)
{
    (void)state;
    struct buffer body = {0};
    for (uint32_t i = 0; i < 1 << 20; i++)
        buffer_u32(&body, i);
    expect(ask("PUT", "/uploads/b", BLOCK_BLOB, buffer_slice(&body)), "201");
    ask("GET", "/uploads/b", "", SLICE(""));
    struct slice got = buffer_slice(&house.got);
    got = slice_skip(got, slice_find_slice(got, SLICE("\r\n\r\n")) + 4);
    assert_int_equal(got.len, body.len);
    assert_memory_equal(got.at, body.at, body.len);
    buffer_clear(&body);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_a_blob_with_what_is_told_of_it),
        TEST(gives_parts),
        TEST(makes_a_blob_of_blocks),
        TEST(commits_again_with_what_is_there),
        TEST(lists_pages_and_prefixes),
        TEST(drops_a_container_with_its_blobs),
        TEST(keeps_its_promises_over_a_restart),
        TEST(heeds_conditions),
        TEST(checks_digests),
        TEST(says_what_is_wrong),
        TEST(refuses_who_has_no_signature),
        TEST(holds_to_its_limit),
        TEST(forgets_what_came_half),
        TEST(carries_many_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
