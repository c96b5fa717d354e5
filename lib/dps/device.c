/* The device side: who asks, and the operations that are known. */
#include <stdio.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "dps/dps_priv.h"

struct request {
    struct arena arena;
    struct dps *dps;
    struct loop *asked_on;
    struct dps_device_ask ask;
    struct slice key;     /* of the registration */
    struct slice payload; /* of the body, JSON; empty: none */
    uint64_t now_ms;
    struct dps_enrollment enrollment; /* that the credentials are good for */
    struct dps_proven proven;
    struct dps_registration registration;
    bool registered; /* there is one */
    enum status why;
    struct dps_device_answer answer;
    struct buffer json;
    dps_device_fn *fn;
    void *arg;
};

/* ---- answering ---- */

static void give(void *arg)
{
    struct request *r = arg;
    r->answer.json = buffer_slice(&r->json);
    r->fn(r->arg, &r->answer);
    buffer_clear(&r->json);
    arena_clear(&r->arena);
    free(r);
}

static void count(uint64_t *n)
{
    __atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

static unsigned seconds(uint64_t ms)
{
    return (unsigned)((ms + 999) / 1000);
}

static void answer(struct request *r, enum status why, const char *text)
{
    r->answer.why = why;
    r->answer.text = text;
    if (why == UNAUTHORIZED)
        count(&r->dps->count.refused);
    if (why == BUSY && r->answer.retry_s == 0)
        r->answer.retry_s = seconds(r->dps->retry_ms) ? seconds(r->dps->retry_ms) : 1;
    if (r->asked_on == r->dps->loop)
        give(r);
    else
        loop_post(r->asked_on, give, r);
}

static const char *text_of(enum status why)
{
    return why == NOT_FOUND ? "there is no enrollment for this registration"
           : why == BUSY    ? "too much at a time: try again"
                            : "the database could not do it";
}

/* ---- who asks, on the database's thread ---- */

static enum status try_enrollment(struct request *r, const struct dps_enrollment *e)
{
    const char *why = "";
    enum status s = dps_prove(e, &r->dps->authorities, &r->ask.credentials, r->now_ms, &r->arena,
                              &r->proven, &why);
    if (s == OK)
        r->enrollment = *e;
    else if (e->kind == DPS_INDIVIDUAL || s != UNAUTHORIZED)
        log_warn("registration refused id=%.*s enrollment=%.*s peer=%.*s reason=\"%s\"",
                 SLICE_FMT(r->ask.credentials.registration_id), SLICE_FMT(e->id),
                 SLICE_FMT(r->ask.credentials.peer), why);
    return s;
}

/* An individual enrolment decides alone; without one, the groups are tried. */
static enum status find_enrollment(struct store_table *t, struct request *r)
{
    struct dps_enrollment e;
    enum status s = dps_enrollment_load(t, DPS_INDIVIDUAL, r->key, &r->arena, &e);
    if (s != NOT_FOUND)
        return s == OK ? try_enrollment(r, &e) : s;
    bool any = false, by_key = r->ask.credentials.sas.len > 0;
    store_bind_i64(t, SQL_GROUPS_OF, 1, DPS_GROUP);
    store_bind_i64(t, SQL_GROUPS_OF, 2, by_key);
    while ((s = store_step(t, SQL_GROUPS_OF)) == OK) {
        any = true;
        if (dps_enrollment_row(t, SQL_GROUPS_OF, DPS_GROUP, &r->arena, &e) == OK &&
            try_enrollment(r, &e) == OK) {
            store_reset(t, SQL_GROUPS_OF);
            return OK;
        }
    }
    if (s != NOT_FOUND || !any)
        return s;
    log_warn("registration refused id=%.*s peer=%.*s reason=\"no enrollment group's %s\"",
             SLICE_FMT(r->ask.credentials.registration_id), SLICE_FMT(r->ask.credentials.peer),
             by_key ? "key made the token" : "authority signed the certificate");
    return UNAUTHORIZED;
}

static enum status look_up(struct store_table *t, void *arg)
{
    struct request *r = arg;
    enum status s = find_enrollment(t, r);
    if (s != OK)
        return s;
    s = dps_registration_load(t, r->key, &r->arena, &r->registration);
    r->registered = s == OK;
    return s == NOT_FOUND ? OK : s;
}

/* ---- operations ---- */

static void operation_free(struct dps_operation *o)
{
    struct dps *d = o->dps;
    list_remove(&o->link);
    map_remove(&d->operations, slice_of(o->id));
    if (map_get(&d->assigning, o->key) == o)
        map_remove(&d->assigning, o->key);
    __atomic_fetch_sub(&d->count.operations, 1, __ATOMIC_RELAXED);
    buffer_clear(&o->result);
    arena_clear(&o->arena);
    free(o);
}

static bool is_over(const struct dps_operation *o, uint64_t now_ms)
{
    return o->step == DPS_DONE && now_ms - o->done_ms >= DPS_OPERATION_KEPT_MS;
}

static void sweep(void *arg)
{
    struct dps *d = arg;
    uint64_t now_ms = loop_now_ms(d->loop);
    LIST_EACH(l, &d->operation_list)
    {
        struct dps_operation *o = LIST_OF(l, struct dps_operation, link);
        if (is_over(o, now_ms))
            operation_free(o);
    }
    if (!list_empty(&d->operation_list))
        loop_timer_start(d->loop, &d->sweep, DPS_OPERATION_KEPT_MS / 10, sweep, d);
}

void dps_operation_done(struct dps_operation *o)
{
    struct dps *d = o->dps;
    struct json_writer w = json_writer(&o->result);
    o->step = DPS_DONE;
    o->done_ms = loop_now_ms(d->loop);
    map_remove(&d->assigning, o->key);
    dps_operation_put(o, &w);
    count(o->registration.state == DPS_ASSIGNED ? &d->count.assigned : &d->count.failed);
    log_info("registration done id=%.*s status=%s hub=%.*s device=%.*s error=%d",
             SLICE_FMT(o->registration.id), dps_state_name(o->registration.state),
             SLICE_FMT(o->registration.hub), SLICE_FMT(o->registration.device_id),
             o->registration.error_code);
}

static void name_operation(struct dps_operation *o)
{
    uint8_t random[24];
    char uuid[UUID_TEXT_LEN + 1];
    struct buffer hex = {0};
    loop_random(o->dps->loop, random, sizeof random);
    hex_encode(slice_from(random + 16, 8), &hex);
    uuid_text(random, uuid);
    snprintf(o->id, sizeof o->id, "4.%.*s.%s", (int)hex.len, (const char *)hex.at, uuid);
    buffer_clear(&hex);
}

/* What the webhook is told of a certificate. */
static struct slice certificate_info(struct arena *a, struct slice chain)
{
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    if (chain.len == 0)
        return (struct slice){0};
    dps_certificate_put(chain, &w);
    struct slice copy = arena_copy(a, buffer_slice(&b));
    buffer_clear(&b);
    return copy;
}

/* The request's memory becomes the operation's: it holds the enrolment's texts. */
static struct dps_operation *operation_new(struct request *r)
{
    struct dps *d = r->dps;
    struct dps_operation *o = MEMORY_NEW(struct dps_operation);
    o->dps = d;
    o->arena = r->arena;
    r->arena = (struct arena){0};
    o->key = r->key;
    o->enrollment = r->enrollment;
    o->proven = r->proven;
    o->registration = r->registration;
    o->old_hub = r->registered ? r->registration.hub : (struct slice){0};
    o->old_device = r->registered ? r->registration.device_id : (struct slice){0};
    o->device_payload = r->payload;
    o->certificate_names = certificate_info(&o->arena, r->ask.credentials.certificate);
    o->registration.id = r->ask.credentials.registration_id;
    o->registration.group = r->enrollment.kind == DPS_GROUP ? r->enrollment.id : (struct slice){0};
    o->registration.x509 = r->enrollment.proof != DPS_SYMMETRIC_KEY;
    o->registration.state = DPS_ASSIGNING;
    o->registration.error_code = 0;
    o->registration.error_message = o->registration.payload = (struct slice){0};
    o->registration.updated_ms = r->now_ms;
    if (!r->registered)
        o->registration.created_ms = r->now_ms;
    name_operation(o);
    map_put(&d->operations, slice_of(o->id), o);
    map_put(&d->assigning, o->key, o);
    list_push(&d->operation_list, &o->link);
    count(&d->count.operations);
    if (d->sweep.node.index == 0)
        loop_timer_start(d->loop, &d->sweep, DPS_OPERATION_KEPT_MS / 10, sweep, d);
    return o;
}

static void show(struct request *r, const struct dps_operation *o)
{
    struct json_writer w = json_writer(&r->json);
    r->answer.under_way = o->step != DPS_DONE;
    if (r->answer.under_way) {
        r->answer.retry_s = seconds(r->dps->retry_ms);
        json_object(&w);
        json_name(&w, "operationId"), json_put_text(&w, o->id);
        json_name(&w, "status"), json_put_text(&w, "assigning");
        json_end_object(&w);
    } else {
        buffer_put(&r->json, buffer_slice(&o->result));
    }
    answer(r, OK, NULL);
}

static void make_room(struct dps *d)
{
    struct link *oldest = list_first(&d->operation_list);
    if (d->operations.count < DPS_OPERATIONS_MAX || oldest == NULL)
        return;
    struct dps_operation *o = LIST_OF(oldest, struct dps_operation, link);
    if (o->step == DPS_DONE)
        operation_free(o);
}

static void register_device(struct request *r)
{
    struct dps *d = r->dps;
    struct dps_operation *o = map_get(&d->assigning, r->key);
    if (o == NULL) {
        make_room(d);
        if (d->assigning.count >= DPS_ASSIGNING_MAX || d->operations.count >= DPS_OPERATIONS_MAX) {
            answer(r, BUSY, "too many registrations at a time: try again");
            return;
        }
        o = operation_new(r);
        dps_assign(o);
    }
    show(r, o);
}

static void poll_operation(struct request *r)
{
    struct dps_operation *o = map_get(&r->dps->operations, r->ask.operation_id);
    if (o == NULL || !slice_eq(o->key, r->key) || is_over(o, loop_now_ms(r->dps->loop)))
        answer(r, NOT_FOUND,
               "there is no such operation of this registration, or not any more: register again");
    else
        show(r, o);
}

static void show_registration(struct request *r)
{
    struct json_writer w = json_writer(&r->json);
    if (!r->registered) {
        answer(r, NOT_FOUND, "this registration was never assigned: register first");
        return;
    }
    dps_registration_put(&r->registration, &w);
    answer(r, OK, NULL);
}

static void sign_in(struct request *r)
{
    r->answer.expires_ms = r->proven.expires_ms;
    answer(r, OK, NULL);
}

static void (*const work[])(struct request *r) = {
    [DPS_SIGN_IN] = sign_in,
    [DPS_REGISTER] = register_device,
    [DPS_OPERATION] = poll_operation,
    [DPS_LOOK_UP] = show_registration,
};

static void on_looked_up(void *arg, enum status why)
{
    struct request *r = arg;
    if (why == UNAUTHORIZED)
        answer(r, why, "Unauthorized");
    else if (why != OK)
        answer(r, why, text_of(why));
    else
        work[r->ask.what](r);
}

/* ---- what can be judged without the database ---- */

static enum status refuse(struct request *r, enum status why, const char *text)
{
    r->answer.text = text;
    return why;
}

static enum status read_body(struct request *r)
{
    struct json_doc *doc = NULL;
    struct slice id = r->ask.credentials.registration_id;
    struct slice body = slice_trim(r->ask.body);
    if (body.len == 0 || r->ask.what != DPS_REGISTER)
        return OK;
    if (json_parse(body, JSON_STRICT, &doc, NULL) != OK)
        return refuse(r, BAD_FORMAT, "the body is no JSON");
    const struct json *root = json_root(doc);
    const struct json *given = json_get(root, "registrationId"),
                      *payload = json_get(root, "payload");
    enum status s = OK;
    if (!json_is(root, JSON_OBJECT))
        s = refuse(r, BAD_ARGUMENT, "the body must be a JSON object");
    else if (given && !slice_eq_nocase(json_string(given), id))
        s = refuse(r, BAD_ARGUMENT, "registrationId: is another than the one that asks");
    else if (json_get(root, "tpm"))
        s = refuse(r, UNSUPPORTED,
                   "tpm: attestation by TPM is not supported here: use a key or a certificate");
    if (s == OK && payload && !json_is(payload, JSON_NULL)) {
        struct buffer b = {0};
        struct json_writer w = json_writer(&b);
        json_put_value(&w, payload);
        r->payload = arena_copy(&r->arena, buffer_slice(&b));
        buffer_clear(&b);
    }
    json_free(&doc);
    return s;
}

static enum status judge(struct request *r)
{
    const struct dps_credentials *c = &r->ask.credentials;
    if (!slice_eq_nocase(c->id_scope, slice_of(r->dps->id_scope)))
        return refuse(r, NOT_FOUND, "there is no provisioning service with this ID scope here");
    if (!dps_id_ok(c->registration_id))
        return refuse(r, BAD_ARGUMENT,
                      "a registration's id is up to 128 letters, digits and - . _ : that end in a "
                      "letter, a digit or -");
    if (r->ask.body.len > DPS_BODY_MAX)
        return refuse(r, TOO_LARGE, "a request may have 96 KB");
    if (c->sas.len == 0 && c->certificate.len == 0)
        return refuse(r, UNAUTHORIZED, "Unauthorized: neither a token nor a certificate was given");
    return read_body(r);
}

/* A bucket that fills evenly; it is full at first. */
static bool take_token(struct dps *d)
{
    uint64_t now_ms = loop_now_ms(d->loop);
    double most = (double)d->requests_per_minute;
    if (d->requests_per_minute == 0)
        return true;
    d->tokens += most * (double)(now_ms - d->tokens_ms) / 60000;
    d->tokens = d->tokens < most ? d->tokens : most;
    d->tokens_ms = now_ms;
    if (d->tokens < 1)
        return false;
    d->tokens -= 1;
    return true;
}

static void begin(void *arg)
{
    struct request *r = arg;
    struct dps *d = r->dps;
    count(&d->count.requests);
    enum status s = judge(r);
    if (s != OK) {
        answer(r, s, r->answer.text);
    } else if (r->ask.what != DPS_SIGN_IN && !take_token(d)) {
        r->answer.retry_s = seconds(60000 / d->requests_per_minute + d->retry_ms);
        answer(r, BUSY, "too many requests at a time: try again");
    } else {
        dps_post(d, d->loop, look_up, on_looked_up, r);
    }
}

void dps_device(struct dps *d, struct loop *loop, const struct dps_device_ask *ask,
                dps_device_fn *fn, void *arg)
{
    struct request *r = MEMORY_NEW(struct request);
    struct dps_credentials *c = &r->ask.credentials;
    r->dps = d;
    r->asked_on = loop;
    r->ask = *ask;
    struct slice *texts[] = {&c->id_scope, &c->registration_id, &c->sas, &c->certificate, &c->peer,
                             &r->ask.body, &r->ask.operation_id};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_copy(&r->arena, *texts[i]);
    r->key = dps_id_key(&r->arena, c->registration_id);
    r->now_ms = loop_wall_ms(loop);
    r->fn = fn;
    r->arg = arg;
    loop_post(d->loop, begin, r);
}

/* ---- the end ---- */

void dps_close(struct dps **dps)
{
    struct dps *d = *dps;
    if (d == NULL)
        return;
    rest_client_free(&d->webhooks);
    for (size_t i = 0; i < d->hub_count; i++) {
        rest_client_free(&d->hubs[i].rest);
        service_client_free(&d->hubs[i].client);
    }
    store_table_close(&d->table);
    loop_timer_stop(&d->sweep);
    LIST_EACH(l, &d->operation_list)
    {
        operation_free(LIST_OF(l, struct dps_operation, link));
    }
    map_clear(&d->operations);
    map_clear(&d->assigning);
    arena_clear(&d->arena);
    free(d);
    *dps = NULL;
}
