/*
 * Bytes in gzip's form (RFC 1952), and back. Any thread; nothing is kept between two calls, but by an
 * expander, whose bytes come piece after piece.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

/* Appends `in`, made smaller. */
void gzip_compress(struct slice in, struct buffer *out);

/* It begins as such bytes do; JSON never does. */
bool gzip_is(struct slice bytes);

/* Appends what was made smaller. BAD_FORMAT for anything but one whole gzip member, TOO_LARGE
 * beyond `max` bytes; then *out is as before. */
CHECKED enum status gzip_expand(struct slice in, size_t max, struct buffer *out);

/* Appends what it begins with, 16 KiB at most, without a look at the rest; nothing of what is no such bytes. */
void gzip_peek(struct slice in, struct buffer *out);

/* How many bytes of `in`, from its beginning, are one whole member. AGAIN: it ends too early; BAD_FORMAT. */
CHECKED enum status gzip_measure(struct slice in, size_t *len);

/* ---- in pieces ---- */

struct gzip_expander;

/* `max`: bytes of the whole, made large. */
struct gzip_expander *gzip_expander_new(size_t max);
void gzip_expander_free(struct gzip_expander **e);
/* Appends what the next bytes make. OK: the member has ended, and so has `in`. AGAIN: it goes on. BAD_FORMAT,
 * TOO_LARGE as above; then *out has what came before the mistake. Not again after anything but AGAIN. */
CHECKED enum status gzip_expander_feed(struct gzip_expander *e, struct slice in, struct buffer *out);
