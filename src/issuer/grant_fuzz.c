/* A form, and behind a zero an Authorization header, as any peer may send them. */
#include <stdlib.h>

#include "issuer/grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const audiences[] = {"api://millrace", NULL};
    struct slice all = slice_from(data, size), form = slice_first(all, slice_find(all, 0));
    struct arena a = {0};
    struct issuer_grant g;
    if (!issuer_grant_read(&a, SLICE("application/x-www-form-urlencoded"),
                           slice_skip(all, form.len + 1), form, &g)) {
        if (g.client_id.len == 0 || g.secret.len == 0)
            abort();
        issuer_grant_audience(&g, audiences);
    }
    arena_clear(&a);
    return 0;
}
