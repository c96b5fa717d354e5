/* Whatever the network says: read within its bytes, and what comes out is a server with an address of its own. */
#include "discovery/mdns.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct mdns_service out[MDNS_SERVICES_MAX];
    struct buffer url = {0};
    size_t count = 0;
    if (discovery_mdns_read(slice_from(data, size), &arena, out, &count) == OK)
        for (size_t i = 0; i < count; i++) {
            if (i == MDNS_SERVICES_MAX || out[i].port == 0 || out[i].name.len >= MDNS_NAME_MAX)
                abort();
            buffer_reset(&url);
            discovery_mdns_put_url(&out[i], &url);
            if (url.len > 1400 || slice_find(buffer_slice(&url), ' ') < url.len)
                abort();
        }
    buffer_clear(&url);
    arena_clear(&arena);
    return 0;
}
