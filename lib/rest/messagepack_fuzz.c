/* What is taken is JSON, and becomes the same JSON again by way of MessagePack; what is not says
 * why. */
#include <stdlib.h>

#include "rest/messagepack.h"

static void comes_back(const struct json_doc *doc, struct slice json)
{
    struct buffer packed = {0}, again = {0};
    struct json_doc *other;
    const char *why;
    if (rest_messagepack_from_json(json, &packed) != OK ||
        rest_messagepack_to_json(buffer_slice(&packed), 1 << 20, &again, &why) != OK ||
        json_parse(buffer_slice(&again), JSON_STRICT, &other, NULL) != OK ||
        !json_equal(json_root(doc), json_root(other)))
        abort();
    json_free(&other);
    buffer_clear(&packed);
    buffer_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer json = {0};
    struct json_doc *doc = NULL;
    struct json_error error = {0};
    const char *why = NULL;
    enum status s = rest_messagepack_to_json(slice_from(data, size), 1 << 16, &json, &why);
    if (s != OK && !why)
        abort();
    if (s == OK && json_parse(buffer_slice(&json), JSON_STRICT, &doc, &error) == OK)
        comes_back(doc, buffer_slice(&json));
    else if (s == OK && !error.what)
        abort();
    json_free(&doc);
    buffer_clear(&json);
    return 0;
}
