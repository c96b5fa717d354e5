/* For tests: a registry in a database in memory, asked and waited for, and what it told. */
#pragma once

#include "registry/registry.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/cmocka.h"
#include "json/json.h"

static struct {
    struct loop *loop;
    struct iot_limits limits;
    struct registry *registry;
    /* The last answer. */
    enum status why;
    enum iot_thing of;
    struct buffer json, etag, text, warning;
    uint64_t version;
    const struct heads_identity *identity;
    /* News, one a line. */
    struct buffer news;
} house;

static inline void on_identity(void *arg, struct iot_id id)
{
    (void)arg;
    buffer_text(&house.news, "identity ");
    iot_id_print(id, &house.news);
    buffer_u8(&house.news, '\n');
}

static inline void on_desired(void *arg, struct iot_id id, struct slice patch, uint64_t version)
{
    (void)arg;
    buffer_text(&house.news, "desired ");
    iot_id_print(id, &house.news);
    buffer_printf(&house.news, " %llu %.*s\n", (unsigned long long)version, SLICE_FMT(patch));
}

static inline int begin(void **state)
{
    (void)state;
    house.loop = loop_new();
    house.limits = iot_limits_azure();
    return registry_open(":memory:", &house.limits,
                         &(struct registry_events){on_identity, on_desired, NULL}, &house.registry);
}

static inline int finish(void **state)
{
    (void)state;
    registry_close(&house.registry);
    heads_identity_unref(&house.identity);
    loop_free(&house.loop);
    buffer_clear(&house.json);
    buffer_clear(&house.etag);
    buffer_clear(&house.text);
    buffer_clear(&house.warning);
    buffer_clear(&house.news);
    return 0;
}

static inline void keep(struct buffer *to, struct slice s)
{
    buffer_reset(to);
    buffer_put(to, s);
}

static inline void on_answer(void *arg, const struct registry_answer *a)
{
    (void)arg;
    house.why = a->why;
    house.of = a->of;
    keep(&house.json, a->json);
    keep(&house.etag, a->etag);
    keep(&house.text, slice_of(a->text));
    keep(&house.warning, slice_of(a->warning));
    loop_stop(house.loop);
}

static inline enum status ask(const struct registry_work *what, const char *id, const char *body,
                              const char *if_match)
{
    struct registry_ask a = {.what = what, .body = slice_of(body), .if_match = slice_of(if_match)};
    struct slice all = slice_of(id);
    a.id.device = slice_first(all, slice_find(all, '/'));
    a.id.module = slice_skip(all, a.id.device.len + 1);
    registry_ask(house.registry, house.loop, &a, on_answer, NULL);
    loop_run(house.loop);
    return house.why;
}

static inline enum status put(const char *id, const char *body)
{
    return ask(&registry_identity_put, id, body, NULL);
}

static inline enum status get(const char *id)
{
    return ask(&registry_identity_get, id, NULL, NULL);
}

/* A text of the last answer by its path, "authentication.symmetricKey.primaryKey"; "" for null. */
static inline const char *member(const char *path)
{
    static char text[2][256];
    static int turn;
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
    const struct json *v = json_root(doc);
    struct slice rest = slice_of(path), name;
    while (slice_split(&rest, '.', &name))
        v = json_get_slice(v, name);
    turn = !turn;
    if (json_is(v, JSON_NUMBER))
        snprintf(text[turn], sizeof(text[turn]), "%g", json_double(v, 0));
    else if (json_is(v, JSON_BOOL))
        snprintf(text[turn], sizeof(text[turn]), "%s", json_bool(v, false) ? "true" : "false");
    else
        snprintf(text[turn], sizeof(text[turn]), "%.*s", SLICE_FMT(json_string(v)));
    json_free(&doc);
    return text[turn];
}

static inline size_t elements(void)
{
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
    size_t n = json_count(json_root(doc));
    json_free(&doc);
    return n;
}

static inline void news_is(const char *want)
{
    assert_slice(buffer_slice(&house.news), slice_of(want));
    buffer_reset(&house.news);
}
