#include "heads/sign_in.h"

#include <stdio.h>

#include "crypto/certificate.h"
#include "crypto/digest.h"
#include "token/sas.h"

/* Refuses, and says why in the log. */
static enum status no(const char **why, const char *reason)
{
    *why = reason;
    return UNAUTHORIZED;
}

bool heads_sign_in_actor(struct slice auth_chain, struct iot_id *actor)
{
    struct slice rest = auth_chain, part, last = {0};
    while (auth_chain.len && slice_split(&rest, ';', &part))
        last = part;
    return last.len && iot_id_parse(last, actor);
}

bool heads_sign_in_belongs(const struct heads_identity *target, const struct heads_identity *edge)
{
    if (slice_eq(target->id.device, edge->id.device))
        return true;
    if (edge->device_scope.len == 0)
        return false;
    return slice_eq(target->device_scope, edge->device_scope) ||
           slice_eq(target->parent_scope, edge->device_scope);
}

static enum status check_chain(const struct heads_sign_in *in, const char **why)
{
    const struct heads_identity *device = in->actor_device;
    if (!slice_eq(in->actor->id.module, SLICE("$edgeHub")))
        return no(why, "only a $edgeHub may speak for others");
    if (!device->edge || !device->enabled || !in->actor->enabled)
        return no(why, "the edge that speaks for it is disabled, or is no edge");
    if (!heads_sign_in_belongs(in->target, device))
        return no(why, "it does not belong to the edge that speaks for it");
    return OK;
}

static void audience(const struct heads_identity *i, struct buffer *path)
{
    buffer_printf(path, "/devices/%.*s", SLICE_FMT(i->id.device));
    if (i->id.module.len)
        buffer_printf(path, "/modules/%.*s", SLICE_FMT(i->id.module));
}

static bool made_by(const struct sas *token, struct slice primary, struct slice secondary)
{
    return (primary.len && sas_verify(token, primary) == OK) ||
           (secondary.len && sas_verify(token, secondary) == OK);
}

static enum status check_sas(const struct heads_sign_in *in, const struct heads_identity *signer,
                             uint64_t *expires_ms, bool *policy, const char **why)
{
    struct sas token;
    struct buffer path = {0};
    if (sas_parse(in->credentials->sas, &token) != OK)
        return no(why, "the password is no SharedAccessSignature");
    *policy = token.policy.len > 0;
    if (*policy) {
        if (in->policy_key == NULL || !made_by(&token, in->policy_key(in->policy_arg, token.policy, false),
                                               in->policy_key(in->policy_arg, token.policy, true)))
            return no(why, "the token's policy is unknown, lacks DeviceConnect, or has another key");
    } else if (signer->auth != HEADS_AUTH_SAS) {
        return no(why, "the identity signs in with a certificate, not with a key");
    } else if (!made_by(&token, signer->primary_key, signer->secondary_key)) {
        return no(why, "the token was made with another key");
    }
    if (sas_expired(&token, in->now_ms))
        return no(why, "the token has expired; look at both clocks");
    audience(signer, &path);
    bool covers = sas_covers(&token, in->hosts, buffer_slice(&path));
    buffer_clear(&path);
    if (!covers)
        return no(why, "the token is for another resource or host");
    *expires_ms = sas_until_ms(&token, in->now_ms);
    return OK;
}

static bool thumbprint_is(struct slice stored, const struct certificate_facts *facts)
{
    return stored.len && (slice_eq_nocase(stored, slice_of(facts->sha1)) ||
                          slice_eq_nocase(stored, slice_of(facts->sha256)));
}

/* IoT Hub looks at no dates here: who stored the thumbprint decides how long it holds. */
static enum status check_thumbprint(const struct heads_identity *signer, const struct certificate_facts *facts,
                                    const char **why)
{
    return thumbprint_is(signer->primary_thumbprint, facts) || thumbprint_is(signer->secondary_thumbprint, facts)
               ? OK
               : no(why, "the certificate's thumbprint is another one");
}

static bool named_for(const struct certificate_facts *facts, struct iot_id id)
{
    struct buffer name = {0};
    iot_id_print(id, &name);
    bool same = slice_eq(slice_of(facts->common_name), buffer_slice(&name));
    buffer_clear(&name);
    return same;
}

static enum status check_authority(const struct heads_sign_in *in, const struct heads_identity *signer,
                                   const struct certificate_facts *facts, const char **why)
{
    if (!named_for(facts, signer->id))
        return no(why, "the certificate's common name is not the identity's, device or device/module");
    if (in->authorities.len == 0)
        return no(why, "no certificate of an authority is verified here");
    return certificate_verify(in->credentials->certificate, in->authorities, CERTIFICATE_FOR_CLIENT, in->now_ms,
                              why) == OK
               ? OK
               : UNAUTHORIZED;
}

static enum status check_certificate(const struct heads_sign_in *in, const struct heads_identity *signer,
                                     const char **why)
{
    struct certificate_facts facts;
    struct slice rest = in->credentials->certificate, own;
    if (!certificate_next(&rest, &own) || certificate_read(own, &facts) != OK)
        return no(why, "the certificate cannot be read");
    switch (signer->auth) {
    case HEADS_AUTH_SELF_SIGNED:
        return check_thumbprint(signer, &facts, why);
    case HEADS_AUTH_CA:
        return check_authority(in, signer, &facts, why);
    default:
        return no(why, "the identity does not sign in with a certificate");
    }
}

/* iothub-connection-auth-method, as Event Hubs readers see it. */
static void describe(const struct heads_identity *target, bool policy, bool certificate,
                     char out[HEADS_AUTH_METHOD_MAX])
{
    snprintf(out, HEADS_AUTH_METHOD_MAX,
             "{\"scope\":\"%s\",\"type\":\"%s\",\"issuer\":\"%s\",\"acceptingIpFilterRule\":null}",
             policy                 ? "hub"
             : target->id.module.len ? "module"
                                     : "device",
             certificate ? "x509Certificate" : "sas", certificate ? "external" : "iothub");
}

enum status heads_sign_in_check(const struct heads_sign_in *in, uint64_t *expires_ms,
                                char auth_method[HEADS_AUTH_METHOD_MAX], const char **why)
{
    const struct heads_identity *signer = in->actor ? in->actor : in->target;
    bool policy = false, certificate = in->credentials->sas.len == 0;
    *expires_ms = 0;
    if (!in->target->enabled)
        return no(why, "the identity is disabled");
    if (in->actor) {
        enum status s = check_chain(in, why);
        if (s != OK)
            return s;
    }
    if (certificate && in->credentials->certificate.len == 0)
        return no(why, "neither a token nor a certificate was given");
    enum status s = certificate ? check_certificate(in, signer, why)
                                : check_sas(in, signer, expires_ms, &policy, why);
    if (s == OK)
        describe(in->target, policy, certificate, auth_method);
    return s;
}
