/* Structures of a server of before OPC UA 1.04, out of its type dictionary. */
#include "opcua/dictionaries.h"

#include <stdlib.h>

#include "opcua/answers_rig.h"
#include "opcua/server_priv.h"
#include "opcua/session_rig.h"
#include "opcua/types_priv.h"
#include "opcua/value_json.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define SPACE "urn:test"

#define FIELD(name, type, more) "<opc:Field Name='" name "' TypeName='" type "' " more "/>"
#define STRUCTURE(name, fields)                                                                    \
    "<opc:StructuredType Name='" name "' BaseType='ua:ExtensionObject'>" fields                    \
    "</opc:StructuredType>"

/* clang-format off */
static const char dictionary[] =
    "<opc:TypeDictionary xmlns:opc='http://opcfoundation.org/BinarySchema/' "
        "xmlns:ua='http://opcfoundation.org/UA/' xmlns:tns='" SPACE "' TargetNamespace='" SPACE "'>"
    "<opc:EnumeratedType Name='Phase' LengthInBits='32'/>"
    STRUCTURE("Point", FIELD("X", "opc:Double", "") FIELD("Y", "opc:Double", ""))
    STRUCTURE("Inner", FIELD("N", "opc:Byte", "")) /* without a node of its own */
    STRUCTURE("Recipe",
        FIELD("Name", "opc:String", "") FIELD("Phase", "tns:Phase", "")
        FIELD("NoOfPath", "opc:Int32", "") FIELD("Path", "tns:Point", "LengthField='NoOfPath'")
        FIELD("Inner", "tns:Inner", "") FIELD("Range", "ua:Range", ""))
    STRUCTURE("Note",
        FIELD("HasA", "opc:Bit", "") FIELD("HasB", "opc:Bit", "") FIELD("Reserved1", "opc:Bit", "Length='30'")
        FIELD("A", "opc:Int16", "SwitchField='HasA'") FIELD("B", "opc:String", "SwitchField='HasB'"))
    STRUCTURE("Choice",
        FIELD("SwitchField", "opc:UInt32", "")
        FIELD("A", "opc:Int16", "SwitchField='SwitchField' SwitchValue='1'")
        FIELD("P", "tns:Point", "SwitchField='SwitchField' SwitchValue='2'"))
    STRUCTURE("Odd", FIELD("X", "opc:Double", "Length='3'"))
    STRUCTURE("WithOdd", FIELD("X", "tns:Odd", ""))
    STRUCTURE("Lost", FIELD("X", "tns:Nowhere", ""))
    "</opc:TypeDictionary>";

static const struct opcua_server_described types[] = {
    {"Point", 10, 110, 210}, {"Recipe", 11, 111, 211}, {"Note", 12, 112, 212},
    {"Choice", 13, 113, 213}, {"Odd", 14, 114, 214}, {"WithOdd", 15, 115, 215},
    {"Lost", 16, 116, 216}, {"Unlisted", 17, 117, 217},
};
/* clang-format on */

/* What becomes of answers on their way, as other servers would have given them. */
struct change {
    UA_StatusCode of_many; /* a read of many values; Good: none of this */
    uint32_t bears_values; /* which are so many */
    UA_StatusCode of_definition, of_abstract;
    bool no_data_type; /* of an encoding that is asked for alone */
    size_t names_lost; /* of a read of many, the first ones */
};

static struct world {
    struct opcua_types *known; /* a reference */
    const UA_DataType *told;
    size_t answers;
    struct change change;
    _Atomic uint32_t bears, bears_now; /* nodes in one question, since it was connected; 0: any */
} world;

/* ---- answers, changed on their way ---- */

static void refuse(UA_DataValue *v, UA_StatusCode status)
{
    if (status == UA_STATUSCODE_GOOD)
        return;
    UA_DataValue_clear(v);
    v->hasStatus = true;
    v->status = status;
}

static void change_read(const UA_ReadRequest *asked, UA_ReadResponse *r)
{
    const struct change *c = &world.change;
    uint32_t attribute = asked->nodesToReadSize ? asked->nodesToRead->attributeId : 0;
    if (attribute == UA_ATTRIBUTEID_DATATYPEDEFINITION && r->resultsSize == 3) {
        refuse(&r->results[0], c->of_definition);
        refuse(&r->results[2], c->of_abstract);
    }
    if (attribute != UA_ATTRIBUTEID_VALUE || asked->nodesToReadSize == 1)
        return;
    for (size_t i = 0; i < c->names_lost && i < r->resultsSize; i++)
        refuse(&r->results[i], UA_STATUSCODE_BADOUTOFMEMORY);
    if (c->of_many && asked->nodesToReadSize > c->bears_values)
        r->responseHeader.serviceResult = c->of_many;
}

static void change_browse(const UA_BrowseRequest *asked, UA_BrowseResponse *r)
{
    bool back = asked->nodesToBrowseSize == 1 &&
                asked->nodesToBrowse->browseDirection == UA_BROWSEDIRECTION_INVERSE;
    if (back && world.change.no_data_type && r->resultsSize == 1) {
        UA_BrowseResult_clear(&r->results[0]);
        UA_BrowseResult_init(&r->results[0]);
    }
}

static void change(const UA_DataType *type, const void *request, void *answer)
{
    if (ANSWERS_OF(type, READ))
        change_read(request, answer);
    else if (ANSWERS_OF(type, BROWSE))
        change_browse(request, answer);
}

/* ---- the server ---- */

static void bear_less(void *arg)
{
    (void)arg;
    UA_ServerConfig *config = UA_Server_getConfig(opcua_server_stack(rig.server));
    config->maxNodesPerBrowse = world.bears;
    config->maxNodesPerRead = world.bears ? world.bears + 1 : 0; /* what one type takes */
    world.bears_now = world.bears;
}

static int setup(void **state)
{
    (void)state;
    answers_change = change;
    rig_open((struct opcua_server_config){0});
    opcua_server_add_dictionary(rig.server, rig.space, dictionary, types,
                                sizeof types / sizeof types[0]);
    opcua_server_every(rig.server, 10, bear_less, NULL);
    rig_start(0);
    RIG_WAIT(rig_is_ready);
    world.known = opcua_types_ref(opcua_session_types(rig.session));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    opcua_types_unref(&world.known);
    rig_close();
    return 0;
}

/* ---- asking ---- */

static void on_type(void *arg, const UA_DataType *type)
{
    (void)arg;
    world.told = type;
    world.answers++;
}

static bool are_answered(void *arg)
{
    return world.answers >= *(size_t *)arg;
}

static void ask(uint32_t number, bool encoding)
{
    UA_NodeId id = UA_NODEID_NUMERIC(rig.space, number);
    opcua_types_load(world.known, rig.session,
                     &(struct opcua_types_question){
                         .id = &id, .encoding = encoding, .timeout_ms = WAIT_MS, .fn = on_type});
}

static const UA_DataType *load(uint32_t number, bool encoding)
{
    size_t one = 1;
    world.answers = 0;
    ask(number, encoding);
    assert_true(loop_run_until(rig.loop, are_answered, &one, WAIT_MS));
    return world.told;
}

/* What a value is as JSON whose bytes are these. */
static void check(uint32_t encoding, struct slice bytes, bool reversible, const char *json)
{
    UA_ExtensionObject o = {
        .encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING,
        .content.encoded = {UA_NODEID_NUMERIC(rig.space, encoding),
                            {bytes.len, (UA_Byte *)(uintptr_t)bytes.at}}};
    const struct opcua_value_form form = {.names = opcua_session_namespaces(rig.session),
                                          .reversible = reversible,
                                          .strict = reversible};
    struct buffer out = {0};
    opcua_value_json_put(&o, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT], &form, &out);
    assert_string_equal(buffer_cstr(&out), json);
    buffer_clear(&out);
}

/* ---- tests ---- */

static void structures_are_read_member_by_member(void **state)
{
    (void)state;
    const UA_DataType *recipe = load(111, true);
    assert_non_null(recipe);
    assert_string_equal(recipe->typeName, "Recipe");
    assert_int_equal(recipe->typeId.identifier.numeric, 11);
    check(111,
          SLICE("\2\0\0\0ab\3\0\0\0\1\0\0\0\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40\7"
                "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0\x3f"),
          false,
          "{\"Name\":\"ab\",\"Phase\":3,\"Path\":[{\"X\":1,\"Y\":2}],\"Inner\":{\"N\":7},"
          "\"Range\":{\"Low\":0,\"High\":1}}");
}

static void optional_fields_and_unions_are_what_they_are(void **state)
{
    (void)state;
    const UA_DataType *note = load(12, false);
    assert_non_null(note);
    assert_int_equal(note->typeKind, UA_DATATYPEKIND_OPTSTRUCT);
    assert_int_equal(note->binaryEncodingId.identifier.numeric, 112);
    check(112, SLICE("\2\0\0\0\1\0\0\0x"), false, "{\"B\":\"x\"}");
    const UA_DataType *choice = load(113, true);
    assert_non_null(choice);
    assert_int_equal(choice->typeKind, UA_DATATYPEKIND_UNION);
    check(113, SLICE("\1\0\0\0\5\0"), false, "{\"A\":5}");
    check(113, SLICE("\1\0\0\0\5\0"), true,
          "{\"TypeId\":{\"Id\":13,\"Namespace\":2},\"Body\":{\"SwitchField\":1,\"Value\":5}}");
}

static void what_cannot_be_read_stays_in_its_bytes(void **state)
{
    (void)state;
    assert_null(load(114, true));
    assert_null(load(115, true));
    assert_null(load(116, true));
    assert_null(load(117, true)); /* not in the dictionary */
    check(114, SLICE("ab"), true,
          "{\"TypeId\":{\"Id\":114,\"Namespace\":2},\"Encoding\":1,\"Body\":\"YWI=\"}");
}

/* As a server that was not asked before. */
static void begin_anew(void)
{
    opcua_types_unref(&world.known);
    rig_disconnect();
    rig_connect(0);
    RIG_WAIT(rig_is_ready);
    world.known = opcua_types_ref(opcua_session_types(rig.session));
}

/* One question for all who come meanwhile. */
static void who_asks_together_is_answered_together(void **state)
{
    (void)state;
    begin_anew();
    size_t all = 3;
    world.answers = 0;
    ask(10, false);
    ask(111, true);
    ask(13, false);
    assert_true(loop_run_until(rig.loop, are_answered, &all, WAIT_MS));
    for (uint32_t number = 10; number <= 13; number++) {
        UA_NodeId id = UA_NODEID_NUMERIC(rig.space, number);
        if (number != 12)
            assert_non_null(opcua_types_find(world.known, &id));
    }
}

static bool bears_it(void *arg)
{
    (void)arg;
    return world.bears_now == world.bears;
}

static void let_bear(uint32_t nodes)
{
    world.bears = nodes;
    RIG_WAIT(bears_it);
}

/* It says so only when it is asked for more: BadTooManyOperations, which is not that it has nothing. */
static void a_server_that_bears_less_than_it_says_is_asked_for_less(void **state)
{
    (void)state;
    begin_anew();
    let_bear(2);
    assert_non_null(load(111, true));
    let_bear(0);
}

static void what_is_too_much_for_many_is_asked_for_fewer(void **state)
{
    (void)state;
    static const UA_StatusCode too_much[] = {UA_STATUSCODE_BADRESPONSETOOLARGE,
                                             UA_STATUSCODE_BADENCODINGLIMITSEXCEEDED,
                                             UA_STATUSCODE_BADTCPMESSAGETOOLARGE};
    for (size_t i = 0; i < sizeof too_much / sizeof *too_much; i++) {
        begin_anew();
        world.change = (struct change){.of_many = too_much[i], .bears_values = 2};
        assert_non_null(load(111, true));
        assert_true(world.known->has_dictionaries);
        world.change = (struct change){0};
    }
}

static bool was_refused(uint32_t number)
{
    UA_NodeId id = UA_NODEID_NUMERIC(rig.space, number);
    return opcua_types_was_refused(world.known, &id);
}

/* Servers of before 1.04 say so of an attribute that they have never heard of. */
static void what_is_unclear_of_a_definition_may_stand_in_a_dictionary(void **state)
{
    (void)state;
    static const UA_StatusCode unclear[] = {
        UA_STATUSCODE_BADINTERNALERROR, UA_STATUSCODE_BADUSERACCESSDENIED, UA_STATUSCODE_BADOUTOFRANGE,
        UA_STATUSCODE_BADINVALIDARGUMENT, UA_STATUSCODE_BADUNEXPECTEDERROR};
    for (size_t i = 0; i < sizeof unclear / sizeof *unclear; i++) {
        begin_anew();
        world.change = (struct change){.of_definition = unclear[i]};
        assert_non_null(load(111, true));
        assert_false(was_refused(111));
        assert_null(load(117, true)); /* it stands in none */
        assert_true(was_refused(117));
        world.change = (struct change){0};
    }
}

static void whether_a_type_is_abstract_need_not_be_told(void **state)
{
    (void)state;
    begin_anew();
    world.change = (struct change){.of_abstract = UA_STATUSCODE_BADUSERACCESSDENIED};
    assert_non_null(load(111, true));
    assert_null(load(117, true));
    assert_false(was_refused(117));
    world.change = (struct change){0};
}

/* A dictionary knows which type it is, of which there is no room for the fields. */
static void what_was_asked_for_is_known_as_that(void **state)
{
    (void)state;
    begin_anew();
    world.change = (struct change){.no_data_type = true};
    assert_non_null(load(10, false)); /* and the dictionaries with it */
    world.known->bytes = OPCUA_TYPES_BYTES_MAX; /* nothing more fits */
    assert_null(load(111, true));
    size_t count = world.known->count;
    world.answers = 0;
    ask(111, true);
    assert_int_equal(world.answers, 1); /* at once */
    assert_int_equal(world.known->count, count);
    world.change = (struct change){0};
}

static const struct opcua_described *described(uint32_t number)
{
    UA_NodeId id = UA_NODEID_NUMERIC(rig.space, number);
    return opcua_types_described(world.known, &id);
}

/* A server that has less time than before. */
static void what_a_dictionary_said_is_not_lost_with_the_next_try(void **state)
{
    (void)state;
    begin_anew();
    world.change = (struct change){.names_lost = 1};
    assert_null(load(110, true));
    assert_false(world.known->has_dictionaries);
    assert_non_null(described(113));
    world.change = (struct change){.names_lost = 7};
    world.known->dictionaries_refused.again_ms = 0;
    assert_null(load(117, true));
    assert_non_null(described(113));
    world.change = (struct change){0};
    world.known->dictionaries_refused.again_ms = 0;
    assert_null(load(17, false));
    assert_true(world.known->has_dictionaries);
    assert_non_null(described(110));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structures_are_read_member_by_member),
        cmocka_unit_test(optional_fields_and_unions_are_what_they_are),
        cmocka_unit_test(what_cannot_be_read_stays_in_its_bytes),
        cmocka_unit_test(who_asks_together_is_answered_together),
        cmocka_unit_test(a_server_that_bears_less_than_it_says_is_asked_for_less),
        cmocka_unit_test(what_is_too_much_for_many_is_asked_for_fewer),
        cmocka_unit_test(what_is_unclear_of_a_definition_may_stand_in_a_dictionary),
        cmocka_unit_test(whether_a_type_is_abstract_need_not_be_told),
        cmocka_unit_test(what_was_asked_for_is_known_as_that),
        cmocka_unit_test(what_a_dictionary_said_is_not_lost_with_the_next_try),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
