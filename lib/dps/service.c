/* The service side: enrolments and registrations, on the database's thread. */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "dps/dps_priv.h"
#include "dps/query.h"
#include "iot/status_wire.h"

struct job {
    struct arena arena;
    struct dps *dps;
    struct dps_service_ask ask;
    struct slice key;
    uint64_t now_ms;
    struct buffer json;
    struct slice etag, continuation;
    const char *text;
    dps_service_fn *fn;
    void *arg;
};

static enum status refuse(struct job *j, enum status why, const char *text)
{
    j->text = text;
    return why;
}

static enum status not_there(struct job *j)
{
    return refuse(j, NOT_FOUND,
                  j->ask.what >= DPS_REGISTRATION_GET ? "there is no such registration"
                  : j->ask.kind == DPS_GROUP          ? "there is no such enrollment group"
                                                      : "there is no such enrollment");
}

static struct slice new_etag(struct job *j)
{
    char etag[DPS_ETAG_LEN + 1];
    dps_etag_new(etag);
    return arena_copy(&j->arena, slice_of(etag));
}

static enum status parse_body(struct job *j, struct json_doc **doc)
{
    struct json_error error;
    enum status s = json_parse(j->ask.body, JSON_STRICT, doc, &error);
    if (s != OK)
        j->text = arena_printf(&j->arena, "the body is no JSON: %s at line %u, column %u",
                               error.what, error.line, error.column);
    return s;
}

/* ---- enrolments ---- */

static enum status load(struct store_table *t, struct job *j, struct dps_enrollment *e)
{
    enum status s = dps_enrollment_load(t, j->ask.kind, j->key, &j->arena, e);
    return s == NOT_FOUND ? not_there(j) : s;
}

/* With the state of the one registration that an individual enrolment can have. */
static void print(struct store_table *t, struct job *j, const struct dps_enrollment *e,
                  struct json_writer *w)
{
    struct dps_registration r;
    json_object(w);
    dps_enrollment_put(e, false, w);
    if (e->kind == DPS_INDIVIDUAL &&
        dps_registration_load(t, dps_id_key(&j->arena, e->id), &j->arena, &r) == OK) {
        json_name(w, "registrationState");
        dps_registration_put(&r, w);
    }
    json_end_object(w);
}

static enum status answer_with(struct store_table *t, struct job *j, const struct dps_enrollment *e)
{
    struct json_writer w = json_writer(&j->json);
    print(t, j, e, &w);
    j->etag = e->etag;
    return OK;
}

static enum status enrollment_get(struct store_table *t, struct job *j)
{
    struct dps_enrollment e;
    enum status s = load(t, j, &e);
    return s == OK ? answer_with(t, j, &e) : s;
}

static enum status enrollment_mechanism(struct store_table *t, struct job *j)
{
    struct dps_enrollment e;
    enum status s = load(t, j, &e);
    if (s != OK)
        return s;
    struct json_writer w = json_writer(&j->json);
    dps_enrollment_put_mechanism(&e, true, &w);
    return OK;
}

/* What of enrolments and etags must be so before one is written. */
static enum status may_write(struct job *j, enum status found, const struct dps_enrollment *before)
{
    if (found == OK && j->ask.if_match.len == 0)
        return refuse(j, EXISTS,
                      "there is one already; who wants to change it sends its etag, or *, as "
                      "If-Match");
    if (found == NOT_FOUND && j->ask.if_match.len)
        return not_there(j);
    if (found == OK && !dps_etag_matches(j->ask.if_match, before->etag))
        return refuse(j, CONFLICT, "it was changed meanwhile: its etag is another one");
    return found == NOT_FOUND ? OK : found;
}

static enum status check_count(struct store_table *t, struct job *j, const struct dps_enrollment *e)
{
    if (e->kind != DPS_GROUP)
        return OK;
    store_bind_i64(t, SQL_GROUPS_COUNT, 1, DPS_GROUP);
    store_bind_i64(t, SQL_GROUPS_COUNT, 2, e->proof == DPS_SYMMETRIC_KEY);
    enum status s = store_step(t, SQL_GROUPS_COUNT);
    int64_t count = s == OK ? store_column_i64(t, SQL_GROUPS_COUNT, 0) : 0;
    if (s == OK)
        store_reset(t, SQL_GROUPS_COUNT);
    if (s == OK && count >= DPS_GROUPS_MAX)
        return refuse(j, FULL, "there are 100 enrollment groups of this kind, more cannot be");
    return s;
}

static enum status write_one(struct store_table *t, struct job *j, const struct json *document,
                             struct dps_enrollment *out)
{
    struct dps_enrollment before, e;
    enum status found = dps_enrollment_load(t, j->ask.kind, j->key, &j->arena, &before);
    enum status s = may_write(j, found, &before);
    if (s == OK)
        s = dps_enrollment_read(j->ask.kind, document, found == OK ? &before : NULL, &j->arena, &e,
                                &j->text);
    if (s == OK && !slice_eq(dps_id_key(&j->arena, e.id), j->key))
        s = refuse(j, BAD_ARGUMENT, "the id in the body is another than the one in the address");
    if (s == OK)
        s = dps_enrollment_check_hubs(&e, j->dps->hub_names, j->dps->hub_count, &j->arena,
                                      &j->text);
    if (s == OK && found == NOT_FOUND)
        s = check_count(t, j, &e);
    if (s != OK)
        return s;
    e.etag = new_etag(j);
    e.created_ms = found == OK ? before.created_ms : j->now_ms;
    e.updated_ms = j->now_ms;
    s = dps_enrollment_store(t, j->key, &e, &j->arena);
    if (s == OK)
        *out = e;
    return s;
}

static enum status enrollment_put(struct store_table *t, struct job *j)
{
    struct json_doc *doc = NULL;
    struct dps_enrollment e;
    enum status s = parse_body(j, &doc);
    if (s == OK)
        s = write_one(t, j, json_root(doc), &e);
    if (s == OK)
        s = answer_with(t, j, &e); /* its texts may be the document's */
    j->etag = arena_copy(&j->arena, j->etag);
    json_free(&doc);
    return s;
}

static enum status delete_registration(struct store_table *t, size_t statement, struct slice key)
{
    store_bind(t, statement, 1, key);
    return store_run(t, statement);
}

static enum status enrollment_delete(struct store_table *t, struct job *j)
{
    struct dps_enrollment e;
    enum status s = load(t, j, &e);
    if (s == OK && j->ask.if_match.len && !dps_etag_matches(j->ask.if_match, e.etag))
        s = refuse(j, CONFLICT, "it was changed meanwhile: its etag is another one");
    if (s != OK)
        return s;
    store_bind_i64(t, SQL_ENROLLMENT_DELETE, 1, j->ask.kind);
    store_bind(t, SQL_ENROLLMENT_DELETE, 2, j->key);
    s = store_run(t, SQL_ENROLLMENT_DELETE);
    if (s != OK)
        return s;
    return delete_registration(
        t, j->ask.kind == DPS_GROUP ? SQL_REGISTRATIONS_OF_GROUP_DELETE : SQL_REGISTRATION_DELETE,
        j->key);
}

/* ---- many at a time ---- */

static enum status bulk_one(struct store_table *t, struct job *j, struct slice mode,
                            const struct json *document)
{
    struct dps_enrollment e;
    j->text = NULL;
    j->key = dps_id_key(&j->arena, json_string(json_get(document, "registrationId")));
    if (slice_eq_nocase(mode, SLICE("create")))
        j->ask.if_match = (struct slice){0};
    else if (slice_eq_nocase(mode, SLICE("updateIfMatchEtag")))
        j->ask.if_match = json_string(json_get(document, "etag"));
    else
        j->ask.if_match = SLICE("*");
    if (slice_eq_nocase(mode, SLICE("delete")))
        return enrollment_delete(t, j);
    if (!slice_eq_nocase(mode, SLICE("create"))) {
        enum status s = load(t, j, &e); /* an update makes none */
        if (s != OK)
            return s;
        if (j->ask.if_match.len == 0)
            return refuse(j, CONFLICT, "the enrollment has no etag");
    }
    return write_one(t, j, document, &e);
}

static bool mode_ok(struct slice mode)
{
    static const char *const modes[] = {"create", "update", "updateIfMatchEtag", "delete"};
    for (size_t i = 0; i < 4; i++)
        if (slice_eq_nocase(mode, slice_of(modes[i])))
            return true;
    return false;
}

static void put_bulk_error(struct json_writer *w, const struct json *document, enum status s,
                           const char *text)
{
    const struct iot_status_wire *wire = iot_status_wire_provisioning(s);
    json_object(w);
    json_name(w, "registrationId");
    json_put_string(w, json_string(json_get(document, "registrationId")));
    json_name(w, "errorCode"), json_put_i64(w, wire->code);
    json_name(w, "errorStatus"), json_put_text(w, text ? text : wire->name);
    json_end_object(w);
}

static enum status bulk(struct store_table *t, struct job *j, const struct json *body)
{
    const struct json *list = json_get(body, "enrollments");
    struct slice mode = json_string(json_get(body, "mode"));
    if (!mode_ok(mode))
        return refuse(j, BAD_ARGUMENT, "mode: must be create, update, updateIfMatchEtag or delete");
    if (!json_is(list, JSON_ARRAY) || json_count(list) == 0 || json_count(list) > DPS_BULK_MAX)
        return refuse(j, BAD_ARGUMENT, "enrollments: must be an array of 1 to 100");
    struct buffer errors = {0};
    struct json_writer w = json_writer(&errors);
    bool all = true;
    json_array(&w);
    for (struct json_walk walk = json_walk(list); json_next(&walk);) {
        enum status s = bulk_one(t, j, mode, walk.value);
        if (s != OK)
            put_bulk_error(&w, walk.value, s, j->text);
        all = all && s == OK;
    }
    json_end_array(&w);
    struct json_writer out = json_writer(&j->json);
    json_object(&out);
    json_name(&out, "isSuccessful"), json_put_bool(&out, all);
    json_name(&out, "errors"), json_put_raw(&out, buffer_slice(&errors));
    json_end_object(&out);
    buffer_clear(&errors);
    return OK; /* what went well stays */
}

static enum status enrollment_bulk(struct store_table *t, struct job *j)
{
    struct json_doc *doc = NULL;
    enum status s = parse_body(j, &doc);
    if (s == OK)
        s = bulk(t, j, json_root(doc));
    json_free(&doc);
    return s;
}

/* ---- queries ---- */

/* What a query is for: the statement with its first parameter bound, and how a row is printed. */
struct source {
    const char *name;
    size_t statement;
    int key_column;
    enum status (*print)(struct store_table *t, struct job *j, struct json_writer *w);
};

static enum status print_enrollment(struct store_table *t, struct job *j, struct json_writer *w)
{
    struct dps_enrollment e;
    enum status s = dps_enrollment_row(t, SQL_ENROLLMENTS_LIST, j->ask.kind, &j->arena, &e);
    if (s == OK)
        print(t, j, &e, w);
    return s;
}

static enum status print_registration(struct store_table *t, struct job *j, struct json_writer *w)
{
    struct dps_registration r;
    dps_registration_row(t, SQL_REGISTRATIONS_LIST, &j->arena, &r);
    dps_registration_put(&r, w);
    return OK;
}

/* The page's rows; *last is the key of the last row that was looked at, and empty at the end. */
static enum status walk(struct store_table *t, struct job *j, const struct source *from,
                        const struct dps_query *q, struct json_writer *w, struct slice *last)
{
    uint64_t left = j->ask.page;
    struct buffer row = {0};
    enum status s;
    while ((s = store_step(t, from->statement)) == OK) {
        if (left == 0) { /* one more is there */
            store_reset(t, from->statement);
            break;
        }
        struct json_writer one = json_writer(&row);
        buffer_reset(&row);
        *last = arena_copy(&j->arena, store_column(t, from->statement, from->key_column));
        s = from->print(t, j, &one);
        if (s != OK) {
            store_reset(t, from->statement);
            break;
        }
        if (dps_query_takes(q, buffer_slice(&row), &j->arena)) {
            json_put_raw(w, buffer_slice(&row));
            left--;
        }
    }
    buffer_clear(&row);
    if (s == NOT_FOUND)
        *last = (struct slice){0};
    return s == NOT_FOUND ? OK : s;
}

static enum status read_query(struct job *j, const char *source, struct json_doc **doc,
                              struct dps_query *q)
{
    enum status s = parse_body(j, doc);
    if (s != OK)
        return s;
    struct slice text = json_string(json_get(json_root(*doc), "query"));
    if (text.len == 0)
        return refuse(j, BAD_ARGUMENT, "the body must have a member 'query' with a text");
    return dps_query_parse(text, source, &j->arena, q, &j->text);
}

static enum status query(struct store_table *t, struct job *j, const struct source *from)
{
    struct json_doc *doc = NULL;
    struct dps_query q;
    struct slice last = {0};
    struct buffer after = {0};
    enum status s = read_query(j, from->name, &doc, &q);
    if (s == OK && base64_decode(j->ask.continuation, &after) != OK)
        s = refuse(j, BAD_ARGUMENT, "the continuation is none that was given here");
    if (s == OK) {
        struct json_writer w = json_writer(&j->json);
        json_array(&w);
        store_bind(t, from->statement, 2, buffer_slice(&after));
        store_bind_i64(t, from->statement, 3, INT64_MAX);
        s = walk(t, j, from, &q, &w, &last);
        json_end_array(&w);
    }
    if (s == OK && last.len) {
        buffer_reset(&after);
        struct buffer token = {0};
        base64_encode(last, &token);
        j->continuation = arena_copy(&j->arena, buffer_slice(&token));
        buffer_clear(&token);
    }
    buffer_clear(&after);
    json_free(&doc);
    return s;
}

static enum status enrollment_query(struct store_table *t, struct job *j)
{
    struct source from = {j->ask.kind == DPS_GROUP ? "enrollmentGroups" : "enrollments",
                          SQL_ENROLLMENTS_LIST, 4, print_enrollment};
    store_bind_i64(t, SQL_ENROLLMENTS_LIST, 1, j->ask.kind);
    return query(t, j, &from);
}

static enum status registration_query(struct store_table *t, struct job *j)
{
    struct source from = {"registrations", SQL_REGISTRATIONS_LIST, 13, print_registration};
    struct dps_enrollment group;
    j->ask.kind = DPS_GROUP;
    enum status s = dps_enrollment_load(t, DPS_GROUP, j->key, &j->arena, &group);
    if (s == NOT_FOUND)
        return refuse(j, s, "there is no such enrollment group");
    if (s != OK)
        return s;
    store_bind(t, SQL_REGISTRATIONS_LIST, 1, j->key);
    return query(t, j, &from);
}

/* ---- registrations ---- */

static enum status registration_get(struct store_table *t, struct job *j)
{
    struct dps_registration r;
    enum status s = dps_registration_load(t, j->key, &j->arena, &r);
    if (s != OK)
        return s == NOT_FOUND ? not_there(j) : s;
    struct json_writer w = json_writer(&j->json);
    dps_registration_put(&r, &w);
    j->etag = r.etag;
    return OK;
}

static enum status registration_delete(struct store_table *t, struct job *j)
{
    struct dps_registration r;
    enum status s = dps_registration_load(t, j->key, &j->arena, &r);
    if (s != OK)
        return s == NOT_FOUND ? not_there(j) : s;
    if (j->ask.if_match.len && !dps_etag_matches(j->ask.if_match, r.etag))
        return refuse(j, CONFLICT, "it was changed meanwhile: its etag is another one");
    return delete_registration(t, SQL_REGISTRATION_DELETE, j->key);
}

/* ---- asking ---- */

static enum status (*const work[])(struct store_table *t, struct job *j) = {
    [DPS_ENROLLMENT_GET] = enrollment_get,
    [DPS_ENROLLMENT_PUT] = enrollment_put,
    [DPS_ENROLLMENT_DELETE] = enrollment_delete,
    [DPS_ENROLLMENT_MECHANISM] = enrollment_mechanism,
    [DPS_ENROLLMENT_BULK] = enrollment_bulk,
    [DPS_ENROLLMENT_QUERY] = enrollment_query,
    [DPS_REGISTRATION_GET] = registration_get,
    [DPS_REGISTRATION_DELETE] = registration_delete,
    [DPS_REGISTRATION_QUERY] = registration_query,
};

static enum status run(struct store_table *t, void *arg)
{
    struct job *j = arg;
    return work[j->ask.what](t, j);
}

static void end(void *arg, enum status why)
{
    struct job *j = arg;
    if (why != OK && j->text == NULL)
        j->text = why == BUSY ? "too much at a time: try again" : "the database could not do it";
    j->fn(j->arg, &(struct dps_service_answer){.why = why,
                                               .text = j->text,
                                               .json = buffer_slice(&j->json),
                                               .etag = j->etag,
                                               .continuation = j->continuation});
    buffer_clear(&j->json);
    arena_clear(&j->arena);
    free(j);
}

void dps_service(struct dps *d, struct loop *loop, const struct dps_service_ask *ask,
                 dps_service_fn *fn, void *arg)
{
    struct job *j = MEMORY_NEW(struct job);
    j->dps = d;
    j->ask = *ask;
    j->ask.body = arena_copy(&j->arena, ask->body);
    j->ask.if_match = arena_copy(&j->arena, slice_trim(ask->if_match));
    j->ask.continuation = arena_copy(&j->arena, ask->continuation);
    if (ask->page == 0 || ask->page > DPS_PAGE_MAX)
        j->ask.page = DPS_PAGE_MAX;
    j->key = dps_id_key(&j->arena, ask->id);
    j->now_ms = loop_wall_ms(loop);
    j->fn = fn;
    j->arg = arg;
    dps_post(d, loop, run, end, j);
}
