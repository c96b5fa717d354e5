#include "opcua/ready.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/session_priv.h"

struct waiting {
    struct opcua_session *session;
    opcua_ready_fn *fn;
    void *arg;
};

static UA_StatusCode reason(const struct opcua_session *s, UA_StatusCode status)
{
    const char *text;
    UA_StatusCode why = opcua_session_error(s, &text);
    return status == UA_STATUSCODE_BADTIMEOUT && why != UA_STATUSCODE_GOOD &&
                   opcua_session_state(s) != OPCUA_SESSION_READY
               ? why
               : status;
}

static void on_namespaces(void *arg, UA_StatusCode status, void *response)
{
    struct waiting *w = arg;
    UA_ReadResponse *answer = response;
    if (answer && answer->resultsSize == 1)
        session_namespaces_take(w->session, &answer->results->value);
    w->fn(w->arg, reason(w->session, status));
    opcua_session_unref(&w->session);
    free(w);
}

void opcua_ready(struct opcua_session *s, opcua_ready_fn *fn, void *arg, uint32_t timeout_ms)
{
    struct waiting *w = MEMORY_NEW(struct waiting);
    UA_ReadValueId what = {.nodeId = UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER_NAMESPACEARRAY),
                           .attributeId = UA_ATTRIBUTEID_VALUE};
    UA_ReadRequest request = {.nodesToRead = &what,
                              .nodesToReadSize = 1,
                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER};
    *w = (struct waiting){opcua_session_ref(s), fn, arg};
    OPCUA_CALL(s, OPCUA_CALL_WHEN_READY, READ, &request, on_namespaces, w, timeout_ms);
}
