#include "events/position.h"

#include <stdlib.h>

/* A selector that a reader of the stream sends. */
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct events_position p;
    if (events_position_read(slice_from(at, len), &p) == OK && p.start == EVENTS_AT &&
        p.record == 0)
        abort(); /* records begin at 1 */
    return 0;
}
