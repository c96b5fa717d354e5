/* Names of enumerations become ids of nodes, of which only the name tells that they belong to them. */
#include "opcua/dictionaries_priv.h"

#include "base/cmocka.h"

static const char document[] =
    "<opc:TypeDictionary xmlns:opc='http://opcfoundation.org/BinarySchema/' "
    "xmlns:ua='http://opcfoundation.org/UA/' xmlns:tns='urn:b' TargetNamespace='urn:b'>"
    "<opc:EnumeratedType Name='Phase' LengthInBits='32'/>"
    "<opc:EnumeratedType Name='Lonely' LengthInBits='32'/>"
    "<opc:StructuredType Name='S' BaseType='ua:ExtensionObject'>"
    "<opc:Field Name='Phase' TypeName='tns:Phase'/><opc:Field Name='Lonely' TypeName='tns:Lonely'/>"
    "</opc:StructuredType></opc:TypeDictionary>";

static UA_ReferenceDescription node(uint16_t space, uint32_t id, const char *name)
{
    return (UA_ReferenceDescription){
        .nodeId.nodeId = UA_NODEID_NUMERIC(space, id),
        .browseName = {space, UA_STRING((char *)(uintptr_t)name)},
    };
}

/* Of the field with that index, with these nodes for enumerations. */
static UA_NodeId type_of_field(UA_ReferenceDescription *nodes, size_t count, size_t field)
{
    UA_String uris[] = {UA_STRING("http://opcfoundation.org/UA/"), UA_STRING("urn:a"), UA_STRING("urn:b")};
    struct opcua_namespaces names = {.uris = uris, .count = 3};
    struct opcua_dictionaries_parts parts = {
        .count = 1, .enumerations = nodes, .enumeration_count = count};
    assert_int_equal(opcua_dictionary_parse(slice_of(document), &parts.documents[0]), OK);
    struct opcua_dictionaries *d = opcua_dictionaries_make(&parts, &names);
    UA_NodeId id = UA_NODEID_STRING(2, "S");
    const struct opcua_described *s = opcua_dictionaries_find(d, &id);
    assert_non_null(s);
    assert_int_equal(s->definition.fieldsSize, 2);
    UA_NodeId type = s->definition.fields[field].dataType;
    assert_int_equal(type.identifierType, UA_NODEIDTYPE_NUMERIC); /* so that it outlives its definition */
    opcua_dictionaries_free(&d);
    opcua_dictionary_clear(&parts.documents[0]);
    return type;
}

static void the_one_in_the_documents_namespace_is_meant(void **state)
{
    (void)state;
    UA_ReferenceDescription nodes[] = {node(1, 10, "Phase"), node(2, 20, "Phase"), node(1, 30, "Phase"),
                                       node(2, 40, "Other")};
    assert_int_equal(type_of_field(nodes, 4, 0).identifier.numeric, 20);
}

static void else_the_last_of_that_name(void **state)
{
    (void)state;
    UA_ReferenceDescription nodes[] = {node(1, 10, "Phase"), node(1, 30, "Phase")};
    assert_int_equal(type_of_field(nodes, 2, 0).identifier.numeric, 30);
}

static void one_without_a_node_is_just_an_enumeration(void **state)
{
    (void)state;
    UA_ReferenceDescription nodes[] = {node(2, 20, "Phase")};
    assert_int_equal(type_of_field(nodes, 1, 1).identifier.numeric, UA_NS0ID_ENUMERATION);
    assert_int_equal(type_of_field(NULL, 0, 0).identifier.numeric, UA_NS0ID_ENUMERATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_in_the_documents_namespace_is_meant),
        cmocka_unit_test(else_the_last_of_that_name),
        cmocka_unit_test(one_without_a_node_is_just_an_enumeration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
