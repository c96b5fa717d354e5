#include "opcua/value_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "opcua/data_type.h"

#include "base/cmocka.h"

static UA_String uris[3];
static const struct opcua_namespaces names = {uris, 3, NULL, 0};
static const struct opcua_value_form compat = {&names, OPCUA_ID_URI, false, false};
static const struct opcua_value_form compat_reversible = {&names, OPCUA_ID_URI, true, false};
static const struct opcua_value_form strict = {&names, OPCUA_ID_EXPANDED, false, true};
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

static UA_Variant array(const void *values, size_t count, size_t type)
{
    UA_Variant v;
    UA_Variant_init(&v);
    UA_Variant_setArray(&v, (void *)(uintptr_t)values, count, &UA_TYPES[type]);
    return v;
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

/* Every value in all forms, and back out of each of them. */
static void check(size_t type, const void *value, const char *plain, const char *in_compat,
                  const char *in_strict)
{
    UA_Variant v = scalar(value, type), back;
    const struct {
        const struct opcua_value_form *form;
        const char *text;
    } rows[] = {{&compat, plain}, {&compat_reversible, in_compat}, {&strict_reversible, in_strict}};
    for (size_t i = 0; i < 3; i++) {
        expect(&v, rows[i].form, rows[i].text);
        struct buffer why = {0};
        UA_Variant_init(&back);
        if (read(rows[i].text, &UA_TYPES[type], -1, &back, &why) != OK)
            fail_msg("%s: %s", rows[i].text, buffer_cstr(&why));
        if (UA_order(&v, &back, &UA_TYPES[UA_TYPES_VARIANT]) != UA_ORDER_EQ)
            fail_msg("%s came back as another value", rows[i].text);
        UA_Variant_clear(&back);
        buffer_clear(&why);
    }
}

static void every_builtin_type_comes_back_from_every_form(void **state)
{
    (void)state;
    UA_Boolean yes = true;
    check(UA_TYPES_BOOLEAN, &yes, "true", "{\"Type\":\"Boolean\",\"Body\":true}",
          "{\"Type\":1,\"Body\":true}");
    UA_SByte sbyte = INT8_MIN;
    check(UA_TYPES_SBYTE, &sbyte, "-128", "{\"Type\":\"SByte\",\"Body\":-128}",
          "{\"Type\":2,\"Body\":-128}");
    UA_Byte byte = 255;
    check(UA_TYPES_BYTE, &byte, "255", "{\"Type\":\"Byte\",\"Body\":255}",
          "{\"Type\":3,\"Body\":255}");
    UA_Int16 int16 = INT16_MIN;
    check(UA_TYPES_INT16, &int16, "-32768", "{\"Type\":\"Int16\",\"Body\":-32768}",
          "{\"Type\":4,\"Body\":-32768}");
    UA_UInt16 uint16 = UINT16_MAX;
    check(UA_TYPES_UINT16, &uint16, "65535", "{\"Type\":\"UInt16\",\"Body\":65535}",
          "{\"Type\":5,\"Body\":65535}");
    UA_Int32 int32 = INT32_MIN;
    check(UA_TYPES_INT32, &int32, "-2147483648", "{\"Type\":\"Int32\",\"Body\":-2147483648}",
          "{\"Type\":6,\"Body\":-2147483648}");
    UA_UInt32 uint32 = UINT32_MAX;
    check(UA_TYPES_UINT32, &uint32, "4294967295", "{\"Type\":\"UInt32\",\"Body\":4294967295}",
          "{\"Type\":7,\"Body\":4294967295}");
    UA_Int64 int64 = INT64_MIN;
    check(UA_TYPES_INT64, &int64, "-9223372036854775808",
          "{\"Type\":\"Int64\",\"Body\":-9223372036854775808}",
          "{\"Type\":8,\"Body\":\"-9223372036854775808\"}");
    UA_UInt64 uint64 = UINT64_MAX;
    check(UA_TYPES_UINT64, &uint64, "18446744073709551615",
          "{\"Type\":\"UInt64\",\"Body\":18446744073709551615}",
          "{\"Type\":9,\"Body\":\"18446744073709551615\"}");
    UA_String string = UA_STRING("a\"\n\xc3\xa4");
    check(UA_TYPES_STRING, &string, "\"a\\\"\\n\xc3\xa4\"",
          "{\"Type\":\"String\",\"Body\":\"a\\\"\\n\xc3\xa4\"}",
          "{\"Type\":12,\"Body\":\"a\\\"\\n\xc3\xa4\"}");
    UA_DateTime time = UA_DATETIME_UNIX_EPOCH + 17952133801234567LL;
    check(UA_TYPES_DATETIME, &time, "\"2026-11-20T22:23:00.1234567Z\"",
          "{\"Type\":\"DateTime\",\"Body\":\"2026-11-20T22:23:00.1234567Z\"}",
          "{\"Type\":13,\"Body\":\"2026-11-20T22:23:00.1234567Z\"}");
    UA_Guid guid = {0x72962b91, 0xfa75, 0x4ae6, {0x8d, 0x28, 0xb4, 4, 0xdc, 0x7d, 0xaf, 0x63}};
    check(UA_TYPES_GUID, &guid, "\"72962b91-fa75-4ae6-8d28-b404dc7daf63\"",
          "{\"Type\":\"Guid\",\"Body\":\"72962b91-fa75-4ae6-8d28-b404dc7daf63\"}",
          "{\"Type\":14,\"Body\":\"72962b91-fa75-4ae6-8d28-b404dc7daf63\"}");
    UA_ByteString bytes = {3, (UA_Byte *)"\0\xff\xfe"};
    check(UA_TYPES_BYTESTRING, &bytes, "\"AP/+\"", "{\"Type\":\"ByteString\",\"Body\":\"AP/+\"}",
          "{\"Type\":15,\"Body\":\"AP/+\"}");
    UA_String xml = UA_STRING("<a/>");
    check(UA_TYPES_XMLELEMENT, &xml, "\"<a/>\"", "{\"Type\":\"XmlElement\",\"Body\":\"<a/>\"}",
          "{\"Type\":16,\"Body\":\"<a/>\"}");
    UA_NodeId id = UA_NODEID_STRING(2, "a b");
    check(UA_TYPES_NODEID, &id, "\"http://ns/#s=a%20b\"",
          "{\"Type\":\"NodeId\",\"Body\":\"http://ns/#s=a%20b\"}",
          "{\"Type\":17,\"Body\":{\"IdType\":1,\"Id\":\"a b\",\"Namespace\":2}}");
    UA_ExpandedNodeId expanded = UA_EXPANDEDNODEID_NUMERIC(2, 7);
    check(UA_TYPES_EXPANDEDNODEID, &expanded, "\"http://ns/#i=7\"",
          "{\"Type\":\"ExpandedNodeId\",\"Body\":\"http://ns/#i=7\"}",
          "{\"Type\":18,\"Body\":{\"Id\":7,\"Namespace\":2}}");
    UA_StatusCode code = UA_STATUSCODE_BADNODEIDUNKNOWN;
    check(UA_TYPES_STATUSCODE, &code, "{\"Symbol\":\"BadNodeIdUnknown\",\"Code\":2150891520}",
          "{\"Type\":\"StatusCode\",\"Body\":{\"Symbol\":\"BadNodeIdUnknown\",\"Code\":2150891520}"
          "}",
          "{\"Type\":19,\"Body\":2150891520}");
    UA_QualifiedName name = UA_QUALIFIEDNAME(2, "a b");
    check(UA_TYPES_QUALIFIEDNAME, &name, "\"http://ns/#a%20b\"",
          "{\"Type\":\"QualifiedName\",\"Body\":\"http://ns/#a%20b\"}",
          "{\"Type\":20,\"Body\":{\"Name\":\"a b\",\"Uri\":2}}");
    UA_LocalizedText text = {UA_STRING_NULL, UA_STRING("Text")};
    check(UA_TYPES_LOCALIZEDTEXT, &text, "\"Text\"",
          "{\"Type\":\"LocalizedText\",\"Body\":{\"Text\":\"Text\"}}",
          "{\"Type\":21,\"Body\":{\"Text\":\"Text\"}}");
}

static void check_double(UA_Double d, const char *text)
{
    char compat_text[80], strict_text[80];
    snprintf(compat_text, sizeof(compat_text), "{\"Type\":\"Double\",\"Body\":%s}", text);
    snprintf(strict_text, sizeof(strict_text), "{\"Type\":11,\"Body\":%s}", text);
    check(UA_TYPES_DOUBLE, &d, text, compat_text, strict_text);
}

static void check_float(UA_Float f, const char *text)
{
    char compat_text[80], strict_text[80];
    snprintf(compat_text, sizeof(compat_text), "{\"Type\":\"Float\",\"Body\":%s}", text);
    snprintf(strict_text, sizeof(strict_text), "{\"Type\":10,\"Body\":%s}", text);
    check(UA_TYPES_FLOAT, &f, text, compat_text, strict_text);
}

static void real_numbers_are_short_and_exact(void **state)
{
    (void)state;
    check_double(0.1, "0.1");
    check_double(-1.5e300, "-1.5e+300");
    check_double(INFINITY, "\"Infinity\"");
    check_double(-INFINITY, "\"-Infinity\"");
    check_double(5e-324, "5e-324");
    check_double(1.7976931348623157e308, "1.7976931348623157e+308");
    check_float(0.1f, "0.1");
    check_float(3.14f, "3.14");
    check_float(16777216.0f, "16777216");
    check_float(-INFINITY, "\"-Infinity\"");
    check_float(123.456f, "123.456");

    UA_Float nan = NAN;
    UA_Variant v = scalar(&nan, UA_TYPES_FLOAT);
    expect(&v, &compat, "\"NaN\"");
    UA_Variant_init(&v);
    assert_int_equal(read("\"NaN\"", &UA_TYPES[UA_TYPES_DOUBLE], -1, &v, NULL), OK);
    assert_true(isnan(*(UA_Double *)v.data));
    UA_Variant_clear(&v);
}

/* All kinds of exponents: the text reads back as the same float. */
static void every_float_reads_back(void **state)
{
    (void)state;
    uint32_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        bits = bits * 1664525 + 1013904223;
        UA_Float f, back;
        memcpy(&f, &bits, sizeof(f));
        if (!isfinite(f))
            continue;
        struct buffer out = {0};
        opcua_value_json_put(&f, &UA_TYPES[UA_TYPES_FLOAT], &compat, &out);
        back = (UA_Float)strtod(buffer_cstr(&out), NULL);
        assert_memory_equal(&f, &back, sizeof(f));
        assert_true(out.len <= 24);
        buffer_clear(&out);
    }
}

static void nothing_is_null(void **state)
{
    (void)state;
    UA_Variant v;
    UA_Variant_init(&v);
    expect(&v, &compat, "null");
    expect(&v, &strict_reversible, "null");
    UA_String none = UA_STRING_NULL;
    v = scalar(&none, UA_TYPES_STRING);
    expect(&v, &compat, "null");
    v = scalar(&none, UA_TYPES_BYTESTRING);
    expect(&v, &compat, "null");
    UA_NodeId id = UA_NODEID_NULL;
    v = scalar(&id, UA_TYPES_NODEID);
    expect(&v, &compat, "null");
    UA_Variant_init(&v);
    assert_int_equal(read("null", &UA_TYPES[UA_TYPES_INT32], -1, &v, NULL), OK);
    assert_true(UA_Variant_isEmpty(&v));
}

static void arrays_and_matrices(void **state)
{
    (void)state;
    UA_Int64 numbers[] = {1, -2, 3, 4, 5, 6};
    UA_UInt32 dimensions[] = {2, 3};
    UA_Variant v = array(numbers, 6, UA_TYPES_INT64), back;
    expect(&v, &compat, "[1,-2,3,4,5,6]");
    expect(&v, &strict, "[\"1\",\"-2\",\"3\",\"4\",\"5\",\"6\"]");
    v.arrayDimensions = dimensions;
    v.arrayDimensionsSize = 2;
    expect(&v, &compat, "[[1,-2,3],[4,5,6]]");
    const char *reversible = "{\"Type\":\"Int64\",\"Body\":[1,-2,3,4,5,6],\"Dimensions\":[2,3]}";
    expect(&v, &compat_reversible, reversible);

    static const char *const texts[] = {"[[1,-2,3],[\"4\",5,6]]", NULL};
    for (size_t i = 0; i < 2; i++) {
        UA_Variant_init(&back);
        assert_int_equal(read(texts[i] ? texts[i] : reversible,
                              texts[i] ? &UA_TYPES[UA_TYPES_INT64] : NULL, texts[i] ? 2 : -2, &back,
                              NULL),
                         OK);
        assert_int_equal(UA_order(&v, &back, &UA_TYPES[UA_TYPES_VARIANT]), UA_ORDER_EQ);
        UA_Variant_clear(&back);
    }
    v = array(NULL, 0, UA_TYPES_INT64);
    v.data = UA_EMPTY_ARRAY_SENTINEL;
    expect(&v, &compat, "[]");
}

static void data_values_leave_out_what_says_nothing(void **state)
{
    (void)state;
    UA_Int32 number = 5;
    UA_DataValue v;
    UA_DataValue_init(&v);
    v.hasValue = v.hasStatus = v.hasSourceTimestamp = v.hasServerTimestamp = true;
    v.value = scalar(&number, UA_TYPES_INT32);
    v.sourceTimestamp = UA_DATETIME_UNIX_EPOCH;
    v.serverTimestamp = UA_DATETIME_UNIX_EPOCH + 1;

    static const struct {
        unsigned fields;
        UA_StatusCode status;
        const char *text;
    } rows[] = {
        {0, 0, "{\"Value\":5}"},
        {OPCUA_FIELD_STATUS | OPCUA_FIELD_SOURCE_TIME, 0,
         "{\"Value\":5,\"SourceTimestamp\":\"1970-01-01T00:00:00.0000000Z\"}"},
        {OPCUA_FIELD_STATUS | OPCUA_FIELD_SERVER_TIME, UA_STATUSCODE_BADNOTCONNECTED,
         "{\"Value\":5,\"StatusCode\":{\"Symbol\":\"BadNotConnected\",\"Code\":2156527616},"
         "\"ServerTimestamp\":\"1970-01-01T00:00:00.0000001Z\"}"},
        {OPCUA_FIELD_RAW, UA_STATUSCODE_BADNOTCONNECTED, "5"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buffer out = {0};
        v.status = rows[i].status;
        opcua_value_json_data_value(&v, rows[i].fields, &compat, &out);
        assert_slice(buffer_slice(&out), slice_of(rows[i].text));
        buffer_clear(&out);
    }
    struct buffer out = {0};
    v.hasValue = false;
    UA_Variant_init(&v.value);
    opcua_value_json_data_value(&v, 0, &compat, &out);
    opcua_value_json_data_value(&v, OPCUA_FIELD_RAW, &compat, &out);
    assert_slice(buffer_slice(&out), SLICE("{}null"));
    buffer_clear(&out);
}

static void arrays_of_variants_are_flat_when_alike(void **state)
{
    (void)state;
    UA_Int32 one = 1, two = 2;
    UA_String text = UA_STRING("x");
    UA_Variant elements[] = {scalar(&one, UA_TYPES_INT32), scalar(&two, UA_TYPES_INT32)};
    UA_Variant v = array(elements, 2, UA_TYPES_VARIANT);
    expect(&v, &compat, "[1,2]");
    expect(&v, &compat_reversible, "{\"Type\":\"Int32\",\"Body\":[1,2]}");
    expect(&v, &strict_reversible,
           "{\"Type\":24,\"Body\":[{\"Type\":6,\"Body\":1},{\"Type\":6,\"Body\":2}]}");
    elements[1] = scalar(&text, UA_TYPES_STRING);
    expect(&v, &compat_reversible,
           "{\"Type\":\"Variant\",\"Body\":[{\"Type\":\"Int32\",\"Body\":1},{\"Type\":\"String\","
           "\"Body\":\"x\"}]}");
}

/* What people write, and what becomes of it: printed again in the reversible form. */
static void json_is_taken_loosely(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int type; /* -1: guess */
        int32_t rank;
        const char *want;
    } rows[] = {
        {"\"5\"", UA_TYPES_INT32, -1, "{\"Type\":\"Int32\",\"Body\":5}"},
        {"5.0", UA_TYPES_BYTE, -1, "{\"Type\":\"Byte\",\"Body\":5}"},
        {"true", UA_TYPES_INT16, -1, "{\"Type\":\"Int16\",\"Body\":1}"},
        {"1", UA_TYPES_BOOLEAN, -1, "{\"Type\":\"Boolean\",\"Body\":true}"},
        {"\"False\"", UA_TYPES_BOOLEAN, -1, "{\"Type\":\"Boolean\",\"Body\":false}"},
        {"12", UA_TYPES_STRING, -1, "{\"Type\":\"String\",\"Body\":\"12\"}"},
        {"\" 1e3 \"", UA_TYPES_DOUBLE, -1, "{\"Type\":\"Double\",\"Body\":1000}"},
        {"\"Running_0\"", UA_TYPES_INT32, -1, "{\"Type\":\"Int32\",\"Body\":0}"},
        {"\"1,2, 3\"", UA_TYPES_INT32, 1, "{\"Type\":\"Int32\",\"Body\":[1,2,3]}"},
        {"\"[1,2]\"", UA_TYPES_DOUBLE, 1, "{\"Type\":\"Double\",\"Body\":[1,2]}"},
        {"\"\"", UA_TYPES_INT32, 1, "{\"Type\":\"Int32\",\"Body\":[]}"},
        {"7", UA_TYPES_INT32, 1, "{\"Type\":\"Int32\",\"Body\":[7]}"},
        {"\"a,b\"", UA_TYPES_STRING, 1, "{\"Type\":\"String\",\"Body\":[\"a,b\"]}"},
        {"[1,\"2\",true]", UA_TYPES_UINT16, 1, "{\"Type\":\"UInt16\",\"Body\":[1,2,1]}"},
        {"[1,2]", UA_TYPES_UINT16, -2, "{\"Type\":\"UInt16\",\"Body\":[1,2]}"},
        {"[1,2]", UA_TYPES_UINT16, 0, "{\"Type\":\"UInt16\",\"Body\":[1,2]}"},
        {"[]", UA_TYPES_UINT16, 1, "{\"Type\":\"UInt16\",\"Body\":[]}"},
        {"[1,2,255]", UA_TYPES_BYTESTRING, -1, "{\"Type\":\"ByteString\",\"Body\":\"AQL/\"}"},
        {"[\"AQ==\",[2]]", UA_TYPES_BYTESTRING, 1,
         "{\"Type\":\"ByteString\",\"Body\":[\"AQ==\",\"Ag==\"]}"},
        {"\"AQL/\"", UA_TYPES_BYTE, 1, "{\"Type\":\"Byte\",\"Body\":[1,2,255]}"},
        {"{\"Value\":5}", UA_TYPES_INT32, -1, "{\"Type\":\"Int32\",\"Body\":5}"},
        {"{\"Type\":6,\"Body\":5}", UA_TYPES_DOUBLE, -1, "{\"Type\":\"Double\",\"Body\":5}"},
        {"{\"Type\":6,\"Body\":[1,2,3,4],\"Dimensions\":[2,2]}", UA_TYPES_INT32, 2,
         "{\"Type\":\"Int32\",\"Body\":[1,2,3,4],\"Dimensions\":[2,2]}"},
        {"{\"Type\":\"LocalizedText\",\"Body\":null}", UA_TYPES_LOCALIZEDTEXT, -1,
         "{\"Type\":\"LocalizedText\",\"Body\":null}"},
        {"{\"Type\":\"ExtensionObject\",\"Body\":{\"TypeId\":\"Range\",\"Encoding\":\"Json\","
         "\"Body\":{\"Low\":1,\"High\":2}}}",
         UA_TYPES_RANGE, -1,
         "{\"Type\":\"ExtensionObject\",\"Body\":{\"TypeId\":\"Range\",\"Encoding\":\"Json\","
         "\"Body\":{\"Low\":1,\"High\":2}}}"},
        {"\"BadTimeout\"", UA_TYPES_STATUSCODE, -1,
         "{\"Type\":\"StatusCode\",\"Body\":{\"Symbol\":\"BadTimeout\",\"Code\":2148139008}}"},
        {"{\"Text\":\"t\",\"Locale\":\"de\"}", UA_TYPES_LOCALIZEDTEXT, -1,
         "{\"Type\":\"LocalizedText\",\"Body\":{\"Locale\":\"de\",\"Text\":\"t\"}}"},
        {"{\"Id\":\"x\",\"IdType\":1,\"Namespace\":\"http://ns/\"}", UA_TYPES_NODEID, -1,
         "{\"Type\":\"NodeId\",\"Body\":\"http://ns/#s=x\"}"},
        {"5", -1, -2, "{\"Type\":\"Int64\",\"Body\":5}"},
        {"18446744073709551615", -1, -2, "{\"Type\":\"UInt64\",\"Body\":18446744073709551615}"},
        {"[1,2.5]", -1, -2, "{\"Type\":\"Double\",\"Body\":[1,2.5]}"},
        {"[1,\"a\"]", -1, -2,
         "{\"Type\":\"Variant\",\"Body\":[{\"Type\":\"Int64\",\"Body\":1},{\"Type\":\"String\","
         "\"Body\":\"a\"}]}"},
        {"5", UA_TYPES_VARIANT, -1, "{\"Type\":\"Int64\",\"Body\":5}"},
        {"{\"Type\":\"Byte\",\"Body\":5}", UA_TYPES_VARIANT, -1, "{\"Type\":\"Byte\",\"Body\":5}"},
        {"[true,false]", UA_TYPES_VARIANT, -2, "{\"Type\":\"Boolean\",\"Body\":[true,false]}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buffer why = {0};
        UA_Variant v;
        UA_Variant_init(&v);
        const UA_DataType *type = rows[i].type < 0 ? NULL : &UA_TYPES[rows[i].type];
        if (read(rows[i].json, type, rows[i].rank, &v, &why) != OK)
            fail_msg("%s: %s", rows[i].json, buffer_cstr(&why));
        expect(&v, &compat_reversible, rows[i].want);
        UA_Variant_clear(&v);
        buffer_clear(&why);
    }
}

static void refuses_what_does_not_fit_and_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int type;
        int32_t rank;
        const char *why;
    } rows[] = {
        {"256", UA_TYPES_BYTE, -1, "256 is out of the range of Byte."},
        {"-1", UA_TYPES_UINT32, -1, "-1 is out of the range of UInt32."},
        {"\"-129\"", UA_TYPES_SBYTE, -1, "\"-129\" is out of the range of SByte."},
        {"1.5", UA_TYPES_INT32, -1, "1.5 is not a whole number in the range of Int32."},
        {"1e300", UA_TYPES_INT64, -1, "is not a whole number in the range of Int64."},
        {"1e300", UA_TYPES_FLOAT, -1, "is out of the range of Float."},
        {"9223372036854775808", UA_TYPES_INT64, -1, "is out of the range of Int64."},
        {"\"x\"", UA_TYPES_INT32, -1, "\"x\" is not a value of type Int32."},
        {"\"0x10\"", UA_TYPES_DOUBLE, -1, "is not a value of type Double."},
        {"\"1e999\"", UA_TYPES_DOUBLE, -1, "is not a value of type Double."},
        {"\"maybe\"", UA_TYPES_BOOLEAN, -1, "is not a value of type Boolean."},
        {"2", UA_TYPES_BOOLEAN, -1, "2 is out of the range of Boolean."},
        {"{}", UA_TYPES_STRING, -1, "{} is not a value of type String."},
        {"5", UA_TYPES_GUID, -1, "is not a value of type Guid."},
        {"\"?\"", UA_TYPES_BYTESTRING, -1, "neither base64 nor"},
        {"[256]", UA_TYPES_BYTESTRING, -1, "256 is out of the range of Byte."},
        {"\"yesterday\"", UA_TYPES_DATETIME, -1, "is not a time in ISO 8601"},
        {"\"i=x\"", UA_TYPES_NODEID, -1, "is not a node id"},
        {"\"nsu=urn:no;i=1\"", UA_TYPES_NODEID, -1, "does not have"},
        {"[1,2]", UA_TYPES_INT32, -1, "[1,2] is an array, and the node has one value."},
        {"[[1],[2]]", UA_TYPES_INT32, 1, "has 2 dimensions, and the node 1."},
        {"[1,2]", UA_TYPES_INT32, 2, "has 1 dimensions, and the node 2."},
        {"[[1,2],[3]]", UA_TYPES_INT32, 2, "has another length than its neighbours"},
        {"[[1,2],3]", UA_TYPES_INT32, 2, "has another length than its neighbours"},
        {"[1,[2]]", UA_TYPES_INT32, 1, "[2] is not a value of type Int32."},
        {"{\"a\":1}", -1, -2, "does not say its type."},
        {"{\"Type\":\"Foo\",\"Body\":1}", -1, -2, "has no Type that is built in."},
        {"{\"Type\":6,\"Body\":[1,2],\"Dimensions\":[2,2]}", -1, -2, "not the dimensions"},
        {"{\"TypeId\":\"i=1\",\"Body\":{}}", -1, -2, "must be base64"},
        {"{\"TypeId\":\"Range\",\"Body\":{\"Low\":\"x\"}}", -1, -2,
         "is not a value of type Double"},
        {"{}", UA_TYPES_DIAGNOSTICINFO, -1, "cannot be made from JSON"},
        {"\"1,x\"", UA_TYPES_INT32, 1, "\"x\" is not a value of type Int32."},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buffer why = {0};
        UA_Variant v;
        UA_Variant_init(&v);
        const UA_DataType *type = rows[i].type < 0 ? NULL : &UA_TYPES[rows[i].type];
        assert_int_not_equal(read(rows[i].json, type, rows[i].rank, &v, &why), OK);
        if (strstr(buffer_cstr(&why), rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].json, buffer_cstr(&why));
        assert_true(UA_Variant_isEmpty(&v));
        assert_int_not_equal(read(rows[i].json, type, rows[i].rank, &v, NULL), OK);
        buffer_clear(&why);
    }
}

/* Also inside of a structure, which is cleared afterwards. */
static void refuses_arrays_without_end(void **state)
{
    (void)state;
    struct buffer text = {0};
    UA_Variant v;
    buffer_text(&text, "{\"DiscoveryUrls\":[\"\"");
    for (unsigned i = 0; i < OPCUA_VALUE_ELEMENTS_MAX; i++)
        buffer_text(&text, ",\"\"");
    buffer_text(&text, "]}");
    UA_Variant_init(&v);
    assert_int_equal(
        read(buffer_cstr(&text), &UA_TYPES[UA_TYPES_APPLICATIONDESCRIPTION], -1, &v, NULL),
        TOO_LARGE);
    assert_true(UA_Variant_isEmpty(&v));
    buffer_clear(&text);
}

static void data_types_have_names_and_wire_types(void **state)
{
    (void)state;
    static const struct {
        uint32_t id;
        const char *name;
        int wire;
    } rows[] = {
        {UA_NS0ID_DOUBLE, "Double", UA_TYPES_DOUBLE},
        {UA_NS0ID_DURATION, "Duration", UA_TYPES_DOUBLE},
        {UA_NS0ID_UTCTIME, "UtcTime", UA_TYPES_DATETIME},
        {UA_NS0ID_SERVERSTATE, "ServerState", UA_TYPES_INT32},
        {UA_NS0ID_RANGE, "Range", UA_TYPES_RANGE},
        {UA_NS0ID_BASEDATATYPE, "BaseDataType", UA_TYPES_VARIANT},
        {UA_NS0ID_STRUCTURE, "Structure", UA_TYPES_EXTENSIONOBJECT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UA_NodeId id = UA_NODEID_NUMERIC(0, rows[i].id);
        assert_string_equal(opcua_data_type_name(rows[i].id), rows[i].name);
        assert_int_equal(opcua_data_type_id(slice_of(rows[i].name)), rows[i].id);
        assert_ptr_equal(opcua_data_type_wire(&id), &UA_TYPES[rows[i].wire]);
    }
    UA_NodeId other = UA_NODEID_NUMERIC(2, 11);
    assert_null(opcua_data_type_wire(&other));
    assert_null(opcua_data_type_name(85));
    assert_int_equal(opcua_data_type_id(SLICE("Nonsense")), 0);
}

/* Part 6 of 1.05.04, 5.4.2 and 5.4.6. */
static void the_rules_of_1_05_have_their_own_words(void **state)
{
    (void)state;
    struct opcua_value_form compact_form = {
        .names = &names, .format = OPCUA_ID_EXPANDED, .reversible = true, .rules = OPCUA_JSON_COMPACT};
    struct opcua_value_form verbose_form = compact_form, bare_form = compact_form;
    verbose_form.rules = OPCUA_JSON_VERBOSE;
    bare_form.reversible = false;
    UA_Int64 big = INT64_MIN;
    UA_Range range = {0, 2};
    UA_StatusCode bad = UA_STATUSCODE_BADTIMEOUT, good = UA_STATUSCODE_GOOD;
    UA_NodeId id = UA_NODEID_NUMERIC(0, 85);
    UA_LocalizedText text = UA_LOCALIZEDTEXT("de", "an");
    const struct {
        const void *value;
        int type;
        const char *compact, *verbose, *bare;
    } cases[] = {
        {&big, UA_TYPES_INT64, "{\"UaType\":8,\"Value\":\"-9223372036854775808\"}",
         "{\"UaType\":8,\"Value\":\"-9223372036854775808\"}", "\"-9223372036854775808\""},
        {&range, UA_TYPES_RANGE, "{\"UaType\":22,\"Value\":{\"UaTypeId\":\"i=884\",\"High\":2}}",
         "{\"UaType\":22,\"Value\":{\"UaTypeId\":\"i=884\",\"Low\":0,\"High\":2}}", "{\"High\":2}"},
        {&bad, UA_TYPES_STATUSCODE, "{\"UaType\":19,\"Value\":{\"Code\":2148139008}}",
         "{\"UaType\":19,\"Value\":{\"Code\":2148139008,\"Symbol\":\"BadTimeout\"}}",
         "{\"Code\":2148139008}"},
        {&good, UA_TYPES_STATUSCODE, "{\"UaType\":19,\"Value\":{\"Code\":0}}",
         "{\"UaType\":19,\"Value\":{\"Code\":0}}", "{\"Code\":0}"},
        {&id, UA_TYPES_NODEID, "{\"UaType\":17,\"Value\":\"i=85\"}",
         "{\"UaType\":17,\"Value\":\"i=85\"}", "\"i=85\""},
        {&text, UA_TYPES_LOCALIZEDTEXT,
         "{\"UaType\":21,\"Value\":{\"Locale\":\"de\",\"Text\":\"an\"}}",
         "{\"UaType\":21,\"Value\":{\"Locale\":\"de\",\"Text\":\"an\"}}",
         "{\"Locale\":\"de\",\"Text\":\"an\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        UA_Variant v;
        UA_Variant_init(&v);
        UA_Variant_setScalar(&v, (void *)(uintptr_t)cases[i].value, &UA_TYPES[cases[i].type]);
        expect(&v, &compact_form, cases[i].compact);
        expect(&v, &verbose_form, cases[i].verbose);
        expect(&v, &bare_form, cases[i].bare);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_of_1_05_have_their_own_words),
        cmocka_unit_test(every_builtin_type_comes_back_from_every_form),
        cmocka_unit_test(real_numbers_are_short_and_exact),
        cmocka_unit_test(every_float_reads_back),
        cmocka_unit_test(nothing_is_null),
        cmocka_unit_test(arrays_and_matrices),
        cmocka_unit_test(data_values_leave_out_what_says_nothing),
        cmocka_unit_test(arrays_of_variants_are_flat_when_alike),
        cmocka_unit_test(json_is_taken_loosely),
        cmocka_unit_test(refuses_what_does_not_fit_and_says_why),
        cmocka_unit_test(refuses_arrays_without_end),
        cmocka_unit_test(data_types_have_names_and_wire_types),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
