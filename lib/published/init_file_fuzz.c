#include "published/init_file.h"

#include <stddef.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* Whatever is taken out of a file lies within it, and each request is further on than the last. */
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct init_reader r = init_reader((struct slice){at, len});
    struct init_request q;
    unsigned line = 0;
    while (init_next(&r, &q)) {
        if (q.method.at < at || q.method.at + q.method.len > at + len || q.line <= line)
            abort();
        if (q.body.len && (q.body.at < q.method.at || q.body.at + q.body.len > at + len))
            abort();
        line = q.line;
    }
    return 0;
}
