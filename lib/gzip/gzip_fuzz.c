#include "gzip/gzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* In two pieces it is the same. */
static void expand_in_pieces(struct slice in, enum status want, struct slice whole)
{
    struct buffer out = {0};
    struct gzip_expander *e = gzip_expander_new(1 << 16);
    enum status s = gzip_expander_feed(e, slice_first(in, in.len / 2), &out);
    if (s == AGAIN)
        s = gzip_expander_feed(e, slice_skip(in, in.len / 2), &out);
    if ((s == OK) != (want == OK) || (s == OK && !slice_eq(buffer_slice(&out), whole)))
        __builtin_trap();
    gzip_expander_free(&e);
    buffer_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct buffer out = {0};
    enum status s = gzip_expand(slice_from(at, len), 1 << 16, &out);
    if (s != OK && out.len != 0)
        __builtin_trap();
    expand_in_pieces(slice_from(at, len), s, buffer_slice(&out));
    size_t member = 0;
    bool whole = gzip_measure(slice_from(at, len), &member) == OK && member == len;
    if (whole != (s == OK || (s == TOO_LARGE && whole)))
        __builtin_trap();
    buffer_clear(&out);
    return 0;
}
