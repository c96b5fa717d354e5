#include "hub/policy.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/random.h"
#include "base/file.h"
#include "json/json.h"
#include "json/write.h"
#include "token/sas.h"

#define POLICIES_MAX 16
#define KEY_BYTES 32

struct policy {
    char *name;
    unsigned permissions;
    char *primary, *secondary; /* base64 text */
};

struct hub_policies {
    struct policy at[POLICIES_MAX];
    size_t count;
};

static const struct {
    const char *name;
    unsigned permissions;
} defaults[] = {
    {"iothubowner", HUB_REGISTRY_READ | HUB_REGISTRY_WRITE | HUB_SERVICE_CONNECT | HUB_DEVICE_CONNECT},
    {"service", HUB_SERVICE_CONNECT},
    {"device", HUB_DEVICE_CONNECT},
    {"registryRead", HUB_REGISTRY_READ},
    {"registryReadWrite", HUB_REGISTRY_READ | HUB_REGISTRY_WRITE},
};

static const struct {
    const char *name;
    unsigned permission;
} permission_names[] = {
    {"RegistryRead", HUB_REGISTRY_READ},
    {"RegistryWrite", HUB_REGISTRY_WRITE},
    {"ServiceConnect", HUB_SERVICE_CONNECT},
    {"DeviceConnect", HUB_DEVICE_CONNECT},
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

struct hub_policies *hub_policies_random(void)
{
    struct hub_policies *p = MEMORY_NEW(struct hub_policies);
    for (; p->count < sizeof(defaults) / sizeof(defaults[0]); p->count++)
        p->at[p->count] = (struct policy){
            .name = memory_text(defaults[p->count].name),
            .permissions = defaults[p->count].permissions,
            .primary = random_key(),
            .secondary = random_key(),
        };
    return p;
}

/* ---- the file ---- */

static void print(const struct hub_policies *p, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    for (size_t i = 0; i < p->count; i++) {
        json_name(&w, p->at[i].name), json_object(&w);
        json_name(&w, "permissions"), json_array(&w);
        for (size_t n = 0; n < 4; n++)
            if (p->at[i].permissions & permission_names[n].permission)
                json_put_text(&w, permission_names[n].name);
        json_end_array(&w);
        json_name(&w, "primaryKey"), json_put_text(&w, p->at[i].primary);
        json_name(&w, "secondaryKey"), json_put_text(&w, p->at[i].secondary);
        json_end_object(&w);
    }
    json_end_object(&w);
}

static unsigned permission_of(struct slice name)
{
    for (size_t n = 0; n < 4; n++)
        if (slice_eq(name, slice_of(permission_names[n].name)))
            return permission_names[n].permission;
    return 0;
}

/* 0: none, or one that is not known. */
static unsigned permissions_of(const struct json *list)
{
    unsigned all = 0;
    for (struct json_walk w = json_walk(list); json_next(&w);) {
        unsigned one = permission_of(json_string(w.value));
        if (one == 0)
            return 0;
        all |= one;
    }
    return all & HUB_REGISTRY_WRITE ? all | HUB_REGISTRY_READ : all;
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
    const char *field = p->permissions == 0         ? "permissions"
                        : !is_key(p->primary)   ? "primaryKey"
                        : !is_key(p->secondary) ? "secondaryKey"
                                                : NULL;
    if (field)
        log_error("the policy '%s' cannot be used: %s is missing or not understood", p->name, field);
    return field ? BAD_FORMAT : OK;
}

static enum status parse(struct slice text, struct hub_policies *p)
{
    struct json_doc *doc = NULL;
    if (json_parse(text, JSON_CONFIG, &doc, NULL) != OK)
        return BAD_FORMAT;
    enum status s = OK;
    for (struct json_walk w = json_walk(json_root(doc)); s == OK && json_next(&w) && p->count < POLICIES_MAX;) {
        p->at[p->count] = (struct policy){
            .name = slice_dup(w.name),
            .permissions = permissions_of(json_get(w.value, "permissions")),
            .primary = slice_dup(json_string(json_get(w.value, "primaryKey"))),
            .secondary = slice_dup(json_string(json_get(w.value, "secondaryKey"))),
        };
        s = check(&p->at[p->count++]);
    }
    json_free(&doc);
    return s == OK && p->count == 0 ? BAD_FORMAT : s;
}

enum status hub_policies_load(const char *path, struct hub_policies **out)
{
    struct buffer text = {0};
    struct hub_policies *p = NULL;
    enum status s = file_read(path, &text);
    if (s == NOT_FOUND) {
        p = hub_policies_random();
        print(p, &text);
        s = file_write(path, buffer_slice(&text));
        if (s == NOT_FOUND)
            log_error("the policies' file cannot be made, there is no such folder path=%s", path);
    } else if (s == OK) {
        p = MEMORY_NEW(struct hub_policies);
        s = parse(buffer_slice(&text), p);
        if (s != OK)
            log_error("the policies' file cannot be read path=%s: correct it, or remove it and new keys are made", path);
    }
    buffer_clear(&text);
    if (s != OK)
        hub_policies_free(&p);
    *out = p;
    return s;
}

void hub_policies_free(struct hub_policies **policies)
{
    struct hub_policies *p = *policies;
    for (size_t i = 0; p && i < p->count; i++) {
        free(p->at[i].name);
        free(p->at[i].primary);
        free(p->at[i].secondary);
    }
    free(p);
    *policies = NULL;
}

/* ---- asking ---- */

static const struct policy *find(const struct hub_policies *p, struct slice name)
{
    for (size_t i = 0; i < p->count; i++)
        if (slice_eq(slice_of(p->at[i].name), name))
            return &p->at[i];
    return NULL;
}

struct slice hub_policy_key(const struct hub_policies *p, struct slice name, bool secondary)
{
    const struct policy *at = find(p, name);
    return at ? slice_of(secondary ? at->secondary : at->primary) : (struct slice){0};
}

unsigned hub_policy_permissions(const struct hub_policies *p, struct slice name)
{
    const struct policy *at = find(p, name);
    return at ? at->permissions : 0;
}

struct slice hub_policy_device_key(void *policies, struct slice name, bool secondary)
{
    if (!(hub_policy_permissions(policies, name) & HUB_DEVICE_CONNECT))
        return (struct slice){0};
    return hub_policy_key(policies, name, secondary);
}

enum status hub_policy_check(const struct hub_policies *p, const char *const *hosts, struct slice token,
                             struct slice path, unsigned permissions, uint64_t now_ms)
{
    struct sas t;
    if (sas_parse(token, &t) != OK || t.policy.len == 0)
        return UNAUTHORIZED;
    const struct policy *at = find(p, t.policy);
    if (at == NULL || (sas_verify(&t, slice_of(at->primary)) != OK && sas_verify(&t, slice_of(at->secondary)) != OK))
        return UNAUTHORIZED;
    if (sas_expired(&t, now_ms) || !sas_covers(&t, hosts, path))
        return UNAUTHORIZED;
    return (at->permissions & permissions) == permissions ? OK : FORBIDDEN;
}
