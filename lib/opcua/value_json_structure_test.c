/* Structures, unions and what is optional as JSON, in the words of each edition, and back. */
#include "opcua/value_json.h"

#include <stdlib.h>

#include "opcua/type_layout.h"

#include "base/cmocka.h"

static UA_String uris[3];
static const struct opcua_namespaces names = {uris, 3, NULL, 0};
static const struct opcua_value_form compat = {&names, OPCUA_ID_URI, false, false};
static const struct opcua_value_form compat_reversible = {&names, OPCUA_ID_URI, true, false};
static const struct opcua_value_form strict_reversible = {&names, OPCUA_ID_EXPANDED, true, true};

static int setup(void **state)
{
    (void)state;
    uris[0] = UA_STRING(OPCUA_NAMESPACE_0);
    uris[1] = UA_STRING("urn:server");
    uris[2] = UA_STRING("http://ns/");
    return 0;
}

static void expect(const UA_Variant *v, const struct opcua_value_form *form, const char *want)
{
    struct buffer out = {0};
    opcua_value_json_variant(v, form, &out);
    assert_slice(buffer_slice(&out), slice_of(want));
    buffer_clear(&out);
}

static UA_Variant scalar(const void *value, size_t type)
{
    UA_Variant v;
    UA_Variant_init(&v);
    UA_Variant_setScalar(&v, (void *)(uintptr_t)value, &UA_TYPES[type]);
    return v; /* borrows */
}

/* Reads JSON as a type; the caller clears. */
static enum status read(const char *json, const UA_DataType *type, int32_t rank, UA_Variant *out,
                        struct buffer *why)
{
    struct json_doc *doc;
    assert_int_equal(json_parse(slice_of(json), JSON_STRICT, &doc, NULL), OK);
    enum status s = opcua_value_json_read(json_root(doc), type, rank, &names, out, why);
    json_free(&doc);
    return s;
}

/* ---- types of a server's own ---- */

static const struct opcua_value_form compact = {
    &names, OPCUA_ID_EXPANDED, true, true, OPCUA_JSON_COMPACT};
static const struct opcua_value_form verbose = {
    &names, OPCUA_ID_EXPANDED, true, true, OPCUA_JSON_VERBOSE};
static UA_DataType choice, note;

static void lay_out(UA_DataType *type, const char *name, UA_DataTypeKind kind, uint32_t id,
                    const struct opcua_type_field *fields, size_t count)
{
    *type = (UA_DataType){.typeName = name,
                          .typeKind = kind & 63,
                          .typeId = UA_NODEID_NUMERIC(2, id),
                          .binaryEncodingId = UA_NODEID_NUMERIC(2, id + 1)};
    assert_int_equal(opcua_type_layout(type, fields, count), OK);
}

static int make_types(void **state)
{
    static const struct opcua_type_field choices[] = {
        {.name = "Number", .type = &UA_TYPES[UA_TYPES_INT32]},
        {.name = "Text", .type = &UA_TYPES[UA_TYPES_STRING]},
        {.name = "List", .type = &UA_TYPES[UA_TYPES_BYTE], .array = true},
    };
    static const struct opcua_type_field members[] = {
        {.name = "Id", .type = &UA_TYPES[UA_TYPES_INT32]},
        {.name = "A", .type = &UA_TYPES[UA_TYPES_INT32], .optional = true},
        {.name = "B", .type = &UA_TYPES[UA_TYPES_STRING], .optional = true},
    };
    setup(state);
    lay_out(&choice, "Choice", UA_DATATYPEKIND_UNION, 10, choices, 3);
    lay_out(&note, "Note", UA_DATATYPEKIND_OPTSTRUCT, 20, members, 3);
    return 0;
}

static int free_types(void **state)
{
    (void)state;
    free(choice.members);
    free(note.members);
    return 0;
}

/* Reads one form, and writes it in all of them. */
static void check(const UA_DataType *type, const char *json, const char *const want[5])
{
    const struct opcua_value_form *forms[] = {&compat,  &compat_reversible, &strict_reversible,
                                              &compact, &verbose};
    UA_Variant v;
    UA_Variant_init(&v);
    assert_int_equal(read(json, type, -1, &v, NULL), OK);
    for (size_t i = 0; i < 5; i++) {
        UA_Variant again;
        UA_Variant_init(&again);
        expect(&v, forms[i], want[i]);
        assert_int_equal(read(want[i], type, -1, &again, NULL), OK);
        expect(&again, &compat, want[0]);
        UA_Variant_clear(&again);
    }
    UA_Variant_clear(&v);
}

/* clang-format off */
static void a_union_is_its_choice_in_every_form(void **state)
{
    (void)state;
    check(&choice, "{\"Text\":\"a\"}", (const char *const[]){
        "{\"Text\":\"a\"}",
        "{\"Type\":\"ExtensionObject\",\"Body\":{\"TypeId\":\"http://ns/#i=10\",\"Encoding\":\"Json\",\"Body\":{\"SwitchField\":2,\"Value\":\"a\"}}}",
        "{\"Type\":22,\"Body\":{\"TypeId\":{\"Id\":10,\"Namespace\":2},\"Body\":{\"SwitchField\":2,\"Value\":\"a\"}}}",
        "{\"UaType\":22,\"Value\":{\"UaTypeId\":\"nsu=http://ns/;i=10\",\"SwitchField\":2,\"Text\":\"a\"}}",
        "{\"UaType\":22,\"Value\":{\"UaTypeId\":\"nsu=http://ns/;i=10\",\"Text\":\"a\"}}"});
    check(&choice, "{\"SwitchField\":3,\"List\":[1,2]}", (const char *const[]){
        "{\"List\":[1,2]}",
        "{\"Type\":\"ExtensionObject\",\"Body\":{\"TypeId\":\"http://ns/#i=10\",\"Encoding\":\"Json\",\"Body\":{\"SwitchField\":3,\"Value\":[1,2]}}}",
        "{\"Type\":22,\"Body\":{\"TypeId\":{\"Id\":10,\"Namespace\":2},\"Body\":{\"SwitchField\":3,\"Value\":[1,2]}}}",
        "{\"UaType\":22,\"Value\":{\"UaTypeId\":\"nsu=http://ns/;i=10\",\"SwitchField\":3,\"List\":[1,2]}}",
        "{\"UaType\":22,\"Value\":{\"UaTypeId\":\"nsu=http://ns/;i=10\",\"List\":[1,2]}}"});
}

static void optional_members_are_there_or_not_in_every_form(void **state)
{
    (void)state;
    check(&note, "{\"Id\":7,\"B\":\"b\"}", (const char *const[]){
        "{\"Id\":7,\"B\":\"b\"}",
        "{\"Type\":\"ExtensionObject\",\"Body\":{\"TypeId\":\"http://ns/#i=20\",\"Encoding\":\"Json\",\"Body\":{\"EncodingMask\":2,\"Id\":7,\"B\":\"b\"}}}",
        "{\"Type\":22,\"Body\":{\"TypeId\":{\"Id\":20,\"Namespace\":2},\"Body\":{\"EncodingMask\":2,\"Id\":7,\"B\":\"b\"}}}",
        "{\"UaType\":22,\"Value\":{\"UaTypeId\":\"nsu=http://ns/;i=20\",\"EncodingMask\":2,\"Id\":7,\"B\":\"b\"}}",
        "{\"UaType\":22,\"Value\":{\"UaTypeId\":\"nsu=http://ns/;i=20\",\"Id\":7,\"B\":\"b\"}}"});
}
/* clang-format on */

static void a_union_without_a_choice_is_null_or_has_no_number(void **state)
{
    (void)state;
    uint8_t *none = UA_new(&choice);
    UA_Variant v;
    UA_Variant_init(&v);
    UA_Variant_setScalar(&v, none, &choice);
    expect(&v, &compat, "null");
    struct buffer out = {0};
    opcua_value_json_put(none, &choice, &strict_reversible, &out);
    assert_slice(buffer_slice(&out), SLICE("{\"SwitchField\":0}"));
    buffer_clear(&out);
    UA_Variant again;
    UA_Variant_init(&again);
    assert_int_equal(read("{\"SwitchField\":0}", &choice, -1, &again, NULL), OK);
    expect(&again, &compat, "null");
    UA_Variant_clear(&again);
    UA_Variant_clear(&v);
}

static void refuses_what_is_no_choice(void **state)
{
    (void)state;
    static const char *const wrong[] = {"{\"SwitchField\":4,\"Value\":1}", "{\"Other\":1}", "5",
                                        "{\"Number\":\"wide\"}", "{\"List\":7}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct buffer why = {0};
        UA_Variant v;
        UA_Variant_init(&v);
        assert_int_equal(read(wrong[i], &choice, -1, &v, &why), BAD_ARGUMENT);
        assert_true(why.len > 0);
        buffer_clear(&why);
    }
}

/* ---- extension objects ---- */

static void structures_are_extension_objects(void **state)
{
    (void)state;
    UA_Range range = {-1.5, 10};
    UA_Variant v = scalar(&range, UA_TYPES_RANGE), back;
    expect(&v, &compat, "{\"Low\":-1.5,\"High\":10}");
    expect(&v, &strict_reversible,
           "{\"Type\":22,\"Body\":{\"TypeId\":{\"Id\":884},\"Body\":{\"Low\":-1.5,\"High\":10}}}");
    const char *text = "{\"Type\":\"ExtensionObject\",\"Body\":{\"TypeId\":\"Range\",\"Encoding\":"
                       "\"Json\",\"Body\":{\"Low\":-1.5,\"High\":10}}}";
    expect(&v, &compat_reversible, text);

    UA_Variant_init(&back);
    assert_int_equal(read(text, NULL, -2, &back, NULL), OK);
    UA_ExtensionObject *o = back.data;
    assert_ptr_equal(back.type, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
    assert_ptr_equal(o->content.decoded.type, &UA_TYPES[UA_TYPES_RANGE]);
    assert_true(((UA_Range *)o->content.decoded.data)->low == -1.5);
    UA_Variant_clear(&back);

    UA_Variant_init(&back);
    assert_int_equal(read("{\"low\":\"1\",\"HIGH\":2}", &UA_TYPES[UA_TYPES_RANGE], -1, &back, NULL),
                     OK);
    assert_true(((UA_Range *)back.data)->high == 2);
    UA_Variant_clear(&back);
}

static void unknown_structures_keep_their_bytes(void **state)
{
    (void)state;
    UA_ExtensionObject o;
    UA_ExtensionObject_init(&o);
    o.encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
    o.content.encoded.typeId = UA_NODEID_NUMERIC(2, 5);
    o.content.encoded.body = (UA_ByteString){3, (UA_Byte *)"abc"};
    UA_Variant v = scalar(&o, UA_TYPES_EXTENSIONOBJECT), back;
    const char *text = "{\"TypeId\":\"http://ns/#i=5\",\"Encoding\":\"Binary\",\"Body\":\"YWJj\"}";
    expect(&v, &compat, text);
    UA_Variant_init(&back);
    assert_int_equal(read(text, NULL, -2, &back, NULL), OK);
    assert_int_equal(UA_order(&v, &back, &UA_TYPES[UA_TYPES_VARIANT]), UA_ORDER_EQ);
    UA_Variant_clear(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_union_is_its_choice_in_every_form),
        cmocka_unit_test(optional_members_are_there_or_not_in_every_form),
        cmocka_unit_test(a_union_without_a_choice_is_null_or_has_no_number),
        cmocka_unit_test(refuses_what_is_no_choice),
        cmocka_unit_test(structures_are_extension_objects),
        cmocka_unit_test(unknown_structures_keep_their_bytes),
    };
    return cmocka_run_group_tests(tests, make_types, free_types);
}
