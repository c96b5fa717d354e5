#include "services/endpoint_state.h"

#include "base/cmocka.h"

static void an_answer_tells_of_the_session(void **state)
{
    static const struct {
        const char *method;
        int status;
        const char *payload, *want;
    } rows[] = {
        {"Browse_V2", 200, "{\"errorInfo\":{\"symbolicId\":\"BadNodeIdUnknown\"}}", "Ready"},
        {"TestConnection_V2", 200, "{}", "Ready"},
        {"TestConnection_V2", 200, "{\"errorInfo\":{\"symbolicId\":\"BadCertificateUntrusted\"}}", "NoTrust"},
        {"Browse_V2", 401, "{\"detail\":\"BadCertificateTimeInvalid: it is over (opc.tcp://a)\"}", "CertificateInvalid"},
        {"Browse_V2", 401, "{\"detail\":\"BadIdentityTokenRejected: no (opc.tcp://a)\"}", "Unauthorized"},
        {"Browse_V2", 429, "{\"detail\":\"BadTooManySessions: no (opc.tcp://a)\"}", "Busy"},
        {"Browse_V2", 502, "{\"detail\":\"BadConnectionClosed: refused (opc.tcp://a)\"}", "NotReachable"},
        {"Browse_V2", 502, "{\"detail\":\"BadInternalError: no (opc.tcp://a)\"}", "Error"},
        {"Browse_V2", 413, "{\"detail\":\"BadResponseTooLarge: of one request (opc.tcp://a)\"}", NULL},
        {"Browse_V2", 429, "{\"detail\":\"BadTooManyOperations: of ours (opc.tcp://a)\"}", NULL},
        {"Browse_V2", 503, "{\"detail\":\"BadShutdown: we end (opc.tcp://a)\"}", NULL},
        /* Nothing was said to the server. */
        {"Browse_V2", 400, "{\"detail\":\"request.nodeId: not a string\"}", NULL},
        {"Browse_V2", 429, "{\"detail\":\"Too many calls are under way.\"}", NULL},
        {"Browse_V2", 500, "no JSON", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *got = services_endpoint_state(slice_of(rows[i].method), rows[i].status, slice_of(rows[i].payload));
        if (rows[i].want == NULL)
            assert_null(got);
        else
            assert_string_equal(got, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_answer_tells_of_the_session)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
