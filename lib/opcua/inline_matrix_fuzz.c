/* Bytes of a server's: what is taken is the same when it is put back. */
#include "opcua/inline_matrix.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct opcua_matrix_type numbers, variants;
    opcua_matrix_type_init(&numbers, &UA_TYPES[UA_TYPES_INT16]);
    opcua_matrix_type_init(&variants, &UA_TYPES[UA_TYPES_VARIANT]);
    UA_DataTypeMember members[] = {
        {.memberName = "a", .memberType = &numbers.type},
        {.memberName = "b", .memberType = &variants.type, .isOptional = true},
        {.memberName = "c", .memberType = &UA_TYPES[UA_TYPES_DATAVALUE], .isArray = true},
        {.memberName = "d", .memberType = &UA_TYPES[UA_TYPES_DIAGNOSTICINFO]},
    };
    UA_DataType type = {.typeName = "Own",
                        .memSize = sizeof(struct opcua_matrix) + 64,
                        .typeKind = UA_DATATYPEKIND_OPTSTRUCT & 63,
                        .membersSize = 4,
                        .members = members};
    struct buffer stack = {0}, wire = {0};
    if (opcua_matrix_from_wire(slice_from(data, size), &type, &stack) == OK) {
        assert(opcua_matrix_to_wire(buffer_slice(&stack), &type, &wire) == OK);
        assert(wire.len == size && memcmp(wire.at, data, size) == 0);
    }
    buffer_clear(&stack);
    buffer_clear(&wire);
    return 0;
}
