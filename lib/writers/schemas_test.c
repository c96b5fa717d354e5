/* Which schema messages name, and that it is there before them; the outbox is the test's. */
#include "writers/schemas.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "io/sim.h"
#include "outbox/outbox_double.h"
#include "writers/group.h"

#include "base/cmocka.h"

#define NOW 133500000001234567

/* ---- a group and its writers ---- */

static struct group_counts counts;
static struct group_sink sink;

static int set_up(void **state)
{
    (void)state;
    counts = (struct group_counts){0};
    sink = (struct group_sink){.loop = loop_new(), .epoch = 9, .counts = &counts, .id = 1};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    forget_sent();
    loop_free(&sink.loop);
    return 0;
}

static struct group *group_of(enum message_encoding encoding)
{
    struct plan_group plan = {.name = SLICE("group"),
                              .publisher_id = SLICE("publisher"),
                              .mode = MODE_PUBSUB,
                              .encoding = encoding,
                              .schemas = true,
                              .batch_size = 50};
    return group_new(&sink, &plan);
}

static struct data_set join(struct group *g, uint32_t id, uint8_t priority, bool late)
{
    struct data_set d = {.id = id, .major = 1, .field_count = 1};
    struct plan_writer writer = {.name = SLICE("writer"), .priority = priority};
    buffer_text(&d.name, "\"writer\"");
    if (late)
        group_join_late(g, &d, &writer);
    else
        group_join(g, &d, &writer);
    return d;
}

/* Fields "0", "1" … of one type. */
static void tell(struct group *g, const struct data_set *d, size_t count, int type)
{
    UA_FieldMetaData *of = memory_new(count * sizeof *of);
    char(*texts)[24] = memory_new(count * sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "%zu", i);
        of[i] = (UA_FieldMetaData){.name = UA_STRING(texts[i]),
                                   .dataType = UA_TYPES[type].typeId,
                                   .valueRank = UA_VALUERANK_SCALAR};
    }
    UA_DataSetMetaDataType m = {.name = UA_STRING("pumps"), .fields = of, .fieldsSize = count};
    group_shape(g, d, &m, NULL);
    free(texts);
    free(of);
}

static void put(struct group *g, struct data_set *d, UA_Int32 number)
{
    UA_DataValue v = {.hasValue = true};
    struct data_set_head h = {.frame = FRAME_DELTA, .now = NOW};
    UA_Variant_setScalar(&v.value, &number, &UA_TYPES[UA_TYPES_INT32]);
    group_begin(g, d, &h, NULL);
    group_field(g, SLICE("\"0\":"), 0, &v);
    group_end(g);
}

static struct slice id_of(const struct outgoing *m)
{
    struct slice id = {0};
    iot_property_find(buffer_slice(&m->properties), SLICE("dataschema"), &id);
    return id;
}

static const struct outgoing *schema_of(const struct outgoing *m, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (sent[i]->schema && slice_eq(id_of(sent[i]), id_of(m)))
            return sent[i];
    return NULL;
}

static size_t messages(void)
{
    size_t n = 0;
    for (size_t i = 0; i < sent_count; i++)
        n += !sent[i]->schema;
    return n;
}

/* Every message names a schema, and that was sent before it. */
static void assert_readable(void)
{
    for (size_t i = 0; i < sent_count; i++)
        if (!sent[i]->schema)
            assert_non_null(schema_of(sent[i], i));
        else /* and says whose it is */
            assert_true(iot_property_find(buffer_slice(&sent[i]->properties),
                                          SLICE("millrace-schema-source"), &(struct slice){0}));
}

/* ---- late values ---- */

static void late_values_are_written_like_others(void **state)
{
    (void)state;
    static const enum message_encoding encodings[] = {ENCODING_AVRO, ENCODING_JSON};
    for (size_t e = 0; e < 2; e++) {
        struct group *g = group_of(encodings[e]);
        struct data_set live = join(g, 1, 0, false), late = join(g, 1, 0, true);
        tell(g, &live, 1, UA_TYPES_INT32); /* after both were there */
        put(g, &live, 1);
        put(g, &late, 2);
        group_flush(g);
        assert_int_equal(messages(), 2);
        assert_int_equal(counts.schemas, 1); /* one topic, one schema */
        assert_readable();
        buffer_clear(&live.name);
        buffer_clear(&late.name);
        group_free(&g);
        tear_down(NULL);
        set_up(NULL);
    }
}

/* What goes first where messages wait has its schema there, too. */
static void what_goes_to_one_topic_is_one_schema(void **state)
{
    (void)state;
    struct group *g = group_of(ENCODING_AVRO);
    struct data_set a = join(g, 1, 0, false), b = join(g, 2, 5, false);
    tell(g, &b, 1, UA_TYPES_INT32);
    tell(g, &a, 1, UA_TYPES_INT32);
    put(g, &a, 1);
    put(g, &b, 1);
    group_flush(g);
    assert_int_equal(sent_count, 3);
    assert_readable();
    assert_slice(id_of(sent[1]), id_of(sent[2]));
    group_leave(g, &b, true);
    put(g, &a, 2);
    group_flush(g);
    assert_int_equal(counts.schemas, 2);
    assert_readable();
    buffer_clear(&a.name);
    buffer_clear(&b.name);
    group_free(&g);
}

/* ---- what nobody knows ---- */

static void json_of_what_nobody_knows_names_no_schema(void **state)
{
    (void)state;
    struct group *g = group_of(ENCODING_JSON);
    struct data_set known = join(g, 1, 0, false), unknown = join(g, 2, 0, false);
    tell(g, &known, 1, UA_TYPES_INT32);
    put(g, &known, 1);
    put(g, &unknown, 1);
    group_flush(g);
    put(g, &known, 1);
    group_flush(g);
    assert_int_equal(sent_count, 3);
    assert_int_equal(id_of(sent[1]).len, 0);
    assert_slice(id_of(sent[2]), id_of(sent[0]));
    buffer_clear(&known.name);
    buffer_clear(&unknown.name);
    group_free(&g);
}

static void avro_of_what_nobody_knows_is_counted(void **state)
{
    (void)state;
    struct group *g = group_of(ENCODING_AVRO);
    struct data_set known = join(g, 1, 0, false), unknown = join(g, 2, 0, false);
    tell(g, &known, 1, UA_TYPES_INT32);
    put(g, &known, 1);
    put(g, &unknown, 1);
    group_flush(g);
    assert_int_equal(sent_count, 2);
    assert_readable();
    assert_int_equal(counts.undescribed, 1);
    buffer_clear(&known.name);
    buffer_clear(&unknown.name);
    group_free(&g);
}

/* ---- what is not as it was told ---- */

static void put_named(struct group *g, struct data_set *d, const char *head, UA_DataValue *v)
{
    struct data_set_head h = {.frame = FRAME_DELTA, .now = NOW};
    group_begin(g, d, &h, NULL);
    group_field(g, slice_of(head), 0, v);
    group_end(g);
    group_flush(g);
}

static void fields_that_the_schema_does_not_have(void **state)
{
    (void)state;
    static const enum message_encoding encodings[] = {ENCODING_AVRO, ENCODING_JSON};
    for (size_t e = 0; e < 2; e++) {
        struct group *g = group_of(encodings[e]);
        struct data_set d = join(g, 1, 0, false);
        UA_Int32 number = 1;
        UA_DataValue v = {.hasValue = true};
        UA_Variant_setScalar(&v.value, &number, &UA_TYPES[UA_TYPES_INT32]);
        tell(g, &d, 1, UA_TYPES_INT32);
        put_named(g, &d, "\"0\":", &v);
        assert_int_equal(counts.values, 1);
        put_named(g, &d, "\"other\":", &v);
        if (encodings[e] == ENCODING_AVRO) { /* nothing is in it, and that is counted */
            assert_int_equal(messages(), 1);
            assert_int_equal(counts.undescribed, 1);
            assert_int_equal(counts.values, 1);
        } else { /* it is there, and no schema is named that does not have it */
            assert_int_equal(messages(), 2);
            assert_int_equal(id_of(sent[sent_count - 1]).len, 0);
        }
        buffer_clear(&d.name);
        group_free(&g);
        tear_down(NULL);
        set_up(NULL);
    }
}

static void tell_structure(struct group *g, const struct data_set *d)
{
    UA_StructureField of = {.name = UA_STRING("x"),
                            .dataType = UA_TYPES[UA_TYPES_DOUBLE].typeId,
                            .valueRank = UA_VALUERANK_SCALAR};
    UA_String uri = UA_STRING("urn:plc");
    UA_StructureDescription described = {.dataTypeId = UA_NODEID_NUMERIC(1, 1),
                                         .name = UA_QUALIFIEDNAME(1, "Base"),
                                         .structureDefinition = {.fields = &of, .fieldsSize = 1}};
    UA_FieldMetaData field = {.name = UA_STRING("0"),
                              .dataType = described.dataTypeId,
                              .builtInType = UA_DATATYPEKIND_EXTENSIONOBJECT + 1,
                              .valueRank = UA_VALUERANK_SCALAR};
    UA_DataSetMetaDataType m = {.name = UA_STRING("pumps"),
                                .namespaces = &uri,
                                .namespacesSize = 1,
                                .structureDataTypes = &described,
                                .structureDataTypesSize = 1,
                                .fields = &field,
                                .fieldsSize = 1};
    group_shape(g, d, &m, NULL);
}

/* A node may have values of subtypes, and of such as nobody describes. */
static void structures_of_other_types_go_in_their_bytes(void **state)
{
    (void)state;
    struct group *g = group_of(ENCODING_AVRO);
    struct data_set d = join(g, 1, 0, false);
    UA_ExtensionObject o = {.encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING};
    o.content.encoded.typeId = UA_NODEID_NUMERIC(1, 77);
    o.content.encoded.body = UA_BYTESTRING("these bytes");
    UA_DataValue v = {.hasValue = true};
    UA_Variant_setScalar(&v.value, &o, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
    tell_structure(g, &d);
    put_named(g, &d, "\"0\":", &v);
    put_named(g, &d, "\"0\":", &v);
    assert_int_equal(counts.schemas, 2);
    assert_readable();
    struct slice last = buffer_slice(&sent[sent_count - 1]->body), bytes = SLICE("these bytes");
    assert_true(slice_find_slice(last, bytes) < last.len);
    buffer_clear(&d.name);
    group_free(&g);
}

/* ---- large ones ---- */

#define WRITERS 100
#define FIELDS 100

static void a_large_group_has_a_schema_for_each_writer(void **state)
{
    (void)state;
    static const enum message_encoding encodings[] = {ENCODING_AVRO, ENCODING_JSON};
    static struct data_set sets[WRITERS];
    for (size_t e = 0; e < 2; e++) {
        struct group *g = group_of(encodings[e]);
        for (uint32_t i = 0; i < WRITERS; i++)
            sets[i] = join(g, i, 0, false);
        for (size_t i = 0; i < WRITERS; i++) {
            tell(g, &sets[i], FIELDS, UA_TYPES_INT32);
            for (size_t n = 0; n <= i; n++)
                if (i < 3 || n % 10 == 0)
                    put(g, &sets[n], 1);
        }
        for (size_t i = 0; i < WRITERS; i++)
            put(g, &sets[i], 1);
        group_flush(g);
        assert_readable();
        assert_int_equal(counts.too_large + counts.undescribed, 0);
        for (size_t i = 0; i < sent_count; i++)
            assert_true(sent[i]->body.len <= BATCH_BODY_MAX);
        size_t before = sent_count;
        for (size_t i = 0; i < WRITERS; i++)
            group_leave(g, &sets[i], true);
        for (size_t i = before; i < sent_count; i++) { /* and the broker forgets them */
            assert_true(sent[i]->retain);
            assert_int_equal(sent[i]->body.len, 0);
            buffer_clear(&sets[i - before].name);
        }
        assert_int_equal(sent_count - before, WRITERS);
        group_free(&g);
        tear_down(NULL);
        set_up(NULL);
    }
}

static void what_is_too_large_by_itself_is_never_named(void **state)
{
    (void)state;
    static const enum message_encoding encodings[] = {ENCODING_AVRO, ENCODING_JSON};
    for (size_t e = 0; e < 2; e++) {
        struct group *g = group_of(encodings[e]);
        struct data_set d = join(g, 1, 0, false), small = join(g, 2, 0, false);
        tell(g, &d, 10000, UA_TYPES_INT32);
        tell(g, &small, 1, UA_TYPES_INT32);
        put(g, &d, 1);
        put(g, &d, 1);
        put(g, &small, 1);
        group_flush(g);
        assert_int_equal(counts.schemas, 1);
        assert_non_null(schema_of(sent[sent_count - 1], sent_count - 1));
        assert_int_equal(counts.undescribed, encodings[e] == ENCODING_AVRO ? 2 : 0);
        if (encodings[e] == ENCODING_JSON)
            assert_int_equal(id_of(sent[0]).len, 0);
        tell(g, &d, 10, UA_TYPES_INT32); /* and it is tried again when it is another one */
        put(g, &d, 1);
        group_flush(g);
        assert_non_null(schema_of(sent[sent_count - 1], sent_count - 1));
        buffer_clear(&d.name);
        buffer_clear(&small.name);
        group_free(&g);
        tear_down(NULL);
        set_up(NULL);
    }
}

/* ---- what a broker keeps ---- */

static size_t schemas(void)
{
    return sent_count - messages();
}

/* As metadata is, where an interval says so. */
static void a_schema_is_sent_again_after_each_interval(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1);
    struct loop *kept = sink.loop;
    sink.loop = sim_loop_new(sim, "host");
    struct group *g = group_of(ENCODING_JSON);
    struct data_set d = {.id = 1, .major = 1, .field_count = 1};
    struct plan_writer writer = {.name = SLICE("writer"), .metadata_ms = 1000};
    buffer_text(&d.name, "\"writer\"");
    group_join(g, &d, &writer);
    tell(g, &d, 1, UA_TYPES_INT32);
    sim_run(sim, 5000);
    for (int i = 0; i < 20; i++) {
        put(g, &d, i);
        group_flush(g);
        sim_run(sim, sim_now_ms(sim) + 250);
    }
    assert_readable();
    assert_int_equal(messages(), 20);
    assert_int_equal(schemas(), 5);
    group_leave(g, &d, false);
    buffer_clear(&d.name);
    group_free(&g);
    sim_free(&sim);
    sink.loop = kept;
}

static void a_broker_forgets_the_schema_of_what_is_gone(void **state)
{
    (void)state;
    struct group *g = group_of(ENCODING_AVRO);
    struct data_set d = join(g, 1, 0, false), stays = join(g, 1, 0, false);
    tell(g, &d, 1, UA_TYPES_INT32);
    put(g, &d, 1);
    group_flush(g);
    group_leave(g, &d, true);
    assert_int_equal(sent_count, 2); /* another one has messages of it */
    group_leave(g, &stays, true);
    assert_int_equal(sent_count, 3);
    assert_string_equal(sent[2]->topic, "publisher/messages/group/schema");
    assert_true(sent[2]->retain);
    assert_int_equal(sent[2]->body.len, 0);
    buffer_clear(&d.name);
    buffer_clear(&stays.name);
    group_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(late_values_are_written_like_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_goes_to_one_topic_is_one_schema, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_of_what_nobody_knows_names_no_schema, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(avro_of_what_nobody_knows_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fields_that_the_schema_does_not_have, set_up, tear_down),
        cmocka_unit_test_setup_teardown(structures_of_other_types_go_in_their_bytes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_large_group_has_a_schema_for_each_writer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_large_by_itself_is_never_named, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_schema_is_sent_again_after_each_interval, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_broker_forgets_the_schema_of_what_is_gone, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
