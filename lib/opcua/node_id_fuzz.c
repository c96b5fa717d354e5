/* What is read must be read again from each form that it is printed in, as the same id. */
#include "opcua/node_id.h"

#include <stdlib.h>

static void check(const UA_ExpandedNodeId *id, const struct opcua_namespaces *names,
                  enum opcua_id_format format)
{
    struct buffer out = {0};
    UA_ExpandedNodeId again;
    opcua_expanded_id_print(id, names, format, &out);
    if (out.len <= OPCUA_NODE_ID_TEXT_MAX) {
        if (opcua_expanded_id_parse(buffer_slice(&out), names, &again, NULL) != OK ||
            !UA_NodeId_equal(&again.nodeId, &id->nodeId))
            abort();
        UA_ExpandedNodeId_clear(&again);
    }
    buffer_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    UA_String uris[3] = {UA_STRING(OPCUA_NAMESPACE_0), UA_STRING("urn:s"), UA_STRING("http://n/")};
    struct opcua_namespaces names = {uris, 3, uris, 3};
    struct slice text = slice_from(data, size);
    UA_ExpandedNodeId id;
    UA_QualifiedName name;
    if (opcua_expanded_id_parse(text, &names, &id, NULL) == OK) {
        check(&id, &names, OPCUA_ID_INDEX);
        if (id.serverIndex < names.server_count && id.namespaceUri.length == 0)
            check(&id, &names, OPCUA_ID_EXPANDED_0);
        UA_ExpandedNodeId_clear(&id);
    }
    if (opcua_qualified_name_parse(text, &names, &name, NULL) == OK) {
        struct buffer out = {0};
        opcua_qualified_name_print(&name, &names, OPCUA_ID_INDEX, &out);
        buffer_clear(&out);
        UA_QualifiedName_clear(&name);
    }
    return 0;
}
