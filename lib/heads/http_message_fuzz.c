/* A batch of telemetry, and the headers of one message. */
#include "heads/http_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {data, size}, wrong;
    struct arena a = {0};
    struct json_doc *doc = NULL;
    struct iot_message *messages, one = {0};
    size_t count;
    const char *why;
    if (json_parse(text, JSON_STRICT, &doc, NULL) == OK &&
        heads_http_batch_read(json_root(doc), 10, 1000, &a, &messages, &count, &why) == OK &&
        (count == 0 || count > 10))
        __builtin_trap();
    json_free(&doc);
    struct rest_field fields[8];
    size_t field_count = 0;
    struct slice line;
    while (text.len > 0 && field_count < 8 && slice_split(&text, '\n', &line)) {
        size_t colon = slice_find(line, ':');
        fields[field_count++] =
            (struct rest_field){slice_first(line, colon), slice_skip(line, colon + 1)};
    }
    (void)(heads_http_message_read(fields, field_count, &a, &one, &wrong) == OK);
    arena_clear(&a);
    return 0;
}
