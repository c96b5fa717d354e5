/*
 * Requests to the blob store as any client may make them, with a signature that allows all: the first
 * byte of a request says which method and how long, then the target's end, the headers and the body follow,
 * each ended by a zero. Each gets an answer, and in the end the store holds nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "blob/http.h"
#include "io/sim.h"
#include "rest/server.h"
#include "store/sim_disk.h"

static struct house {
    struct sim *sim;
    struct loop *loop;
    struct store_disk *disk;
    struct blob_store *store;
    struct rest_server *server;
    struct listener *listener;
    struct buffer sas, got;
    bool closed;
} house;

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static void must(bool held)
{
    if (!held)
        abort();
}

/* Once: what is made of an input goes with it. */
static void open_house(void)
{
    char directory[] = "/tmp/millrace-blob-fuzz-XXXXXX";
    house.sim = sim_new(1);
    house.loop = sim_loop_new(house.sim, "hub");
    house.disk = sim_disk_new(1);
    must(mkdtemp(directory) != NULL);
    must(blob_store_open(&(struct blob_store_config){.directory = directory,
                                                     .disk = house.disk,
                                                     .bytes_max = 1 << 20,
                                                     .inline_errands = true},
                         &house.store) == OK);
    struct blob_sas all = {.permissions = 63, .expires_ms = loop_wall_ms(house.loop) + 100ull * 365 * 86400 * 1000};
    must(blob_sas_make(blob_store_account(house.store), &all, &house.sas) == OK);
    struct rest_table table = {"", blob_routes, blob_routes_count, house.store};
    house.server = rest_server_new(
        &(struct rest_server_config){.loop = house.loop, .tables = &table, .table_count = 1});
    must(listener_open(&(struct listen_config){.loop = house.loop,
                                               .host = "hub",
                                               .port = 443,
                                               .on_accept = on_accept},
                       &house.listener) == OK);
}

static void on_data(void *arg, struct slice bytes)
{
    (void)arg;
    buffer_put(&house.got, bytes);
}

static void on_close(void *arg, enum status why)
{
    (void)arg, (void)why;
    house.closed = true;
}

static const struct stream_events events = {.on_data = on_data, .on_close = on_close};

static void ask(const char *method, struct slice target, struct slice headers, struct slice body)
{
    struct buffer request = {0};
    buffer_printf(&request, "%s /c%.*s%c%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %zu\r\n",
                  method, SLICE_FMT(target), slice_find(target, '?') < target.len ? '&' : '?',
                  buffer_cstr(&house.sas), body.len);
    buffer_put(&request, headers);
    buffer_text(&request, "\r\n");
    buffer_put(&request, body);
    house.closed = false;
    buffer_reset(&house.got);
    struct stream *s = stream_connect(
        &(struct connect_config){.loop = house.loop, .host = "hub", .port = 443}, &events, NULL);
    stream_write(s, buffer_slice(&request));
    for (int turn = 0; turn < 1000 && !house.closed; turn++)
        sim_run(house.sim, sim_now_ms(house.sim) + 1000);
    must(house.closed && slice_starts(buffer_slice(&house.got), SLICE("HTTP/1.1 ")));
    buffer_clear(&request);
}

/* A target and headers are lines of what a client could write: the rest is for lib/http's own fuzz. */
static bool is_text(struct slice s, bool target)
{
    for (size_t i = 0; i < s.len; i++)
        if (target ? s.at[i] <= ' ' || s.at[i] >= 127 : s.at[i] >= 127)
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    static const char *const methods[] = {"PUT", "GET", "HEAD", "DELETE"};
    if (house.sim == NULL)
        open_house();
    struct slice rest = slice_from(at, len), target, headers, body;
    ask("PUT", SLICE("?restype=container"), SLICE(""), SLICE(""));
    for (int n = 0; n < 8 && rest.len > 1; n++) {
        const char *method = methods[rest.at[0] % 4];
        rest = slice_skip(rest, 1);
        target = headers = body = SLICE("");
        slice_split(&rest, 0, &target);
        slice_split(&rest, 0, &headers);
        slice_split(&rest, 0, &body);
        if (is_text(target, true) && is_text(headers, false))
            ask(method, target, headers, body);
    }
    ask("DELETE", SLICE("?restype=container"), SLICE(""), SLICE(""));
    sim_run(house.sim, sim_now_ms(house.sim) + 1000);
    must(blob_store_bytes(house.store) == 0);
    return 0;
}
