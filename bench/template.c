#include "bench/template.h"

#include <string.h>

static bool put_number(struct buffer *out, const char **at, const char *name, uint64_t number)
{
    if (strncmp(*at, name, strlen(name)) != 0)
        return false;
    *at += strlen(name);
    buffer_printf(out, "%llu", (unsigned long long)number);
    return true;
}

void template_put(struct buffer *out, const char *text, struct template_numbers numbers)
{
    while (*text)
        if (!put_number(out, &text, "{n}", numbers.n) &&
            !put_number(out, &text, "{count}", numbers.count) &&
            !put_number(out, &text, "{before}", numbers.count - 1))
            buffer_u8(out, (uint8_t)*text++);
}

bool template_counts(const char *text)
{
    return strstr(text, "{count}") || strstr(text, "{before}");
}
