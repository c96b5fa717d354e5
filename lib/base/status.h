/* Outcomes. One closed vocabulary for every layer; iot/status_wire.c maps it to HTTP, IoT Hub and AMQP. */
#pragma once

enum status {
    OK = 0,
    AGAIN,          /* not enough bytes, credit or room yet: call again later */
    BAD_FORMAT,     /* the peer sent something the protocol or the document's grammar forbids */
    BAD_ARGUMENT,   /* well-formed, but a value is not allowed there */
    TOO_LARGE,      /* past a limit named in a *_MAX */
    UNAUTHORIZED,   /* not known, not signed, expired */
    FORBIDDEN,      /* known, but not allowed to do that */
    NOT_FOUND,      /* no such thing; for a device its identity */
    EXISTS,         /* is there already */
    CONFLICT,       /* etag or version did not match */
    LOCK_LOST,      /* the lock on a message ran out */
    OFFLINE,        /* the device is known and not connected, or nobody listens there */
    TIMED_OUT,
    FULL,           /* a bounded queue or quota has no room */
    BUSY,           /* throttled: try again later */
    CANCELLED,      /* the one who asked has gone, or the program is stopping */
    UNSUPPORTED,    /* known, and not built or not allowed here */
    PEER_FAILED,    /* the other side answered, with something unusable */
    CLOSED,         /* the connection ended in order */
    REPLACED,       /* a newer connection of the same identity took over */
    IO_FAILED,      /* disk or network; the log line has errno */
    STATUS_COUNT
};

/* A caller that drops one of these is a bug. */
#define CHECKED __attribute__((warn_unused_result))

/* "NOT_FOUND"; never NULL. */
const char *status_name(enum status s);
