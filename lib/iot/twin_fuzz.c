/* Two patches, split by a zero: the twin stays valid JSON within its limits, and a device that
 * merges what it is told has what the twin says. */
#include <stdlib.h>

#include "iot/twin.h"
#include "iot/twin_rules.h"
#include "json/merge.h"

static struct json_doc *must_parse(struct slice text)
{
    struct json_doc *doc;
    if (json_parse(text, JSON_STRICT, &doc, NULL) != OK)
        abort();
    return doc;
}

static void same_values(struct slice a, struct slice b)
{
    struct json_doc *x = must_parse(a), *y = must_parse(b);
    if (!json_equal(json_root(x), json_root(y)) ||
        iot_twin_size(json_root(x)) > iot_twin_limits_azure.desired_bytes)
        abort();
    json_free(&x);
    json_free(&y);
}

/* What the device has, without "$version". */
static void device_merges(struct buffer *device, struct slice told)
{
    struct buffer merged = {0};
    if (json_merge_text(buffer_slice(device), told, &merged) != OK)
        abort();
    buffer_reset(device);
    if (json_merge_text(buffer_slice(&merged), SLICE("{\"$version\":null}"), device) != OK)
        abort();
    buffer_clear(&merged);
}

static void update(struct iot_twin *t, struct arena *a, struct slice text, enum iot_twin_how how,
                   struct buffer *device)
{
    struct json_doc *body;
    struct iot_twin_change change;
    const char *why;
    if (json_parse(text, JSON_STRICT, &body, NULL) != OK)
        return;
    if (iot_twin_update(t, &iot_twin_limits_azure, a, json_root(body), how, 0, &change, &why) ==
            OK &&
        change.desired) {
        device_merges(device, change.desired_patch);
        same_values(buffer_slice(device), t->desired.values);
    }
    if (iot_twin_report(t, &iot_twin_limits_azure, a, json_root(body), 0, &why) == OK)
        same_values(t->reported.values, t->reported.values);
    struct json_doc *metadata = must_parse(t->reported.metadata);
    json_free(&metadata);
    json_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096)
        return 0;
    struct slice all = slice_from(data + 1, size - 1), first = slice_first(all, slice_find(all, 0));
    struct arena a = {0};
    struct buffer device = {0};
    buffer_text(&device, "{}");
    struct iot_twin t = iot_twin_new(&a, 0);
    update(&t, &a, first, IOT_TWIN_MERGE, &device);
    update(&t, &a, slice_skip(all, first.len + 1), data[0] & 1 ? IOT_TWIN_REPLACE : IOT_TWIN_MERGE,
           &device);
    buffer_clear(&device);
    arena_clear(&a);
    return 0;
}
