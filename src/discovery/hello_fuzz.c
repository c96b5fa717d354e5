/* Whatever a port answers: it is read within its bytes, and all of it decides the same as its
 * pieces. */
#include "discovery/hello.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_from(data, size);
    struct hello_answer whole, part;
    enum status s = discovery_hello_answer_read(bytes, &whole);
    for (size_t len = 0; len < size && len < 64; len++) {
        enum status p = discovery_hello_answer_read(slice_first(bytes, len), &part);
        if (p == OK && s != OK)
            abort();
        if (p == BAD_FORMAT && s != BAD_FORMAT)
            abort();
    }
    if (s == OK && !whole.acknowledged && whole.reason.len > HELLO_ANSWER_MAX)
        abort();
    return 0;
}
