#include "opcua/browse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines are the path's elements. What was made goes through the stack's own encoder. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    UA_String uris[2] = {UA_STRING(OPCUA_NAMESPACE_0), UA_STRING("urn:server")};
    struct opcua_namespaces names = {.uris = uris, .count = 2};
    struct slice elements[OPCUA_BROWSE_PATH_MAX + 1], rest = slice_from(data, size);
    struct buffer why = {0};
    UA_RelativePath path = {0};
    size_t count = 0;
    while (count < OPCUA_BROWSE_PATH_MAX + 1 && slice_split(&rest, '\n', &elements[count]))
        count++;
    enum status s = opcua_browse_path_parse(elements, count, &names, &path, &why);
    if (s == OK) {
        UA_ByteString encoded = UA_BYTESTRING_NULL;
        if (UA_encodeBinary(&path, &UA_TYPES[UA_TYPES_RELATIVEPATH], &encoded) !=
            UA_STATUSCODE_GOOD)
            __builtin_trap();
        UA_ByteString_clear(&encoded);
    } else if (why.len == 0) {
        __builtin_trap();
    }
    UA_RelativePath_clear(&path);
    buffer_clear(&why);
    return 0;
}
