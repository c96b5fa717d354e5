#include "services/audit_line.h"

#include "base/encoding.h"
#include "crypto/digest.h"
#include "services/audit.h"
#include "json/json.h"
#include "json/write.h"

#define HASH_MEMBER ",\"hash\":\""

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
                                        "pfx"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (slice_eq_nocase(name, slice_of(names[n])))
            return true;
    return false;
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
        if (!array && is_secret(m.name) && !json_is(m.value, JSON_NULL))
            json_put_text(w, "(left out)");
        else
            put_without_secrets(w, m.value);
    }
    array ? json_end_array(w) : json_end_object(w);
}

static void put_hex(struct json_writer *w, const char *name, struct slice bytes)
{
    struct buffer hex = {0};
    uint8_t digest[CRYPTO_SHA256_LEN];
    crypto_sha256(bytes, digest);
    hex_encode(slice_from(digest, sizeof digest), &hex);
    json_name(w, name), json_put_string(w, buffer_slice(&hex));
    buffer_clear(&hex);
}

static void put_body(struct json_writer *w, struct slice body)
{
    struct json_doc *doc = NULL;
    if (body.len == 0)
        return;
    json_name(w, "request");
    if (body.len <= AUDIT_BODY_MAX && json_parse(body, JSON_STRICT, &doc, NULL) == OK) {
        put_without_secrets(w, json_root(doc));
        json_free(&doc);
        return;
    }
    json_object(w);
    json_name(w, "bytes"), json_put_u64(w, body.len);
    put_hex(w, "sha256", body);
    json_end_object(w);
}

/* ---- making ---- */

static void put_request(struct json_writer *w, const struct rest_request *r, bool whole)
{
    json_name(w, "call"), json_put_text(w, r->id);
    json_name(w, "who"), json_put_string(w, r->user);
    if (!whole)
        return;
    json_name(w, "peer"), json_put_string(w, r->peer);
    json_name(w, "method"), json_put_string(w, r->method);
    json_name(w, "target"), json_put_string(w, slice_first(r->target, 2048));
    if (r->route && r->route->operation)
        json_name(w, "operation"), json_put_text(w, r->route->operation);
    put_body(w, r->body);
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

void audit_line_put(const struct audit_line *line, struct audit_place *place, struct buffer *out)
{
    size_t from = out->len;
    struct json_writer w = json_writer(out);
    bool answered = slice_eq(slice_of(line->event), SLICE("answered"));
    json_object(&w);
    json_name(&w, "number"), json_put_u64(&w, ++place->number);
    json_name(&w, "time"), json_put_time(&w, line->wall_ms);
    json_name(&w, "event"), json_put_text(&w, line->event);
    if (line->request)
        put_request(&w, line->request, !answered);
    if (line->status)
        json_name(&w, "status"), json_put_i64(&w, line->status);
    if (line->bytes)
        json_name(&w, "bytes"), json_put_u64(&w, line->bytes);
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
