/*
 * Direct methods that a device was asked and has not answered. The backend's id of a call never
 * goes on a wire: there is a number instead, good on this connection alone, so no device can answer
 * another's call. Pure.
 *
 * The backend tells nobody when it gives up on a call: when all HEADS_CALLS_MAX places are taken,
 * the oldest goes, and the reply to it is not passed on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HEADS_CALLS_MAX 256

struct heads_call;

struct heads_calls {
    struct heads_call *places; /* NULL until the first */
    uint32_t next;
};

/* The call's number; never 0. */
uint32_t heads_calls_note(struct heads_calls *c, uint64_t rid);
/* False: it is not there, or not any more. */
bool heads_calls_take(struct heads_calls *c, uint32_t number, uint64_t *rid);

void heads_calls_clear(struct heads_calls *c);
