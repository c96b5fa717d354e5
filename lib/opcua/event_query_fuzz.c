#include "opcua/event_query.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* What compiles is JSON; what does not says why and leaves nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct buffer out = {0}, why = {0};
    enum status s = opcua_event_query_compile(slice_from(at, len), &out, &why);
    struct json_doc *doc;
    if (s == OK) {
        if (json_parse(buffer_slice(&out), JSON_STRICT, &doc, NULL) != OK)
            __builtin_trap();
        json_free(&doc);
    } else if (out.len || !why.len) {
        __builtin_trap();
    }
    buffer_clear(&out);
    buffer_clear(&why);
    return 0;
}
