#include "writers/diagnostics_dump.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/connections.h"

struct diagnostics_dump {
    struct loop *loop;
    struct loop_timer timer;
    struct opcua_session *session; /* NULL: none; referred to */
    struct opcua_session_diagnostics *asking;
};

static void on_timer(void *arg);

static void on_counts(void *arg, UA_StatusCode status, const UA_SessionDiagnosticsDataType *of,
                      const UA_SubscriptionDiagnosticsDataType *subscriptions, size_t count)
{
    struct diagnostics_dump *d = arg;
    struct buffer json = {0};
    struct json_writer w = json_writer(&json);
    d->asking = NULL;
    if (of) {
        connections_put_server(&w, of, subscriptions, count);
        log_info("publisher connection counted by its server url=%.*s counts=%s",
                 SLICE_FMT(opcua_session_url(d->session)), buffer_cstr(&json));
    } else {
        log_info("publisher connection not counted by its server url=%.*s status=%s",
                 SLICE_FMT(opcua_session_url(d->session)), opcua_status_name(status));
    }
    buffer_clear(&json);
    loop_timer_start(d->loop, &d->timer, DIAGNOSTICS_DUMP_MS, on_timer, d);
}

static void on_timer(void *arg)
{
    struct diagnostics_dump *d = arg;
    d->asking = opcua_session_diagnostics(d->session, on_counts, d, CONNECTIONS_MS);
}

void diagnostics_dump_set(struct diagnostics_dump *d, struct opcua_session *s)
{
    if (d->session == s)
        return;
    loop_timer_stop(&d->timer);
    opcua_session_diagnostics_cancel(&d->asking);
    opcua_session_unref(&d->session);
    if (!s)
        return;
    d->session = opcua_session_ref(s);
    loop_timer_start(d->loop, &d->timer, 0, on_timer, d);
}

struct diagnostics_dump *diagnostics_dump_new(struct loop *l)
{
    struct diagnostics_dump *d = MEMORY_NEW(struct diagnostics_dump);
    d->loop = l;
    return d;
}

void diagnostics_dump_free(struct diagnostics_dump **dump)
{
    struct diagnostics_dump *d = *dump;
    if (!d)
        return;
    diagnostics_dump_set(d, NULL);
    free(d);
    *dump = NULL;
}
