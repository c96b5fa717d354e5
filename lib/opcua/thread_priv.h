/* The inside of an OPC UA thread, for the files that put things on it. */
#pragma once

#include "base/list.h"
#include "opcua/thread.h"

struct opcua_thread {
    struct loop *loop;
    bool own_loop;
    UA_EventLoop *event_loop;
    struct opcua_pki *pki;
    uint32_t lease_ms, try_ms, silence_ms;
    struct list sessions;
};
