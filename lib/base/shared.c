#include "base/shared.h"

#include <stdlib.h>

#include "base/memory.h"

struct shared *shared_new(struct buffer *bytes)
{
    struct shared *s = MEMORY_NEW(struct shared);
    *s = (struct shared){.bytes = *bytes, .refs = 1};
    *bytes = (struct buffer){0};
    return s;
}

void shared_unref(struct shared **shared)
{
    struct shared *s = *shared;
    *shared = NULL;
    if (!s || --s->refs > 0)
        return;
    buffer_clear(&s->bytes);
    free(s);
}
