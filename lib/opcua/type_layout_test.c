/* Structures laid out at run time: the stack reads and writes their bytes as it does its own. */
#include "opcua/type_layout.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/cmocka.h"

static UA_DataType type_of(unsigned kind)
{
    return (UA_DataType){.typeName = "Own",
                         .typeId = UA_NODEID_NUMERIC(2, 1),
                         .binaryEncodingId = UA_NODEID_NUMERIC(2, 2),
                         .typeKind = kind & 63};
}

/* As the compiler lays it out. */
struct mixed {
    UA_Byte small;
    UA_Double real;
    UA_UInt16 half;
    size_t count;
    UA_Int32 *numbers;
    UA_String text;
    UA_Boolean yes;
};

static const struct opcua_type_field mixed_fields[] = {
    {"Small", &UA_TYPES[UA_TYPES_BYTE], false, false},
    {"Real", &UA_TYPES[UA_TYPES_DOUBLE], false, false},
    {"Half", &UA_TYPES[UA_TYPES_UINT16], false, false},
    {"Numbers", &UA_TYPES[UA_TYPES_INT32], true, false},
    {"Text", &UA_TYPES[UA_TYPES_STRING], false, false},
    {"Yes", &UA_TYPES[UA_TYPES_BOOLEAN], false, false},
};

static void lies_in_memory_as_the_compiler_would_have_it(void **state)
{
    (void)state;
    UA_DataType type = type_of(UA_DATATYPEKIND_STRUCTURE);
    assert_int_equal(opcua_type_layout(&type, mixed_fields, 6), OK);
    assert_int_equal(type.memSize, sizeof(struct mixed));
    assert_false(type.pointerFree);
    UA_Int32 numbers[2] = {-1, 2};
    struct mixed v = {.small = 7,
                      .real = 1.5,
                      .half = 300,
                      .count = 2,
                      .numbers = numbers,
                      .text = UA_STRING("hello"),
                      .yes = true};
    UA_ByteString bytes = UA_BYTESTRING_NULL;
    assert_int_equal(UA_encodeBinary(&v, &type, &bytes), UA_STATUSCODE_GOOD);
    assert_int_equal(bytes.length, 1 + 8 + 2 + 4 + 8 + 4 + 5 + 1);
    struct mixed *back = UA_new(&type);
    assert_int_equal(UA_decodeBinary(&bytes, back, &type, NULL), UA_STATUSCODE_GOOD);
    assert_int_equal(back->half, 300);
    assert_int_equal(back->numbers[0], -1);
    assert_int_equal(back->text.length, 5);
    assert_true(back->yes);
    UA_delete(back, &type);
    UA_ByteString_clear(&bytes);
    free(type.members);
}

/* One structure in another, alone and in an array, and what is optional. */
static void holds_others(void **state)
{
    (void)state;
    struct outer {
        UA_Byte first;
        struct mixed inner;
        size_t count;
        struct mixed *more;
        UA_UInt32 *maybe;
    };
    UA_DataType inner = type_of(UA_DATATYPEKIND_STRUCTURE);
    UA_DataType outer = type_of(UA_DATATYPEKIND_OPTSTRUCT);
    const struct opcua_type_field fields[] = {
        {"First", &UA_TYPES[UA_TYPES_BYTE], false, false},
        {"Inner", &inner, false, false},
        {"More", &inner, true, false},
        {"Maybe", &UA_TYPES[UA_TYPES_UINT32], false, true},
    };
    assert_int_equal(opcua_type_layout(&outer, fields, 4), AGAIN); /* the inner one comes first */
    assert_int_equal(opcua_type_layout(&inner, mixed_fields, 6), OK);
    assert_int_equal(opcua_type_layout(&outer, fields, 4), OK);
    assert_int_equal(outer.memSize, sizeof(struct outer));
    UA_UInt32 nine = 9;
    struct outer v = {.first = 1, .inner = {.half = 5}, .maybe = &nine};
    UA_ByteString bytes = UA_BYTESTRING_NULL;
    assert_int_equal(UA_encodeBinary(&v, &outer, &bytes), UA_STATUSCODE_GOOD);
    struct outer *back = UA_new(&outer);
    assert_int_equal(UA_decodeBinary(&bytes, back, &outer, NULL), UA_STATUSCODE_GOOD);
    assert_int_equal(back->inner.half, 5);
    assert_int_equal(*back->maybe, 9);
    UA_delete(back, &outer);
    UA_ByteString_clear(&bytes);
    free(inner.members);
    free(outer.members);
}

static void chooses_one_of_a_union(void **state)
{
    (void)state;
    struct choice {
        UA_UInt32 which;
        union {
            UA_Byte small;
            UA_Double real;
        } as;
    };
    const struct opcua_type_field fields[] = {
        {"Small", &UA_TYPES[UA_TYPES_BYTE], false, false},
        {"Real", &UA_TYPES[UA_TYPES_DOUBLE], false, false},
    };
    UA_DataType type = type_of(UA_DATATYPEKIND_UNION);
    assert_int_equal(opcua_type_layout(&type, fields, 2), OK);
    assert_int_equal(type.memSize, sizeof(struct choice));
    uint8_t *v = UA_new(&type);
    UA_Double real = 2.5;
    *(UA_UInt32 *)(void *)v = 2;
    memcpy(v + type.members[1].padding, &real, sizeof(real));
    UA_ByteString bytes = UA_BYTESTRING_NULL;
    assert_int_equal(UA_encodeBinary(v, &type, &bytes), UA_STATUSCODE_GOOD);
    assert_int_equal(bytes.length, 4 + 8);
    UA_ByteString_clear(&bytes);
    UA_delete(v, &type);
    free(type.members);
}

static void refuses_more_than_the_stack_can_have(void **state)
{
    (void)state;
    struct opcua_type_field fields[OPCUA_TYPE_FIELDS_MAX + 1];
    UA_DataType large = type_of(UA_DATATYPEKIND_STRUCTURE), type = large;
    for (size_t i = 0; i <= OPCUA_TYPE_FIELDS_MAX; i++)
        fields[i] = (struct opcua_type_field){"F", &UA_TYPES[UA_TYPES_DATAVALUE], false, false};
    assert_int_equal(opcua_type_layout(&large, fields, OPCUA_TYPE_FIELDS_MAX + 1), TOO_LARGE);
    assert_int_equal(opcua_type_layout(&large, fields, OPCUA_TYPE_FIELDS_MAX), OK);
    for (size_t i = 0; i < 4; i++)
        fields[i].type = &large;
    assert_int_equal(opcua_type_layout(&type, fields, 4), TOO_LARGE);
    assert_null(type.members);
    free(large.members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_in_memory_as_the_compiler_would_have_it),
        cmocka_unit_test(holds_others),
        cmocka_unit_test(chooses_one_of_a_union),
        cmocka_unit_test(refuses_more_than_the_stack_can_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
