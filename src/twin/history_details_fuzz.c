#include "twin/history_details.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const UA_String uris[] = {UA_STRING_STATIC(OPCUA_NAMESPACE_0),
                                 UA_STRING_STATIC("urn:server")};
static const struct opcua_namespaces names = {.uris = uris, .count = 2};

/* What is taken goes through the stack's own encoder; what is refused says why. */
static void try_one(history_details_fn *fn, const struct json *details)
{
    struct buffer why = {0};
    UA_ExtensionObject out;
    UA_ExtensionObject_init(&out);
    if (fn(details, &names, &out, &why) == OK) {
        UA_ByteString encoded = UA_BYTESTRING_NULL;
        if (UA_encodeBinary(&out, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT], &encoded) !=
            UA_STATUSCODE_GOOD)
            __builtin_trap();
        UA_ByteString_clear(&encoded);
    } else if (why.len == 0) {
        __builtin_trap();
    }
    UA_ExtensionObject_clear(&out);
    buffer_clear(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static history_details_fn *const all[] = {history_details_values, history_details_modified,
                                              history_details_at_times, history_details_processed,
                                              history_details_events};
    struct json_doc *doc = NULL;
    if (json_parse(slice_from(data, size), JSON_STRICT, &doc, NULL) != OK)
        return 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        try_one(all[i], json_root(doc));
    json_free(&doc);
    return 0;
}
