#include "gzip/gzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct buffer out = {0};
    if (gzip_expand(slice_from(at, len), 1 << 16, &out) != OK && out.len != 0)
        __builtin_trap();
    buffer_clear(&out);
    return 0;
}
