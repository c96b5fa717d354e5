#include "audit/line.h"

#include "base/encoding.h"
#include "crypto/digest.h"
#include "json/json.h"
#include "json/write.h"

#define HASH_MEMBER ",\"hash\":\""
#define TARGET_MAX 2048

/* ---- what must not stand in a log ---- */

static bool is_secret(struct slice name)
{
    static const char *const names[] = {"password",
                                        "secret",
                                        "token",
                                        "credential",
                                        "elevation",
                                        "key",
                                        "opcAuthenticationPassword",
                                        "encryptedAuthPassword",
                                        "certificatePassword",
                                        "pfx",
                                        "pfxBlob",
                                        "primaryKey", /* of identities and enrollments */
                                        "secondaryKey",
                                        "connectionString",
                                        "writerGroupTransportConfiguration",
                                        "headers",               /* of webhooks */
                                        "inputBlobContainerUri", /* has a signature in it */
                                        "outputBlobContainerUri"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (slice_eq_nocase(name, slice_of(names[n])))
            return true;
    return false;
}

/* Of a connection: {"type":"JwtToken","value":…}. */
static bool is_credential(const struct json_walk *m)
{
    return json_is(m->value, JSON_OBJECT) && slice_eq_nocase(m->name, SLICE("user"));
}

static void put_without_secrets(struct json_writer *w, const struct json *v)
{
    bool array = json_is(v, JSON_ARRAY);
    if (!array && !json_is(v, JSON_OBJECT)) {
        json_put_value(w, v);
        return;
    }
    array ? json_array(w) : json_object(w);
    for (struct json_walk m = json_walk(v); json_next(&m);) {
        if (!array)
            json_name_slice(w, m.name);
        bool secret = is_secret(m.name) || is_credential(&m);
        if (!array && secret && !json_is(m.value, JSON_NULL))
            json_put_text(w, "(left out)");
        else
            put_without_secrets(w, m.value);
    }
    array ? json_end_array(w) : json_end_object(w);
}

void audit_line_digest(struct slice bytes, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    struct buffer hex = {0};
    uint8_t digest[CRYPTO_SHA256_LEN];
    crypto_sha256(bytes, digest);
    hex_encode(slice_from(digest, sizeof digest), &hex);
    json_object(&w);
    json_name(&w, "bytes"), json_put_u64(&w, bytes.len);
    json_name(&w, "sha256"), json_put_string(&w, buffer_slice(&hex));
    json_end_object(&w);
    buffer_clear(&hex);
}

static void put_body(struct json_writer *w, const char *name, struct slice body)
{
    struct json_doc *doc = NULL;
    struct buffer digest = {0};
    if (body.len == 0)
        return;
    json_name(w, name);
    if (body.len <= AUDIT_BODY_MAX && json_parse(body, JSON_STRICT, &doc, NULL) == OK) {
        put_without_secrets(w, json_root(doc));
        json_free(&doc);
        return;
    }
    audit_line_digest(body, &digest);
    json_put_raw(w, buffer_slice(&digest));
    buffer_clear(&digest);
}

/* ---- making ---- */

static void put_entry(struct json_writer *w, const struct audit_entry *e)
{
    json_member(w, "call", e->call);
    json_member(w, "who", e->who);
    json_member(w, "peer", e->peer);
    json_member(w, "method", e->method);
    json_member(w, "target", slice_first(e->target, TARGET_MAX));
    json_member(w, "operation", e->operation);
    put_body(w, "request", e->body);
    put_body(w, "old", e->old);
    put_body(w, "response", e->response);
    if (e->status)
        json_name(w, "status"), json_put_i64(w, e->status);
    if (e->count)
        json_name(w, "count"), json_put_u64(w, e->count);
}

static void hash(struct slice text, char out[AUDIT_HASH_LEN + 1])
{
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct buffer hex = {0};
    crypto_sha256(text, digest);
    hex_encode(slice_from(digest, sizeof digest), &hex);
    memcpy(out, hex.at, AUDIT_HASH_LEN);
    out[AUDIT_HASH_LEN] = 0;
    buffer_clear(&hex);
}

void audit_line_put(const struct audit_entry *e, uint64_t wall_ms, struct audit_place *place,
                    struct buffer *out)
{
    size_t from = out->len;
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "number"), json_put_u64(&w, ++place->number);
    json_name(&w, "time"), json_put_time(&w, wall_ms);
    json_name(&w, "event"), json_put_text(&w, e->event);
    put_entry(&w, e);
    json_name(&w, "previous"), json_put_text(&w, place->previous);
    hash(slice_skip(buffer_slice(out), from), place->previous);
    buffer_text(out, HASH_MEMBER);
    buffer_text(out, place->previous);
    buffer_text(out, "\"}\n");
}

/* ---- reading ---- */

/* Cuts off ,"hash":"…"} and looks whether it is right. */
static bool cut_hash(struct slice line, struct slice *text, char found[AUDIT_HASH_LEN + 1])
{
    size_t tail = sizeof(HASH_MEMBER) - 1 + AUDIT_HASH_LEN + 2;
    if (line.len < tail)
        return false;
    *text = slice_first(line, line.len - tail);
    struct slice end = slice_skip(line, text->len);
    hash(*text, found);
    return slice_starts(end, SLICE(HASH_MEMBER)) && slice_ends(end, SLICE("\"}")) &&
           slice_eq(slice_first(slice_skip(end, sizeof(HASH_MEMBER) - 1), AUDIT_HASH_LEN),
                    slice_of(found));
}

static bool read_line(struct slice line, struct audit_place *is, struct slice *previous,
                      struct json_doc **doc, const char **why)
{
    struct slice text;
    *why = "its hash is not that of the line";
    if (!cut_hash(line, &text, is->previous))
        return false;
    *why = "it is no JSON";
    if (json_parse(line, JSON_STRICT, doc, NULL) != OK)
        return false;
    *why = "it has no number";
    *previous = json_string(json_get(json_root(*doc), "previous"));
    return json_u64(json_get(json_root(*doc), "number"), &is->number);
}

bool audit_line_check(struct slice line, struct audit_place *place, const char **why)
{
    struct audit_place is;
    struct slice previous;
    struct json_doc *doc = NULL;
    bool ok = read_line(line, &is, &previous, &doc, why);
    if (ok && !slice_eq(previous, slice_of(place->previous))) {
        *why = "it does not follow the line before it";
        ok = false;
    } else if (ok && is.number != place->number + 1) {
        *why = "a number is missing before it";
        ok = false;
    }
    json_free(&doc);
    if (ok)
        *place = is;
    return ok;
}

bool audit_line_follow(struct slice line, struct audit_place *place)
{
    struct slice previous;
    struct json_doc *doc = NULL;
    const char *why;
    bool ok = read_line(line, place, &previous, &doc, &why);
    json_free(&doc);
    return ok;
}
