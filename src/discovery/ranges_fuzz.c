/* Ranges as people write them: what is taken prints as ranges that are taken again, and mean the same. */
#include "discovery/ranges.h"

#include <stdlib.h>

typedef enum status parse_fn(struct slice text, struct ranges *out, struct buffer *why);
typedef void print_fn(const struct ranges *r, struct buffer *out);

static void check(struct slice text, parse_fn *parse, print_fn *print)
{
    struct ranges first = {0}, second = {0};
    struct buffer why = {0}, printed = {0}, again = {0};
    enum status s = parse(text, &first, &why);
    if ((s == OK) != (why.len == 0))
        abort(); /* a refusal says why */
    if (s == OK) {
        print(&first, &printed);
        if (parse(buffer_slice(&printed), &second, &why) != OK || second.total != first.total)
            abort();
        print(&second, &again);
        if (!slice_eq(buffer_slice(&printed), buffer_slice(&again)))
            abort();
        for (uint64_t i = 0; i + 1 < first.total && i < 100; i++)
            if (discovery_ranges_at(&first, i) >= discovery_ranges_at(&first, i + 1))
                abort();
    }
    discovery_ranges_clear(&first);
    discovery_ranges_clear(&second);
    buffer_clear(&why);
    buffer_clear(&printed);
    buffer_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(slice_from(data, size), discovery_ranges_parse_addresses, discovery_ranges_print_addresses);
    check(slice_from(data, size), discovery_ranges_parse_ports, discovery_ranges_print_ports);
    return 0;
}
