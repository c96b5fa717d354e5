#include "services/endpoint_state.h"

#include "json/json.h"

/* The words of OPC UA with which a connection fails, the more special first. Equal states are one text. */
static const char ready[] = "Ready", no_trust[] = "NoTrust", invalid[] = "CertificateInvalid", unauthorized[] = "Unauthorized",
                  busy[] = "Busy", not_reachable[] = "NotReachable", failed[] = "Error";

static const struct {
    const char *begins;
    const char *state;
} states[] = {
    {"BadCertificateUntrusted", no_trust},
    {"BadCertificate", invalid},
    {"BadSecurity", no_trust},
    {"BadIdentityToken", unauthorized},
    {"BadUserAccessDenied", unauthorized},
    {"BadTcpServerTooBusy", busy},
    {"BadTooManyOperations", NULL}, /* these are of one request */
    {"BadRequestTooLarge", NULL},
    {"BadResponseTooLarge", NULL},
    {"BadEncodingLimitsExceeded", NULL},
    {"BadShutdown", NULL}, /* our own */
    {"BadTooMany", busy},
    {"BadTimeout", not_reachable},
    {"BadRequestTimeout", not_reachable},
    {"BadTcp", not_reachable},
    {"BadConnection", not_reachable},
    {"BadCommunicationError", not_reachable},
    {"BadNoCommunication", not_reachable},
    {"BadNotConnected", not_reachable},
    {"BadServerNotConnected", not_reachable},
    {"BadDisconnect", not_reachable},
    {"BadSecureChannel", not_reachable},
    {"BadSession", not_reachable},
    {"Bad", failed},
};

static const char *state_of(struct slice symbol)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (slice_starts(symbol, slice_of(states[i].begins)))
            return states[i].state;
    return NULL;
}

const char *services_endpoint_state_of(struct slice word)
{
    if (slice_eq(word, slice_of(ready)))
        return ready;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (states[i].state && slice_eq(word, slice_of(states[i].state)))
            return states[i].state;
    return NULL;
}

bool services_endpoint_is_ready(const char *state)
{
    return state == ready;
}

/* A test of the connection is answered with 200, too, when there is none. */
static const char *of_test(const struct json *answer)
{
    const struct json *error = json_get(answer, "errorInfo");
    return error ? state_of(json_string(json_get(error, "symbolicId"))) : ready;
}

const char *services_endpoint_state(struct slice method, int status, struct slice payload)
{
    struct json_doc *doc = NULL;
    bool test = slice_starts(method, SLICE("TestConnection"));
    if (status >= 200 && status < 300 && !test)
        return ready; /* the server has answered, whatever it said */
    if (json_parse(payload, JSON_STRICT, &doc, NULL) != OK)
        return NULL;
    const char *state = status < 300 ? of_test(json_root(doc))
                                     : state_of(json_string(json_get(json_root(doc), "detail")));
    json_free(&doc);
    return state;
}
