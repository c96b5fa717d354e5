/* Whatever a client sends, in two pieces. */
#include "services/signalr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct signalr s = {.ready = size > 0 && data[0] & 1,
                         .protocol = size > 0 && data[0] & 2 ? SIGNALR_MESSAGEPACK : SIGNALR_JSON};
    struct buffer out = {0};
    struct slice all = slice_from(data, size);
    if (signalr_feed(&s, slice_first(all, size / 2), &out) == OK)
        (void)!signalr_feed(&s, slice_skip(all, size / 2), &out);
    signalr_clear(&s);
    buffer_clear(&out);
    return 0;
}
