/* What the tests of queries share: a registry in a file or in memory, its devices, and a query
 * whose rows are kept. */
#pragma once

#include "query/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "registry/tables.h"
#include "json/json.h"

static struct {
    struct loop *loop;
    struct iot_limits limits;
    struct registry *registry;
    /* The last answer. */
    enum status why;
    struct buffer json, continuation, text;
    char item_type[16];
} house;

static int begin_at(const char *path)
{
    house.loop = loop_new();
    house.limits = iot_limits_azure();
    return registry_open(path, &house.limits, &(struct registry_events){0}, &house.registry);
}

static int begin(void **state)
{
    (void)state;
    return begin_at(":memory:");
}

static int finish(void **state)
{
    (void)state;
    registry_close(&house.registry);
    loop_free(&house.loop);
    buffer_clear(&house.json);
    buffer_clear(&house.continuation);
    buffer_clear(&house.text);
    return 0;
}

static void keep(struct buffer *to, struct slice s)
{
    buffer_reset(to);
    buffer_put(to, s);
    buffer_cstr(to);
}

static void on_change(void *arg, const struct registry_answer *a)
{
    (void)arg;
    house.why = a->why;
    loop_stop(house.loop);
}

static void change(const struct registry_work *what, const char *device, const char *module,
                   const char *body)
{
    registry_ask(house.registry, house.loop,
                 &(struct registry_ask){.what = what,
                                        .id = {slice_of(device), slice_of(module)},
                                        .body = slice_of(body),
                                        .if_match = what == &registry_identity_delete
                                                        ? SLICE("*")
                                                        : (struct slice){0}},
                 on_change, NULL);
    loop_run(house.loop);
    if (house.why != OK)
        fail_msg("%s %s: %s", device, body, status_name(house.why));
}

static void device(const char *id, const char *twin)
{
    change(&registry_identity_put, id, NULL, "{}");
    if (twin)
        change(&registry_twin_patch, id, NULL, twin);
}

static void on_reported(void *arg, enum status why, uint64_t version)
{
    (void)arg, (void)version;
    house.why = why;
    loop_stop(house.loop);
}

static void report(const char *id, const char *patch)
{
    registry_report(house.registry, house.loop, (struct iot_id){.device = slice_of(id)},
                    slice_of(patch), on_reported, NULL);
    loop_run(house.loop);
    assert_int_equal(house.why, OK);
}

static void on_rows(void *arg, const struct query_answer *a)
{
    (void)arg;
    house.why = a->why;
    keep(&house.json, a->json);
    keep(&house.continuation, a->continuation);
    keep(&house.text, slice_of(a->text));
    snprintf(house.item_type, sizeof(house.item_type), "%s", a->item_type ? a->item_type : "");
    loop_stop(house.loop);
}

static enum status page_of(const char *text, size_t page, const char *continuation)
{
    query_run(house.registry, house.loop,
              &(struct query_ask){slice_of(text), page, slice_of(continuation)}, on_rows, NULL);
    loop_run(house.loop);
    return house.why;
}

static const char *query(const char *text)
{
    if (page_of(text, 0, NULL) != OK)
        fail_msg("%s: %s", text, buffer_cstr(&house.text));
    return buffer_cstr(&house.json);
}

__attribute__((unused)) static const char *refused(const char *text)
{
    assert_int_equal(page_of(text, 0, NULL), BAD_ARGUMENT);
    return buffer_cstr(&house.text);
}

/* The ids of all pages, with a blank behind each. */
static const char *ids(const char *where)
{
    static struct buffer all[2];
    static int turn;
    struct buffer *out = &all[turn ^= 1];
    char text[4096], next[256] = "";
    snprintf(text, sizeof(text), "SELECT deviceId FROM devices WHERE %s", where);
    buffer_reset(out);
    do {
        struct json_doc *doc;
        if (page_of(text, 7, next) != OK)
            fail_msg("%s: %s", text, buffer_cstr(&house.text));
        assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
        for (struct json_walk w = json_walk(json_root(doc)); json_next(&w);) {
            buffer_put(out, json_string(json_get(w.value, "deviceId")));
            buffer_u8(out, ' ');
        }
        json_free(&doc);
        snprintf(next, sizeof(next), "%s", buffer_cstr(&house.continuation));
    } while (*next);
    return buffer_cstr(out);
}
