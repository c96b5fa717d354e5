/*
 * Uploads of devices as they are kept, in the registry's database: a device says which file, gets
 * an id and (rest_files.c) a signature for a blob of its own, and says by that id how it went. Then
 * whoever reads notifications is told: they are handed out as feedback is, see c2d.h.
 *
 * limits.uploads of a device are under way at once; one that nobody ended goes with its signature,
 * after limits.upload.ttl, or with its device. Every call is answered on the loop that asked, after
 * the commit.
 */
#pragma once

#include "registry/registry.h"

/* `what`: until it returns. */
typedef void c2d_upload_fn(void *arg, enum status why, struct slice what);

/* `what` is the new one's id. FULL. */
void c2d_upload_begin(struct registry *r, struct loop *loop, struct slice device, struct slice blob,
                      c2d_upload_fn *fn, void *arg);

/* `what` is its blob. NOT_FOUND: the device has none of that id, or its time is over. */
void c2d_upload_find(struct registry *r, struct loop *loop, struct slice device, struct slice id,
                     c2d_upload_fn *fn, void *arg);

/* It is over. `notification`, JSON, goes to who reads them; empty: nobody is told. NOT_FOUND. */
void c2d_upload_end(struct registry *r, struct loop *loop, struct slice device, struct slice id,
                    struct slice notification, c2d_upload_fn *fn, void *arg);
