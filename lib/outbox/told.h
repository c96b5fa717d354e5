/*
 * Until when the values of each node were told: kept on the disk, so that after the publisher itself
 * was down it is known where in a server's history to begin. A node is a number that stays the same
 * from start to start (item_told_key()); one that two writers publish may be there twice.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define TOLD_MAX 10000000 /* nodes */

struct told_entry {
    uint64_t key;
    int64_t time; /* UA_DateTime; 0: taken */
};

struct told {
    struct told_entry *at;
    size_t count, cap;
};

void told_put(struct told *t, uint64_t key, int64_t time);
/* And forgets it. 0: unknown. Only of what told_read() made. */
int64_t told_take(struct told *t, uint64_t key);
/* Appends those that were not taken. */
void told_put_left(struct told *t, const struct told *left);
void told_clear(struct told *t);

/* As bytes of a file, those that were taken left out. */
void told_print(const struct told *t, struct buffer *out);
/* BAD_FORMAT; TOO_LARGE. */
CHECKED enum status told_read(struct slice bytes, struct told *out);
