/* The body of a configuration, and what it makes of a twin. */
#include "configurations/effect.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct iot_limits limits = {.configuration_metrics = 5,
                                             .configuration_modules = 50};
    struct arena arena = {0};
    struct json_doc *doc = NULL;
    struct configuration c = {0};
    enum configuration_part part;
    const char *why = NULL;
    if (size < 1 << 16 && json_parse(slice_from(data, size), JSON_STRICT, &doc, NULL) == OK) {
        if (configuration_read(&arena, &limits, json_root(doc), &c, &why, &part) == OK) {
            const struct configuration *one[] = {&c};
            struct configuration_effect e = configuration_effect(&arena, one, 1);
            struct buffer out = {0}, paths = {0};
            struct slice module = c.setting_count ? c.settings[0].module : (struct slice){0};
            if (configuration_apply(&e, module, SLICE("{\"a\":{\"b\":1},\"c\":[2]}"),
                                    SLICE("[\"a.b\",\"x\"]"), &out, &paths) != OK)
                abort(); /* what was read can be applied */
            buffer_clear(&out);
            buffer_clear(&paths);
        } else if (why == NULL) {
            abort(); /* every refusal says why */
        }
    }
    json_free(&doc);
    arena_clear(&arena);
    return 0;
}
