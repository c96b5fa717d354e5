/*
 * Certificates of authorities. One counts when it is verified: who uploaded it showed that its key
 * is his, with a certificate that the key signed for a code made here; or when an owner of the hub
 * said so. The names and shapes are those of Azure's resource provider.
 */
#include "base/clock.h"
#include "base/encoding.h"
#include "crypto/certificate.h"
#include "crypto/random.h"
#include "registry/tables.h"

#define NAME_MAX_BYTES 64
#define CODE_BYTES 24

/* A row; its slices are in the errand's arena. */
struct row {
    struct slice name, etag, der /* in base64 */, code;
    bool verified;
    int64_t created_ms, updated_ms;
};

/* ---- reading ---- */

static void read_row(struct store_table *t, size_t n, struct arena *a, struct row *out)
{
    *out = (struct row){
        .name = arena_copy(a, store_column(t, n, 0)),
        .etag = arena_copy(a, store_column(t, n, 1)),
        .der = arena_copy(a, store_column(t, n, 2)),
        .code = arena_copy(a, store_column(t, n, 3)),
        .verified = store_column_i64(t, n, 4),
        .created_ms = store_column_i64(t, n, 5),
        .updated_ms = store_column_i64(t, n, 6),
    };
}

static enum status load(struct store_table *t, struct registry_errand *e, struct row *out)
{
    store_bind(t, SQL_CERTIFICATE_GET, 1, e->ask.name);
    enum status s = store_step(t, SQL_CERTIFICATE_GET);
    if (s == NOT_FOUND)
        return registry_refuse(e, s, "there is no certificate of that name");
    if (s != OK)
        return s;
    read_row(t, SQL_CERTIFICATE_GET, &e->arena, out);
    store_reset(t, SQL_CERTIFICATE_GET);
    return OK;
}

/* The same, for a change: the etag that was sent, if one was, must be its etag. */
static enum status load_for_change(struct store_table *t, struct registry_errand *e,
                                   struct row *out)
{
    enum status s = load(t, e, out);
    if (s == OK && e->ask.if_match.len && !registry_etag_matches(e, out->etag))
        return registry_refuse(
            e, CONFLICT, "the certificate has changed since it was read: its etag is another one");
    return s;
}

static void put_date(struct json_writer *w, const char *name, uint64_t ms)
{
    char date[CLOCK_ISO8601_MAX];
    clock_http_date(ms, date);
    json_name(w, name), json_put_text(w, date);
}

static void put_upper(struct json_writer *w, const char *name, const char *text)
{
    char upper[2 * CRYPTO_SHA1_LEN + 1] = {0};
    for (size_t i = 0; text[i] && i < sizeof(upper) - 1; i++)
        upper[i] = text[i] >= 'a' ? (char)(text[i] - 'a' + 'A') : text[i];
    json_name(w, name), json_put_text(w, upper);
}

static void print(struct registry_errand *e, struct json_writer *w, const struct row *row)
{
    struct buffer der = {0};
    struct certificate_facts facts = {0};
    if (base64_decode(row->der, &der) != OK || certificate_read(buffer_slice(&der), &facts) != OK)
        facts = (struct certificate_facts){0}; /* it was readable when it was stored */
    json_object(w);
    json_member(w, "id",
                slice_of(arena_printf(&e->arena, "/certificates/%.*s", SLICE_FMT(row->name))));
    json_member(w, "name", row->name);
    json_name(w, "type"), json_put_text(w, "Microsoft.Devices/IotHubs/Certificates");
    json_member(w, "etag", row->etag);
    json_name(w, "properties"), json_object(w);
    json_name(w, "subject"), json_put_text(w, facts.common_name);
    put_date(w, "expiry", facts.not_after_ms);
    put_upper(w, "thumbprint", facts.sha1);
    json_name(w, "isVerified"), json_put_bool(w, row->verified);
    put_date(w, "created", (uint64_t)row->created_ms);
    put_date(w, "updated", (uint64_t)row->updated_ms);
    json_member(w, "verificationCode", row->code);
    json_member(w, "certificate", row->der);
    json_end_object(w);
    json_end_object(w);
    buffer_clear(&der);
}

static enum status answer(struct registry_errand *e, const struct row *row)
{
    struct json_writer w = json_writer(&e->json);
    print(e, &w, row);
    e->answer.etag = row->etag;
    return OK;
}

static enum status run_certificate_get(struct store_table *t, struct registry_errand *e)
{
    struct row row;
    enum status s = load(t, e, &row);
    return s == OK ? answer(e, &row) : s;
}

static enum status run_certificate_list(struct store_table *t, struct registry_errand *e)
{
    struct json_writer w = json_writer(&e->json);
    enum status s;
    json_object(&w);
    json_name(&w, "value"), json_array(&w);
    while ((s = store_step(t, SQL_CERTIFICATES)) == OK) {
        struct row row;
        read_row(t, SQL_CERTIFICATES, &e->arena, &row);
        print(e, &w, &row);
    }
    json_end_array(&w);
    json_end_object(&w);
    return s == NOT_FOUND ? OK : s;
}

enum status registry_certificates_verified(struct store_table *t, struct buffer *ders)
{
    enum status s;
    while ((s = store_step(t, SQL_CERTIFICATES_VERIFIED)) == OK)
        if (base64_decode(store_column(t, SQL_CERTIFICATES_VERIFIED, 0), ders) != OK)
            buffer_reset(ders); /* it was readable when it was stored */
    return s == NOT_FOUND ? OK : s;
}

/* ---- writing ---- */

static enum status store(struct store_table *t, struct registry_errand *e, struct row *row,
                         size_t n)
{
    row->etag = registry_new_etag(&e->arena);
    row->updated_ms = (int64_t)e->now_ms;
    store_bind(t, n, 1, row->name);
    store_bind(t, n, 2, row->etag);
    store_bind(t, n, 3, row->der);
    store_bind(t, n, 4, row->code);
    store_bind_i64(t, n, 5, row->verified);
    store_bind_i64(t, n, 6, row->created_ms);
    store_bind_i64(t, n, 7, row->updated_ms);
    enum status s = store_run(t, n);
    return s == OK ? answer(e, row) : s;
}

static bool name_ok(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '-' && c != '.' && c != '_')
            return false;
    }
    return name.len > 0 && name.len <= NAME_MAX_BYTES;
}

/* The one certificate in a body: {"properties":{"certificate":…}}, or {"certificate":…} as older
 * clients have it. */
static enum status read_certificate(struct registry_errand *e, const struct json *body,
                                    struct buffer *der, struct certificate_facts *facts)
{
    const struct json *v = json_get(json_get(body, "properties"), "certificate");
    struct slice text = json_string(v ? v : json_get(body, "certificate"));
    if (text.len == 0)
        return registry_refuse(e, BAD_ARGUMENT, "properties.certificate must be a text");
    if (certificate_read_any(text, der) != OK)
        return registry_refuse(e, BAD_ARGUMENT, "the certificate must be PEM, or DER in base64");
    if (certificate_read(buffer_slice(der), facts) != OK)
        return registry_refuse(e, BAD_ARGUMENT,
                               "there must be one certificate, with names of up to 255 bytes");
    return OK;
}

static enum status read_authority(struct registry_errand *e, const struct json *body,
                                  struct slice *der)
{
    struct buffer raw = {0}, text = {0};
    struct certificate_facts facts;
    enum status s = read_certificate(e, body, &raw, &facts);
    if (s == OK && !facts.authority)
        s = registry_refuse(e, BAD_ARGUMENT,
                            "the certificate may not sign others: it is no authority's");
    if (s == OK && facts.not_after_ms < e->now_ms)
        s = registry_refuse(e, BAD_ARGUMENT, "the certificate has expired");
    if (s == OK) {
        base64_encode(buffer_slice(&raw), &text);
        *der = arena_copy(&e->arena, buffer_slice(&text));
    }
    buffer_clear(&raw);
    buffer_clear(&text);
    return s;
}

static enum status room_for_one(struct store_table *t, struct registry_errand *e)
{
    enum status s = store_step(t, SQL_CERTIFICATES_COUNT);
    if (s != OK)
        return s;
    uint64_t count = (uint64_t)store_column_i64(t, SQL_CERTIFICATES_COUNT, 0);
    store_reset(t, SQL_CERTIFICATES_COUNT);
    return count < e->registry->limits->certificates
               ? OK
               : registry_refuse(e, FULL,
                                 "there are as many certificates as limits.certificates allows");
}

static enum status put(struct store_table *t, struct registry_errand *e, const struct json *body)
{
    struct row row;
    struct slice der = {0};
    const struct json *said = json_get(json_get(body, "properties"), "isVerified");
    enum status s = read_authority(e, body, &der);
    if (s != OK)
        return s;
    s = load_for_change(t, e, &row);
    if (s == OK && e->ask.if_match.len == 0)
        return registry_refuse(e, CONFLICT, "it exists already; send If-Match to change it");
    bool fresh = s == NOT_FOUND && e->ask.if_match.len == 0;
    if (!fresh && s != OK)
        return s;
    if (fresh) {
        s = room_for_one(t, e);
        row = (struct row){.name = e->ask.name, .created_ms = (int64_t)e->now_ms};
    } else if (!slice_eq(row.der, der)) {
        row.verified = false;
        row.code = (struct slice){0};
    }
    row.der = der;
    row.verified = json_bool(said, row.verified);
    e->answer.created = fresh;
    return s == OK ? store(t, e, &row, fresh ? SQL_CERTIFICATE_INSERT : SQL_CERTIFICATE_UPDATE) : s;
}

static enum status run_certificate_put(struct store_table *t, struct registry_errand *e)
{
    struct json_doc *doc = NULL;
    if (!name_ok(e->ask.name))
        return registry_refuse(e, BAD_ARGUMENT,
                               "a certificate's name has 1 to 64 letters, digits and - . _");
    if (json_parse(e->ask.body, JSON_STRICT, &doc, NULL) != OK)
        return registry_refuse(e, BAD_FORMAT, "the body must be a JSON object");
    enum status s = put(t, e, json_root(doc));
    json_free(&doc);
    return s;
}

static enum status run_certificate_delete(struct store_table *t, struct registry_errand *e)
{
    struct row row;
    enum status s = load_for_change(t, e, &row);
    if (s != OK)
        return s;
    store_bind(t, SQL_CERTIFICATE_DELETE, 1, row.name);
    return store_run(t, SQL_CERTIFICATE_DELETE);
}

/* ---- proof of possession ---- */

static enum status run_certificate_code(struct store_table *t, struct registry_errand *e)
{
    struct row row;
    uint8_t bytes[CODE_BYTES];
    struct buffer code = {0};
    enum status s = load_for_change(t, e, &row);
    if (s != OK)
        return s;
    crypto_random(bytes, sizeof(bytes));
    hex_encode(slice_from(bytes, sizeof(bytes)), &code);
    row.code = arena_copy(&e->arena, buffer_slice(&code));
    buffer_clear(&code);
    return store(t, e, &row, SQL_CERTIFICATE_UPDATE);
}

static enum status check_proof(struct registry_errand *e, const struct row *row,
                               const struct json *body)
{
    struct buffer proof = {0}, authority = {0};
    struct certificate_facts facts;
    const char *why = NULL;
    enum status s = read_certificate(e, body, &proof, &facts);
    if (s == OK && !slice_eq_nocase(slice_of(facts.common_name), row->code))
        s = registry_refuse(e, BAD_ARGUMENT, "the common name must be the verification code");
    if (s == OK && base64_decode(row->der, &authority) != OK)
        s = IO_FAILED;
    if (s == OK && certificate_verify(buffer_slice(&proof), buffer_slice(&authority),
                                      CERTIFICATE_FOR_PROOF, e->now_ms, &why) != OK)
        s = registry_refuse(e, BAD_ARGUMENT, why);
    buffer_clear(&proof);
    buffer_clear(&authority);
    return s;
}

static enum status run_certificate_verify(struct store_table *t, struct registry_errand *e)
{
    struct row row;
    struct json_doc *doc = NULL;
    enum status s = load_for_change(t, e, &row);
    if (s != OK)
        return s;
    if (row.code.len == 0)
        return registry_refuse(e, BAD_ARGUMENT, "no verification code was generated for it");
    if (json_parse(e->ask.body, JSON_STRICT, &doc, NULL) != OK)
        return registry_refuse(e, BAD_FORMAT, "the body must be a JSON object");
    s = check_proof(e, &row, json_root(doc));
    json_free(&doc);
    if (s != OK)
        return s;
    row.verified = true;
    row.code = (struct slice){0};
    return store(t, e, &row, SQL_CERTIFICATE_UPDATE);
}

/* ---- what can be asked ---- */

const struct registry_work registry_certificate_list = {run_certificate_list, IOT_DEVICE};
const struct registry_work registry_certificate_get = {run_certificate_get, IOT_CERTIFICATE};
const struct registry_work registry_certificate_put = {run_certificate_put, IOT_CERTIFICATE};
const struct registry_work registry_certificate_delete = {run_certificate_delete, IOT_CERTIFICATE};
const struct registry_work registry_certificate_code = {run_certificate_code, IOT_CERTIFICATE};
const struct registry_work registry_certificate_verify = {run_certificate_verify, IOT_CERTIFICATE};
