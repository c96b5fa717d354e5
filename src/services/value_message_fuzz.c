/* Any text as a telemetry message: what comes of it is JSON again. */
#include <stdlib.h>

#include "services/value_message.h"

static void on_value(void *arg, const struct value_message *m)
{
    struct buffer *out = arg;
    struct json_doc *doc;
    buffer_reset(out);
    value_message_put(m, m->endpoint_id, out);
    if (json_parse(buffer_slice(out), JSON_STRICT, &doc, NULL) != OK)
        abort();
    json_free(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer out = {0};
    value_message_read(slice_from(data, size), on_value, &out);
    buffer_clear(&out);
    return 0;
}
