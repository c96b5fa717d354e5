/*
 * Messages that wait for the connection's window. Up to OUTBOX_MAX and OUTBOX_BYTES_MAX; beyond
 * that progress is dropped and counted, and what was found is refused: whoever sends it says so at
 * the end.
 */
#pragma once

#include "base/list.h"
#include "client/module.h"

#define OUTBOX_MAX 16384
#define OUTBOX_BYTES_MAX (64u << 20)
#define OUTBOX_PROGRESS_MAX 64 /* waiting messages, beyond which progress is dropped */

struct outbox {
    struct module_role *role;
    struct list messages;
    size_t count, bytes;
    uint64_t dropped;
};

void discovery_outbox_init(struct outbox *o, struct module_role *role);
void discovery_outbox_clear(struct outbox *o);

/* Copies. FULL: it is not sent. */
CHECKED enum status discovery_outbox_send(struct outbox *o, const char *schema, struct slice body);
void discovery_outbox_send_progress(struct outbox *o, const char *schema, struct slice body);
/* There is room again. */
void discovery_outbox_flush(struct outbox *o);
