/* For tests: a server of our own and a session with it, on one loop with the test. What there is in the server each
 * test says itself, between rig_open() and rig_start(). */
#pragma once

#include <stdlib.h>

#include "opcua/server.h"
#include "opcua/session_priv.h"

#include "base/cmocka.h"

#define RIG_WAIT_MS 60000

static struct {
    struct opcua_server *server; /* on a thread of its own once it is started */
    uint16_t space;              /* of "urn:test" */
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_session *session;
} rig;

static inline void rig_open(struct opcua_server_config config)
{
    config.host = "127.0.0.1";
    assert_int_equal(opcua_server_open(&config, &rig.server), OK);
    rig.space = opcua_server_namespace(rig.server, "urn:test");
}

static inline int rig_port(void)
{
    return atoi(strrchr(opcua_server_url(rig.server), ':') + 1);
}

/* `lease_ms` 0: a session that nobody needs goes at once. */
static inline void rig_connect(uint32_t lease_ms)
{
    rig.thread = opcua_thread_new(
        &(struct opcua_thread_config){.loop = rig.loop, .lease_ms = lease_ms ? lease_ms : 1});
    rig.session = opcua_session_get(
        rig.thread,
        &(struct opcua_connection){.endpoint_url = slice_of(opcua_server_url(rig.server))});
}

static inline void rig_start(uint32_t lease_ms)
{
    assert_int_equal(opcua_server_start(rig.server), OK);
    rig.loop = loop_new();
    rig_connect(lease_ms);
}

static inline void rig_disconnect(void)
{
    opcua_session_unref(&rig.session);
    opcua_thread_free(&rig.thread);
}

static inline void rig_close(void)
{
    rig_disconnect();
    opcua_server_close(&rig.server);
    loop_free(&rig.loop);
}

static inline bool rig_is_ready(void *arg)
{
    (void)arg;
    return opcua_session_state(rig.session) == OPCUA_SESSION_READY;
}

/* Its connection ends, for that reason, and is made again. Not in the midst of a call. */
static inline void rig_break(UA_StatusCode why)
{
    session_leave(rig.session, why);
}

static inline bool rig_is_lost(void *arg)
{
    return !rig_is_ready(arg);
}

/* Until `condition` holds; it gets no argument. */
#define RIG_WAIT(condition) assert_true(loop_run_until(rig.loop, (condition), NULL, RIG_WAIT_MS))
