/*
 * Bytes in gzip's form (RFC 1952), and back. Any thread; nothing is kept between two calls.
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
