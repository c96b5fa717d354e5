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
};

struct edge_identities {
    struct edge_identities_config config;
    struct map known;
    struct list questions;
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
    if (s != OK && s != NOT_FOUND)
        log_warn("the kept identities cannot be read and start empty path=%s", i->config.path);
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

/* ---- one that is not known yet ---- */

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

static void on_one(void *arg, enum status why, const struct rest_answer *a)
{
    struct question *q = arg;
    struct json_doc *doc = NULL;
    if (why == OK && a->status == 200 && json_parse(a->body, JSON_STRICT, &doc, NULL) == OK) {
        if (take(q->identities, json_root(doc)))
            save(q->identities);
    } else {
        bool known_no = why == OK && (a->status == 404 || a->status == 401 || a->status == 403);
        why = known_no ? NOT_FOUND : OFFLINE;
    }
    json_free(&doc);
    question_end(q, why);
}

static void ask_one(struct question *q)
{
    struct buffer target = {0};
    buffer_text(&target, "/devices/");
    percent_encode(slice_of(q->identities->config.device_id), &target);
    buffer_text(&target, "/modules/%24edgeHub/deviceAndModuleInDeviceScope?targetDeviceId=");
    percent_encode(q->id.device, &target);
    buffer_text(&target, "&targetModuleId=");
    percent_encode(q->id.module, &target);
    buffer_text(&target, "&api-version=" API_VERSION);
    if (ask(q->identities, buffer_cstr(&target), on_one, q) != OK)
        question_end(q, OFFLINE);
    buffer_clear(&target);
}

static void answer_later(void *arg)
{
    struct question *q = arg;
    if (find(q->identities, q->id))
        question_end(q, OK);
    else if (q->identities->config.rest)
        ask_one(q);
    else
        question_end(q, NOT_FOUND);
}

void edge_identities_get(struct edge_identities *i, struct iot_id id, edge_identity_fn *fn, void *arg)
{
    struct question *q = MEMORY_NEW(struct question);
    q->identities = i;
    q->id = iot_id_copy(&q->arena, id);
    q->fn = fn;
    q->arg = arg;
    list_push(&i->questions, &q->link);
    loop_defer(i->config.loop, answer_later, q);
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
    buffer_clear(&i->image);
    free(i);
    *identities = NULL;
}
