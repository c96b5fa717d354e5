#include "discovery/found.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/node_id.h"
#include "opcua/registry_id.h"

#define SCHEME_LEN 10 /* opc.tcp:// */

static void add_text(struct found *f, struct found_texts *to, struct slice text)
{
    if (text.len == 0 || to->count == FOUND_TEXTS_MAX)
        return;
    for (size_t i = 0; i < to->count; i++)
        if (slice_eq(to->items[i], text))
            return;
    to->items[to->count++] = arena_copy(&f->arena, text);
}

static struct slice keep(struct found *f, UA_String s)
{
    return arena_copy(&f->arena, opcua_slice(s));
}

/* Moves what is in the buffer to the arena. */
static struct slice settle(struct found *f, struct buffer *b)
{
    struct slice s = arena_copy(&f->arena, buffer_slice(b));
    buffer_clear(b);
    return s;
}

/* "host:port" of "opc.tcp://host:port/path". */
static struct slice authority(struct slice url)
{
    struct slice rest = slice_starts(url, SLICE("opc.tcp://")) ? slice_skip(url, SCHEME_LEN) : url;
    return slice_first(rest, slice_find(rest, '/'));
}

void discovery_found_url_with_host(struct slice url, struct slice other, struct buffer *out)
{
    struct slice mine = authority(url);
    buffer_put(out, slice_first(url, (size_t)(mine.at - url.at)));
    buffer_put(out, authority(other));
    buffer_put(out, slice_skip(url, (size_t)(mine.at - url.at) + mine.len));
}

/* ---- applications ---- */

static struct found_application *application_new(struct found *f, struct slice id,
                                                 const UA_ApplicationDescription *d)
{
    struct found_application *a = ARENA_TAKE(&f->arena, struct found_application);
    a->id = id;
    a->type = opcua_application_type_name(d->applicationType);
    a->uri = keep(f, d->applicationUri);
    a->product_uri = keep(f, d->productUri);
    a->name = keep(f, d->applicationName.text);
    a->locale = keep(f, d->applicationName.locale);
    a->profile_uri = keep(f, d->discoveryProfileUri);
    a->gateway_uri = keep(f, d->gatewayServerUri);
    map_put(&f->applications, a->id, a);
    return a;
}

/* Of each of its urls. */
static void take_capabilities(struct found *f, struct found_application *a)
{
    for (size_t i = 0; i < a->discovery_urls.count; i++) {
        const struct found_texts *said = map_get(&f->capabilities, a->discovery_urls.items[i]);
        for (size_t c = 0; said && c < said->count; c++)
            add_text(f, &a->capabilities, said->items[c]);
    }
}

static struct found_application *application_of(struct found *f, struct slice site,
                                                struct slice asked,
                                                const UA_ApplicationDescription *d)
{
    struct opcua_application_key key = {site, d->applicationType, opcua_slice(d->applicationUri)};
    struct buffer text = {0};
    opcua_registry_application_id(&key, &text);
    struct slice id = settle(f, &text);
    struct found_application *a = map_get(&f->applications, id);
    if (a == NULL)
        a = application_new(f, id, d);
    for (size_t i = 0; i < d->discoveryUrlsSize; i++)
        add_text(f, &a->discovery_urls, opcua_slice(d->discoveryUrls[i]));
    struct slice host = authority(asked);
    add_text(f, &a->addresses, slice_first(host, slice_find(host, ':')));
    add_text(f, &a->discovery_urls, asked);
    take_capabilities(f, a);
    return a;
}

/* ---- endpoints ---- */

static const char *credential_name(UA_UserTokenType type)
{
    static const char *const names[] = {"None", "UserName", "X509Certificate", "JwtToken"};
    return (unsigned)type < 4 ? names[type] : names[0];
}

static void take_methods(struct found *f, struct found_endpoint *e, const UA_EndpointDescription *d)
{
    e->methods = ARENA_TAKE_N(&f->arena, struct found_method, d->userIdentityTokensSize + 1);
    for (size_t i = 0; i < d->userIdentityTokensSize; i++) {
        const UA_UserTokenPolicy *p = &d->userIdentityTokens[i];
        e->methods[e->method_count++] = (struct found_method){
            .id = keep(f, p->policyId),
            .policy = keep(f, p->securityPolicyUri),
            .type = credential_name(p->tokenType),
        };
    }
}

static struct found_endpoint *endpoint_new(struct found *f, struct slice id,
                                           const UA_EndpointDescription *d)
{
    struct found_endpoint *e = ARENA_TAKE(&f->arena, struct found_endpoint);
    struct buffer text = {0};
    opcua_registry_thumbprint(opcua_slice(d->serverCertificate), &text);
    e->id = id;
    e->url = keep(f, d->endpointUrl);
    e->policy = keep(f, d->securityPolicyUri);
    e->thumbprint = settle(f, &text);
    e->mode = opcua_security_mode_name(d->securityMode);
    e->level = d->securityLevel;
    take_methods(f, e, d);
    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 64;
        f->list = memory_resize(f->list, f->cap * sizeof(struct found_endpoint *));
    }
    f->list[f->count++] = e;
    map_put(&f->endpoints, e->id, e);
    return e;
}

static bool add_endpoint(struct found *f, struct slice site, struct slice asked,
                         const UA_EndpointDescription *d)
{
    struct slice url = opcua_slice(d->endpointUrl);
    if (!slice_starts(url, SLICE("opc.tcp://")))
        return false; /* https and others are not spoken here */
    struct found_application *a = application_of(f, site, asked, &d->server);
    struct opcua_endpoint_key key = {url, a->id, d->securityMode,
                                     opcua_slice(d->securityPolicyUri)};
    struct buffer text = {0};
    opcua_registry_endpoint_id(&key, &text);
    struct slice id = settle(f, &text);
    struct found_endpoint *e = map_get(&f->endpoints, id);
    bool is_new = e == NULL;
    if (is_new)
        e = endpoint_new(f, id, d);
    e->application = a;
    discovery_found_url_with_host(url, asked, &text);
    if (is_new)
        e->reachable = arena_copy(&f->arena, buffer_slice(&text));
    add_text(f, &e->alternatives, buffer_slice(&text));
    add_text(f, &e->alternatives, url);
    buffer_clear(&text);
    return is_new;
}

void discovery_found_capability(struct found *f, struct slice url, struct slice capability)
{
    struct found_texts *said = map_get(&f->capabilities, url);
    if (said == NULL && f->capabilities.count == FOUND_ENDPOINTS_MAX)
        return;
    if (said == NULL) {
        said = ARENA_TAKE(&f->arena, struct found_texts);
        map_put(&f->capabilities, arena_copy(&f->arena, url), said);
    }
    add_text(f, said, capability);
    size_t at = 0;
    for (struct map_entry *m; (m = map_next(&f->applications, &at)) != NULL;)
        take_capabilities(f, m->value);
}

static void take_neighbour(struct found *f, const UA_ServerOnNetwork *n)
{
    for (size_t c = 0; c < n->serverCapabilitiesSize; c++)
        discovery_found_capability(f, opcua_slice(n->discoveryUrl), opcua_slice(n->serverCapabilities[c]));
}

size_t discovery_found_add(struct found *f, struct slice site, struct slice asked,
                           const struct opcua_inquiry_answer *answer)
{
    size_t added = 0;
    for (size_t i = 0; i < answer->endpoint_count && f->count < FOUND_ENDPOINTS_MAX; i++)
        added += add_endpoint(f, site, asked, &answer->endpoints[i]);
    for (size_t i = 0; i < answer->neighbour_count; i++)
        take_neighbour(f, &answer->neighbours[i]);
    return added;
}

void discovery_found_clear(struct found *f)
{
    map_clear(&f->applications);
    map_clear(&f->endpoints);
    map_clear(&f->capabilities);
    free(f->list);
    arena_clear(&f->arena);
    *f = (struct found){0};
}
