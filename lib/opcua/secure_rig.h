/* For tests of sessions: a server of our own, a client with or without certificates, and what it is told. */
#pragma once

#include "opcua/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "crypto/certificate.h"
#include "crypto/identity.h"
#include "io/stream.h"
#include "opcua/endpoint.h"
#include "opcua/pki_store.h"
#include "opcua/server.h"
#include "opcua/thread_priv.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define SPACE "urn:test"

/* One loop for thread and test: what the test waits for happens inside loop_run_until(). */
struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_pki *pki, *server_pki;
    struct opcua_server *server;
    struct opcua_session *session;
    struct opcua_session_listener listener;
    char url[128], directory[64];
    int ready, lost, failed, answers;
    bool same;
    UA_StatusCode status;
    UA_Int32 value;
};

static inline void on_ready(void *arg, bool same)
{
    struct world *w = arg;
    w->ready++;
    w->same = same;
}

static inline void on_lost(void *arg, UA_StatusCode why)
{
    struct world *w = arg;
    w->lost++;
    w->status = why;
}

static inline void on_failed(void *arg, UA_StatusCode why)
{
    struct world *w = arg;
    w->failed++;
    w->status = why;
}

static inline void start_server_at(struct world *w, struct opcua_server_config config)
{
    config.host = "127.0.0.1";
    assert_int_equal(opcua_server_open(&config, &w->server), OK);
    uint16_t space = opcua_server_namespace(w->server, SPACE);
    UA_Int32 answer = 42;
    opcua_server_add_variable(w->server, (struct opcua_place){0},
                              (struct opcua_place){space, "Answer"}, "Answer", &answer,
                              &UA_TYPES[UA_TYPES_INT32], true);
    assert_int_equal(opcua_server_start(w->server), OK);
    snprintf(w->url, sizeof w->url, "%s", opcua_server_url(w->server));
}

static inline void restart_server(struct world *w)
{
    opcua_server_close(&w->server);
    start_server_at(w, (struct opcua_server_config){.port = atoi(strrchr(w->url, ':') + 1)});
}

static inline void get_session(struct world *w, struct opcua_connection c)
{
    c.endpoint_url = slice_of(w->url);
    w->session = opcua_session_get(w->thread, &c);
    w->listener = (struct opcua_session_listener){
        .on_ready = on_ready, .on_lost = on_lost, .on_failed = on_failed, .arg = w};
    opcua_session_listen(w->session, &w->listener);
}

static inline bool is_ready(void *arg)
{
    struct world *w = arg;
    return opcua_session_state(w->session) == OPCUA_SESSION_READY;
}

static inline bool has_failed(void *arg)
{
    return ((struct world *)arg)->failed > 0;
}

static inline bool was_lost(void *arg)
{
    return ((struct world *)arg)->lost > 0;
}

static inline bool has_answer(void *arg)
{
    return ((struct world *)arg)->answers > 0;
}

#define WAIT_FOR(condition, w) assert_true(loop_run_until((w)->loop, (condition), (w), WAIT_MS))

static inline void on_answer(void *arg, UA_StatusCode status, void *response)
{
    struct world *w = arg;
    UA_ReadResponse *r = response;
    w->answers++;
    w->status = status;
    if (r && r->resultsSize == 1 &&
        UA_Variant_hasScalarType(&r->results[0].value, &UA_TYPES[UA_TYPES_INT32]))
        w->value = *(UA_Int32 *)r->results[0].value.data;
}

static inline struct opcua_call *read_answer(struct world *w, enum opcua_call_when when,
                                      uint32_t timeout_ms)
{
    UA_ReadValueId id = {.nodeId = UA_NODEID_STRING(2, "Answer"),
                         .attributeId = UA_ATTRIBUTEID_VALUE};
    UA_ReadRequest request = {.nodesToReadSize = 1, .nodesToRead = &id};
    w->answers = 0;
    return OPCUA_CALL(w->session, when, READ, &request, on_answer, w, timeout_ms);
}

/* What a first start makes, made once for all tests: RSA keys take their time. */
static char made[64];

static inline int make_folder(void **state)
{
    (void)state;
    strcpy(made, "/tmp/opcua_session_XXXXXX");
    return mkdtemp(made) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", made);
    return system(command);
}

static inline void open_pki(const char *folder, const char *name, bool trust_all, struct opcua_pki **out)
{
    char path[128], uri[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(uri, sizeof uri, "urn:test:%s", name);
    struct opcua_pki_config config = {
        .directory = path, .application_uri = uri, .trust_all = trust_all};
    assert_int_equal(opcua_pki_open(&config, out), OK);
}

static inline void set_up_pki(struct world *w, const char *name, bool trust_all, struct opcua_pki **out)
{
    char command[256];
    snprintf(command, sizeof command, "%s/%s", made, name);
    if (access(command, F_OK) != 0) {
        open_pki(made, name, false, out);
        opcua_pki_close(out);
    }
    snprintf(command, sizeof command, "cp -r %s/%s %s/", made, name, w->directory);
    assert_int_equal(system(command), 0);
    open_pki(w->directory, name, trust_all, out);
}

static uint32_t try_ms; /* of the next world; 0: as usual */

static inline struct world *world_new(bool with_pki, bool client_trusts)
{
    struct world *w = MEMORY_NEW(struct world);
    strcpy(w->directory, "/tmp/opcua_session_XXXXXX");
    assert_non_null(mkdtemp(w->directory));
    if (with_pki) {
        set_up_pki(w, "client", client_trusts, &w->pki);
        set_up_pki(w, "server", true, &w->server_pki);
    }
    w->loop = loop_new();
    w->thread = opcua_thread_new(&(struct opcua_thread_config){
        .loop = w->loop, .pki = w->pki, .lease_ms = 1, .try_ms = try_ms});
    return w;
}

static inline void world_free(struct world *w)
{
    opcua_session_unlisten(&w->listener);
    opcua_session_unref(&w->session);
    opcua_thread_free(&w->thread);
    opcua_server_close(&w->server);
    opcua_pki_close(&w->pki);
    opcua_pki_close(&w->server_pki);
    loop_free(&w->loop);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", w->directory);
    assert_int_equal(system(command), 0);
    free(w);
}

/* ---- */

static inline bool has_no_sessions(void *arg)
{
    return list_empty(&((struct world *)arg)->thread->sessions);
}
