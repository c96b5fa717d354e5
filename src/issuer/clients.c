#include "issuer/clients.h"

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "base/file.h"
#include "json/json.h"
#include "json/write.h"

#define SALT_BYTES 16
#define SECRET_BYTES 32

/* ---- the file ---- */

/* An absent file is one without clients; then *doc is NULL. */
static enum status load(const char *path, struct json_doc **doc)
{
    struct buffer text = {0};
    struct json_error e;
    *doc = NULL;
    enum status s = file_read(path, &text);
    if (s == OK) {
        s = json_parse(buffer_slice(&text), JSON_CONFIG, doc, &e);
        if (s != OK)
            log_error("clients' file cannot be read path=%s:%u:%u reason=\"%s\"", path, e.line,
                      e.column, e.what);
    } else if (s == NOT_FOUND) {
        s = OK;
    }
    buffer_clear(&text);
    return s;
}

static const struct json *find(const struct json_doc *doc, struct slice name)
{
    for (struct json_walk w = json_walk(json_get(json_root(doc), "clients")); json_next(&w);)
        if (name.len && slice_eq(json_string(json_get(w.value, "name")), name))
            return w.value;
    return NULL;
}

static bool name_ok(struct slice name)
{
    for (size_t n = 0; n < name.len; n++) {
        uint8_t c = name.at[n], letter = c | 0x20;
        bool digit = c >= '0' && c <= '9';
        if (!digit && !(letter >= 'a' && letter <= 'z') && c != '-' && c != '_' && c != '.')
            return false;
    }
    return name.len > 0 && name.len <= ISSUER_NAME_MAX;
}

/* ---- secrets ---- */

static void digest(struct slice salt, struct slice secret, uint8_t out[CRYPTO_SHA256_LEN])
{
    crypto_hmac_sha256(salt, secret, out);
}

static bool secret_is(const struct json *client, struct slice secret)
{
    struct buffer salt = {0}, kept = {0};
    uint8_t got[CRYPTO_SHA256_LEN];
    bool ok = base64_decode(json_string(json_get(client, "salt")), &salt) == OK &&
              salt.len == SALT_BYTES &&
              base64_decode(json_string(json_get(client, "digest")), &kept) == OK;
    digest(buffer_slice(&salt), secret, got);
    ok = ok && crypto_equal(buffer_slice(&kept), slice_from(got, sizeof(got)));
    buffer_clear(&salt);
    buffer_clear(&kept);
    return ok;
}

static void put_base64(struct json_writer *w, const char *name, struct slice bytes)
{
    struct buffer text = {0};
    base64_encode(bytes, &text);
    json_name(w, name), json_put_string(w, buffer_slice(&text));
    buffer_clear(&text);
}

static void put_object_id(struct json_writer *w)
{
    uint8_t random[16];
    char text[UUID_TEXT_LEN + 1];
    crypto_random(random, sizeof(random));
    uuid_text(random, text);
    json_name(w, "objectId"), json_put_text(w, text);
}

/* With a new secret. */
static void put_client(struct json_writer *w, struct slice name, const char *const *roles,
                       size_t role_count, struct buffer *secret)
{
    uint8_t random[SECRET_BYTES], salt[SALT_BYTES], kept[CRYPTO_SHA256_LEN];
    struct buffer text = {0};
    crypto_random(random, sizeof(random));
    crypto_random(salt, sizeof(salt));
    base64url_encode(slice_from(random, sizeof(random)), &text);
    digest(slice_from(salt, sizeof(salt)), buffer_slice(&text), kept);
    json_object(w);
    json_name(w, "name"), json_put_string(w, name);
    put_object_id(w);
    put_base64(w, "salt", slice_from(salt, sizeof(salt)));
    put_base64(w, "digest", slice_from(kept, sizeof(kept)));
    json_name(w, "roles"), json_array(w);
    for (size_t n = 0; n < role_count; n++)
        json_put_text(w, roles[n]);
    json_end_array(w);
    json_end_object(w);
    buffer_put(secret, buffer_slice(&text));
    buffer_clear(&text);
}

/* ---- the promises ---- */

static void read_client(struct arena *a, const struct json *v, struct issuer_client *out)
{
    const struct json *roles = json_get(v, "roles");
    size_t most = json_count(roles) < ISSUER_ROLES_MAX ? json_count(roles) : ISSUER_ROLES_MAX;
    struct slice *copies = ARENA_TAKE_N(a, struct slice, most + 1);
    *out = (struct issuer_client){
        .name = arena_copy(a, json_string(json_get(v, "name"))),
        .object_id = arena_copy(a, json_string(json_get(v, "objectId"))),
        .roles = copies,
    };
    for (struct json_walk w = json_walk(roles); out->role_count < most && json_next(&w);)
        copies[out->role_count++] = arena_copy(a, json_string(w.value));
}

enum status issuer_client_check(const char *path, struct arena *a, struct slice name,
                                struct slice secret, struct issuer_client *out)
{
    struct json_doc *doc;
    enum status s = load(path, &doc);
    if (s != OK)
        return s;
    const struct json *client = find(doc, name);
    s = client && secret_is(client, secret) ? OK : UNAUTHORIZED;
    if (s == OK)
        read_client(a, client, out);
    json_free(&doc);
    return s;
}

static enum status save(const char *path, struct buffer *text)
{
    buffer_u8(text, '\n');
    return file_write(path, buffer_slice(text));
}

enum status issuer_client_add(const char *path, struct slice name, const char *const *roles,
                              size_t role_count, struct buffer *secret)
{
    struct json_doc *doc;
    if (!name_ok(name) || role_count > ISSUER_ROLES_MAX)
        return BAD_ARGUMENT;
    enum status s = load(path, &doc);
    if (s != OK)
        return s;
    const struct json *clients = json_get(json_root(doc), "clients");
    s = find(doc, name) ? EXISTS : json_count(clients) >= ISSUER_CLIENTS_MAX ? FULL : OK;
    if (s == OK) {
        struct buffer text = {0};
        struct json_writer w = json_writer(&text);
        json_object(&w);
        json_name(&w, "clients"), json_array(&w);
        for (struct json_walk m = json_walk(clients); json_next(&m);)
            json_put_value(&w, m.value);
        put_client(&w, name, roles, role_count, secret);
        json_end_array(&w);
        json_end_object(&w);
        s = save(path, &text);
        buffer_clear(&text);
    }
    json_free(&doc);
    return s;
}

enum status issuer_client_remove(const char *path, struct slice name)
{
    struct json_doc *doc;
    enum status s = load(path, &doc);
    if (s != OK)
        return s;
    const struct json *gone = find(doc, name);
    s = gone ? OK : NOT_FOUND;
    if (gone) {
        struct buffer text = {0};
        struct json_writer w = json_writer(&text);
        json_object(&w);
        json_name(&w, "clients"), json_array(&w);
        for (struct json_walk m = json_walk(json_get(json_root(doc), "clients")); json_next(&m);)
            if (m.value != gone)
                json_put_value(&w, m.value);
        json_end_array(&w);
        json_end_object(&w);
        s = save(path, &text);
        buffer_clear(&text);
    }
    json_free(&doc);
    return s;
}

enum status issuer_client_list(const char *path, struct buffer *out)
{
    struct json_doc *doc;
    enum status s = load(path, &doc);
    for (struct json_walk w = json_walk(json_get(json_root(doc), "clients"));
         s == OK && json_next(&w);) {
        buffer_put(out, json_string(json_get(w.value, "name")));
        for (struct json_walk r = json_walk(json_get(w.value, "roles")); json_next(&r);)
            buffer_printf(out, " %.*s", SLICE_FMT(json_string(r.value)));
        buffer_u8(out, '\n');
    }
    json_free(&doc);
    return s;
}
