#include "base/status.h"

static const char *const names[STATUS_COUNT] = {
    [OK] = "OK",
    [AGAIN] = "AGAIN",
    [BAD_FORMAT] = "BAD_FORMAT",
    [BAD_ARGUMENT] = "BAD_ARGUMENT",
    [TOO_LARGE] = "TOO_LARGE",
    [UNAUTHORIZED] = "UNAUTHORIZED",
    [FORBIDDEN] = "FORBIDDEN",
    [NOT_FOUND] = "NOT_FOUND",
    [EXISTS] = "EXISTS",
    [CONFLICT] = "CONFLICT",
    [LOCK_LOST] = "LOCK_LOST",
    [OFFLINE] = "OFFLINE",
    [TIMED_OUT] = "TIMED_OUT",
    [FULL] = "FULL",
    [BUSY] = "BUSY",
    [CANCELLED] = "CANCELLED",
    [UNSUPPORTED] = "UNSUPPORTED",
    [PEER_FAILED] = "PEER_FAILED",
    [CLOSED] = "CLOSED",
    [REPLACED] = "REPLACED",
    [IO_FAILED] = "IO_FAILED",
};

const char *status_name(enum status s)
{
    return (unsigned)s < STATUS_COUNT ? names[s] : "UNKNOWN";
}
