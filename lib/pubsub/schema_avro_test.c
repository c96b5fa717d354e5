/* Names in Avro's schemas: what is called the same and is another type has another name, and what
 * is the same has one. */
#include "pubsub/schema_avro.h"

#include <stdlib.h>

#include "base/memory.h"
#include "json/json.h"
#include "pubsub/schema_name.h"

#include "base/cmocka.h"

#define TYPES_MAX 4
#define FIELDS_MAX 3

/* ---- data sets whose fields are structures of a server ---- */

struct structure {
    const char *uri, *name;
    const char *fields[FIELDS_MAX]; /* Doubles; NULL ends them */
};

static UA_StructureDescription describe(const struct structure *s, uint16_t n)
{
    UA_StructureDescription d = {.dataTypeId = UA_NODEID_NUMERIC(n, 1),
                                 .name = UA_QUALIFIEDNAME(n, (char *)(uintptr_t)s->name)};
    UA_StructureDefinition *of = &d.structureDefinition;
    of->structureType = UA_STRUCTURETYPE_STRUCTURE;
    of->fields = memory_new(FIELDS_MAX * sizeof *of->fields);
    while (of->fieldsSize < FIELDS_MAX && s->fields[of->fieldsSize]) {
        of->fields[of->fieldsSize] =
            (UA_StructureField){.name = UA_STRING((char *)(uintptr_t)s->fields[of->fieldsSize]),
                                .dataType = UA_TYPES[UA_TYPES_DOUBLE].typeId,
                                .valueRank = UA_VALUERANK_SCALAR};
        of->fieldsSize++;
    }
    return d;
}

/* A field of each. */
static struct shape *shape_of(const struct structure *all, size_t count)
{
    UA_StructureDescription described[TYPES_MAX];
    UA_FieldMetaData fields[TYPES_MAX];
    UA_String uris[TYPES_MAX];
    static char *const names[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < count; i++) {
        described[i] = describe(&all[i], (uint16_t)(i + 1));
        uris[i] = UA_STRING((char *)(uintptr_t)all[i].uri);
        fields[i] = (UA_FieldMetaData){.name = UA_STRING(names[i]),
                                       .dataType = described[i].dataTypeId,
                                       .builtInType = UA_DATATYPEKIND_EXTENSIONOBJECT + 1,
                                       .valueRank = i == 3 ? 1 : UA_VALUERANK_SCALAR};
    }
    UA_DataSetMetaDataType m = {.name = UA_STRING("set"),
                                .namespaces = uris,
                                .namespacesSize = count,
                                .structureDataTypes = described,
                                .structureDataTypesSize = count,
                                .fields = fields,
                                .fieldsSize = count};
    struct shape *s = shape_new(&m, false, NULL);
    for (size_t i = 0; i < count; i++)
        free(described[i].structureDefinition.fields);
    return s;
}

/* ---- their schema ---- */

static struct json_doc *schema_of(struct shape **shapes, size_t count)
{
    struct encoder e;
    struct encoder_plan of = {.mode = MODE_PUBSUB, .encoding = ENCODING_AVRO, .random = 1};
    struct buffer text = {0};
    struct json_doc *doc;
    encoder_init(&e, &of);
    struct schema_plan plan = {
        .encoder = &e, .group = SLICE("g"), .sets = shapes, .count = count, .max = 1 << 20};
    assert_true(schema_avro_put(&plan, false, &text));
    assert_int_equal(json_parse(buffer_slice(&text), JSON_STRICT, &doc, NULL), OK);
    encoder_clear(&e);
    buffer_clear(&text);
    return doc;
}

static bool is_primitive(struct slice name)
{
    static const char *const all[] = {"null",  "boolean", "int",   "long",   "float", "double",
                                      "bytes", "string",  "array", "record", "enum",  "fixed"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (slice_eq(name, slice_of(all[i])))
            return true;
    return false;
}

/* Avro 1.11, "Names": each is defined once, before it is used, and fields of a record have names of
 * their own. Counts the records that are called so, a number behind it or not. */
static void judge(const struct json *j, struct schema_names *names, const char *called,
                  size_t *count)
{
    if (json_type(j) == JSON_STRING) {
        assert_true(is_primitive(json_string(j)) || map_get(&names->map, json_string(j)));
        return;
    }
    struct json_walk w = json_walk(j);
    if (json_type(j) == JSON_ARRAY) {
        while (json_next(&w))
            judge(w.value, names, called, count);
        return;
    }
    struct slice name = json_string(json_get(j, "name"));
    if (name.len) {
        assert_true(schema_names_add(names, name));
        struct slice plain = name;
        while (plain.len && plain.at[plain.len - 1] >= '0' && plain.at[plain.len - 1] <= '9')
            plain.len--;
        *count += slice_eq(plain, slice_of(called));
    }
    const struct json *fields = json_get(j, "fields"), *items = json_get(j, "items");
    struct schema_names own = {0};
    for (struct json_walk f = json_walk(fields); fields && json_next(&f);) {
        assert_true(schema_names_add(&own, json_string(json_get(f.value, "name"))));
        judge(json_get(f.value, "type"), names, called, count);
    }
    schema_names_clear(&own);
    if (items)
        judge(items, names, called, count);
    else if (!fields && !json_get(j, "symbols"))
        judge(json_get(j, "type"), names, called, count);
}

/* How many records of that name there are in the schema of data sets of one such structure each. */
static size_t records_of(const struct structure *all, size_t count, bool one_set,
                         const char *called)
{
    struct shape *shapes[TYPES_MAX];
    struct schema_names names = {0};
    size_t sets = one_set ? 1 : count, found = 0;
    for (size_t i = 0; i < sets; i++)
        shapes[i] = shape_of(&all[i], one_set ? count : 1);
    struct json_doc *doc = schema_of(shapes, sets);
    judge(json_root(doc), &names, called, &found);
    json_free(&doc);
    schema_names_clear(&names);
    for (size_t i = 0; i < sets; i++)
        shape_unref(&shapes[i]);
    return found;
}

/* ---- tests ---- */

static void two_servers_may_have_types_of_one_name(void **state)
{
    (void)state;
    static const struct structure plcs[] = {{"urn:plc", "Result", {"x", "y"}},
                                            {"urn:plc", "Result", {"x", "z"}},
                                            {"urn:plc", "Result", {"x", "y"}}};
    assert_int_equal(records_of(plcs, 3, false, "plc.Result"), 2);
    assert_int_equal(records_of(plcs, 3, false, "plc.ResultDataValue"), 2);
}

static void companion_specifications_may_have_types_of_one_name(void **state)
{
    (void)state;
    static const struct structure two[] = {
        {"http://opcfoundation.org/UA/Machinery/Result/", "ResultDataType", {"x"}},
        {"http://opcfoundation.org/UA/MachineVision", "ResultDataType", {"y"}}};
    assert_int_equal(
        records_of(two, 2, true, "org.opcfoundation.UA.Machinery.Result.ResultDataTypeDataValue"),
        1);
    assert_int_equal(
        records_of(two, 2, true, "org.opcfoundation.UA.MachineVision.ResultDataTypeDataValue"), 1);
}

static void types_without_a_name_are_not_one(void **state)
{
    (void)state;
    static const struct structure two[] = {{"urn:plc", "", {"x"}}, {"urn:plc", "", {"y"}}};
    assert_int_equal(records_of(two, 2, true, "plc._"), 2);
}

static void fields_that_are_written_alike_have_names_of_their_own(void **state)
{
    (void)state;
    static const struct structure one = {"urn:plc", "Result", {"a/b", "a_b"}};
    assert_int_equal(records_of(&one, 1, true, "plc.Result"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_servers_may_have_types_of_one_name),
        cmocka_unit_test(companion_specifications_may_have_types_of_one_name),
        cmocka_unit_test(types_without_a_name_are_not_one),
        cmocka_unit_test(fields_that_are_written_alike_have_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
