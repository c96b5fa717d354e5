/*
 * Messages that a device client has taken and the hub has not acknowledged, in their order: encoded
 * PUBLISH packets, sent again after a reconnection. Pure.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define DEVICE_WINDOW_ID_MAX 65534 /* packet ids go from 1 to here; 65535 is left for SUBSCRIBE */

struct device_window_entry;

struct device_window {
    struct device_window_entry *ring; /* NULL until the first */
    uint32_t size;                    /* a power of two; grows up to DEVICE_CLIENT_WINDOW */
    uint32_t first, next, unsent;     /* first <= unsent <= next, each counting on for ever */
    uint16_t first_id;                /* the packet id of `first` */
    size_t bytes;
};

void device_window_init(struct device_window *w);

/* Is there room for one more of `len` bytes? One alone is always taken. */
bool device_window_room(const struct device_window *w, size_t len);
uint32_t device_window_count(const struct device_window *w);

/* The id that the next packet must have. */
uint16_t device_window_id(const struct device_window *w);
/* Takes over the memory of *packet. */
void device_window_push(struct device_window *w, struct buffer *packet, uint64_t token);

/* The next packet that was not sent on this connection; it counts as sent then. Empty when there is
 * none. */
struct slice device_window_next(struct device_window *w);
/* A new connection: all are unsent; those sent before are marked as duplicates. */
void device_window_again(struct device_window *w);

/* Notes a PUBACK; false for an id that is not in flight. */
bool device_window_ack(struct device_window *w, uint16_t packet_id);
/* Takes off the first if it is acknowledged (or `any`), and gives its token. */
bool device_window_pop(struct device_window *w, bool any, uint64_t *token);

void device_window_clear(struct device_window *w);
