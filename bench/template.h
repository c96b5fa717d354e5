/* Texts with places for numbers: "{n}" is the connection's, "{count}" counts what it sends from 1
 * on,
 * "{before}" is one less. */
#pragma once

#include "base/buffer.h"

struct template_numbers {
    uint64_t n, count;
};

void template_put(struct buffer *out, const char *text, struct template_numbers numbers);
bool template_counts(const char *text); /* it is another text each time */
