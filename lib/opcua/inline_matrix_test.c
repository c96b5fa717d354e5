/* Matrices in structures: bytes as on the wire, in memory, and as JSON. */
#include "opcua/inline_matrix.h"

#include <stdlib.h>

#include "opcua/type_layout.h"
#include "opcua/types_priv.h"
#include "opcua/value_json.h"

#include "base/cmocka.h"

/* {Before: Byte, Grid: Int16[][], Names: String[][] or nothing, After: String} */
static struct world {
    struct opcua_own_type *own;
    struct opcua_types types;
    struct opcua_namespaces names;
} world;

#define ID UA_NODEID_NUMERIC(0, 9000000)
#define ENCODING UA_NODEID_NUMERIC(0, 9000001)

static int begin(void **state)
{
    (void)state;
    static const struct opcua_type_field fields[] = {
        {"Before", &UA_TYPES[UA_TYPES_BYTE]},
        {"Grid", &UA_TYPES[UA_TYPES_INT16]},
        {"Names", &UA_TYPES[UA_TYPES_STRING], .optional = true},
        {"After", &UA_TYPES[UA_TYPES_STRING]},
    };
    UA_NodeId id = ID;
    world = (struct world){0};
    list_init(&world.types.types);
    struct opcua_own_type *o = world.own = opcua_own_type_new(&world.types, &id);
    o->encoding = ENCODING;
    o->field_count = 4;
    o->names = calloc(4, sizeof *o->names);
    o->field_types = calloc(4, sizeof *o->field_types);
    o->fields = calloc(4, sizeof *o->fields);
    o->matrices = calloc(4, sizeof *o->matrices);
    memcpy(o->fields, fields, sizeof fields);
    o->matrices[1].rank = o->matrices[2].rank = 2;
    o->fields[1].matrix = &o->matrices[1];
    o->fields[2].matrix = &o->matrices[2];
    o->type.typeKind = UA_DATATYPEKIND_OPTSTRUCT & 63;
    o->type.typeName = "Own";
    o->type.typeId = o->id;
    o->type.binaryEncodingId = o->encoding;
    list_push(&world.types.types, &o->link);
    opcua_own_types_lay_out(&world.types.types);
    assert_int_not_equal(o->type.memSize, 0);
    assert_true(o->has_matrix);
    world.names.types = &world.types;
    return 0;
}

static int end(void **state)
{
    (void)state;
    opcua_own_type_free(&world.types, world.own);
    return 0;
}

/* 2 x 3, and what is beside it; then with the optional one, 1 x 2. */
#define HEAD "\0\0\0\0\7"
#define GRID "\2\0\0\0\2\0\0\0\3\0\0\0\1\0\2\0\3\0\4\0\5\0\6\0"
#define TAIL "\1\0\0\0z"
#define NAMES "\2\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0a\1\0\0\0b"
#define BOTH "\1\0\0\0\7" GRID NAMES TAIL
#define EMPTY "\2\0\0\0\0\0\0\0\3\0\0\0"

static UA_ExtensionObject object_of(struct slice bytes)
{
    return (UA_ExtensionObject){
        .encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING,
        .content.encoded = {ENCODING, {bytes.len, (UA_Byte *)(uintptr_t)bytes.at}}};
}

static void check_json(struct slice bytes, enum opcua_json_rules rules, const char *json)
{
    UA_ExtensionObject o = object_of(bytes);
    const struct opcua_value_form form = {.names = &world.names, .rules = rules};
    struct buffer out = {0};
    opcua_value_json_put(&o, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT], &form, &out);
    assert_string_equal(buffer_cstr(&out), json);
    buffer_clear(&out);
}

/* What is told as JSON is, read again, the same bytes. */
static void check_back(const char *json, struct slice bytes)
{
    struct json_doc *doc;
    UA_Variant v;
    struct buffer why = {0};
    assert_int_equal(json_parse(slice_of(json), JSON_STRICT, &doc, NULL), OK);
    if (opcua_value_json_read(json_root(doc), &world.own->type, -1, &world.names, &v, &why) != OK)
        fail_msg("%s", buffer_cstr(&why));
    assert_true(UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]));
    const UA_ExtensionObject *o = v.data;
    assert_int_equal(o->encoding, UA_EXTENSIONOBJECT_ENCODED_BYTESTRING);
    assert_slice(opcua_slice(o->content.encoded.body), bytes);
    UA_Variant_clear(&v);
    buffer_clear(&why);
    json_free(&doc);
}

static void rows_stand_in_each_other(void **state)
{
    (void)state;
    check_json(SLICE(HEAD GRID TAIL), OPCUA_JSON_1_04,
               "{\"Before\":7,\"Grid\":[[1,2,3],[4,5,6]],\"After\":\"z\"}");
    check_back("{\"Before\":7,\"Grid\":[[1,2,3],[4,5,6]],\"After\":\"z\"}", SLICE(HEAD GRID TAIL));
    check_back(
        "{\"Before\":7,\"Grid\":[[1,2,3],[4,5,6]],\"Names\":[[\"a\",\"b\"]],\"After\":\"z\"}",
        SLICE(BOTH));
}

/* 1.05 */
static void dimensions_stand_beside_elements(void **state)
{
    (void)state;
    check_json(SLICE(BOTH), OPCUA_JSON_VERBOSE,
               "{\"Before\":7,\"Grid\":{\"Array\":[1,2,3,4,5,6],\"Dimensions\":[2,3]},"
               "\"Names\":{\"Array\":[\"a\",\"b\"],\"Dimensions\":[1,2]},\"After\":\"z\"}");
    check_back("{\"Before\":7,\"Grid\":{\"Array\":[1,2,3,4,5,6],\"Dimensions\":[2,3]},"
               "\"Names\":{\"Array\":[\"a\",\"b\"],\"Dimensions\":[1,2]},\"After\":\"z\"}",
               SLICE(BOTH));
}

static void without_elements_there_are_dimensions_still(void **state)
{
    (void)state;
    check_json(SLICE(HEAD EMPTY TAIL), OPCUA_JSON_1_04,
               "{\"Before\":7,\"Grid\":[],\"After\":\"z\"}");
    check_json(SLICE(HEAD EMPTY TAIL), OPCUA_JSON_VERBOSE,
               "{\"Before\":7,\"Grid\":{\"Array\":[],\"Dimensions\":[0,3]},\"After\":\"z\"}");
    check_back("{\"Before\":7,\"Grid\":{\"Array\":[],\"Dimensions\":[0,3]},\"After\":\"z\"}",
               SLICE(HEAD EMPTY TAIL));
    check_back("{\"Before\":7,\"Grid\":[[],[]],\"After\":\"z\"}",
               SLICE(HEAD "\2\0\0\0\2\0\0\0\0\0\0\0" TAIL));
}

static void check_stays_in_bytes(struct slice bytes)
{
    const UA_DataType *type;
    UA_ExtensionObject o = object_of(bytes);
    assert_null(opcua_types_read(&world.types, &o, &type));
}

/* Each prefix, too much, and dimensions of which there are not so many elements. */
static void what_does_not_fit_stays_in_its_bytes(void **state)
{
    (void)state;
    struct slice whole = SLICE(BOTH);
    for (size_t len = 0; len < whole.len; len++)
        check_stays_in_bytes(slice_first(whole, len));
    check_stays_in_bytes(SLICE(BOTH "x"));
    check_stays_in_bytes(SLICE(HEAD "\2\0\0\0\xff\xff\xff\x7f\xff\xff\xff\x7f" TAIL));
    check_stays_in_bytes(SLICE(HEAD "\xff\xff\xff\x7f" TAIL));
}

/* {Rows: {Row: {}[]}[]}, of which a row takes four bytes, and what is in it none. */
static const struct hollow {
    UA_DataType nothing, row, rows;
    UA_DataTypeMember of_row, of_rows;
} hollow = {
    .nothing = {.typeName = "Nothing", .memSize = 1, .typeKind = UA_DATATYPEKIND_STRUCTURE},
    .row = {.typeName = "Row",
            .memSize = 16,
            .typeKind = UA_DATATYPEKIND_STRUCTURE,
            .membersSize = 1,
            .members = (UA_DataTypeMember *)(uintptr_t)&hollow.of_row},
    .rows = {.typeName = "Rows",
             .memSize = 16,
             .typeKind = UA_DATATYPEKIND_STRUCTURE,
             .membersSize = 1,
             .members = (UA_DataTypeMember *)(uintptr_t)&hollow.of_rows},
    .of_row = {.memberName = "Row", .memberType = &hollow.nothing, .isArray = true},
    .of_rows = {.memberName = "Rows", .memberType = &hollow.row, .isArray = true},
};

static void put_u32(struct buffer *out, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        buffer_u8(out, (uint8_t)(v >> 8 * i));
}

#define BEHIND 100 /* empty ones, so that there are bytes left for the others to stand for */

static enum status read_rows(uint32_t rows, uint32_t of_each)
{
    struct buffer wire = {0}, stack = {0};
    put_u32(&wire, rows + BEHIND);
    for (uint32_t i = 0; i < rows + BEHIND; i++)
        put_u32(&wire, i < rows ? of_each : 0);
    enum status s = opcua_matrix_from_wire(buffer_slice(&wire), &hollow.rows, &stack);
    buffer_clear(&wire);
    buffer_clear(&stack);
    return s;
}

/* Few bytes would stand for any number of them. */
static void what_takes_no_bytes_is_counted_nevertheless(void **state)
{
    (void)state;
    assert_int_equal(read_rows(10, 3), OK);
    assert_int_equal(read_rows(1000, 1000), BAD_FORMAT);
}

/* The same of a server's own types, which the stack would read for as long. */
static void arrays_of_what_takes_no_bytes_are_not_left_to_the_stack(void **state)
{
    (void)state;
    struct opcua_types types = {0};
    struct opcua_own_type *own[3];
    list_init(&types.types);
    for (uint32_t i = 0; i < 3; i++) {
        UA_NodeId id = UA_NODEID_NUMERIC(0, 9000010 + i);
        own[i] = opcua_own_type_new(&types, &id);
        own[i]->encoding = own[i]->id;
        own[i]->type.typeKind = UA_DATATYPEKIND_STRUCTURE;
        own[i]->type.typeName = "Own";
        own[i]->field_count = i > 0;
        own[i]->names = calloc(1, sizeof *own[i]->names);
        own[i]->field_types = calloc(1, sizeof *own[i]->field_types);
        own[i]->fields = calloc(1, sizeof *own[i]->fields);
        if (i > 0)
            *own[i]->fields = (struct opcua_type_field){.name = "Row", .type = &own[i - 1]->type, .array = true};
        list_push(&types.types, &own[i]->link);
    }
    opcua_own_types_lay_out(&types.types);
    assert_true(own[0]->hollow && !own[1]->hollow && !own[2]->hollow);
    assert_true(!own[0]->has_matrix && own[1]->has_matrix && own[2]->has_matrix);
    for (uint32_t i = 0; i < 3; i++)
        opcua_own_type_free(&types, own[i]);
}

static void check_refused(const char *json, const char *reason)
{
    struct json_doc *doc;
    UA_Variant v;
    struct buffer why = {0};
    assert_int_equal(json_parse(slice_of(json), JSON_STRICT, &doc, NULL), OK);
    assert_int_equal(
        opcua_value_json_read(json_root(doc), &world.own->type, -1, &world.names, &v, &why),
        BAD_ARGUMENT);
    if (!strstr(buffer_cstr(&why), reason))
        fail_msg("%s", buffer_cstr(&why));
    buffer_clear(&why);
    json_free(&doc);
}

static void json_that_is_no_such_matrix_is_refused(void **state)
{
    (void)state;
    check_refused("{\"Grid\":[1,2]}", "dimensions");
    check_refused("{\"Grid\":[[1,2],[3]]}", "another length");
    check_refused("{\"Grid\":[[[1]]]}", "");
    check_refused("{\"Grid\":5}", "dimensions");
    check_refused("{\"Grid\":{\"Array\":[1,2,3],\"Dimensions\":[2,2]}}", "dimensions");
    check_refused("{\"Grid\":{\"Array\":[1,2,3],\"Dimensions\":[3]}}", "dimensions");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(rows_stand_in_each_other),
        TEST(dimensions_stand_beside_elements),
        TEST(without_elements_there_are_dimensions_still),
        TEST(what_does_not_fit_stays_in_its_bytes),
        TEST(what_takes_no_bytes_is_counted_nevertheless),
        TEST(arrays_of_what_takes_no_bytes_are_not_left_to_the_stack),
        TEST(json_that_is_no_such_matrix_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
