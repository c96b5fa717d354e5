/*
 * Methods of a module that are called: over its connection, in pieces, or from within; each with a
 * deadline, and answered once.
 */
#include "client/module_priv.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "json/write.h"
#include "rest/problem.h"

#define FROM_HUB "hub"

/* A name on the wire, in lower case. */
struct entry {
    char name[MODULE_NAME_MAX];
    const struct module_method *method;
    struct module_role *role;
};

struct module_call {
    struct link link;
    struct module *module;
    struct module_role *role;
    const struct module_method *method;
    struct json_doc *doc;
    struct loop_timer deadline;
    uint64_t ends_ms;
    uint64_t rid; /* of a call that came over the connection */
    const char *who;
    char id[MODULE_CALL_ID_MAX];
    char name[MODULE_NAME_MAX];
    void (*ended)(void *arg);
    void *arg;
    module_answer_fn *answer; /* of one from within; NULL */
    void *answer_arg;
    module_piece_fn *piece; /* who called takes pieces, too */
    void (*piece_taken)(void *arg);
    void *piece_arg;
    uint32_t timeout_ms;
    int status;
    struct buffer body; /* what it is answered with */
    struct module_change change;
};

/* ---- the table ---- */

static void lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text += 32;
}

static void add_name(struct module_role *r, const struct module_method *method, const char *suffix)
{
    struct entry *e = MEMORY_NEW(struct entry);
    int len = snprintf(e->name, sizeof(e->name), "%s%s", method->name, suffix);
    assert(len > 0 && (size_t)len < sizeof(e->name));
    lower(e->name);
    e->method = method;
    e->role = r;
    void *before = map_put(&r->module->methods, slice_of(e->name), e);
    assert(before == NULL);
    (void)before;
    (void)len;
}

void module_calls_add(struct module_role *r, const struct module_method *method)
{
    if (method->versions & MODULE_V1)
        add_name(r, method, "_V1");
    if (method->versions & MODULE_V2)
        add_name(r, method, "_V2");
    if (method->versions & MODULE_PLAIN)
        add_name(r, method, "");
}

static const struct entry *find_method(const struct module *m, struct slice name)
{
    char text[MODULE_NAME_MAX];
    if (name.len >= sizeof(text))
        return NULL;
    memcpy(text, name.at, name.len);
    text[name.len] = 0;
    lower(text);
    return map_get(&m->methods, slice_from(text, name.len));
}

/* ---- answers ---- */

/* The table of the published contract: what a module says for which kind of failure. */
int module_status(enum status why)
{
    static const int wires[STATUS_COUNT] = {
        [OK] = 200,          [AGAIN] = 429,        [BAD_FORMAT] = 400, [BAD_ARGUMENT] = 400,
        [TOO_LARGE] = 413,   [UNAUTHORIZED] = 401, [FORBIDDEN] = 403,  [NOT_FOUND] = 404,
        [EXISTS] = 409,      [CONFLICT] = 412,     [OFFLINE] = 502,    [TIMED_OUT] = 408,
        [FULL] = 429,        [BUSY] = 429,         [CANCELLED] = 410,  [UNSUPPORTED] = 501,
        [PEER_FAILED] = 502, [CLOSED] = 502,       [IO_FAILED] = 502,
    };
    int status = (unsigned)why < STATUS_COUNT ? wires[why] : 0;
    return status ? status : 500;
}

/* Why a call is refused before its handler sees it. */
struct refusal {
    int status;
    const char *title, *detail;
    char member[REST_MODEL_WHY_MAX]; /* of the payload that is wrong, and why: instead of `detail`; or empty */
};

static void problem(const struct refusal *why, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "type"), json_put_text(&w, "about:blank");
    json_name(&w, "title"), json_put_text(&w, why->title);
    json_name(&w, "status"), json_put_i64(&w, why->status);
    if (why->detail || why->member[0])
        json_name(&w, "detail"), json_put_text(&w, why->detail ? why->detail : why->member);
    rest_problem_put_errors(&w, slice_of(why->member));
    json_end_object(&w);
}

static void reply_problem(struct module *m, uint64_t rid, const struct refusal *why)
{
    struct buffer out = {0};
    problem(why, &out);
    device_client_method_reply(m->client, rid, why->status, buffer_slice(&out));
    buffer_clear(&out);
}

static void call_free(struct module_call *c)
{
    list_remove(&c->link);
    loop_timer_stop(&c->deadline);
    json_free(&c->doc);
    buffer_clear(&c->body);
    free(c);
}

static void end(struct module_call *c)
{
    c->module->call_count--;
    call_free(c);
}

/* ---- answers to calls from within: always on a later turn ---- */

static void give_answer(void *arg)
{
    struct module_call *c = arg;
    list_remove(&c->link);
    c->answer(c->answer_arg, c->status, buffer_slice(&c->body));
    call_free(c);
}

static void answer_later(struct module_call *c, int status, struct slice json)
{
    struct module *m = c->module;
    c->status = status;
    buffer_put(&c->body, json);
    list_remove(&c->link);
    list_push(&m->answered, &c->link);
    loop_timer_start(m->config.device.loop, &c->deadline, 0, give_answer, c);
}

void module_reply(struct module_call *c, int status, struct slice json)
{
    log_debug("method answered name=%s id=%s status=%d bytes=%zu", c->method->name, c->id, status,
              json.len);
    if (c->module->witness.on_answer)
        c->module->witness.on_answer(c->module->witness.arg, c, status);
    c->change = (struct module_change){0}; /* it was borrowed */
    if (c->answer) {
        c->module->call_count--;
        answer_later(c, status, json);
        return;
    }
    if (json.len > MODULE_RESPONSE_MAX)
        reply_problem(c->module, c->rid, &(struct refusal){413, "the response is too large",
                      "Ask for less at once: fewer references, fewer values; or call it through $call.", ""});
    else
        device_client_method_reply(c->module->client, c->rid, status, json);
    end(c);
}

void module_reply_error(struct module_call *c, enum status why, const char *detail)
{
    struct buffer out = {0};
    problem(&(struct refusal){module_status(why), status_name(why), detail, ""}, &out);
    module_reply(c, module_status(why), buffer_slice(&out));
    buffer_clear(&out);
}

/* ---- an answer in pieces ---- */

static void on_deadline(void *arg);

bool module_call_takes_pieces(const struct module_call *c)
{
    return c->piece != NULL;
}

void module_reply_piece(struct module_call *c, struct slice json, void (*taken)(void *arg), void *arg)
{
    assert(c->piece && c->ended && c->piece_taken == NULL);
    loop_timer_stop(&c->deadline); /* who takes it has a time of his own */
    c->piece_taken = taken;
    c->piece_arg = arg;
    c->piece(c->answer_arg, c, json);
}

void module_piece_taken(struct module_call *c, bool gone)
{
    struct loop *l = c->module->config.device.loop;
    void (*taken)(void *arg) = c->piece_taken;
    c->piece_taken = NULL;
    if (gone) {
        c->ended(c->arg);
        module_reply_error(c, CANCELLED, "Nobody takes the answer any more.");
        return;
    }
    c->ends_ms = loop_now_ms(l) + c->timeout_ms;
    loop_timer_start(l, &c->deadline, c->timeout_ms, on_deadline, c);
    taken(c->piece_arg);
}

/* ---- calls ---- */

static void on_deadline(void *arg)
{
    struct module_call *c = arg;
    log_warn("method timed out name=%s id=%s", c->method->name, c->id);
    if (c->ended)
        c->ended(c->arg);
    module_reply_error(c, TIMED_OUT, "The server did not answer in time.");
}

static bool id_ok(struct slice id)
{
    if (id.len == 0 || id.len >= MODULE_CALL_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        uint8_t b = id.at[i], letter = b | 32;
        if (!(b >= '0' && b <= '9') && !(letter >= 'a' && letter <= 'z') && b != '-' && b != '_')
            return false;
    }
    return true;
}

/* What the services called it, when that can stand in a log line. */
static void name_call(struct module_call *c, struct loop *l)
{
    struct slice given =
        c->doc ? json_string(json_get(json_root(c->doc), "callId")) : (struct slice){0};
    if (id_ok(given))
        snprintf(c->id, sizeof(c->id), "%.*s", SLICE_FMT(given));
    else
        snprintf(c->id, sizeof(c->id), "%016llx", (unsigned long long)loop_random_u64(l));
}

static struct module_call *begin(struct module *m, const struct entry *e, struct slice name,
                                 struct json_doc *doc, uint32_t timeout_ms)
{
    struct module_call *c = MEMORY_NEW(struct module_call);
    uint32_t own = e->method->timeout_ms, all = m->config.timeout_ms;
    if (timeout_ms == 0)
        timeout_ms = own ? own : all ? all : MODULE_TIMEOUT_MS;
    struct loop *l = m->config.device.loop;
    c->module = m;
    c->role = e->role;
    c->method = e->method;
    c->doc = doc;
    memcpy(c->name, name.at, name.len);
    c->timeout_ms = timeout_ms;
    c->ends_ms = loop_now_ms(l) + timeout_ms;
    name_call(c, l);
    list_push(&m->calls, &c->link);
    m->call_count++;
    loop_timer_start(l, &c->deadline, timeout_ms, on_deadline, c);
    return c;
}

static bool has_shape(const struct module *m, const struct entry *e, const struct json_doc *doc,
                      struct refusal *why)
{
    if (m->check == NULL || m->check(slice_of(e->method->name), doc ? json_root(doc) : NULL, why->member))
        return true;
    why->status = 400;
    why->title = status_name(BAD_ARGUMENT);
    return false;
}

/* NULL and *why when there is no such call to make. */
static struct module_call *accept(struct module *m, struct slice name, struct slice payload,
                                  size_t payload_max, uint32_t timeout_ms, struct refusal *why)
{
    const struct entry *e = find_method(m, name);
    struct json_error error = {0};
    struct json_doc *doc = NULL;
    *why = (struct refusal){0};
    if (e == NULL)
        *why = (struct refusal){405, "no such method", NULL, ""};
    else if (m->call_count >= MODULE_CALLS_MAX)
        *why = (struct refusal){429, status_name(BUSY), "Too many calls are under way.", ""};
    else if (payload.len > payload_max)
        *why = (struct refusal){413, status_name(TOO_LARGE), NULL, ""};
    else if (slice_trim(payload).len && json_parse(payload, JSON_STRICT, &doc, &error) != OK)
        *why = (struct refusal){400, "the payload is not JSON", error.what, ""};
    else if (has_shape(m, e, doc, why))
        return begin(m, e, name, doc, timeout_ms);
    json_free(&doc);
    return NULL;
}

static void run(struct module_call *c, size_t bytes)
{
    const struct module_witness *w = &c->module->witness;
    log_debug("method called name=%s id=%s bytes=%zu", c->method->name, c->id, bytes);
    if (w->on_call)
        w->on_call(w->arg, c);
    c->method->run(c);
}

void module_calls_on_method(void *arg, uint64_t rid, struct slice name, struct slice payload)
{
    struct module *m = arg;
    struct refusal why;
    if (slice_eq_nocase(name, SLICE(MODULE_PIECES_METHOD))) {
        module_pieces_call(m->pieces, rid, payload);
        return;
    }
    struct module_call *c = accept(m, name, payload, MODULE_PAYLOAD_MAX, 0, &why);
    if (c == NULL) {
        reply_problem(m, rid, &why);
        return;
    }
    c->rid = rid;
    c->who = FROM_HUB;
    run(c, payload.len);
}

static void invoke(struct module *m, const char *who, struct slice name, struct slice payload,
                   uint32_t timeout_ms, module_piece_fn *piece, module_answer_fn *fn, void *arg)
{
    struct refusal why;
    struct module_call *c = accept(m, name, payload, MODULE_INVOKE_MAX, timeout_ms, &why);
    if (c) {
        c->who = who ? who : FROM_HUB;
        c->piece = piece;
        c->answer = fn;
        c->answer_arg = arg;
        run(c, payload.len);
        return;
    }
    struct buffer body = {0};
    problem(&why, &body);
    c = MEMORY_NEW(struct module_call);
    c->module = m;
    c->answer = fn;
    c->answer_arg = arg;
    answer_later(c, why.status, buffer_slice(&body));
    buffer_clear(&body);
}

void module_invoke(struct module *m, const char *who, struct slice name, struct slice payload,
                   uint32_t timeout_ms, module_answer_fn *fn, void *arg)
{
    invoke(m, who, name, payload, timeout_ms, NULL, fn, arg);
}

void module_invoke_pieces(struct module *m, const char *who, struct slice name, struct slice payload,
                          module_piece_fn *piece, module_answer_fn *fn, void *arg)
{
    invoke(m, who, name, payload, 0, piece, fn, arg);
}

static void reply_pieces(void *module, uint64_t rid, int status, struct slice json)
{
    device_client_method_reply(((struct module *)module)->client, rid, status, json);
}

void *module_call_app(const struct module_call *c)
{
    return c->role->app;
}

const char *module_call_id(const struct module_call *c)
{
    return c->id;
}

const struct json *module_call_payload(const struct module_call *c)
{
    return c->doc ? json_root(c->doc) : NULL;
}

struct json_doc *module_call_take(struct module_call *c)
{
    struct json_doc *doc = c->doc;
    c->doc = NULL;
    return doc;
}

uint64_t module_call_left_ms(const struct module_call *c)
{
    uint64_t now = loop_now_ms(c->module->config.device.loop);
    return c->ends_ms > now ? c->ends_ms - now : 0;
}

const char *module_call_who(const struct module_call *c)
{
    return c->who;
}

bool module_is_watched(const struct module *m)
{
    return m->witness.on_call != NULL;
}

void module_call_changed(struct module_call *c, const struct module_change *change)
{
    c->change = *change;
}

struct module_change module_call_change(const struct module_call *c)
{
    return c->change;
}

void module_watch(struct module *m, const struct module_witness *w)
{
    m->witness = *w;
}

void module_set_check(struct module *m, module_check_fn *check)
{
    m->check = check;
}

struct slice module_call_name(const struct module_call *c)
{
    return slice_of(c->name);
}

void module_call_wait(struct module_call *c, void (*ended)(void *arg), void *arg)
{
    c->ended = ended;
    c->arg = arg;
}

/* ---- life ---- */

void module_calls_init(struct module *m)
{
    list_init(&m->calls);
    list_init(&m->answered);
    m->pieces = module_pieces_new(m, reply_pieces);
}

static void drop_all(struct module *m)
{
    LIST_EACH(l, &m->calls)
    {
        struct module_call *c = LIST_OF(l, struct module_call, link);
        if (c->ended)
            c->ended(c->arg);
        if (c->answer)
            module_reply_error(c, CANCELLED, "The program ends.");
        else
            end(c);
    }
    LIST_EACH(l, &m->answered)
    give_answer(LIST_OF(l, struct module_call, link));
}

void module_calls_clear(struct module *m)
{
    drop_all(m);
    module_pieces_free(&m->pieces);
}
