/* Asking a server for what fields look like; the server is a table, in the place of opcua/call.c.
 */
#include "pubsub/metadata.h"

#include <stdlib.h>

#include "opcua/types.h"

#include "base/cmocka.h"

#define NODES_PER_READ 6 /* one field at a time, two types at a time */

/* ---- the server ---- */

static UA_String uris[] = {UA_STRING_STATIC("http://opcfoundation.org/UA/"),
                           UA_STRING_STATIC("urn:server"), UA_STRING_STATIC("urn:machine")};
static const struct opcua_namespaces names = {.uris = uris, .count = 3};
static struct opcua_limits limits;

static struct {
    opcua_call_fn *done; /* of the call that is under way */
    void *arg;
    const UA_DataType *type;
    UA_ReadResponse read;
    UA_BrowseResponse browse;
    UA_TranslateBrowsePathsToNodeIdsResponse translate;
    size_t calls, fails_at; /* 0: never */
} server;

const struct opcua_limits *opcua_session_limits(const struct opcua_session *s)
{
    (void)s;
    return &limits;
}

const struct opcua_namespaces *opcua_session_namespaces(const struct opcua_session *s)
{
    (void)s;
    return &names;
}

bool opcua_call_was_lost(UA_StatusCode status)
{
    return UA_StatusCode_isBad(status);
}

void opcua_call_cancel(struct opcua_call *call)
{
    (void)call;
    server.done = NULL;
}

/* What stands in a dictionary: 3006, and the structure in it, which has no node of its own. */
static UA_StructureField outer_fields[] = {
    {.name = UA_STRING_STATIC("In"), .dataType = {2, UA_NODEIDTYPE_STRING, {.string = UA_STRING_STATIC("Inner")}}, .valueRank = -1}};
static UA_StructureField inner_fields[] = {
    {.name = UA_STRING_STATIC("X"), .dataType = {0, UA_NODEIDTYPE_NUMERIC, {11}}, .valueRank = -1}};
static const struct opcua_described described[] = {
    {.data_type = {2, UA_NODEIDTYPE_NUMERIC, {3006}},
     .definition = {.baseDataType = {0, UA_NODEIDTYPE_NUMERIC, {22}}, .fieldsSize = 1, .fields = outer_fields}},
    {.data_type = {2, UA_NODEIDTYPE_STRING, {.string = UA_STRING_STATIC("Inner")}},
     .name = {2, UA_STRING_STATIC("Inner")},
     .definition = {.baseDataType = {0, UA_NODEIDTYPE_NUMERIC, {22}}, .fieldsSize = 1, .fields = inner_fields}},
};
static int dictionaries; /* how often they were asked for */

struct opcua_types *opcua_session_types(struct opcua_session *s)
{
    return (struct opcua_types *)s;
}

void opcua_types_ask_dictionaries(struct opcua_types *t, struct opcua_session *s,
                                  const struct opcua_types_wish *wish)
{
    (void)t, (void)s;
    dictionaries++;
    wish->fn(wish->arg);
}

void opcua_types_wait_no_more(struct opcua_types_waiter **w)
{
    assert_null(*w);
}

const struct opcua_described *opcua_types_described(const struct opcua_types *t,
                                                    const UA_NodeId *id)
{
    (void)t;
    for (size_t i = 0; dictionaries > 0 && i < sizeof described / sizeof described[0]; i++)
        if (UA_NodeId_equal(&described[i].data_type, id))
            return &described[i];
    return NULL;
}

/* Variables 1 to 4 and 6 of namespace 2, and the node that an event's field leads to. */
static const struct {
    uint32_t id;
    UA_UInt16 type_space;
    uint32_t type;
    UA_Int32 rank;
} variables[] = {
    {1, 2, 3001, -1}, {2, 0, 11, 1}, {3, 2, 3003, -1}, {4, 2, 3002, -1}, {5, 0, 5, -1}, {6, 2, 3005, -1}, {7, 2, 3006, -1}};

static void set_scalar(UA_DataValue *out, const void *v, int type)
{
    out->hasValue = true;
    UA_Variant_setScalarCopy(&out->value, v, &UA_TYPES[type]);
}

static void read_variable(size_t i, uint32_t attribute, UA_DataValue *out)
{
    UA_NodeId type = UA_NODEID_NUMERIC(variables[i].type_space, variables[i].type);
    UA_UInt32 three = 3;
    UA_LocalizedText text = UA_LOCALIZEDTEXT("en", "as told");
    if (attribute == UA_ATTRIBUTEID_DATATYPE)
        set_scalar(out, &type, UA_TYPES_NODEID);
    if (attribute == UA_ATTRIBUTEID_VALUERANK)
        set_scalar(out, &variables[i].rank, UA_TYPES_INT32);
    if (attribute == UA_ATTRIBUTEID_DESCRIPTION)
        set_scalar(out, &text, UA_TYPES_LOCALIZEDTEXT);
    if (attribute == UA_ATTRIBUTEID_ARRAYDIMENSIONS && variables[i].rank == 1) {
        out->hasValue = true;
        UA_Variant_setArrayCopy(&out->value, &three, 1, &UA_TYPES[UA_TYPES_UINT32]);
    }
}

/* 3001 is a structure with 3002, an enumeration, in it; 3003 a kind of Double; 3004 what 3001 is
 * derived from; 3005 an enumeration whose names stand in a property, node 60. */
static void read_definition(uint32_t id, UA_DataValue *out)
{
    UA_StructureField members[] = {
        {.name = UA_STRING("State"), .dataType = UA_NODEID_NUMERIC(2, 3002), .valueRank = -1}};
    UA_StructureDefinition structure = {
        .baseDataType = UA_NODEID_NUMERIC(2, 3004), .fields = members, .fieldsSize = id == 3001};
    UA_EnumField states[] = {{.value = 1, .name = UA_STRING("On")}};
    UA_EnumDefinition enumeration = {.fields = states, .fieldsSize = 1};
    UA_ExtensionObject o;
    if (id == 3003 || id == 3005 || id == 3006) {
        out->hasStatus = true;
        out->status = UA_STATUSCODE_BADATTRIBUTEIDINVALID;
        return;
    }
    if (id == 3002) { /* as the stack gives what it knows */
        set_scalar(out, &enumeration, UA_TYPES_ENUMDEFINITION);
        return;
    }
    if (id == 3004) {
        set_scalar(out, &structure, UA_TYPES_STRUCTUREDEFINITION);
        return;
    }

    UA_ExtensionObject_setValueNoDelete(&o, &structure, &UA_TYPES[UA_TYPES_STRUCTUREDEFINITION]);
    set_scalar(out, &o, UA_TYPES_EXTENSIONOBJECT);
}

static void read_node(const UA_ReadValueId *what, UA_DataValue *out)
{
    uint32_t id = what->nodeId.identifier.numeric;
    UA_LocalizedText modes[] = {UA_LOCALIZEDTEXT("en", "Off"), UA_LOCALIZEDTEXT("en", "Manual")};
    if (id == 60) {
        out->hasValue = true;
        UA_Variant_setArrayCopy(&out->value, modes, 2, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT]);
    }
    UA_QualifiedName name = {2, UA_STRING("Type")};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (variables[i].id == id)
            read_variable(i, what->attributeId, out);
    if (id > 3000 && what->attributeId == UA_ATTRIBUTEID_BROWSENAME)
        set_scalar(out, &name, UA_TYPES_QUALIFIEDNAME);
    if (id > 3000 && what->attributeId == UA_ATTRIBUTEID_DATATYPEDEFINITION)
        read_definition(id, out);
}

static void answer_read(const UA_ReadRequest *r)
{
    assert_true(r->nodesToReadSize <= NODES_PER_READ);
    server.read.resultsSize = r->nodesToReadSize;
    server.read.results = UA_Array_new(r->nodesToReadSize, &UA_TYPES[UA_TYPES_DATAVALUE]);
    for (size_t i = 0; i < r->nodesToReadSize; i++)
        read_node(&r->nodesToRead[i], &server.read.results[i]);
}

static void answer_browse(const UA_BrowseRequest *r)
{
    server.browse.resultsSize = r->nodesToBrowseSize;
    server.browse.results = UA_Array_new(r->nodesToBrowseSize, &UA_TYPES[UA_TYPES_BROWSERESULT]);
    for (size_t i = 0; i < r->nodesToBrowseSize; i++) {
        uint32_t id = r->nodesToBrowse[i].nodeId.identifier.numeric;
        UA_BrowseResult *b = &server.browse.results[i];
        b->references = UA_ReferenceDescription_new();
        b->referencesSize = 1;
        b->references[0].nodeId.nodeId = id == 3001   ? UA_NODEID_NUMERIC(2, 3004)
                                         : id == 3002 || id == 3005 ? UA_NODEID_NUMERIC(0, 29)
                                         : id == 3003 ? UA_NODEID_NUMERIC(0, 11)
                                                      : UA_NODEID_NUMERIC(0, 22);
    }
}

static void answer_translate(const UA_TranslateBrowsePathsToNodeIdsRequest *r)
{
    server.translate.resultsSize = r->browsePathsSize;
    server.translate.results =
        UA_Array_new(r->browsePathsSize, &UA_TYPES[UA_TYPES_BROWSEPATHRESULT]);
    for (size_t i = 0; i < r->browsePathsSize; i++) {
        const UA_RelativePath *path = &r->browsePaths[i].relativePath;
        uint32_t from = r->browsePaths[i].startingNode.identifier.numeric;
        bool values = path->elementsSize > 0 &&
                      slice_eq(opcua_slice(path->elements[0].targetName.name), SLICE("EnumValues"));
        if (path->elementsSize == 0 || (from == 3005 && values))
            continue;
        server.translate.results[i].targets = UA_BrowsePathTarget_new();
        server.translate.results[i].targetsSize = 1;
        server.translate.results[i].targets[0].targetId.nodeId =
            UA_NODEID_NUMERIC(2, from == 3005 ? 60 : 5);
    }
}

struct opcua_call *opcua_session_call(struct opcua_session *s, enum opcua_call_when when,
                                      const void *request, const UA_DataType *request_type,
                                      const UA_DataType *response_type, opcua_call_fn *done,
                                      void *arg, uint32_t timeout_ms)
{
    (void)s, (void)when, (void)timeout_ms;
    assert_null(server.done);
    server.done = done;
    server.arg = arg;
    server.type = response_type;
    server.calls++;
    if (request_type == &UA_TYPES[UA_TYPES_READREQUEST])
        answer_read(request);
    else if (request_type == &UA_TYPES[UA_TYPES_BROWSEREQUEST])
        answer_browse(request);
    else
        answer_translate(request);
    return (struct opcua_call *)&server;
}

static void clear_answers(void)
{
    UA_ReadResponse_clear(&server.read);
    UA_BrowseResponse_clear(&server.browse);
    UA_TranslateBrowsePathsToNodeIdsResponse_clear(&server.translate);
}

/* Answers until nobody asks any more. */
static void run(void)
{
    while (server.done) {
        opcua_call_fn *done = server.done;
        UA_ReadResponse read = server.read;
        UA_BrowseResponse browse = server.browse;
        UA_TranslateBrowsePathsToNodeIdsResponse translate = server.translate;
        void *response = server.type == &UA_TYPES[UA_TYPES_READRESPONSE]     ? (void *)&read
                         : server.type == &UA_TYPES[UA_TYPES_BROWSERESPONSE] ? (void *)&browse
                                                                             : (void *)&translate;
        bool fails = server.calls == server.fails_at;
        server.done = NULL;
        UA_ReadResponse_init(&server.read);
        UA_BrowseResponse_init(&server.browse);
        UA_TranslateBrowsePathsToNodeIdsResponse_init(&server.translate);
        done(server.arg, fails ? UA_STATUSCODE_BADTIMEOUT : UA_STATUSCODE_GOOD,
             fails ? NULL : response);
        UA_ReadResponse_clear(&read);
        UA_BrowseResponse_clear(&browse);
        UA_TranslateBrowsePathsToNodeIdsResponse_clear(&translate);
    }
}

/* ---- questions ---- */

static UA_DataSetMetaDataType told;
static int answers;

static void on_metadata(void *arg, UA_DataSetMetaDataType *m)
{
    (void)arg;
    answers++;
    if (m) {
        told = *m;
        UA_DataSetMetaDataType_init(m);
    }
}

static void a_structure_may_be_told_by_a_dictionary_alone(void **state)
{
    (void)state;
    struct metadata_fields fields = {0};
    UA_NodeId node = UA_NODEID_NUMERIC(2, 7);
    metadata_add(&fields, SLICE("Field"), &node);
    metadata_load((struct opcua_session *)&server, &fields, on_metadata, NULL);
    run();
    assert_int_equal(answers, 1);
    assert_int_equal(dictionaries, 1);
    assert_int_equal(told.fields[0].builtInType, 22);
    assert_int_equal(told.structureDataTypesSize, 2);
    assert_slice(opcua_slice(told.structureDataTypes[0].name.name), SLICE("Type"));
    assert_slice(opcua_slice(told.structureDataTypes[1].name.name), SLICE("Inner"));
    assert_slice(
        opcua_slice(told.structureDataTypes[1].structureDefinition.fields[0].name), SLICE("X"));
}

static struct metadata_load *ask(void)
{
    struct metadata_fields fields = {0};
    for (uint32_t i = 1; i <= 4; i++) {
        UA_NodeId node = UA_NODEID_NUMERIC(2, i);
        metadata_add(&fields, SLICE("Field"), &node);
    }
    UA_NodeId type = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE);
    struct metadata_field *severity = metadata_add(&fields, SLICE("Severity"), &type);
    severity->path = UA_Array_new(1, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
    severity->path_size = 1;
    severity->path[0] = UA_QUALIFIEDNAME_ALLOC(0, "Severity");
    severity->id.data1 = 77;
    metadata_add(&fields, SLICE("AssetId"), NULL)->type = &UA_TYPES[UA_TYPES_INT32];
    UA_NodeId mode = UA_NODEID_NUMERIC(2, 6);
    metadata_add(&fields, SLICE("Mode"), &mode);
    return metadata_load((struct opcua_session *)&server, &fields, on_metadata, NULL);
}

static int set_up(void **state)
{
    (void)state;
    limits = (struct opcua_limits){.nodes_per_read = NODES_PER_READ};
    server.calls = server.fails_at = 0;
    server.done = NULL;
    answers = dictionaries = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    UA_DataSetMetaDataType_clear(&told);
    clear_answers();
    return 0;
}

static void fields_have_the_types_that_the_server_says(void **state)
{
    (void)state;
    ask();
    run();
    assert_int_equal(answers, 1);
    assert_int_equal(told.fieldsSize, 7);
    static const UA_Byte builtin[] = {22, 11, 11, 6, 5, 6, 6};
    static const UA_Int32 ranks[] = {-1, 1, -1, -1, -1, -1, -1};
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(told.fields[i].builtInType, builtin[i]);
        assert_int_equal(told.fields[i].valueRank, ranks[i]);
    }
    assert_int_equal(told.fields[1].arrayDimensionsSize, 1);
    assert_int_equal(told.fields[1].arrayDimensions[0], 3);
    assert_slice(opcua_slice(told.fields[0].description.text), SLICE("as told"));
    assert_slice(opcua_slice(told.fields[4].name), SLICE("Severity"));
    assert_int_equal(told.fields[4].dataSetFieldId.data1, 77);
}

static void types_of_the_server_are_described_with_what_is_in_them(void **state)
{
    (void)state;
    ask();
    run();
    assert_int_equal(told.structureDataTypesSize, 2); /* 3001 and what it is derived from */
    assert_int_equal(told.enumDataTypesSize, 2); /* a field of 3001 and a node's own type; 3005 */
    assert_int_equal(told.simpleDataTypesSize, 1);
    assert_int_equal(dictionaries, 0); /* it defines its structures */
    assert_int_equal(told.structureDataTypes[0].dataTypeId.identifier.numeric, 3001);
    assert_int_equal(told.structureDataTypes[0].structureDefinition.fieldsSize, 1);
    assert_int_equal(told.enumDataTypes[0].dataTypeId.identifier.numeric, 3002);
    assert_int_equal(told.simpleDataTypes[0].builtInType, 11);
    assert_int_equal(told.namespacesSize, 2);
    assert_slice(opcua_slice(told.namespaces[1]), SLICE("urn:machine")); /* index 2 is the second */
}

static void an_enumeration_may_be_told_by_its_strings_alone(void **state)
{
    (void)state;
    ask();
    run();
    const UA_EnumDescription *mode = &told.enumDataTypes[1];
    assert_int_equal(mode->dataTypeId.identifier.numeric, 3005);
    assert_int_equal(mode->enumDefinition.fieldsSize, 2);
    assert_int_equal(mode->enumDefinition.fields[1].value, 1);
    assert_slice(opcua_slice(mode->enumDefinition.fields[1].name), SLICE("Manual"));
}

/* Whichever question it is that fails. */
static void a_failure_is_told_once(void **state)
{
    (void)state;
    ask();
    run();
    size_t calls = server.calls;
    assert_true(calls > 8);
    for (size_t n = 1; n <= calls; n++) {
        UA_DataSetMetaDataType_clear(&told);
        set_up(NULL);
        server.fails_at = n;
        ask();
        run();
        assert_int_equal(answers, 1);
        assert_int_equal(told.fieldsSize, 0);
    }
}

static void one_that_is_cancelled_tells_nothing(void **state)
{
    (void)state;
    struct metadata_load *l = ask();
    metadata_cancel(&l);
    run();
    assert_int_equal(answers, 0);
    assert_null(l);
    metadata_cancel(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_have_the_types_that_the_server_says, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(types_of_the_server_are_described_with_what_is_in_them,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_enumeration_may_be_told_by_its_strings_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_structure_may_be_told_by_a_dictionary_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_failure_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_cancelled_tells_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
