/*
 * ReverseHello, OPC UA Part 6, 7.1.2.6: the first message of a server that connects to its client.
 * Pure.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"

#define OPCUA_REVERSE_TEXT_MAX 4096 /* of either text, as the standard says */

struct opcua_reverse_hello {
    struct slice server_uri, endpoint_url; /* point into the bytes */
    size_t size;                           /* of the whole message */
};

/* AGAIN: more bytes are needed. BAD_FORMAT: it is something else. */
CHECKED enum status opcua_reverse_hello_decode(struct slice bytes, struct opcua_reverse_hello *out);
