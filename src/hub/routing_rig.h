/* For tests: a hub with routing on one loop and two partitions, devices that send, a webhook that
 * fails when it is told to, and what was told to whom. */
#pragma once

#include "hub/sources.h"
#include "routing/routing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "base/file.h"
#include "hub/backend.h"
#include "rest/server.h"
#include "store/sim_disk.h"

enum { PARTITIONS = 2, SENDERS = 4 };

struct sender {
    struct heads_session session; /* first */
    struct heads_device *device;
    const char *key;
    unsigned accepted, resumed;
    uint64_t last_token;
    enum status why;
};

static struct {
    struct hub hub;
    struct loop *loop;
    struct store_disk *disk;
    struct events *events;
    char folder[64], path[96];
    uint64_t segment_bytes, retain_bytes;
    struct sender senders[SENDERS];
    /* The webhook. */
    struct rest_server *server;
    struct listener *listener;
    int answers; /* its status; 0: 200 */
    unsigned calls, events_taken;
    struct buffer taken, headers; /* bodies that it answered with 200 */
    /* The last change. */
    enum status why;
    struct routing_problem problem;
    bool changed;
    size_t wanted;
} house;

#define UNTIL(fn) assert_true(loop_run_until(house.loop, fn, NULL, 20000))

/* ---- the webhook ---- */

static inline void on_call(struct rest_request *r)
{
    house.calls++;
    if (house.answers) {
        rest_reply_empty(r, house.answers);
        return;
    }
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(r->body, JSON_STRICT, &doc, NULL), OK);
    house.events_taken +=
        json_is(json_root(doc), JSON_ARRAY) ? (unsigned)json_count(json_root(doc)) : 1;
    json_free(&doc);
    buffer_put(&house.taken, r->body);
    buffer_u8(&house.taken, '\n');
    buffer_reset(&house.headers);
    buffer_printf(&house.headers, "%.*s|%.*s|%.*s", SLICE_FMT(rest_header(r, "Content-Type")),
                  SLICE_FMT(rest_header(r, "aeg-delivery-count")),
                  SLICE_FMT(rest_header(r, "X-Key")));
    rest_reply_empty(r, 200);
}

static inline void let_in(struct rest_request *r)
{
    rest_authorized(r, OK, NULL);
}

static inline void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static const struct rest_route hook_routes[] = {
    {"POST", "/hook", on_call, REST_PUBLIC, NULL, NULL, NULL}};

static inline void open_webhook(void)
{
    static struct rest_table table;
    table = (struct rest_table){"", hook_routes, 1, NULL};
    house.server = rest_server_new(&(struct rest_server_config){
        .loop = house.loop, .tables = &table, .table_count = 1, .authorize = let_in});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
}

/* ---- the hub ---- */

static inline void open_partitions(void)
{
    for (unsigned i = 0; i < PARTITIONS; i++) {
        char directory[16];
        snprintf(directory, sizeof(directory), "/events/%u", i);
        assert_int_equal(
            partition_open(&(struct partition_config){.loop = house.loop,
                                                      .disk = house.disk,
                                                      .directory = directory,
                                                      .index = i,
                                                      .segment_bytes = house.segment_bytes,
                                                      .retain_bytes = house.retain_bytes},
                           &house.hub.partitions[i]),
            OK);
    }
    house.events = hub_events_new(&house.hub);
}

static inline enum status open_routing(void)
{
    return hub_routing_open(&house.hub, &(struct routing_setup){.events = house.events,
                                                                .path = house.path,
                                                                .folder = house.folder,
                                                                .disk = house.disk});
}

static inline bool no_batch_is_under_way(void *arg)
{
    (void)arg;
    return routing_is_idle(house.hub.router);
}

static inline void nothing(void *arg)
{
    (void)arg;
}

static inline bool some_turns_later(void *arg)
{
    loop_post(house.loop, nothing, NULL); /* so that the next turn does not wait */
    return --*(int *)arg < 0;
}

static inline void close_routing(void)
{
    if (house.hub.router)
        UNTIL(no_batch_is_under_way);
    routing_close(&house.hub.router);
    events_free(&house.events);
    for (unsigned i = 0; i < PARTITIONS; i++)
        partition_close(&house.hub.partitions[i]);
    int turns = 5; /* of what was posted before the end */
    (void)loop_run_until(house.loop, some_turns_later, &turns, 1000);
}

/* The hub is started again on what is on the disk. */
static inline void restart(void)
{
    close_routing();
    open_partitions();
    assert_int_equal(open_routing(), OK);
}

static inline void write_config(const char *json)
{
    assert_int_equal(file_write(house.path, slice_of(json)), OK);
}

static inline int begin(void **state)
{
    (void)state;
    struct hub *hub = &house.hub;
    house.loop = loop_new();
    house.disk = sim_disk_new(1);
    hub->name = "hub-1";
    hub->events_name = "millrace";
    hub->loop_count = 1;
    hub->partition_count = PARTITIONS;
    hub->loops[0].loop = house.loop;
    hub->limits = iot_limits_azure();
    hub_init(hub);
    snprintf(house.folder, sizeof(house.folder), "/tmp/millrace-routing-XXXXXX");
    assert_non_null(mkdtemp(house.folder));
    snprintf(house.path, sizeof(house.path), "%s/routing.json", house.folder);
    assert_int_equal(registry_open(":memory:", &hub->limits,
                                   &(struct registry_events){.on_event = hub_sources_registry_event,
                                                             .wants = hub_sources_wants,
                                                             .owner = hub_backend_owner,
                                                             .arg = hub},
                                   &hub->registry),
                     OK);
    open_partitions();
    open_webhook();
    return 0;
}

static inline void remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        struct buffer path = {0};
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        buffer_printf(&path, "%s/%s", folder, entry->d_name);
        if (entry->d_type == DT_DIR)
            remove_folder(buffer_cstr(&path));
        else
            unlink(buffer_cstr(&path));
        buffer_clear(&path);
    }
    if (d)
        closedir(d);
    rmdir(folder);
}

static inline void sign_out(struct sender *s)
{
    hub_backend_ops.sign_out(&house.hub.backend, &s->session, s->device);
    s->device = NULL;
}

/* Who has spoken is held until the registry is told: now, not some seconds later. */
static inline bool nobody_is_there(void *arg)
{
    struct loop_timer *t = &house.hub.loops[0].activity.timer;
    (void)arg;
    if (t->node.index)
        loop_timer_start(house.loop, t, 0, t->fn, t->arg);
    return house.hub.loops[0].devices.count == 0;
}

static inline int finish(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SENDERS; i++)
        if (house.senders[i].device)
            sign_out(&house.senders[i]);
    UNTIL(nobody_is_there);
    close_routing();
    listener_close(&house.listener);
    rest_server_free(&house.server);
    registry_close(&house.hub.registry);
    loop_free(&house.loop);
    sim_disk_free(&house.disk);
    map_clear(&house.hub.loops[0].devices);
    remove_folder(house.folder);
    buffer_clear(&house.taken);
    buffer_clear(&house.headers);
    memset(&house, 0, sizeof(house));
    return 0;
}

/* ---- devices ---- */

static inline void on_accepted(struct heads_session *session, uint64_t token, enum status why)
{
    struct sender *s = (struct sender *)session;
    assert_true(token > s->last_token); /* in their order */
    s->last_token = token;
    s->accepted++;
    s->why = why;
}

static inline void on_resume(struct heads_session *session)
{
    ((struct sender *)session)->resumed++;
}

static const struct heads_session_ops sender_ops = {.accepted = on_accepted, .resume = on_resume};

/* Signed in without the checks, which are tested elsewhere. */
static inline struct sender *sign_in(unsigned n, const char *key)
{
    struct sender *s = &house.senders[n];
    struct iot_id id;
    assert_true(iot_id_parse(slice_of(key), &id));
    const struct heads_identity *identity =
        heads_identity_new(&(struct heads_identity){.id = id, .generation_id = SLICE("g1")});
    struct hub_device *d = hub_device_get(&house.hub.loops[0], id);
    *s = (struct sender){.session = {.ops = &sender_ops, .loop = house.loop}, .key = key};
    s->device = heads_attendance_device(
        heads_attendance_begin(&d->place, &s->session, identity, "{\"type\":\"sas\"}", 0));
    heads_identity_unref(&identity);
    hub_device_unref(&d);
    return s;
}

static inline enum status send_with(struct sender *s, uint64_t token, const char *body,
                                    struct slice properties)
{
    return hub_backend_ops.telemetry(
        s->device,
        &(struct iot_message){.body = slice_of(body),
                              .content_type = SLICE("application/json"),
                              .content_encoding = SLICE("utf-8"),
                              .properties = properties},
        token);
}

static inline void send(struct sender *s, uint64_t token, const char *body)
{
    assert_int_equal(send_with(s, token, body, (struct slice){0}), OK);
}

static inline bool all_accepted(void *arg)
{
    struct sender *s = arg;
    return s->accepted >= house.wanted;
}

/* Numbers from `first` on, as {"n":1}. */
static inline void send_many(struct sender *s, unsigned first, unsigned count)
{
    house.wanted = s->accepted + count;
    for (unsigned n = first; n < first + count; n++) {
        char body[32];
        snprintf(body, sizeof(body), "{\"n\":%u}", n);
        send(s, n, body);
    }
    assert_true(loop_run_until(house.loop, all_accepted, s, 20000));
}

/* ---- changes ---- */

static inline void on_changed(void *arg, enum status why, const struct routing_problem *p)
{
    (void)arg;
    house.why = why;
    house.problem = *p;
    house.changed = true;
}

static inline bool is_changed(void *arg)
{
    (void)arg;
    return house.changed;
}

static inline enum status change(const char *json)
{
    house.changed = false;
    routing_replace(house.hub.router, house.loop, slice_of(json), (struct slice){0}, on_changed,
                    NULL);
    UNTIL(is_changed);
    return house.why;
}

/* A configuration with the hook's port in it, where "%d" stands. */
static inline const char *with_port(const char *json)
{
    static char text[4096];
    const char *at = strstr(json, "%d");
    assert_non_null(at);
    snprintf(text, sizeof(text), "%.*s%d%s", (int)(at - json), json, listener_port(house.listener),
             at + 2);
    return text;
}

/* ---- what was told ---- */

static inline struct routing_endpoint_view view_of(const char *name)
{
    struct routing_endpoint_view v;
    void *at = NULL;
    while (routing_next_endpoint(house.hub.router, &at, &v))
        if (strcmp(v.name, name) == 0)
            return v;
    fail_msg("no endpoint %s", name);
    return (struct routing_endpoint_view){0};
}

static inline const struct routing_endpoint_state *state_of(const char *name)
{
    return view_of(name).state;
}

static inline bool taken_enough(void *arg)
{
    (void)arg;
    return house.events_taken >= house.wanted;
}

/* How often a text stands in what the hook took. */
static inline unsigned count_in(struct slice all, const char *text)
{
    unsigned n = 0;
    for (;; n++) {
        size_t at = slice_find_slice(all, slice_of(text));
        if (at == all.len)
            return n;
        all = slice_skip(all, at + 1);
    }
}

/* The records of a log that are for the endpoint, with the last of them in *last (its bytes in
 * *bytes). */
static inline unsigned count_records(struct store_log *log, uint16_t endpoint,
                                     struct iot_event *last, struct buffer *bytes)
{
    struct store_reader *r = store_reader_open(log, 1);
    struct store_record record;
    struct iot_event e;
    unsigned n = 0;
    while (store_reader_next(r, &record) == OK) {
        assert_int_equal(iot_event_decode(record.bytes, &e), OK);
        if (!iot_event_goes_to(&e, endpoint))
            continue;
        n++;
        if (last) {
            buffer_reset(bytes);
            buffer_put(bytes, record.bytes);
            assert_int_equal(iot_event_decode(buffer_slice(bytes), last), OK);
        }
    }
    store_reader_close(&r);
    return n;
}

static inline unsigned count_builtin(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < PARTITIONS; i++)
        n += count_records(partition_log(house.hub.partitions[i]), 0, NULL, NULL);
    return n;
}
