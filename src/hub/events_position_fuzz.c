#include "hub/events_position.h"

#include <stdlib.h>

/* A selector that a reader of the stream sends. */
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct hub_events_position p;
    if (hub_events_position_read(slice_from(at, len), &p) == OK && p.start == HUB_EVENTS_AT &&
        p.record == 0)
        abort(); /* records begin at 1 */
    return 0;
}
