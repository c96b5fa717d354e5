/* Whatever parses is written back as the same value, and merging it never breaks the text. */
#include <stdlib.h>

#include "json/merge.h"

static void written_value_is_equal(const struct json *v)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_put_value(&w, v);
    struct json_doc *again;
    if (json_parse(buffer_slice(&text), JSON_STRICT, &again, NULL) != OK ||
        !json_equal(v, json_root(again)))
        abort();
    json_free(&again);
    buffer_clear(&text);
}

static void every_value_has_a_place(const struct json_doc *doc, const struct json *v)
{
    unsigned line, column;
    if (!json_where(doc, v, &line, &column) || line == 0 || column == 0)
        abort();
    struct json_walk w = json_walk(v);
    for (int n = 0; n < 20 && json_next(&w); n++)
        every_value_has_a_place(doc, w.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    struct slice all = slice_from(data, size), first = slice_first(all, slice_find(all, 0));
    struct json_error error;
    struct json_doc *doc;
    if (json_parse(first, JSON_CONFIG, &doc, &error) == OK) {
        written_value_is_equal(json_root(doc));
        every_value_has_a_place(doc, json_root(doc));
        json_free(&doc);
    } else if (!error.what || error.at > size) {
        abort();
    }
    struct buffer merged = {0};
    if (json_merge_text(first, slice_skip(all, first.len + 1), &merged) == OK) {
        if (json_parse(buffer_slice(&merged), JSON_STRICT, &doc, NULL) != OK)
            abort();
        json_free(&doc);
    }
    buffer_reset(&merged);
    json_escape(&merged, all);
    if (json_parse(buffer_slice(&merged), JSON_STRICT, &doc, NULL) != OK)
        abort();
    json_free(&doc);
    buffer_clear(&merged);
    return 0;
}
