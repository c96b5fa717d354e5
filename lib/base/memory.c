#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *at, size_t size)
{
    if (at == NULL) {
        fprintf(stderr, "out of memory: %zu bytes could not be had\n", size);
        abort();
    }
    return at;
}

void *memory_new(size_t size)
{
    return must(calloc(1, size ? size : 1), size);
}

void *memory_resize(void *at, size_t size)
{
    return must(realloc(at, size ? size : 1), size);
}

char *memory_text(const char *text)
{
    return must(strdup(text), strlen(text) + 1);
}
