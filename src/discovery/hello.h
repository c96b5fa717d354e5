/*
 * The first words of OPC UA's TCP protocol (Part 6, 7.1.2): what asks whether there is a server,
 * and what the answer must look like. Pure: bytes in, bytes out.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define HELLO_URL_MAX 4096    /* Part 6, 7.1.2.3 */
#define HELLO_ANSWER_MAX 4120 /* an error with its reason; more is nobody's answer */

/* A Hello for the url, up to HELLO_URL_MAX bytes of it. */
void discovery_hello_put(struct slice url, struct buffer *out);

struct hello_answer {
    bool acknowledged;    /* otherwise an error: a server all the same */
    uint32_t error;       /* its status code */
    uint32_t max_message; /* of an acknowledgement; 0: no limit */
    struct slice reason;  /* of an error, in `bytes` */
};

/* AGAIN: more bytes are needed. BAD_FORMAT: no OPC UA server says this. */
CHECKED enum status discovery_hello_answer_read(struct slice bytes, struct hello_answer *out);
