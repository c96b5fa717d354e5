/* Metadata messages, likewise. */
#include "writers/golden_fixture.h"

static UA_FieldMetaData field_of(char *name, UA_Byte builtin, UA_NodeId type, UA_Int32 rank)
{
    return (UA_FieldMetaData){.name = UA_STRING(name),
                              .description = UA_LOCALIZEDTEXT("en", "of the pump"),
                              .builtInType = builtin,
                              .dataType = type,
                              .valueRank = rank,
                              .dataSetFieldId = {.data1 = 1}};
}

/* A structure, an enumeration and a type derived from Double, each with a field of it. */
static void send_metadata(struct group *g, const struct data_set *d)
{
    UA_StructureField members[] = {{.name = UA_STRING("Low"),
                                    .dataType = UA_NODEID_NUMERIC(0, UA_NS0ID_DOUBLE),
                                    .valueRank = UA_VALUERANK_SCALAR},
                                   {.name = UA_STRING("State"),
                                    .dataType = UA_NODEID_NUMERIC(2, 3002),
                                    .valueRank = UA_VALUERANK_SCALAR}};
    UA_EnumField states[] = {{.value = 0, .name = UA_STRING("Off")},
                             {.value = 1, .name = UA_STRING("On")}};
    UA_StructureDescription structure = {
        .dataTypeId = UA_NODEID_NUMERIC(2, 3001),
        .name = UA_QUALIFIEDNAME(2, "PumpType"),
        .structureDefinition = {.defaultEncodingId = UA_NODEID_NUMERIC(2, 5001),
                                .baseDataType = UA_NODEID_NUMERIC(0, UA_NS0ID_STRUCTURE),
                                .fields = members,
                                .fieldsSize = 2}};
    UA_EnumDescription enumeration = {.dataTypeId = UA_NODEID_NUMERIC(2, 3002),
                                      .name = UA_QUALIFIEDNAME(2, "StateType"),
                                      .enumDefinition = {.fields = states, .fieldsSize = 2},
                                      .builtInType = 6};
    UA_SimpleTypeDescription simple = {.dataTypeId = UA_NODEID_NUMERIC(2, 3003),
                                       .name = UA_QUALIFIEDNAME(2, "Bar"),
                                       .baseDataType = UA_NODEID_NUMERIC(0, UA_NS0ID_DOUBLE),
                                       .builtInType = 11};
    UA_UInt32 dimensions[] = {2, 3};
    UA_FieldMetaData of_fields[] = {
        field_of("Pump", 22, UA_NODEID_NUMERIC(2, 3001), UA_VALUERANK_SCALAR),
        field_of("State", 6, UA_NODEID_NUMERIC(2, 3002), UA_VALUERANK_SCALAR),
        field_of("Pressures", 11, UA_NODEID_NUMERIC(2, 3003), 2)};
    of_fields[2].arrayDimensions = dimensions;
    of_fields[2].arrayDimensionsSize = 2;
    UA_DataSetMetaDataType m = {.namespaces = uris + 1,
                                .namespacesSize = 2,
                                .structureDataTypes = &structure,
                                .structureDataTypesSize = 1,
                                .enumDataTypes = &enumeration,
                                .enumDataTypesSize = 1,
                                .simpleDataTypes = &simple,
                                .simpleDataTypesSize = 1,
                                .name = UA_STRING("pumps"),
                                .fields = of_fields,
                                .fieldsSize = 3,
                                .configurationVersion = {.majorVersion = 1, .minorVersion = 42}};
    struct plan_writer writer = {.name = SLICE("writer")};
    assert_true(group_metadata(g, group_metadata_batch(g, &writer), d, &m, &names));
}

static void metadata_is_as_in_the_files(void **state)
{
    (void)state;
    static const enum message_encoding encodings[] = {ENCODING_JSON, ENCODING_JSON_VERBOSE,
                                                      ENCODING_UADP};
    for (size_t e = 0; e < sizeof encodings / sizeof encodings[0]; e++)
        for (int strict = 0; strict < 2; strict++) {
            char name[128];
            struct group_counts counts = {0};
            struct group_sink sink = {.loop = loop_new(), .epoch = 9, .counts = &counts, .id = 3};
            struct plan_group plan = plan_of(2, encodings[e], strict);
            struct group *g = group_new(&sink, &plan);
            struct data_set d = data_set_of(g, false);
            send_metadata(g, &d);
            group_free(&g);
            assert_int_equal(counts.metadata, 1);
            snprintf(name, sizeof name, "metadata.%s.%s.txt", encoder_name(encodings[e]),
                     strict ? "strict" : "compatible");
            struct buffer text = text_of_sent(encodings[e]);
            hold_against_file(name, &text);
            buffer_clear(&text);
            forget_data_set(&d);
            loop_free(&sink.loop);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(metadata_is_as_in_the_files, make_values, clear_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
