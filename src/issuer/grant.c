#include "issuer/grant.h"

#include "base/encoding.h"
#include "issuer/form.h"

static const struct issuer_refusal no_form = {400, "invalid_request",
                                              "the body must be application/x-www-form-urlencoded"};
static const struct issuer_refusal too_large = {400, "invalid_request", "the form is too large"};
static const struct issuer_refusal twice = {400, "invalid_request",
                                            "a parameter stands in the form twice"};
static const struct issuer_refusal no_grant = {400, "invalid_request", "grant_type is missing"};
static const struct issuer_refusal other_grant = {400, "unsupported_grant_type",
                                                  "client_credentials, authorization_code, refresh_token "
                                                  "and device_code are granted here"};
static const struct issuer_refusal two_ways = {400, "invalid_request",
                                               "the client authenticates in two ways at once"};
static const struct issuer_refusal no_client = {401, "invalid_client",
                                                "client_id and client_secret are needed"};
static const struct issuer_refusal no_code = {400, "invalid_request", "the code or token to be redeemed is missing"};

struct form {
    struct slice grant_type, client_id, client_secret, scope, resource;
    struct slice code, redirect_uri, code_verifier, refresh_token, device_code, client_info;
};

static struct slice *member(struct form *f, struct slice name)
{
    const struct {
        const char *name;
        struct slice *at;
    } members[] = {
        {"grant_type", &f->grant_type},       {"client_id", &f->client_id},
        {"client_secret", &f->client_secret}, {"scope", &f->scope},
        {"resource", &f->resource},           {"code", &f->code},
        {"redirect_uri", &f->redirect_uri},   {"code_verifier", &f->code_verifier},
        {"refresh_token", &f->refresh_token}, {"device_code", &f->device_code},
        {"client_info", &f->client_info},
    };
    for (size_t n = 0; n < sizeof(members) / sizeof(members[0]); n++)
        if (slice_eq(name, slice_of(members[n].name)))
            return members[n].at;
    return NULL;
}

static const struct issuer_refusal *read_form(struct arena *a, struct slice text, struct form *f)
{
    struct slice name, value;
    while (issuer_form_next(a, &text, &name, &value)) {
        struct slice *at = member(f, name);
        if (at && at->at)
            return &twice;
        if (at)
            *at = value;
    }
    return NULL;
}

static struct slice decode(struct arena *a, struct slice text)
{
    struct slice name, value, rest = text;
    return issuer_form_next(a, &rest, &name, &value) ? name : (struct slice){0};
}

/* RFC 6749, 2.3.1: both are form-encoded before they become Basic. */
static bool read_basic(struct arena *a, struct slice authorization, struct issuer_grant *g)
{
    struct buffer text = {0};
    struct slice base64 = slice_trim(slice_skip(authorization, 6));
    bool ok = base64_decode(base64, &text) == OK;
    size_t colon = slice_find(buffer_slice(&text), ':');
    if (ok) {
        g->client_id = decode(a, slice_first(buffer_slice(&text), colon));
        g->secret = decode(a, slice_skip(buffer_slice(&text), colon + 1));
    }
    buffer_clear(&text);
    return ok;
}

static const struct issuer_refusal *read_client(struct arena *a, struct slice authorization,
                                                const struct form *f, struct issuer_grant *g)
{
    bool basic = slice_eq_nocase(slice_first(authorization, 6), SLICE("Basic "));
    if (basic && f->client_secret.len)
        return &two_ways;
    g->client_id = f->client_id;
    g->secret = f->client_secret;
    if (basic && !read_basic(a, authorization, g))
        return &no_client;
    return g->client_id.len && (g->secret.len || g->kind != GRANT_CLIENT) ? NULL : &no_client;
}

/* NULL: well. */
static const struct issuer_refusal *read_kind(const struct form *f, struct issuer_grant *g)
{
    const struct {
        const char *type;
        enum issuer_grant_kind kind;
        struct slice code;
    } kinds[] = {
        {"client_credentials", GRANT_CLIENT, SLICE("-")},
        {"authorization_code", GRANT_CODE, f->code},
        {"refresh_token", GRANT_REFRESH, f->refresh_token},
        {"urn:ietf:params:oauth:grant-type:device_code", GRANT_DEVICE, f->device_code.len ? f->device_code : f->code},
        {"device_code", GRANT_DEVICE, f->device_code.len ? f->device_code : f->code}, /* as Entra's older libraries */
    };
    for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++) {
        if (!slice_eq(f->grant_type, slice_of(kinds[n].type)))
            continue;
        g->kind = kinds[n].kind;
        g->code = kinds[n].code;
        return g->code.len ? NULL : &no_code;
    }
    return &other_grant;
}

static bool is_form(struct slice content_type)
{
    return slice_eq_nocase(slice_trim(slice_first(content_type, slice_find(content_type, ';'))),
                           SLICE("application/x-www-form-urlencoded"));
}

const struct issuer_refusal *issuer_grant_read(struct arena *a, struct slice content_type,
                                               struct slice authorization, struct slice text,
                                               struct issuer_grant *out)
{
    struct form f = {0};
    struct issuer_grant g = {0};
    if (!is_form(content_type))
        return &no_form;
    if (text.len > ISSUER_FORM_MAX)
        return &too_large;
    const struct issuer_refusal *no = read_form(a, text, &f);
    if (no)
        return no;
    if (f.grant_type.len == 0)
        return &no_grant;
    no = read_kind(&f, &g);
    if (!no)
        no = read_client(a, authorization, &f, &g);
    if (no)
        return no;
    g.redirect_uri = f.redirect_uri;
    g.verifier = f.code_verifier;
    g.client_info = slice_eq(f.client_info, SLICE("1"));
    g.scope = f.scope;
    g.resource = f.resource;
    *out = g;
    return NULL;
}

static const char *find(struct slice name, const char *const *audiences)
{
    for (; *audiences; audiences++)
        if (slice_eq(name, slice_of(*audiences)))
            return *audiences;
    return NULL;
}

const char *issuer_grant_audience(const struct issuer_grant *g, const char *const *audiences)
{
    struct slice scope = slice_trim(g->scope), suffix = SLICE("/.default");
    if (scope.len)
        return find(slice_ends(scope, suffix) ? slice_first(scope, scope.len - suffix.len) : scope,
                    audiences);
    return g->resource.len ? find(g->resource, audiences) : audiences[0];
}
