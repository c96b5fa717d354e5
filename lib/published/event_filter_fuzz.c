#include "published/event_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* What was made goes through the stack's own encoder. */
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    static const UA_String uris[] = {UA_STRING_STATIC("http://opcfoundation.org/UA/"),
                                     UA_STRING_STATIC("urn:server")};
    static const struct opcua_namespaces names = {.uris = uris, .count = 2};
    struct event_filter f;
    struct buffer why = {0};
    struct event_filter_context context = {.names = &names};
    enum status s = event_filter_make(slice_from(at, len), &context, &f, &why);
    if (s == OK) {
        UA_ByteString encoded = UA_BYTESTRING_NULL;
        if (UA_encodeBinary(&f.object, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT], &encoded) !=
            UA_STATUSCODE_GOOD)
            __builtin_trap();
        UA_ByteString_clear(&encoded);
        event_filter_clear(&f);
    } else if (why.len == 0) {
        __builtin_trap();
    }
    buffer_clear(&why);
    return 0;
}
