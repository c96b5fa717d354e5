#include "edge/identities.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "edge/identity_json.h"
#include "base/file.h"
#include "json/write.h"
#include "rest/client.h"
#include "token/sas.h"

#define API_VERSION "2018-08-30-preview"
#define TOKEN_LIFE_MS (3600u * 1000)

struct known {
    char *key; /* "device" or "device/module" */
    const struct heads_identity *identity;
    bool seen; /* in the listing that is being read */
};

/* Someone who knocked and waits for the hub's word. */
struct question {
    struct link link;
    struct edge_identities *identities;
    struct arena arena;
    struct iot_id id;
    edge_identity_fn *fn;
    void *arg;
    bool anew;  /* what is known here does not count */
    bool waits; /* for the hub: the first about an id asks, the others get its answer */
};

/* What the hub said a moment ago. */
struct answer {
    char *key; /* NULL: free */
    uint64_t until_ms;
    enum status why; /* OK, NOT_FOUND, UNAUTHORIZED, OFFLINE */
};

struct edge_identities {
    struct edge_identities_config config;
    struct map known;
    struct list questions;
    struct answer answers[EDGE_IDENTITIES_ANSWERS_MAX];
    size_t answer_next;     /* the newest is before it */
    uint64_t requests;
    struct loop_timer refresh;
    struct buffer image;    /* what the save under way writes */
    enum status saved;
    bool saving, save_again;
};

/* ---- what is known ---- */

static struct known *find(struct edge_identities *i, struct iot_id id)
{
    struct buffer key = {0};
    iot_id_print(id, &key);
    struct known *k = map_get(&i->known, buffer_slice(&key));
    buffer_clear(&key);
    return k;
}

static void tell_changed(struct edge_identities *i, struct iot_id id)
{
    if (i->config.on_changed)
        i->config.on_changed(i->config.arg, id);
}

/* True when it is new or other than it was. */
static bool put(struct edge_identities *i, const struct heads_identity *fields)
{
    struct known *k = find(i, fields->id);
    if (k == NULL) {
        struct buffer key = {0};
        iot_id_print(fields->id, &key);
        k = MEMORY_NEW(struct known);
        k->key = slice_dup(buffer_slice(&key));
        buffer_clear(&key);
        map_put(&i->known, slice_of(k->key), k);
    }
    k->seen = true;
    bool changed = k->identity == NULL || !heads_identity_same_rights(k->identity, fields);
    bool told = k->identity != NULL && changed;
    heads_identity_unref(&k->identity);
    k->identity = heads_identity_new(fields);
    if (told)
        tell_changed(i, k->identity->id);
    return changed;
}

static void known_free(struct known *k)
{
    heads_identity_unref(&k->identity);
    free(k->key);
    free(k);
}

static void forget(struct edge_identities *i, struct known *k)
{
    map_remove(&i->known, slice_of(k->key));
    tell_changed(i, k->identity->id);
    known_free(k);
}

void edge_identities_put(struct edge_identities *i, const struct heads_identity *fields)
{
    put(i, fields);
}

/* ---- the file ---- */

static void save(struct edge_identities *i);

static void write_file(void *arg)
{
    struct edge_identities *i = arg;
    i->saved = file_write(i->config.path, buffer_slice(&i->image));
}

static void on_written(void *arg)
{
    struct edge_identities *i = arg;
    i->saving = false;
    if (i->saved != OK)
        log_error("the list of identities could not be saved path=%s", i->config.path);
    if (i->save_again)
        save(i);
}

static void save(struct edge_identities *i)
{
    i->save_again = i->saving;
    if (i->config.path == NULL || i->saving)
        return;
    buffer_reset(&i->image);
    struct json_writer w = json_writer(&i->image);
    json_array(&w);
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&i->known, &at));)
        edge_identity_print(((struct known *)e->value)->identity, &w);
    json_end_array(&w);
    i->saving = true;
    loop_work(i->config.loop, write_file, on_written, i);
}

static void load(struct edge_identities *i)
{
    struct buffer text = {0};
    struct json_doc *doc = NULL;
    enum status s = file_read(i->config.path, &text);
    if (s == OK)
        s = json_parse(buffer_slice(&text), JSON_STRICT, &doc, NULL);
    if (s == BAD_FORMAT)
        file_set_aside(i->config.path); /* they start empty and come again from the hub */
    for (struct json_walk w = json_walk(json_root(doc)); s == OK && json_next(&w);) {
        struct heads_identity fields;
        if (edge_identity_parse(w.value, &fields) == OK)
            put(i, &fields);
    }
    json_free(&doc);
    buffer_clear(&text);
}

/* ---- asking the hub ---- */

static enum status ask(struct edge_identities *i, const char *target, rest_client_fn *done, void *arg)
{
    const struct edge_identities_config *c = &i->config;
    i->requests++;
    struct buffer url = {0}, resource = {0}, token = {0};
    buffer_printf(&url, "%s%s", c->hub_url, target);
    buffer_printf(&resource, "%s/devices/", c->hub_host);
    percent_encode(slice_of(c->device_id), &resource);
    buffer_text(&resource, "/modules/%24edgeHub");
    enum status s = sas_make(buffer_slice(&resource), slice_of(c->key), (struct slice){0},
                             loop_wall_ms(c->loop) + TOKEN_LIFE_MS, &token);
    if (s == OK) {
        struct rest_field authorization = {SLICE("Authorization"), buffer_slice(&token)};
        s = rest_client_send(c->rest,
                             &(struct rest_call){
                                 .method = "GET",
                                 .url = buffer_cstr(&url),
                                 .headers = &authorization,
                                 .header_count = 1,
                                 .timeout_ms = 20000,
                             },
                             done, arg);
    }
    buffer_clear(&url);
    buffer_clear(&resource);
    buffer_clear(&token);
    return s;
}

/* Takes the identities of an answer in; true when one was new or changed. */
static bool take(struct edge_identities *i, const struct json *answer)
{
    bool changed = false;
    const char *const lists[] = {"devices", "modules"};
    for (int l = 0; l < 2; l++)
        for (struct json_walk w = json_walk(json_get(answer, lists[l])); json_next(&w);) {
            struct heads_identity fields;
            if (edge_identity_parse(w.value, &fields) == OK)
                changed |= put(i, &fields);
        }
    return changed;
}

/* ---- the listing: page after page, then what was not in it is forgotten ---- */

static void on_page(void *arg, enum status why, const struct rest_answer *a);

static void again_later(struct edge_identities *i, uint64_t ms);

static void ask_page(struct edge_identities *i, const char *target)
{
    if (ask(i, target, on_page, i) != OK)
        again_later(i, EDGE_IDENTITIES_DELAY_MS);
}

static void list(void *arg)
{
    struct edge_identities *i = arg;
    struct buffer target = {0};
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&i->known, &at));)
        ((struct known *)e->value)->seen = false;
    buffer_text(&target, "/devices/");
    percent_encode(slice_of(i->config.device_id), &target);
    buffer_text(&target, "/modules/%24edgeHub/devicesAndModulesInDeviceScope?deviceCount=100"
                         "&continuationToken=&api-version=" API_VERSION);
    ask_page(i, buffer_cstr(&target));
    buffer_clear(&target);
}

static void again_later(struct edge_identities *i, uint64_t ms)
{
    loop_timer_start(i->config.loop, &i->refresh, ms, list, i);
}

static void end_listing(struct edge_identities *i, bool changed)
{
    struct known **gone = memory_new((i->known.count + 1) * sizeof(*gone));
    size_t at = 0, count = 0;
    for (struct map_entry *e; (e = map_next(&i->known, &at));) {
        struct known *k = e->value;
        if (!k->seen)
            gone[count++] = k;
    }
    for (size_t g = 0; g < count; g++)
        forget(i, gone[g]);
    free(gone);
    if (changed || count)
        save(i);
    log_info("identities listed count=%zu gone=%zu", i->known.count, count);
    again_later(i, EDGE_IDENTITIES_REFRESH_MS);
}

static void on_page(void *arg, enum status why, const struct rest_answer *a)
{
    struct edge_identities *i = arg;
    struct json_doc *doc = NULL;
    if (why == CANCELLED)
        return;
    if (why != OK || a->status != 200 || json_parse(a->body, JSON_STRICT, &doc, NULL) != OK) {
        log_warn("the hub could not list the identities of this edge status=%s http=%d", status_name(why),
                 a ? a->status : 0);
        again_later(i, EDGE_IDENTITIES_DELAY_MS);
        return;
    }
    bool changed = take(i, json_root(doc));
    struct slice link = json_string(json_get(json_root(doc), "continuationLink"));
    if (link.len) {
        if (changed)
            save(i);
        char *target = slice_dup(link);
        ask_page(i, target);
        free(target);
    } else {
        end_listing(i, changed);
    }
    json_free(&doc);
}

/* ---- what the hub said a moment ago ---- */

static void remember(struct edge_identities *i, struct iot_id id, enum status why)
{
    struct answer *a = &i->answers[i->answer_next];
    struct buffer key = {0};
    iot_id_print(id, &key);
    free(a->key);
    *a = (struct answer){slice_dup(buffer_slice(&key)), loop_now_ms(i->config.loop) + EDGE_IDENTITIES_ANSWER_MS, why};
    buffer_clear(&key);
    i->answer_next = (i->answer_next + 1) % EDGE_IDENTITIES_ANSWERS_MAX;
}

/* From the newest on; behind the first that is too old are only older ones. */
static const struct answer *recall(const struct edge_identities *i, struct iot_id id)
{
    struct buffer key = {0};
    const struct answer *found = NULL;
    uint64_t now = loop_now_ms(i->config.loop);
    iot_id_print(id, &key);
    for (size_t n = 1; n <= EDGE_IDENTITIES_ANSWERS_MAX && found == NULL; n++) {
        const struct answer *a =
            &i->answers[(i->answer_next + EDGE_IDENTITIES_ANSWERS_MAX - n) % EDGE_IDENTITIES_ANSWERS_MAX];
        if (a->key == NULL || a->until_ms <= now)
            break;
        if (slice_eq(slice_of(a->key), buffer_slice(&key)))
            found = a;
    }
    buffer_clear(&key);
    return found;
}

/* ---- one alone ---- */

static void question_end(struct question *q, enum status why)
{
    struct known *k = why == OK ? find(q->identities, q->id) : NULL;
    list_remove(&q->link);
    if (why == OK && k == NULL)
        why = NOT_FOUND;
    q->fn(q->arg, why, k ? k->identity : NULL);
    arena_clear(&q->arena);
    free(q);
}

static bool same_id(struct iot_id a, struct iot_id b)
{
    return slice_eq(a.device, b.device) && slice_eq(a.module, b.module);
}

static struct question *who_waits_for(struct edge_identities *i, struct iot_id id)
{
    LIST_EACH(l, &i->questions) {
        struct question *q = LIST_OF(l, struct question, link);
        if (q->waits && same_id(q->id, id))
            return q;
    }
    return NULL;
}

/* The hub has spoken, to him who asked and to all who wait for the same. */
static void hub_said(struct question *asker, enum status why)
{
    struct edge_identities *i = asker->identities;
    struct known *k = find(i, asker->id);
    remember(i, asker->id, why == OK && k == NULL ? NOT_FOUND : why);
    if (why == NOT_FOUND && k) {
        forget(i, k);
        save(i);
    }
    asker->waits = false;
    for (struct question *q; (q = who_waits_for(i, asker->id));)
        question_end(q, why);
    question_end(asker, why);
}

static void ask_about(struct question *q, struct iot_id id, rest_client_fn *done)
{
    struct buffer target = {0};
    buffer_text(&target, "/devices/");
    percent_encode(slice_of(q->identities->config.device_id), &target);
    buffer_text(&target, "/modules/%24edgeHub/deviceAndModuleInDeviceScope?targetDeviceId=");
    percent_encode(id.device, &target);
    buffer_text(&target, "&targetModuleId=");
    percent_encode(id.module, &target);
    buffer_text(&target, "&api-version=" API_VERSION);
    if (ask(q->identities, buffer_cstr(&target), done, q) != OK)
        hub_said(q, OFFLINE);
    buffer_clear(&target);
}

static bool is_no(const struct rest_answer *a)
{
    return a->status == 404 || a->status == 401 || a->status == 403;
}

/* Only to an edge that the hub knows can it say who is not there: "no" to one that is no edge any more
 * says nothing about its modules. */
static void on_self(void *arg, enum status why, const struct rest_answer *a)
{
    struct question *q = arg;
    if (why == OK && a->status == 200)
        hub_said(q, NOT_FOUND);
    else
        hub_said(q, why == OK && is_no(a) ? UNAUTHORIZED : OFFLINE);
}

static void on_one(void *arg, enum status why, const struct rest_answer *a)
{
    struct question *q = arg;
    struct edge_identities *i = q->identities;
    struct json_doc *doc = NULL;
    if (why == OK && a->status == 404) {
        ask_about(q, (struct iot_id){slice_of(i->config.device_id), SLICE("$edgeHub")}, on_self);
        return;
    }
    if (why == OK && a->status == 200 && json_parse(a->body, JSON_STRICT, &doc, NULL) == OK) {
        if (take(i, json_root(doc)))
            save(i);
    } else {
        why = why == OK && is_no(a) ? UNAUTHORIZED : OFFLINE;
    }
    json_free(&doc);
    hub_said(q, why);
}

static void answer_later(void *arg)
{
    struct question *q = arg;
    struct edge_identities *i = q->identities;
    const struct answer *said = recall(i, q->id);
    if (!q->anew && find(i, q->id))
        question_end(q, OK);
    else if (said && (q->anew || said->why != OFFLINE))
        question_end(q, said->why);
    else if (i->config.rest == NULL)
        question_end(q, OK); /* or NOT_FOUND: there is none but what is known */
    else if (who_waits_for(i, q->id))
        q->waits = true;
    else
        q->waits = true, ask_about(q, q->id, on_one);
}

static void put_question(struct edge_identities *i, struct iot_id id, bool anew, edge_identity_fn *fn, void *arg)
{
    struct question *q = MEMORY_NEW(struct question);
    q->identities = i;
    q->id = iot_id_copy(&q->arena, id);
    q->anew = anew;
    q->fn = fn;
    q->arg = arg;
    list_push(&i->questions, &q->link);
    loop_defer(i->config.loop, answer_later, q);
}

void edge_identities_get(struct edge_identities *i, struct iot_id id, edge_identity_fn *fn, void *arg)
{
    put_question(i, id, false, fn, arg);
}

void edge_identities_ask(struct edge_identities *i, struct iot_id id, edge_identity_fn *fn, void *arg)
{
    put_question(i, id, true, fn, arg);
}

uint64_t edge_identities_requests(const struct edge_identities *i)
{
    return i->requests;
}

/* ---- beginning and end ---- */

enum status edge_identities_open(const struct edge_identities_config *config, struct edge_identities **out)
{
    struct edge_identities *i = MEMORY_NEW(struct edge_identities);
    i->config = *config;
    list_init(&i->questions);
    if (config->path)
        load(i);
    if (config->rest)
        list(i);
    *out = i;
    return OK;
}

void edge_identities_close(struct edge_identities **identities)
{
    struct edge_identities *i = *identities;
    if (i == NULL)
        return;
    loop_timer_stop(&i->refresh);
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&i->known, &at));)
        known_free(e->value);
    map_clear(&i->known);
    for (size_t n = 0; n < EDGE_IDENTITIES_ANSWERS_MAX; n++)
        free(i->answers[n].key);
    buffer_clear(&i->image);
    free(i);
    *identities = NULL;
}
