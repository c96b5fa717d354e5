/* Desired properties, what is reported, and a JSON Patch, split by zeros: whatever becomes of it is
 * a body that a twin takes or refuses, and the document is JSON. */
#include "iot/digital_twin.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static struct slice object(struct slice text)
{
    struct json_doc *doc = NULL;
    bool good =
        json_parse(text, JSON_STRICT, &doc, NULL) == OK && json_is(json_root(doc), JSON_OBJECT);
    json_free(&doc);
    return good ? text : SLICE("{}");
}

static void must_be_json(struct slice text)
{
    struct json_doc *doc = NULL;
    if (json_parse(text, JSON_STRICT, &doc, NULL) != OK)
        abort();
    json_free(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct arena a = {0};
    struct slice rest = slice_from(at, len), desired = {0}, reported = {0}, patch = {0}, body;
    slice_split(&rest, 0, &desired);
    slice_split(&rest, 0, &reported);
    slice_split(&rest, 0, &patch);
    struct iot_twin t = iot_twin_new(&a, 0);
    t.desired.values = object(desired);
    t.reported.values = object(reported);
    struct json_doc *operations = NULL;
    const char *why = NULL;
    if (json_parse(patch, JSON_STRICT, &operations, NULL) == OK &&
        iot_digital_twin_patch(&t, &a, json_root(operations), &body, &why) == OK)
        must_be_json(body);
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    iot_digital_twin_put(&t, SLICE("d"), SLICE(""), &w);
    buffer_clear(&out);
    json_free(&operations);
    arena_clear(&a);
    return 0;
}
