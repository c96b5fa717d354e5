/*
 * The registry's side of its copy in the hub (mirror.h). Every change of a row marks it, by triggers of the
 * database, in the change's own transaction; `hub_twins` is what the hub is known to have. A mark goes when the hub
 * has said that it has what it was about.
 */
#include "base/log.h"
#include "json/merge.h"
#include "json/write.h"
#include "services/hub_twin.h"
#include "services/registry_priv.h"

#define BATCH_MAX 100 /* of the hub's bulk operations */

/* ---- what a twin should be, and what it is known to be ---- */

/* NOT_FOUND: neither an application nor an endpoint has the id. */
static enum status wanted(struct registry_job *j, struct slice id, struct buffer *out)
{
    struct application_row application;
    struct endpoint_row endpoint;
    enum status s = application_row_get(j->table, id, &application);
    if (s == OK)
        services_hub_twin_put_application(&application, out);
    store_reset(j->table, APPLICATION_GET);
    if (s != NOT_FOUND)
        return s;
    s = endpoint_row_get(j->table, id, &endpoint);
    if (s == OK)
        services_hub_twin_put_endpoint(&endpoint, out);
    store_reset(j->table, ENDPOINT_GET);
    return s;
}

/* NOT_FOUND: the hub does not have it, as far as we know. */
static enum status known(struct registry_job *j, struct slice id, struct buffer *out)
{
    store_bind(j->table, HUB_TWIN_GET, 1, id);
    enum status s = store_step(j->table, HUB_TWIN_GET);
    if (s == OK)
        buffer_put(out, store_column(j->table, HUB_TWIN_GET, 0));
    store_reset(j->table, HUB_TWIN_GET);
    return s;
}

static enum status know(struct registry_job *j, struct slice id, struct slice twin, uint64_t pass)
{
    store_bind(j->table, HUB_TWIN_PUT, 1, id);
    store_bind(j->table, HUB_TWIN_PUT, 2, twin);
    store_bind_i64(j->table, HUB_TWIN_PUT, 3, (int64_t)pass);
    return store_run(j->table, HUB_TWIN_PUT);
}

static enum status run_with_id(struct registry_job *j, enum services_statement statement, struct slice id)
{
    store_bind(j->table, statement, 1, id);
    return store_run(j->table, statement);
}

static enum status unmark(struct registry_job *j, int64_t sequence)
{
    store_bind_i64(j->table, HUB_MARK_DELETE, 1, sequence);
    return store_run(j->table, HUB_MARK_DELETE);
}

/* ---- what is to be written next ---- */

struct mark {
    int64_t sequence;
    struct slice id;
};

static enum status read_marks(struct registry_job *j, struct mark marks[BATCH_MAX], size_t *count)
{
    enum status s;
    store_bind_i64(j->table, HUB_MARKS, 1, BATCH_MAX);
    while ((s = store_step(j->table, HUB_MARKS)) == OK)
        marks[(*count)++] =
            (struct mark){store_column_i64(j->table, HUB_MARKS, 0),
                          arena_copy(&j->arena, store_column(j->table, HUB_MARKS, 1))};
    return s == NOT_FOUND ? OK : s;
}

static void put_item(struct json_writer *w, const struct mark *m, const char *mode, struct slice twin,
                     struct slice change)
{
    json_object(w);
    json_name(w, "sequence"), json_put_i64(w, m->sequence);
    json_member(w, "id", m->id);
    json_name(w, "mode"), json_put_text(w, mode);
    if (twin.len)
        json_name(w, "twin"), json_put_raw(w, twin);
    if (change.len)
        json_name(w, "change"), json_put_raw(w, change);
    json_end_object(w);
}

/* Empty when they are the same. */
static enum status difference(struct slice from, struct slice to, struct buffer *out)
{
    struct json_doc *a = NULL, *b = NULL;
    enum status s = json_parse(from, JSON_STRICT, &a, NULL);
    if (s == OK)
        s = json_parse(to, JSON_STRICT, &b, NULL);
    if (s == OK && !json_equal(json_root(a), json_root(b))) {
        struct json_writer w = json_writer(out);
        json_difference(json_root(a), json_root(b), &w);
    }
    json_free(&a);
    json_free(&b);
    return s;
}

static enum status put_next(struct registry_job *j, const struct mark *m, struct json_writer *w)
{
    struct buffer want = {0}, have = {0}, change = {0};
    enum status there = wanted(j, m->id, &want), here = known(j, m->id, &have), s = OK;
    if (there == NOT_FOUND) {
        put_item(w, m, "delete", (struct slice){0}, (struct slice){0});
    } else if (there != OK) {
        s = there;
    } else if (here == NOT_FOUND) {
        put_item(w, m, "create", buffer_slice(&want), buffer_slice(&want));
    } else {
        s = here == OK ? difference(buffer_slice(&have), buffer_slice(&want), &change) : here;
        if (s == OK && change.len)
            put_item(w, m, "updateTwin", buffer_slice(&want), buffer_slice(&change));
        else if (s == OK)
            s = unmark(j, m->sequence);
    }
    buffer_clear(&want);
    buffer_clear(&have);
    buffer_clear(&change);
    return s;
}

static enum status put_waiting(struct registry_job *j, struct json_writer *w)
{
    enum status s = store_step(j->table, HUB_MARK_COUNT);
    if (s == OK)
        json_name(w, "waiting"), json_put_i64(w, store_column_i64(j->table, HUB_MARK_COUNT, 0));
    store_reset(j->table, HUB_MARK_COUNT);
    return s;
}

enum status registry_mirror_next(struct registry_job *j)
{
    struct mark *marks = ARENA_TAKE_N(&j->arena, struct mark, BATCH_MAX);
    size_t count = 0;
    enum status s = read_marks(j, marks, &count);
    struct json_writer w = json_writer(&j->out);
    json_object(&w);
    json_name(&w, "items"), json_array(&w);
    for (size_t i = 0; i < count && s == OK; i++)
        s = put_next(j, &marks[i], &w);
    json_end_array(&w);
    if (s == OK)
        s = put_waiting(j, &w);
    json_end_object(&w);
    return s;
}

/* ---- what became of it ---- */

static bool is(struct slice text, const char *word)
{
    return slice_eq(text, slice_of(word));
}

/* It is not about the entry: the hub could not do it now. */
static bool will_pass(struct slice code)
{
    static const char *const codes[] = {"ServerError", "GenericServerError", "ThrottlingException", "ServiceUnavailable",
                                        "GatewayTimeout", "BadGateway"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (is(code, codes[i]))
            return true;
    return false;
}

/* What the hub has by now: a refusal tells that, too. One that can never be obeyed is told and left, until the row
 * changes again. */
static enum status note(struct registry_job *j, const struct json *item, const struct json *error)
{
    struct slice id = json_string(json_get(item, "id")), mode = json_string(json_get(item, "mode"));
    struct slice code = json_string(json_get(error, "errorCode"));
    int64_t sequence = 0;
    if (!json_i64(json_get(item, "sequence"), &sequence))
        return BAD_FORMAT;
    if (will_pass(code))
        return BUSY; /* all of the batch again, later: what is done already is told as such */
    if (is(code, "DeviceAlreadyExists"))
        return know(j, id, SLICE("{}"), j->now_ms); /* written over the next time */
    if (is(code, "DeviceNotFound") && !is(mode, "delete"))
        return run_with_id(j, HUB_TWIN_DELETE, id); /* made anew the next time */
    enum status s;
    if (code.len && !is(mode, "delete")) {
        log_error("the hub does not take a registry entry id=%.*s mode=%.*s why=%.*s detail=\"%.*s\"", SLICE_FMT(id),
                  SLICE_FMT(mode), SLICE_FMT(code), SLICE_FMT(json_string(json_get(error, "errorStatus"))));
    } else if (is(mode, "delete")) {
        s = run_with_id(j, HUB_TWIN_DELETE, id);
        if (s != OK)
            return s;
    } else {
        struct buffer twin = {0};
        struct json_writer w = json_writer(&twin);
        json_put_value(&w, json_get(item, "twin"));
        s = know(j, id, buffer_slice(&twin), j->now_ms);
        buffer_clear(&twin);
        if (s != OK)
            return s;
    }
    return unmark(j, sequence);
}

static const struct json *error_of(const struct json *errors, struct slice id)
{
    for (struct json_walk w = json_walk(errors); json_next(&w);)
        if (slice_eq(json_string(json_get(w.value, "deviceId")), id))
            return w.value;
    return NULL;
}

enum status registry_mirror_written(struct registry_job *j)
{
    const struct json *errors = json_get(j->body, "errors");
    enum status s = OK;
    for (struct json_walk w = json_walk(json_get(j->body, "items")); s == OK && json_next(&w);)
        s = note(j, w.value, error_of(errors, json_string(json_get(w.value, "id"))));
    return s;
}

/* ---- what is in the hub already ---- */

static enum status is_marked(struct registry_job *j, struct slice id)
{
    store_bind(j->table, HUB_MARK_GET, 1, id);
    enum status s = store_step(j->table, HUB_MARK_GET);
    store_reset(j->table, HUB_MARK_GET);
    return s;
}

/* The hub has what we lost, or never had: it is taken over. */
static enum status adopt(struct registry_job *j, const struct json *twin)
{
    struct application_row application;
    struct endpoint_row endpoint;
    if (services_hub_twin_read_application(twin, &j->arena, &application))
        return application_row_put(j->table, &application);
    if (services_hub_twin_read_endpoint(twin, &j->arena, &endpoint))
        return endpoint_row_put(j->table, &endpoint);
    return OK;
}

static enum status learn(struct registry_job *j, const struct json *twin)
{
    struct slice id = json_string(json_get(twin, "deviceId"));
    struct buffer own = {0}, want = {0}, change = {0};
    if (!services_hub_twin_own(twin, &own))
        return OK;
    enum status s = know(j, id, buffer_slice(&own), j->ask.pass);
    if (s == OK)
        s = wanted(j, id, &want);
    if (s == OK) {
        s = difference(buffer_slice(&own), buffer_slice(&want), &change);
        if (s == OK && change.len)
            s = run_with_id(j, HUB_MARK_PUT, id);
    } else if (s == NOT_FOUND) {
        s = is_marked(j, id); /* deleted here, and not there yet */
        if (s == NOT_FOUND)
            s = adopt(j, twin);
    }
    buffer_clear(&own);
    buffer_clear(&want);
    buffer_clear(&change);
    return s;
}

enum status registry_mirror_learn(struct registry_job *j)
{
    enum status s = OK;
    for (struct json_walk w = json_walk(j->body); s == OK && json_next(&w);)
        s = learn(j, w.value);
    return s;
}

/* What was not seen in this pass is not in the hub any more, or never was. */
enum status registry_mirror_sweep(struct registry_job *j)
{
    static const enum services_statement steps[] = {HUB_MARK_UNSEEN, HUB_TWIN_UNSEEN, HUB_MARK_UNKNOWN};
    enum status s = OK;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && s == OK; i++) {
        if (steps[i] != HUB_MARK_UNKNOWN)
            store_bind_i64(j->table, steps[i], 1, (int64_t)j->ask.pass);
        s = store_run(j->table, steps[i]);
    }
    return s;
}
