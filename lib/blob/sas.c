#include "blob/sas.h"

#include <arpa/inet.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "crypto/digest.h"

static const char letters[] = "racwdl"; /* in the order in which Azure wants them */

/* The fields of a signature, decoded. */
struct fields {
    struct slice sv, sr, sig, st, se, sp, si, sip, spr, ss, srt, ses;
    struct slice rscc, rscd, rsce, rscl, rsct;
};

static const struct {
    const char *name;
    size_t offset;
} names[] = {
    {"sv", offsetof(struct fields, sv)},     {"sr", offsetof(struct fields, sr)},
    {"sig", offsetof(struct fields, sig)},   {"st", offsetof(struct fields, st)},
    {"se", offsetof(struct fields, se)},     {"sp", offsetof(struct fields, sp)},
    {"si", offsetof(struct fields, si)},     {"sip", offsetof(struct fields, sip)},
    {"spr", offsetof(struct fields, spr)},   {"ss", offsetof(struct fields, ss)},
    {"srt", offsetof(struct fields, srt)},   {"ses", offsetof(struct fields, ses)},
    {"rscc", offsetof(struct fields, rscc)}, {"rscd", offsetof(struct fields, rscd)},
    {"rsce", offsetof(struct fields, rsce)}, {"rscl", offsetof(struct fields, rscl)},
    {"rsct", offsetof(struct fields, rsct)},
};

static bool read_fields(const struct rest_field *query, size_t count, struct fields *f)
{
    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            struct slice *at = (struct slice *)((char *)f + names[n].offset);
            if (!slice_eq(query[i].name, slice_of(names[n].name)))
                continue;
            if (at->at)
                return false; /* given twice: which one is signed? */
            *at = query[i].value.at ? query[i].value : SLICE("");
        }
    return true;
}

/* ---- what is signed ---- */

static void put_line(struct buffer *out, struct slice s)
{
    buffer_put(out, s);
    buffer_u8(out, '\n');
}

static void put_service(const struct blob_account *account, const struct fields *f,
                        struct slice container, struct slice blob, struct buffer *out)
{
    put_line(out, f->sp);
    put_line(out, f->st);
    put_line(out, f->se);
    buffer_printf(out, "/blob/%s/%.*s", account->name, SLICE_FMT(container));
    if (blob.len)
        buffer_u8(out, '/'), buffer_put(out, blob);
    buffer_u8(out, '\n');
    put_line(out, f->si);
    put_line(out, f->sip);
    put_line(out, f->spr);
    put_line(out, f->sv);
    put_line(out, f->sr);
    put_line(out, SLICE("")); /* snapshots are not known here */
    if (memcmp(f->sv.at, "2020-12-06", 10) >= 0)
        put_line(out, f->ses);
    put_line(out, f->rscc);
    put_line(out, f->rscd);
    put_line(out, f->rsce);
    put_line(out, f->rscl);
    buffer_put(out, f->rsct);
}

static void put_account(const struct blob_account *account, const struct fields *f,
                        struct buffer *out)
{
    put_line(out, slice_of(account->name));
    put_line(out, f->sp);
    put_line(out, f->ss);
    put_line(out, f->srt);
    put_line(out, f->st);
    put_line(out, f->se);
    put_line(out, f->sip);
    put_line(out, f->spr);
    put_line(out, f->sv);
    if (memcmp(f->sv.at, "2020-12-06", 10) >= 0)
        put_line(out, f->ses);
}

/* As base64. */
static enum status sign(const struct blob_account *account, struct slice text, struct buffer *out)
{
    struct buffer key = {0};
    uint8_t mac[CRYPTO_SHA256_LEN];
    enum status s = base64_decode(account->key, &key) == OK && key.len > 0 ? OK : BAD_ARGUMENT;
    if (s == OK) {
        crypto_hmac_sha256(buffer_slice(&key), text, mac);
        base64_encode(slice_from(mac, sizeof(mac)), out);
    }
    buffer_clear(&key);
    return s;
}

/* ---- checking ---- */

static enum status no(const char **why, enum status s, const char *reason)
{
    *why = reason;
    return s;
}

/* "2026-11-26", "2026-11-26T07:03Z", "2026-11-26T07:03:00Z" */
static bool read_time(struct slice text, uint64_t *ms)
{
    char full[CLOCK_ISO8601_MAX];
    const char *tail = text.len == 10 ? "T00:00:00Z" : "";
    if (text.len == 17 && text.at[16] == 'Z') {
        text.len = 16;
        tail = ":00Z";
    }
    size_t more = strlen(tail);
    if (text.len + more >= sizeof(full))
        return false;
    memcpy(full, text.at, text.len);
    memcpy(full + text.len, tail, more);
    return clock_parse_iso8601(slice_from(full, text.len + more), ms);
}

static bool read_address(struct slice text, uint32_t *out)
{
    char copy[INET_ADDRSTRLEN];
    struct in_addr a;
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    if (inet_pton(AF_INET, copy, &a) != 1)
        return false;
    *out = ntohl(a.s_addr);
    return true;
}

/* "168.1.5.65" or "168.1.5.60-168.1.5.70". */
static bool address_ok(struct slice allowed, struct slice peer)
{
    uint32_t first, last, is;
    size_t dash = slice_find(allowed, '-');
    if (!read_address(slice_first(allowed, dash), &first) ||
        !read_address(slice_first(peer, slice_find(peer, ':')), &is))
        return false;
    last = first;
    if (dash < allowed.len && !read_address(slice_skip(allowed, dash + 1), &last))
        return false;
    return is >= first && is <= last;
}

static bool version_ok(struct slice sv)
{
    uint64_t date;
    return sv.len == 10 && read_time(sv, &date) && memcmp(sv.at, "2018-11-09", 10) >= 0;
}

static enum status check_time(const struct fields *f, const struct blob_wish *wish,
                              const char **why)
{
    uint64_t starts, ends;
    if (!read_time(f->se, &ends))
        return no(why, UNAUTHORIZED, "se is no time");
    if (wish->now_ms >= ends)
        return no(why, UNAUTHORIZED, "the signature has expired; look at both clocks");
    if (f->st.len && (!read_time(f->st, &starts) || wish->now_ms < starts))
        return no(why, UNAUTHORIZED, "the signature is not valid yet; look at both clocks");
    if (f->sip.len && !address_ok(f->sip, wish->peer))
        return no(why, UNAUTHORIZED, "the signature is for other addresses");
    return OK;
}

static bool has(struct slice words, char letter)
{
    return slice_find(words, (uint8_t)letter) < words.len;
}

static unsigned read_permissions(struct slice sp)
{
    unsigned all = 0;
    for (size_t i = 0; letters[i]; i++)
        if (has(sp, letters[i]))
            all |= 1u << i;
    return all;
}

enum status blob_sas_check(const struct blob_account *account, const struct rest_field *query,
                           size_t query_count, const struct blob_wish *wish, unsigned *granted,
                           const char **why)
{
    struct fields f = {0};
    if (!read_fields(query, query_count, &f))
        return no(why, UNAUTHORIZED, "a field of the signature was given twice");
    bool of_account = f.ss.len > 0 || f.srt.len > 0;
    bool of_container = slice_eq(f.sr, SLICE("c"));
    if (!version_ok(f.sv) || f.si.len ||
        (!of_account && !of_container && !slice_eq(f.sr, SLICE("b"))))
        return no(why, UNAUTHORIZED, "a signature of a version or a kind that is not known here");
    struct buffer text = {0}, mac = {0};
    if (of_account)
        put_account(account, &f, &text);
    else
        put_service(account, &f, wish->container, of_container ? (struct slice){0} : wish->blob,
                    &text);
    bool made_here =
        sign(account, buffer_slice(&text), &mac) == OK && crypto_equal(buffer_slice(&mac), f.sig);
    buffer_clear(&text);
    buffer_clear(&mac);
    if (!made_here)
        return no(why, UNAUTHORIZED,
                  "the signature was made with another key, or for something else");
    enum status s = check_time(&f, wish, why);
    if (s != OK)
        return s;
    if (of_account && (!has(f.ss, 'b') || !has(f.srt, wish->blob.len ? 'o' : 'c')))
        return no(why, FORBIDDEN, "the signature is not for this kind of thing");
    if (!of_account && !of_container && wish->blob.len == 0)
        return no(why, FORBIDDEN, "the signature is for a blob alone");
    *granted = read_permissions(f.sp);
    if ((*granted & wish->any_of) == 0)
        return no(why, FORBIDDEN, "the signature does not permit this");
    return OK;
}

/* ---- making ---- */

static void put_query(struct buffer *out, const char *name, struct slice value)
{
    if (out->len > 0 && out->at[out->len - 1] != '?')
        buffer_u8(out, '&');
    buffer_printf(out, "%s=", name);
    percent_encode(value, out);
}

enum status blob_sas_make(const struct blob_account *account, const struct blob_sas *want,
                          struct buffer *out)
{
    char permissions[sizeof(letters)] = "", expires[CLOCK_ISO8601_MAX];
    size_t count = 0;
    for (size_t i = 0; letters[i]; i++)
        if (want->permissions & 1u << i)
            permissions[count++] = letters[i];
    clock_iso8601(want->expires_ms, expires);
    memcpy(expires + 19, "Z", 2); /* whole seconds */
    struct fields f = {.sv = SLICE(BLOB_SAS_VERSION),
                       .se = slice_of(expires),
                       .sp = slice_from(permissions, count)};
    bool of_account = want->container.len == 0;
    struct buffer text = {0}, mac = {0};
    if (of_account) {
        f.ss = SLICE("b"), f.srt = SLICE("sco");
        put_account(account, &f, &text);
    } else {
        f.sr = want->blob.len ? SLICE("b") : SLICE("c");
        put_service(account, &f, want->container, want->blob, &text);
    }
    enum status s = sign(account, buffer_slice(&text), &mac);
    if (s == OK) {
        put_query(out, "sv", f.sv);
        if (of_account)
            put_query(out, "ss", f.ss), put_query(out, "srt", f.srt);
        else
            put_query(out, "sr", f.sr);
        put_query(out, "se", f.se);
        put_query(out, "sp", f.sp);
        put_query(out, "sig", buffer_slice(&mac));
    }
    buffer_clear(&text);
    buffer_clear(&mac);
    return s;
}
