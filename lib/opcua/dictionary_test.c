/* Type dictionaries in OPC Binary: what is understood of them, and what is refused. */
#include "opcua/dictionary.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/cmocka.h"

#define HEAD                                                                                       \
    "<?xml version='1.0' encoding='utf-8'?>\n"                                                     \
    "<opc:TypeDictionary xmlns:opc='http://opcfoundation.org/BinarySchema/' "                      \
    "xmlns:ua='http://opcfoundation.org/UA/' xmlns:tns='urn:t' xmlns:more='urn:more' "             \
    "TargetNamespace='urn:t' DefaultByteOrder='LittleEndian'>"
#define TAIL "</opc:TypeDictionary>"
#define STRUCTURE(name, more, fields)                                                              \
    "<opc:StructuredType Name='" name "' " more ">" fields "</opc:StructuredType>"
#define FIELD(name, type, more) "<opc:Field Name='" name "' TypeName='" type "' " more "/>"

static struct opcua_dictionary dictionary;

static enum status parse(const char *xml)
{
    opcua_dictionary_clear(&dictionary);
    return opcua_dictionary_parse(slice_of(xml), &dictionary);
}

/* Byte by byte, with other things in between. */
static enum status parse_in_parts(const char *xml)
{
    opcua_dictionary_clear(&dictionary);
    struct opcua_dictionary_parsing *p = opcua_dictionary_begin(slice_of(xml), &dictionary);
    enum status s;
    while ((s = opcua_dictionary_go_on(p, 1)) == AGAIN)
        ;
    opcua_dictionary_end(&p);
    return s;
}

static const struct opcua_dictionary_type *find(const char *name)
{
    for (size_t i = 0; i < dictionary.count; i++)
        if (slice_eq(dictionary.types[i].name, slice_of(name)))
            return &dictionary.types[i];
    fail_msg("no type %s", name);
    return NULL;
}

static void check_field(const struct opcua_dictionary_type *t, size_t i, const char *name,
                        const char *uri, const char *type)
{
    assert_in_range(i, 0, t->count - 1);
    assert_true(slice_eq(t->fields[i].name, slice_of(name)));
    assert_true(slice_eq(t->fields[i].uri, slice_of(uri)));
    assert_true(slice_eq(t->fields[i].type, slice_of(type)));
}

static int teardown(void **state)
{
    (void)state;
    opcua_dictionary_clear(&dictionary);
    return 0;
}

static void a_structure_has_fields_of_each_kind_of_type(void **state)
{
    (void)state;
    assert_int_equal(parse(HEAD STRUCTURE("A", "BaseType='ua:ExtensionObject'",
                                          FIELD("X", "opc:Double", "") FIELD("R", "ua:Range", "")
                                              FIELD("B", "tns:B", "") FIELD("M", "more:C", "")
                                                  FIELD("N", "Own", "")) TAIL),
                     OK);
    const struct opcua_dictionary_type *t = find("A");
    assert_true(slice_eq(dictionary.target, SLICE("urn:t")));
    assert_int_equal(t->kind, OPCUA_DICTIONARY_STRUCTURE);
    assert_int_equal(t->count, 5);
    check_field(t, 0, "X", OPCUA_DICTIONARY_BINARY, "Double");
    check_field(t, 1, "R", OPCUA_DICTIONARY_UA, "Range");
    check_field(t, 2, "B", "urn:t", "B");
    check_field(t, 3, "M", "urn:more", "C");
    check_field(t, 4, "N", "urn:t", "Own");
}

static void an_array_takes_the_field_with_its_length(void **state)
{
    (void)state;
    assert_int_equal(parse(HEAD STRUCTURE("A", "",
                                          FIELD("NoOfX", "opc:Int32", "")
                                              FIELD("X", "opc:Double", "LengthField='NoOfX'")
                                                  FIELD("NoOfY", "opc:Int32", "")) TAIL),
                     OK);
    const struct opcua_dictionary_type *t = find("A");
    assert_int_equal(t->count, 2);
    check_field(t, 0, "X", OPCUA_DICTIONARY_BINARY, "Double");
    assert_true(t->fields[0].array);
    check_field(t, 1, "NoOfY", OPCUA_DICTIONARY_BINARY, "Int32"); /* of nothing: it is a value */
    assert_false(t->fields[1].array);
}

static void bits_in_front_say_which_fields_are_there(void **state)
{
    (void)state;
    assert_int_equal(
        parse(HEAD STRUCTURE(
            "A", "",
            FIELD("HasX", "opc:Bit", "") FIELD("HasY", "opc:Bit", "")
                FIELD("Reserved1", "opc:Bit", "Length='30'") FIELD("N", "opc:Int16", "")
                    FIELD("X", "opc:Double", "SwitchField='HasX'")
                        FIELD("NoOfY", "opc:Int32", "SwitchField='HasY'")
                            FIELD("Y", "tns:A", "SwitchField='HasY' LengthField='NoOfY'")) TAIL),
        OK);
    const struct opcua_dictionary_type *t = find("A");
    assert_int_equal(t->kind, OPCUA_DICTIONARY_OPTIONAL);
    assert_int_equal(t->count, 3);
    assert_false(t->fields[0].optional);
    assert_true(t->fields[1].optional && !t->fields[1].array);
    assert_true(t->fields[2].optional && t->fields[2].array);
}

static void a_number_in_front_chooses_of_a_union(void **state)
{
    (void)state;
    assert_int_equal(
        parse(HEAD STRUCTURE(
            "U", "BaseType='ua:Union'",
            FIELD("SwitchField", "opc:UInt32", "")
                FIELD("X", "opc:Double", "SwitchField='SwitchField' SwitchValue='1'")
                    FIELD("NoOfY", "opc:Int32", "SwitchField='SwitchField' SwitchValue='2'")
                        FIELD("Y", "opc:Int16",
                              "SwitchField='SwitchField' SwitchValue='2' LengthField='NoOfY'")
                            FIELD("Z", "opc:String", "SwitchField='SwitchField' SwitchValue='3'"))
                  TAIL),
        OK);
    const struct opcua_dictionary_type *t = find("U");
    assert_int_equal(t->kind, OPCUA_DICTIONARY_UNION);
    assert_int_equal(t->count, 3);
    assert_true(t->fields[1].array);
    check_field(t, 2, "Z", OPCUA_DICTIONARY_BINARY, "String");
}

static void a_type_has_the_fields_of_the_one_that_it_is_based_on(void **state)
{
    (void)state;
    assert_int_equal(
        parse(HEAD STRUCTURE("Base", "BaseType='ua:ExtensionObject'", FIELD("X", "opc:Double", ""))
                  STRUCTURE("Told", "BaseType='tns:Base'",
                            FIELD("X", "opc:Double", "SourceType='tns:Base'")
                                FIELD("Y", "opc:Byte", ""))
                      STRUCTURE("Untold", "BaseType='tns:Base'", FIELD("Y", "opc:Byte", "")) TAIL),
        OK);
    assert_int_equal(find("Told")->count, 2);
    assert_int_equal(find("Untold")->count, 2);
    check_field(find("Untold"), 0, "X", OPCUA_DICTIONARY_BINARY, "Double");
    assert_int_equal(parse(HEAD STRUCTURE("A", "BaseType='tns:B'", "")
                               STRUCTURE("B", "BaseType='tns:A'", "") TAIL),
                     OK);
    assert_int_equal(find("A")->kind, OPCUA_DICTIONARY_OTHER); /* round and round */
}

static void an_enumeration_has_its_length(void **state)
{
    (void)state;
    assert_int_equal(parse(HEAD "<opc:EnumeratedType Name='E' LengthInBits='32'>"
                                "<opc:EnumeratedValue Name='a' Value='0'/></opc:EnumeratedType>"
                                "<opc:EnumeratedType Name='S' LengthInBits='16' "
                                "IsOptionSet='true'/>" TAIL),
                     OK);
    assert_int_equal(find("E")->kind, OPCUA_DICTIONARY_ENUMERATION);
    assert_int_equal(find("E")->bits, 32);
    assert_false(find("E")->option_set);
    assert_int_equal(find("S")->bits, 16);
    assert_true(find("S")->option_set);
}

/* OPC Binary has more than OPC UA's encoding: such types stay in their bytes. */
static void what_opc_ua_does_not_have_is_not_taken_for_something_else(void **state)
{
    (void)state;
    static const char *const fields[] = {
        FIELD("X", "opc:Double", "Length='3'"),
        FIELD("X", "opc:CharArray", "Terminator='00'"),
        FIELD("N", "opc:UInt16", "") FIELD("X", "opc:Double", "LengthField='N'"),
        FIELD("N", "opc:Int32", "") FIELD("M", "opc:Int32", "")
            FIELD("X", "opc:Double", "LengthField='N'"),
        FIELD("N", "opc:Int32", "")
            FIELD("X", "opc:Byte", "LengthField='N' IsLengthInBytes='true'"),
        FIELD("A", "opc:Bit", "") FIELD("B", "opc:Bit", "Length='7'"),
        FIELD("A", "opc:Bit", "") FIELD("R", "opc:Bit", "Length='32'"),
        FIELD("A", "opc:Bit", "") FIELD("B", "opc:Bit", "") FIELD("R", "opc:Bit", "Length='30'")
            FIELD("X", "opc:Byte", "SwitchField='B'") FIELD("Y", "opc:Byte", "SwitchField='A'"),
        FIELD("X", "opc:Byte", "") FIELD("A", "opc:Bit", "Length='32'"),
        FIELD("S", "opc:UInt32", "") FIELD("X", "opc:Byte", "SwitchField='S' SwitchValue='2'"),
        FIELD("S", "opc:UInt32", "") FIELD("X", "opc:Byte", "SwitchField='S' SwitchValue='1'")
            FIELD("Y", "opc:Byte", ""),
        FIELD("S", "opc:UInt32", "")
            FIELD("X", "opc:Byte", "SwitchField='S' SwitchValue='1' SwitchOperand='GreaterThan'"),
        FIELD("S", "opc:Byte", "") FIELD("X", "opc:Byte", "SwitchField='S'"),
        "<opc:Field Name='X'/>",
        "<opc:Field TypeName='opc:Byte'/>",
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct buffer xml = {0};
        buffer_printf(&xml, HEAD "<opc:StructuredType Name='A'>%s</opc:StructuredType>" TAIL,
                      fields[i]);
        assert_int_equal(parse(buffer_cstr(&xml)), OK);
        if (find("A")->kind != OPCUA_DICTIONARY_OTHER)
            fail_msg("taken: %s", fields[i]);
        buffer_clear(&xml);
    }
}

static void a_document_that_is_none_is_refused(void **state)
{
    (void)state;
    assert_int_equal(parse(""), BAD_FORMAT);
    assert_int_equal(parse("no XML"), BAD_FORMAT);
    assert_int_equal(parse(HEAD), BAD_FORMAT);
    assert_int_equal(parse("<!DOCTYPE a [<!ENTITY b 'c'>]>" HEAD TAIL), BAD_FORMAT);
    assert_int_equal(parse("<!DOCTYPE a SYSTEM 'file:///etc/passwd'>" HEAD TAIL), BAD_FORMAT);
    assert_int_equal(parse("<TypeDictionary DefaultByteOrder='BigEndian'/>"), UNSUPPORTED);
    assert_int_equal(dictionary.count, 0);
}

static void a_document_has_no_more_than_its_bounds(void **state)
{
    (void)state;
    struct buffer xml = {0};
    buffer_text(&xml, HEAD);
    for (size_t i = 0; i <= OPCUA_DICTIONARY_TYPES_MAX; i++)
        buffer_printf(&xml, "<StructuredType Name='A%zu'/>", i);
    buffer_text(&xml, TAIL);
    assert_int_equal(parse(buffer_cstr(&xml)), TOO_LARGE);

    buffer_reset(&xml);
    buffer_text(&xml, HEAD "<StructuredType Name='A'>");
    for (size_t i = 0; i <= OPCUA_DICTIONARY_FIELDS_MAX; i++)
        buffer_text(&xml, "<Field/>");
    buffer_text(&xml, "</StructuredType>" TAIL);
    assert_int_equal(parse(buffer_cstr(&xml)), TOO_LARGE);
    buffer_clear(&xml);
}

static void in_parts_it_is_the_same(void **state)
{
    (void)state;
    const char *xml = HEAD STRUCTURE("A", "", FIELD("X", "opc:Double", "") FIELD("Y", "tns:B", ""))
        STRUCTURE("B", "", FIELD("Z", "opc:Byte", "")) TAIL;
    assert_int_equal(parse_in_parts(xml), OK);
    assert_int_equal(dictionary.count, 2);
    check_field(find("A"), 1, "Y", "urn:t", "B");
    assert_int_equal(parse_in_parts(HEAD "<"), BAD_FORMAT);
    assert_int_equal(dictionary.count, 0);
    assert_int_equal(parse_in_parts(""), BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_parts_it_is_the_same),
        cmocka_unit_test(a_structure_has_fields_of_each_kind_of_type),
        cmocka_unit_test(an_array_takes_the_field_with_its_length),
        cmocka_unit_test(bits_in_front_say_which_fields_are_there),
        cmocka_unit_test(a_number_in_front_chooses_of_a_union),
        cmocka_unit_test(a_type_has_the_fields_of_the_one_that_it_is_based_on),
        cmocka_unit_test(an_enumeration_has_its_length),
        cmocka_unit_test(what_opc_ua_does_not_have_is_not_taken_for_something_else),
        cmocka_unit_test(a_document_that_is_none_is_refused),
        cmocka_unit_test(a_document_has_no_more_than_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
