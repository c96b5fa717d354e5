#include "publisher/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct config c;
    enum status s = config_read(slice_from(at, len), &c);
    if (s != OK && (c.entry_count != 0 || c.finding_count != 1))
        __builtin_trap();
    struct buffer out = {0};
    for (size_t i = 0; i < c.finding_count; i++)
        config_finding_print(&c.findings[i], "f", &out);
    buffer_clear(&out);
    config_clear(&c);
    return 0;
}
