#include "issuer/keys.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/file.h"
#include "json/json.h"
#include "json/write.h"

#define KEYS_MAX 16

struct issuer_keys {
    unsigned refs;              /* atomic */
    struct jwk *keys[KEYS_MAX]; /* oldest first */
    uint64_t created_ms[KEYS_MAX];
    size_t count;
    struct buffer set;
};

struct issuer_keys *issuer_keys_ref(struct issuer_keys *k)
{
    __atomic_fetch_add(&k->refs, 1, __ATOMIC_RELAXED);
    return k;
}

void issuer_keys_unref(struct issuer_keys **keys)
{
    struct issuer_keys *k = *keys;
    *keys = NULL;
    if (!k || __atomic_sub_fetch(&k->refs, 1, __ATOMIC_ACQ_REL))
        return;
    for (size_t n = 0; n < k->count; n++)
        jwk_free(&k->keys[n]);
    buffer_clear(&k->set);
    free(k);
}

/* ---- the file ---- */

static enum status take_key(struct issuer_keys *k, const struct json *v)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    uint64_t created;
    json_put_value(&w, json_get(v, "key"));
    enum status s = k->count < KEYS_MAX && json_u64(json_get(v, "created"), &created)
                        ? jwk_parse_private(buffer_slice(&text), &k->keys[k->count])
                        : BAD_FORMAT;
    if (s == OK)
        k->created_ms[k->count++] = created;
    buffer_clear(&text);
    return s;
}

static enum status read_keys(const char *path, struct issuer_keys *k)
{
    struct buffer text = {0};
    struct json_doc *doc = NULL;
    enum status s = file_read(path, &text);
    if (s == OK)
        s = json_parse(buffer_slice(&text), JSON_CONFIG, &doc, NULL);
    for (struct json_walk w = json_walk(json_get(json_root(doc), "keys"));
         s == OK && json_next(&w);)
        s = take_key(k, w.value);
    if (s == BAD_FORMAT)
        log_error("the keys' file cannot be read path=%s: put its backup there, or remove it and "
                  "all tokens end",
                  path);
    json_free(&doc);
    buffer_clear(&text);
    return s == NOT_FOUND ? OK : s;
}

static enum status write_keys(const char *path, const struct issuer_keys *k)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_object(&w);
    json_name(&w, "keys"), json_array(&w);
    for (size_t n = 0; n < k->count; n++) {
        struct buffer key = {0};
        jwk_print_private(k->keys[n], &key);
        json_object(&w);
        json_name(&w, "created"), json_put_u64(&w, k->created_ms[n]);
        json_name(&w, "key"), json_put_raw(&w, buffer_slice(&key));
        json_end_object(&w);
        buffer_clear(&key);
    }
    json_end_array(&w);
    json_end_object(&w);
    buffer_u8(&text, '\n');
    enum status s = file_write(path, buffer_slice(&text));
    buffer_clear(&text);
    return s;
}

/* ---- what is due ---- */

static void drop_oldest(struct issuer_keys *k)
{
    jwk_free(&k->keys[0]);
    k->count--;
    memmove(k->keys, k->keys + 1, k->count * sizeof(k->keys[0]));
    memmove(k->created_ms, k->created_ms + 1, k->count * sizeof(k->created_ms[0]));
}

static bool drop_expired(struct issuer_keys *k, const struct issuer_keys_config *c, uint64_t now_ms)
{
    bool dropped = false;
    while (k->count > 1 && (k->created_ms[1] + c->keep_ms < now_ms || k->count == KEYS_MAX)) {
        drop_oldest(k); /* the next one has been signing for longer than any of its tokens lives */
        dropped = true;
    }
    return dropped;
}

static bool needs_key(const struct issuer_keys *k, const struct issuer_keys_config *c,
                      uint64_t now_ms)
{
    return k->count == 0 || k->created_ms[k->count - 1] + c->replace_ms <= now_ms;
}

static enum status add_key(struct issuer_keys *k, const struct issuer_keys_config *c,
                           uint64_t now_ms)
{
    enum status s = jwk_make(c->algorithm, &k->keys[k->count]);
    if (s != OK)
        return s;
    log_info("signing key made kid=%s", jwk_id(k->keys[k->count]));
    k->created_ms[k->count++] = now_ms;
    return OK;
}

enum status issuer_keys_load(const struct issuer_keys_config *c, uint64_t now_ms,
                             struct issuer_keys **out)
{
    struct issuer_keys *k = MEMORY_NEW(struct issuer_keys);
    k->refs = 1;
    enum status s = read_keys(c->path, k);
    bool changed = s == OK && drop_expired(k, c, now_ms);
    if (s == OK && needs_key(k, c, now_ms)) {
        s = add_key(k, c, now_ms);
        changed = true;
    }
    if (s == OK && changed)
        s = write_keys(c->path, k);
    if (s != OK) {
        issuer_keys_unref(&k);
        return s;
    }
    jwk_print_set((const struct jwk *const *)k->keys, k->count, &k->set);
    *out = k;
    return OK;
}

const struct jwk *issuer_keys_signing(const struct issuer_keys *k)
{
    return k->keys[k->count - 1];
}

struct slice issuer_keys_set(const struct issuer_keys *k)
{
    return buffer_slice(&k->set);
}
