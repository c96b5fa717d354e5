/* Templates and names of any kind. */
#include "published/topic.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_from(data, size), parts[6] = {0};
    for (size_t i = 0; i < 6 && slice_split(&rest, '\n', &parts[i]); i++)
        ;
    struct topic_templates templates = {.of = {parts[0], parts[1], {0}, {0}, parts[2]}};
    struct topic_scope scope = {.templates = &templates, .queue = parts[3], .path = parts[5]};
    for (size_t i = 0; i < TOPIC_VARIABLE_COUNT; i++)
        scope.values[i] = parts[4];
    struct buffer out = {0};
    for (int kind = 0; kind < TOPIC_KIND_COUNT; kind++)
        topic_put(&scope, (enum topic_kind)kind, &out);
    if (out.len > (size + 32) * 4 * 32 * TOPIC_KIND_COUNT)
        abort(); /* every variable stands for something once */
    buffer_clear(&out);
    return 0;
}
