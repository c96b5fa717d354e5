/*
 * Messages that a device client has taken and the hub has not acknowledged, in their order, as the
 * transport encoded them: sent again after a reconnection. Pure.
 */
#pragma once

#include "base/shared.h"
#include "base/status.h"

#define DEVICE_WINDOW_ID_MAX 65534 /* ids go from 1 to here; 65535 is left for MQTT's SUBSCRIBE */

struct device_window_entry;

struct device_window {
    struct device_window_entry *ring; /* NULL until the first */
    uint32_t size;                    /* a power of two; grows up to DEVICE_CLIENT_WINDOW */
    uint32_t first, next, unsent;     /* first <= unsent <= next, each counting on for ever */
    uint16_t first_id;                /* the id of `first` */
    size_t bytes;
};

void device_window_init(struct device_window *w);

/* Is there room for one more of `len` bytes? One alone is always taken. */
bool device_window_room(const struct device_window *w, size_t len);
uint32_t device_window_count(const struct device_window *w);

/* The id that the next one has. */
uint16_t device_window_id(const struct device_window *w);
/* Takes over the memory of *message. `rest` is held: what follows it on the wire; NULL: nothing. */
void device_window_push(struct device_window *w, struct buffer *message, struct shared *rest,
                        uint64_t token);

struct device_window_item {
    uint8_t *at; /* `len` bytes, the window's */
    size_t len;
    struct slice rest; /* what follows them */
    uint32_t number; /* for device_window_done() */
    bool again;      /* it was sent on an earlier connection */
};

/* The next that was not sent on this connection; it counts as sent then. False when there is none. */
bool device_window_next(struct device_window *w, struct device_window_item *out);
/* The same without counting it as sent. */
bool device_window_peek(struct device_window *w, struct device_window_item *out);
/* A new connection: all are unsent. */
void device_window_again(struct device_window *w);

/* The hub has said what became of it; false for one that is not in flight. */
bool device_window_done(struct device_window *w, uint32_t number, enum status why);
/* The same, OK, by its id. */
bool device_window_ack(struct device_window *w, uint16_t id);
/* Takes off the first if it is done (or `any`), and gives its token, and what became of it. */
bool device_window_pop(struct device_window *w, bool any, uint64_t *token, enum status *why);

/* Another encoding for all that is not done: fn() changes *message, in which all of it is; what it refuses
 * is done with that status. On no connection. */
void device_window_convert(struct device_window *w,
                           enum status (*fn)(void *arg, uint16_t id, struct buffer *message),
                           void *arg);

void device_window_clear(struct device_window *w);
