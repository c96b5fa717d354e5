/* What the tests of the hub's REST share: a hub behind a server, and a caller with tokens. */
#pragma once

#include "base/clock.h"
#include "base/cmocka.h"
#include "c2d/c2d.h"
#include "hub/device.h"
#include "hub/hub_rig.h"
#include "hub/methods.h"
#include "hub/rest.h"
#include "jobs/jobs.h"
#include "rest/client.h"
#include "token/sas.h"
#include "json/json.h"
#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = {"127.0.0.1", "hub.example", NULL};

static struct {
    struct hub hub;
    struct loop *loop;
    struct rest_server *server;
    struct rest_client *client;
    struct listener *listener;
    struct buffer token;
    /* The last answer. */
    int status;
    struct buffer body, etag, code, item_type, continuation;
} house;

/* ---- the house ---- */

static inline void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static inline void start_server(void)
{
    struct rest_table tables[HUB_REST_TABLES_MAX];
    size_t count = hub_rest_tables(tables);
    house.server = rest_server_new(&(struct rest_server_config){.loop = house.loop,
                                                                .tables = tables,
                                                                .table_count = count,
                                                                .app = &house.hub,
                                                                .authorize = hub_rest_authorize,
                                                                .refuse = hub_rest_refuse});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
}

static inline int begin(void **state)
{
    (void)state;
    struct hub *hub = &house.hub;
    house.loop = loop_new();
    hub_rig_begin(hub, house.loop, names);
    hub->policies = iot_policies_random();
    assert_int_equal(
        registry_open(":memory:", &hub->limits, &(struct registry_events){0}, &hub->registry), OK);
    hub->jobs = hub_jobs_new(hub);
    start_server();
    house.client = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    return 0;
}

static inline int finish(void **state)
{
    (void)state;
    hub_rig_forget_the_active(&house.hub);
    rest_client_free(&house.client);
    listener_close(&house.listener);
    rest_server_free(&house.server);
    jobs_free(&house.hub.jobs);
    registry_close(&house.hub.registry);
    loop_free(&house.loop);
    policies_free(&house.hub.policies);
    map_clear(&house.hub.loops[0].devices);
    struct buffer *all[] = {&house.token, &house.body,      &house.etag,
                            &house.code,  &house.item_type, &house.continuation};
    for (size_t n = 0; n < sizeof(all) / sizeof(all[0]); n++)
        buffer_clear(all[n]);
    memset(&house, 0, sizeof(house));
    return 0;
}

/* ---- calling ---- */

static inline void keep(struct buffer *to, struct slice s)
{
    buffer_reset(to);
    buffer_put(to, s);
}

static inline void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    (void)arg;
    assert_int_equal(why, OK);
    house.status = a->status;
    keep(&house.body, a->body);
    keep(&house.etag, rest_answer_header(a, "ETag"));
    keep(&house.code, rest_answer_header(a, "iothub-errorcode"));
    keep(&house.item_type, rest_answer_header(a, "x-ms-item-type"));
    keep(&house.continuation, rest_answer_header(a, "x-ms-continuation"));
    loop_stop(house.loop);
}

/* More headers, for queries; a name without a value is left out. */
static struct rest_field page_headers[2];

static inline int call_with(const char *token, const char *method, const char *path, const char *body,
                     const char *if_match)
{
    char url[512];
    struct rest_field headers[4];
    size_t count = 0;
    for (size_t i = 0; i < 2; i++)
        if (page_headers[i].value.len)
            headers[count++] = page_headers[i];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", listener_port(house.listener), path);
    if (token)
        headers[count++] = (struct rest_field){SLICE("Authorization"), slice_of(token)};
    if (if_match)
        headers[count++] = (struct rest_field){SLICE("If-Match"), slice_of(if_match)};
    assert_int_equal(rest_client_send(house.client,
                                      &(struct rest_call){.method = method,
                                                          .url = url,
                                                          .headers = headers,
                                                          .header_count = count,
                                                          .body = slice_of(body)},
                                      on_answer, NULL),
                     OK);
    loop_run(house.loop);
    return house.status;
}

/* A token of a policy, for `resource`, with `key` instead of the policy's when it is given. */
static inline const char *token_of(const char *policy, const char *resource, struct slice key,
                            uint64_t expires_ms)
{
    buffer_reset(&house.token);
    if (key.len == 0)
        key = policies_key(house.hub.policies, slice_of(policy), false);
    assert_int_equal(sas_make(slice_of(resource), key, slice_of(policy), expires_ms, &house.token),
                     OK);
    return buffer_cstr(&house.token);
}

static inline const char *good(const char *policy)
{
    return token_of(policy, "127.0.0.1", (struct slice){0}, clock_wall_ms() + 3600000);
}

static inline int call(const char *method, const char *path, const char *body)
{
    return call_with(good("iothubowner"), method, path, body, NULL);
}

static inline int call_if(const char *method, const char *path, const char *body, const char *if_match)
{
    return call_with(good("iothubowner"), method, path, body, if_match);
}

/* A text in the last answer by its path. */
static inline void member(const char *path, char out[256])
{
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&house.body), JSON_STRICT, &doc, NULL), OK);
    const struct json *v = json_root(doc);
    struct slice rest = slice_of(path), name;
    while (slice_split(&rest, '.', &name))
        v = json_get_slice(v, name);
    snprintf(out, 256, "%.*s", SLICE_FMT(json_string(v)));
    json_free(&doc);
}

static inline void message_begins(const char *want)
{
    char text[256];
    member("Message", text);
    if (strncmp(text, want, strlen(want)) != 0)
        fail_msg("'%s' does not begin with '%s'", text, want);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
