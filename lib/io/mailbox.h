/*
 * Calls from any thread to a loop. A put is a short lock; the loop takes the whole batch by a swap,
 * so many puts cost one wake-up.
 */
#pragma once

#include <pthread.h>

#include "io/calls.h"

struct mailbox {
    pthread_mutex_t lock;
    struct calls in;
};

void mailbox_init(struct mailbox *m);
void mailbox_clear(struct mailbox *m);

/* True when it was empty before: somebody has to wake the loop. */
bool mailbox_put(struct mailbox *m, struct call call);

/* Everything that was put, into the empty *out. */
void mailbox_take(struct mailbox *m, struct calls *out);

bool mailbox_empty(struct mailbox *m);
