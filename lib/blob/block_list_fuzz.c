/* The body of Put Block List, and the headers that a peer writes. */
#include "blob/block_list.h"

#include "base/clock.h"
#include "blob/name.h"
#include "blob/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {data, size};
    struct arena a = {0};
    struct blob_block_list l;
    struct blob_range r;
    uint64_t ms;
    if (blob_block_list_parse(text, &a, &l) == OK)
        for (size_t i = 0; i < l.count; i++)
            if (!blob_block_id_ok(l.names[i].id))
                __builtin_trap();
    if (blob_range_parse(text, 1000, &r) == OK && (r.len == 0 || r.at + r.len > 1000))
        __builtin_trap();
    (void)blob_name_ok(text);
    (void)blob_container_name_ok(text);
    (void)clock_parse_http_date(text, &ms);
    arena_clear(&a);
    return 0;
}
