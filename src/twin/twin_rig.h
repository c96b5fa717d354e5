/* A twin in a module, called as the hub would, and a real server in this process; for tests. */
#pragma once

#include "twin/twin.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "client/device_double.h"
#include "opcua/server.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define SPACE "http://test.org/Data/"
#define RIG_PAGE 10 /* values of the history in one answer of the server */

struct world {
    struct loop *loop;
    struct opcua_server *server;
    struct opcua_thread *thread;
    struct module *module;
    struct twin *twin;
    struct json_doc *answer;
    char url[128];
    int written;
};

static struct world world;
static void (*rig_more)(struct opcua_server *s); /* what a test adds to the server */

/* What a test sets before setup(). */
static uint32_t rig_references;                   /* of a node in one answer; 0: no bound */
static const struct module_role_ops *rig_methods; /* the test's own, beside the twin's; or NULL */
static const struct module_witness *rig_witness;  /* who looks on; or NULL */

static inline UA_StatusCode twice(void *arg, const UA_Variant *input, UA_Variant *output)
{
    (void)arg;
    UA_Int32 n = *(UA_Int32 *)input->data * 2;
    return UA_Variant_setScalarCopy(output, &n, &UA_TYPES[UA_TYPES_INT32]);
}

static inline UA_StatusCode refuse(void *arg, const UA_Variant *input, UA_Variant *output)
{
    (void)arg, (void)input, (void)output;
    return UA_STATUSCODE_BADINVALIDSTATE;
}

static inline void add(uint16_t space, const char *name, const void *value, size_t type,
                       bool writable)
{
    opcua_server_add_variable(world.server, (struct opcua_place){space, "Data"},
                              (struct opcua_place){space, name}, name, value, &UA_TYPES[type],
                              writable);
}

static inline void build(struct opcua_server *s)
{
    uint16_t space = opcua_server_namespace(s, SPACE);
    struct opcua_place data = {space, "Data"};
    UA_Int32 number = 42;
    UA_Double real = 1.5;
    UA_Boolean yes = true;
    UA_String text = UA_STRING("hello");
    UA_Int64 large = 1234567890123;
    UA_Range range = {0, 100};
    opcua_server_add_folder(s, (struct opcua_place){0}, data, "Data");
    add(space, "Number", &number, UA_TYPES_INT32, true);
    add(space, "Real", &real, UA_TYPES_DOUBLE, true);
    add(space, "Yes", &yes, UA_TYPES_BOOLEAN, true);
    add(space, "Text", &text, UA_TYPES_STRING, true);
    add(space, "Large", &large, UA_TYPES_INT64, false);
    add(space, "Range", &range, UA_TYPES_RANGE, true);
    opcua_server_add_method(s, data, (struct opcua_place){space, "Twice"}, "Twice",
                            &UA_TYPES[UA_TYPES_INT32], &UA_TYPES[UA_TYPES_INT32], twice, NULL);
    add(space, "Kept", &number, UA_TYPES_INT32, true);
    opcua_server_keep_history(s, (struct opcua_place){space, "Kept"}, RIG_PAGE);
    opcua_server_add_method(s, data, (struct opcua_place){space, "Refuse"}, "Refuse", NULL, NULL,
                            refuse, NULL);
}

static inline void many(struct opcua_server *s)
{
    uint16_t space = opcua_server_namespace(s, SPACE);
    struct opcua_place folder = {space, "Many"};
    opcua_server_add_folder(s, (struct opcua_place){0}, folder, "Many");
    for (int i = 0; i < 250; i++) {
        char name[16];
        UA_UInt32 n = (UA_UInt32)i;
        snprintf(name, sizeof(name), "N%03d", i);
        opcua_server_add_variable(s, folder, (struct opcua_place){space, name}, name, &n,
                                  &UA_TYPES[UA_TYPES_UINT32], false);
    }
}

static inline int setup(void **state)
{
    (void)state;
    struct opcua_server_config config = {
        .host = "127.0.0.1",
        .user = "me",
        .password = "secret",
        .plain_password = true,
        .references_per_node = rig_references};
    assert_int_equal(opcua_server_open(&config, &world.server), OK);
    build(world.server);
    many(world.server);
    if (rig_more)
        rig_more(world.server);
    assert_int_equal(opcua_server_start(world.server), OK);
    snprintf(world.url, sizeof(world.url), "%s", opcua_server_url(world.server));

    world.loop = loop_new();
    world.thread = opcua_thread_new(&(struct opcua_thread_config){.name = "twin-test"});
    struct module_config module = {
        .device = {.loop = world.loop, .device_id = "edge", .module_id = "twin"}};
    world.module = module_new(&module);
    world.twin = twin_start(world.module, world.thread);
    if (rig_methods)
        module_add(world.module, rig_methods, world.twin);
    if (rig_witness)
        module_watch(world.module, rig_witness);
    module_start(world.module);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    json_free(&world.answer);
    twin_stop(world.twin);
    module_free(&world.module);
    opcua_thread_free(&world.thread);
    twin_free(&world.twin);
    loop_free(&world.loop);
    opcua_server_close(&world.server);
    device_double_reset();
    return 0;
}

static inline bool is_answered(void *arg)
{
    (void)arg;
    return device_double.status != 0;
}

/* Calls with any payload, waits, and gives the answer, which lives until the next call. */
static inline const struct json *call_raw(const char *method, const char *payload, int want)
{
    device_double_method(1, method, payload);
    assert_true(loop_run_until(world.loop, is_answered, NULL, WAIT_MS));
    if (device_double.status != want)
        fail_msg("%s: %d %s", method, device_double.status, buffer_cstr(&device_double.reply));
    json_free(&world.answer);
    assert_int_equal(
        json_parse(buffer_slice(&device_double.reply), JSON_STRICT, &world.answer, NULL), OK);
    return json_root(world.answer);
}

static inline const struct json *call(const char *method, const char *request)
{
    struct buffer payload = {0};
    buffer_printf(&payload,
                  "{\"endpoint\":{\"url\":\"%s\",\"securityMode\":\"None\"},\"request\":%s}",
                  world.url, request);
    const struct json *answer = call_raw(method, buffer_cstr(&payload), 200);
    buffer_clear(&payload);
    return answer;
}

static inline void expect(const struct json *object, const char *member, const char *want)
{
    struct slice got = json_string(json_get(object, member));
    if (!slice_eq(got, slice_of(want)))
        fail_msg("%s: '%.*s', not '%s' in %s", member, SLICE_FMT(got), want,
                 buffer_cstr(&device_double.reply));
}

static inline void expect_error(const struct json *answer, UA_StatusCode code)
{
    uint64_t got = 0;
    json_u64(json_get(json_get(answer, "errorInfo"), "statusCode"), &got);
    if (got != code)
        fail_msg("no %s in %s", UA_StatusCode_name(code), buffer_cstr(&device_double.reply));
}

static inline const struct json *find_target(const struct json *references, const char *name)
{
    struct json_walk walk = json_walk(references);
    while (json_next(&walk)) {
        const struct json *target = json_get(walk.value, "target");
        if (slice_eq(json_string(json_get(target, "displayName")), slice_of(name)))
            return target;
    }
    fail_msg("no target %s in %s", name, buffer_cstr(&device_double.reply));
    return NULL;
}
