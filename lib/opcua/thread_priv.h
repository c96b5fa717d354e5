/* The inside of an OPC UA thread, for the files that put things on it. */
#pragma once

#include "base/list.h"
#include "opcua/notification.h"
#include "opcua/thread.h"

struct opcua_thread {
    struct loop *loop;
    bool own_loop;
    UA_EventLoop *event_loop;
    struct opcua_pki *pki;
    uint32_t lease_ms, try_ms, silence_ms;
    struct opcua_tuning tuning; /* filled up: no 0 but where 0 means no limit */
    struct list sessions;
    struct list types; /* of servers, opcua/types.h: those that sessions know */
    struct notification_changes changes; /* room for values of the notification that is told */
    int reverse_port;
    struct opcua_reverse *reverse; /* NULL before the first session that needs it */
};
