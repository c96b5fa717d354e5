#include "token/policies.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/random.h"
#include "token/sas.h"
#include "json/json.h"
#include "json/write.h"

#define KEY_BYTES 32

struct policy {
    char *name;
    unsigned rights;
    char *primary, *secondary; /* base64 text */
};

struct policies {
    const struct policies_kind *kind;
    struct policy at[POLICIES_MAX];
    size_t count;
};

static char *random_key(void)
{
    uint8_t bytes[KEY_BYTES];
    struct buffer text = {0};
    crypto_random(bytes, sizeof(bytes));
    base64_encode(slice_from(bytes, sizeof(bytes)), &text);
    char *key = slice_dup(buffer_slice(&text));
    buffer_clear(&text);
    return key;
}

struct policies *policies_random(const struct policies_kind *kind)
{
    struct policies *p = MEMORY_NEW(struct policies);
    p->kind = kind;
    for (const struct policies_default *d = kind->defaults; d->name; d++)
        p->at[p->count++] = (struct policy){
            .name = memory_text(d->name),
            .rights = d->rights,
            .primary = random_key(),
            .secondary = random_key(),
        };
    return p;
}

/* ---- the file ---- */

static void print(const struct policies *p, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    for (size_t i = 0; i < p->count; i++) {
        json_name(&w, p->at[i].name), json_object(&w);
        json_name(&w, "permissions"), json_array(&w);
        for (const struct policies_right *r = p->kind->rights; r->name; r++)
            if (p->at[i].rights & r->right)
                json_put_text(&w, r->name);
        json_end_array(&w);
        json_name(&w, "primaryKey"), json_put_text(&w, p->at[i].primary);
        json_name(&w, "secondaryKey"), json_put_text(&w, p->at[i].secondary);
        json_end_object(&w);
    }
    json_end_object(&w);
}

/* 0: none, or one that is not known. */
static unsigned rights_of(const struct policies_kind *kind, const struct json *list)
{
    unsigned all = 0;
    for (struct json_walk w = json_walk(list); json_next(&w);) {
        const struct policies_right *r = kind->rights;
        while (r->name && !slice_eq(json_string(w.value), slice_of(r->name)))
            r++;
        if (r->name == NULL)
            return 0;
        all |= r->right | r->implies;
    }
    return all;
}

static bool is_key(const char *text)
{
    struct buffer bytes = {0};
    bool good = base64_decode(slice_of(text), &bytes) == OK && bytes.len;
    buffer_clear(&bytes);
    return good;
}

/* A field that nobody can use would be found out by whoever is refused. */
static enum status check(const struct policy *p)
{
    const char *field = p->rights == 0          ? "permissions"
                        : !is_key(p->primary)   ? "primaryKey"
                        : !is_key(p->secondary) ? "secondaryKey"
                                                : NULL;
    if (field)
        log_error("the policy '%s' cannot be used: %s is missing or not understood", p->name,
                  field);
    return field ? BAD_FORMAT : OK;
}

static enum status parse(struct slice text, struct policies *p)
{
    struct json_doc *doc = NULL;
    if (json_parse(text, JSON_CONFIG, &doc, NULL) != OK)
        return BAD_FORMAT;
    enum status s = OK;
    for (struct json_walk w = json_walk(json_root(doc));
         s == OK && json_next(&w) && p->count < POLICIES_MAX;) {
        p->at[p->count] = (struct policy){
            .name = slice_dup(w.name),
            .rights = rights_of(p->kind, json_get(w.value, "permissions")),
            .primary = slice_dup(json_string(json_get(w.value, "primaryKey"))),
            .secondary = slice_dup(json_string(json_get(w.value, "secondaryKey"))),
        };
        s = check(&p->at[p->count++]);
    }
    json_free(&doc);
    return s == OK && p->count == 0 ? BAD_FORMAT : s;
}

enum status policies_load(const struct policies_kind *kind, const char *path, struct policies **out)
{
    struct buffer text = {0};
    struct policies *p = NULL;
    enum status s = file_read(path, &text);
    if (s == NOT_FOUND) {
        p = policies_random(kind);
        print(p, &text);
        s = file_write(path, buffer_slice(&text));
        if (s == NOT_FOUND)
            log_error("the policies' file cannot be made, there is no such folder path=%s", path);
    } else if (s == OK) {
        p = MEMORY_NEW(struct policies);
        p->kind = kind;
        s = parse(buffer_slice(&text), p);
        if (s != OK)
            log_error("the policies' file cannot be read path=%s: correct it, or remove it and new "
                      "keys are made",
                      path);
    }
    buffer_clear(&text);
    if (s != OK)
        policies_free(&p);
    *out = p;
    return s;
}

void policies_free(struct policies **policies)
{
    struct policies *p = *policies;
    for (size_t i = 0; p && i < p->count; i++) {
        free(p->at[i].name);
        free(p->at[i].primary);
        free(p->at[i].secondary);
    }
    free(p);
    *policies = NULL;
}

/* ---- asking ---- */

static const struct policy *find(const struct policies *p, struct slice name)
{
    for (size_t i = 0; i < p->count; i++)
        if (slice_eq(slice_of(p->at[i].name), name))
            return &p->at[i];
    return NULL;
}

struct slice policies_key(const struct policies *p, struct slice name, bool secondary)
{
    const struct policy *at = find(p, name);
    return at ? slice_of(secondary ? at->secondary : at->primary) : (struct slice){0};
}

unsigned policies_rights(const struct policies *p, struct slice name)
{
    const struct policy *at = find(p, name);
    return at ? at->rights : 0;
}

enum status policies_check(const struct policies *p, struct sas_memo *memo,
                           const char *const *hosts, struct slice token, struct slice path,
                           unsigned rights, uint64_t now_ms)
{
    struct sas t;
    if (sas_parse(token, &t) != OK || t.policy.len == 0)
        return UNAUTHORIZED;
    const struct policy *at = find(p, t.policy);
    if (at == NULL || (sas_memo_verify(memo, token, &t, slice_of(at->primary)) != OK &&
                       sas_memo_verify(memo, token, &t, slice_of(at->secondary)) != OK))
        return UNAUTHORIZED;
    if (sas_expired(&t, now_ms) || !sas_covers(&t, hosts, path))
        return UNAUTHORIZED;
    return (at->rights & rights) == rights ? OK : FORBIDDEN;
}
