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

static void put_new_secret(struct json_writer *w, struct buffer *secret)
{
    uint8_t random[SECRET_BYTES], salt[SALT_BYTES], kept[CRYPTO_SHA256_LEN];
    struct buffer text = {0};
    crypto_random(random, sizeof(random));
    crypto_random(salt, sizeof(salt));
    base64url_encode(slice_from(random, sizeof(random)), &text);
    digest(slice_from(salt, sizeof(salt)), buffer_slice(&text), kept);
    put_base64(w, "salt", slice_from(salt, sizeof(salt)));
    put_base64(w, "digest", slice_from(kept, sizeof(kept)));
    buffer_put(secret, buffer_slice(&text));
    buffer_clear(&text);
}

static void put_texts(struct json_writer *w, const char *name, const char *const *texts, size_t count)
{
    json_name(w, name), json_array(w);
    for (size_t n = 0; n < count; n++)
        json_put_text(w, texts[n]);
    json_end_array(w);
}

static void put_client(struct json_writer *w, const struct issuer_client_new *c, struct buffer *secret)
{
    json_object(w);
    json_name(w, "name"), json_put_string(w, c->name);
    put_object_id(w);
    json_name(w, "public"), json_put_bool(w, c->is_public);
    if (!c->is_public)
        put_new_secret(w, secret);
    put_texts(w, "roles", c->roles, c->role_count);
    put_texts(w, "redirects", c->redirects, c->redirect_count);
    json_end_object(w);
}

/* ---- the promises ---- */

static const struct slice *read_texts(struct arena *a, const struct json *v, size_t most, size_t *count)
{
    struct slice *copies = ARENA_TAKE_N(a, struct slice, most);
    *count = 0;
    for (struct json_walk w = json_walk(v); *count < most && json_next(&w);)
        copies[(*count)++] = arena_copy(a, json_string(w.value));
    return copies;
}

static bool is_public(const struct json *client)
{
    return json_bool(json_get(client, "public"), false);
}

static void read_client(struct arena *a, const struct json *v, struct issuer_client *out)
{
    *out = (struct issuer_client){
        .name = arena_copy(a, json_string(json_get(v, "name"))),
        .object_id = arena_copy(a, json_string(json_get(v, "objectId"))),
        .is_public = is_public(v),
    };
    out->roles = read_texts(a, json_get(v, "roles"), ISSUER_ROLES_MAX, &out->role_count);
    out->redirects = read_texts(a, json_get(v, "redirects"), ISSUER_REDIRECTS_MAX, &out->redirect_count);
}

enum status issuer_client_find(const char *path, struct arena *a, struct slice name, struct issuer_client *out)
{
    struct json_doc *doc;
    enum status s = load(path, &doc);
    if (s != OK)
        return s;
    const struct json *client = find(doc, name);
    if (client)
        read_client(a, client, out);
    json_free(&doc);
    return client ? OK : NOT_FOUND;
}

enum status issuer_client_check(const char *path, struct arena *a, struct slice name,
                                struct slice secret, struct issuer_client *out)
{
    struct json_doc *doc;
    enum status s = load(path, &doc);
    if (s != OK)
        return s;
    const struct json *client = find(doc, name);
    bool proved = client && (is_public(client) ? secret.len == 0 : secret_is(client, secret));
    if (proved)
        read_client(a, client, out);
    json_free(&doc);
    return proved ? OK : UNAUTHORIZED;
}

/* ---- where it may send people ---- */

/* Cuts ":1234" out of "http://localhost:1234/path": the origin stays in *uri, the rest goes to *path. False: it is
 * not of this machine. */
static bool cut_port(struct slice *uri, struct slice *path)
{
    static const char *const hosts[] = {"http://localhost", "http://127.0.0.1", "http://[::1]"};
    for (size_t n = 0; n < sizeof hosts / sizeof *hosts; n++) {
        struct slice host = slice_of(hosts[n]), rest = slice_skip(*uri, host.len);
        if (!slice_starts(*uri, host) || (rest.len && rest.at[0] != ':' && rest.at[0] != '/'))
            continue;
        size_t digits = rest.len && rest.at[0] == ':';
        while (digits && digits < rest.len && rest.at[digits] >= '0' && rest.at[digits] <= '9')
            digits++;
        *uri = host;
        *path = slice_skip(rest, digits);
        return path->len == 0 || path->at[0] == '/';
    }
    return false;
}

bool issuer_client_redirects_to(const struct issuer_client *c, struct slice uri)
{
    for (size_t n = 0; n < c->redirect_count; n++) {
        struct slice known = c->redirects[n], asked = uri, known_path, path;
        if (slice_eq(known, uri))
            return uri.len > 0;
        if (cut_port(&known, &known_path) && cut_port(&asked, &path) && slice_eq(known, asked) &&
            slice_eq(known_path, path))
            return true;
    }
    return false;
}

/* ---- changing the file ---- */

static enum status save(const char *path, struct buffer *text)
{
    buffer_u8(text, '\n');
    return file_write(path, buffer_slice(text));
}

enum status issuer_client_add(const char *path, const struct issuer_client_new *client, struct buffer *secret)
{
    struct json_doc *doc;
    if (!name_ok(client->name) || client->role_count > ISSUER_ROLES_MAX || client->redirect_count > ISSUER_REDIRECTS_MAX)
        return BAD_ARGUMENT;
    enum status s = load(path, &doc);
    if (s != OK)
        return s;
    const struct json *clients = json_get(json_root(doc), "clients");
    s = find(doc, client->name) ? EXISTS : json_count(clients) >= ISSUER_CLIENTS_MAX ? FULL : OK;
    if (s == OK) {
        struct buffer text = {0};
        struct json_writer w = json_writer(&text);
        json_object(&w);
        json_name(&w, "clients"), json_array(&w);
        for (struct json_walk m = json_walk(clients); json_next(&m);)
            json_put_value(&w, m.value);
        put_client(&w, client, secret);
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
        for (struct json_walk r = json_walk(json_get(w.value, "redirects")); json_next(&r);)
            buffer_printf(out, " %.*s", SLICE_FMT(json_string(r.value)));
        buffer_u8(out, '\n');
    }
    json_free(&doc);
    return s;
}
