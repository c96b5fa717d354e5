/* GetEndpointCertificate: what a server shows to everybody, without a session. */
#include "base/encoding.h"
#include "crypto/certificate.h"
#include "opcua/certificate_json.h"
#include "opcua/inquiry.h"
#include "twin/methods.h"

/* ---- the answer ---- */

/* 2.8 has the bytes as "certificate", in base64; 2.9 as "pfx", an array of numbers. */
static void put_certificate_bytes(struct json_writer *w, struct slice der)
{
    struct buffer text = {0};
    base64_encode(der, &text);
    json_member(w, "certificate", buffer_slice(&text));
    buffer_clear(&text);
}

static void put_certificate(struct json_writer *w, struct slice der, bool old)
{
    if (!opcua_certificate_begin(w, der))
        return;
    if (old) {
        put_certificate_bytes(w, der);
    } else {
        opcua_certificate_put_pfx(w, der);
        json_name(w, "hasPrivateKey"), json_put_bool(w, false);
    }
    json_end_object(w);
}

static void answer(struct twin_request *r, struct slice chain)
{
    struct json_writer *w = &r->writer;
    struct slice der;
    /* 2.8's callers put the endpoint into a member. */
    bool old = json_get_nocase(r->parameters, "endpoint") != NULL;
    json_object(w);
    json_name(w, "chain");
    json_array(w);
    while (certificate_next(&chain, &der))
        put_certificate(w, der, old);
    json_end_array(w);
    json_end_object(w);
    twin_request_done(r);
}

/* ---- asking ---- */

static UA_MessageSecurityMode wanted_mode(const struct twin_request *r)
{
    switch (r->connection.security) {
    case OPCUA_SECURITY_NONE:
        return UA_MESSAGESECURITYMODE_NONE;
    case OPCUA_SECURITY_SIGN:
        return UA_MESSAGESECURITYMODE_SIGN;
    case OPCUA_SECURITY_SIGN_AND_ENCRYPT:
        return UA_MESSAGESECURITYMODE_SIGNANDENCRYPT;
    default:
        return UA_MESSAGESECURITYMODE_INVALID; /* any */
    }
}

static bool has_policy(const UA_EndpointDescription *e, struct slice policy)
{
    struct slice uri = opcua_slice(e->securityPolicyUri);
    return policy.len == 0 || slice_eq(uri, policy) ||
           (uri.len > policy.len && uri.at[uri.len - policy.len - 1] == '#' &&
            slice_ends(uri, policy));
}

/* The endpoint that is meant, if it has a certificate; or else the first that has. */
static const UA_EndpointDescription *choose(const struct twin_request *r,
                                            const struct opcua_inquiry_answer *a)
{
    const UA_EndpointDescription *other = NULL;
    UA_MessageSecurityMode mode = wanted_mode(r);
    for (size_t i = 0; i < a->endpoint_count; i++) {
        const UA_EndpointDescription *e = &a->endpoints[i];
        if (e->serverCertificate.length == 0)
            continue;
        if ((mode == UA_MESSAGESECURITYMODE_INVALID || e->securityMode == mode) &&
            has_policy(e, r->connection.security_policy))
            return e;
        other = other ? other : e;
    }
    return other;
}

static void ask(struct twin_request *r);

static void on_endpoints(void *arg, UA_StatusCode status, struct opcua_inquiry_answer *a)
{
    struct twin_request *r = arg;
    if (status != UA_STATUSCODE_GOOD && r->url + 1 < r->url_count) {
        r->url++;
        ask(r);
        return;
    }
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fail(r, IO_FAILED, "%.*s does not say its endpoints: %s.",
                          SLICE_FMT(r->urls[r->url]), opcua_status_name(status));
        return;
    }
    const UA_EndpointDescription *e = choose(r, a);
    if (e)
        answer(r, opcua_slice(e->serverCertificate));
    else
        twin_request_fail(r, NOT_FOUND, "%.*s has no certificate.", SLICE_FMT(r->urls[r->url]));
}

static void ask(struct twin_request *r)
{
    uint32_t ms = twin_request_left_ms(r) / (uint32_t)(r->url_count - r->url);
    opcua_inquire_endpoints(r->twin->thread, r->urls[r->url], on_endpoints, r, ms ? ms : 1);
}

void twin_endpoint_certificate(struct twin_request *r)
{
    ask(r);
}
