#include "issuer/grant.h"

#include "base/encoding.h"

static const struct issuer_refusal no_form = {400, "invalid_request",
                                              "the body must be application/x-www-form-urlencoded"};
static const struct issuer_refusal too_large = {400, "invalid_request", "the form is too large"};
static const struct issuer_refusal twice = {400, "invalid_request",
                                            "a parameter stands in the form twice"};
static const struct issuer_refusal no_grant = {400, "invalid_request", "grant_type is missing"};
static const struct issuer_refusal other_grant = {400, "unsupported_grant_type",
                                                  "only client_credentials is granted here"};
static const struct issuer_refusal two_ways = {400, "invalid_request",
                                               "the client authenticates in two ways at once"};
static const struct issuer_refusal no_client = {401, "invalid_client",
                                                "client_id and client_secret are needed"};

/* A letter for '+', %XX decoded: application/x-www-form-urlencoded. */
static struct slice decode(struct arena *a, struct slice text)
{
    struct slice copy = arena_copy(a, text);
    uint8_t *at = (uint8_t *)(uintptr_t)copy.at;
    for (size_t n = 0; n < copy.len; n++)
        if (at[n] == '+')
            at[n] = ' ';
    return percent_decode_in(a, copy);
}

struct form {
    struct slice grant_type, client_id, client_secret, scope, resource;
};

static struct slice *member(struct form *f, struct slice name)
{
    const struct {
        const char *name;
        struct slice *at;
    } members[] = {
        {"grant_type", &f->grant_type},       {"client_id", &f->client_id},
        {"client_secret", &f->client_secret}, {"scope", &f->scope},
        {"resource", &f->resource},
    };
    for (size_t n = 0; n < sizeof(members) / sizeof(members[0]); n++)
        if (slice_eq(name, slice_of(members[n].name)))
            return members[n].at;
    return NULL;
}

static const struct issuer_refusal *read_form(struct arena *a, struct slice text, struct form *f)
{
    struct slice part;
    while (text.len && slice_split(&text, '&', &part)) {
        size_t equals = slice_find(part, '=');
        struct slice *at = member(f, decode(a, slice_first(part, equals)));
        if (at && at->at)
            return &twice;
        if (at)
            *at = decode(a, slice_skip(part, equals + 1));
    }
    return NULL;
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
    return g->client_id.len && g->secret.len ? NULL : &no_client;
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
    if (!slice_eq(f.grant_type, SLICE("client_credentials")))
        return &other_grant;
    no = read_client(a, authorization, &f, &g);
    if (no)
        return no;
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
