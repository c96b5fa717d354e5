#include "opcua/node_id.h"

#include "base/cmocka.h"

static UA_String uris[4], servers[2];
static const struct opcua_namespaces names = {uris, 4, servers, 2};

static int setup(void **state)
{
    (void)state;
    uris[0] = UA_STRING(OPCUA_NAMESPACE_0);
    uris[1] = UA_STRING("urn:server");
    uris[2] = UA_STRING("http://ns/x");
    uris[3] = UA_STRING("DataAccess");
    servers[0] = UA_STRING("urn:server");
    servers[1] = UA_STRING("urn:other");
    return 0;
}

/* The text as it comes back in a format. */
static void expect(const char *text, enum opcua_id_format format, const char *want)
{
    UA_ExpandedNodeId id;
    struct buffer out = {0}, why = {0};
    if (opcua_expanded_id_parse(slice_of(text), &names, &id, &why) != OK)
        fail_msg("%s: %s", text, buffer_cstr(&why));
    opcua_expanded_id_print(&id, &names, format, &out);
    assert_slice(buffer_slice(&out), slice_of(want));
    UA_ExpandedNodeId_clear(&id);
    buffer_clear(&out);
    buffer_clear(&why);
}

static void every_form_is_read_and_printed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *uri, *index, *expanded, *expanded_0;
    } rows[] = {
        {"i=85", "i=85", "i=85", "i=85", "nsu=http://opcfoundation.org/UA/;i=85"},
        {" i=85 ", "i=85", "i=85", "i=85", "nsu=http://opcfoundation.org/UA/;i=85"},
        {"ns=2;s=a ", "http://ns/x#s=a%20", "ns=2;s=a ", "nsu=http://ns/x;s=a ",
         "nsu=http://ns/x;s=a "},
        {"ns=2;s=a b#c", "http://ns/x#s=a%20b%23c", "ns=2;s=a b#c", "nsu=http://ns/x;s=a b#c",
         "nsu=http://ns/x;s=a b#c"},
        {"nsu=http://ns/x;i=1", "http://ns/x#i=1", "ns=2;i=1", "nsu=http://ns/x;i=1",
         "nsu=http://ns/x;i=1"},
        {"http://ns/x#s=a%20b%23c", "http://ns/x#s=a%20b%23c", "ns=2;s=a b#c",
         "nsu=http://ns/x;s=a b#c", "nsu=http://ns/x;s=a b#c"},
        {"http://opcfoundation.org/UA/#i=2258", "i=2258", "i=2258", "i=2258",
         "nsu=http://opcfoundation.org/UA/;i=2258"},
        {"ns=3;s=1:FC1001?Measurement", "nsu=DataAccess;s=1:FC1001?Measurement",
         "ns=3;s=1:FC1001?Measurement", "nsu=DataAccess;s=1:FC1001?Measurement",
         "nsu=DataAccess;s=1:FC1001?Measurement"},
        {"DataAccess#s=x", "nsu=DataAccess;s=x", "ns=3;s=x", "nsu=DataAccess;s=x",
         "nsu=DataAccess;s=x"},
        {"ns=2;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63",
         "http://ns/x#g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
         "ns=2;g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
         "nsu=http://ns/x;g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
         "nsu=http://ns/x;g=72962b91-fa75-4ae6-8d28-b404dc7daf63"},
        {"ns=2;b=AP/+", "http://ns/x#b=AP%2F%2B", "ns=2;b=AP/+", "nsu=http://ns/x;b=AP/+",
         "nsu=http://ns/x;b=AP/+"},
        {"svr=1;ns=2;i=3", "http://ns/x#i=3&srv=urn:other", "svr=1;ns=2;i=3",
         "svr=1;nsu=http://ns/x;i=3", "svr=1;nsu=http://ns/x;i=3"},
        {"http://ns/x#i=3&srv=urn:other", "http://ns/x#i=3&srv=urn:other", "svr=1;ns=2;i=3",
         "svr=1;nsu=http://ns/x;i=3", "svr=1;nsu=http://ns/x;i=3"},
        {"nsu=http://new/;s=", "http://new/#s=", "nsu=http://new/;s=", "nsu=http://new/;s=",
         "nsu=http://new/;s="},
        {"nsu=urn:a%3Bb;i=1", "urn:a;b#i=1", "nsu=urn:a%3Bb;i=1", "nsu=urn:a%3Bb;i=1",
         "nsu=urn:a%3Bb;i=1"},
        {"Double", "Double", "i=11", "i=11", "nsu=http://opcfoundation.org/UA/;i=11"},
        {"int32", "Int32", "i=6", "i=6", "nsu=http://opcfoundation.org/UA/;i=6"},
        {"BaseDataType", "BaseDataType", "i=24", "i=24", "nsu=http://opcfoundation.org/UA/;i=24"},
        {"i=4294967295", "i=4294967295", "i=4294967295", "i=4294967295",
         "nsu=http://opcfoundation.org/UA/;i=4294967295"},
        {"ns=9;i=1", "ns=9;i=1", "ns=9;i=1", "ns=9;i=1", "ns=9;i=1"},
        {"s=a;i=3", "s=a;i=3", "s=a;i=3", "s=a;i=3", "nsu=http://opcfoundation.org/UA/;s=a;i=3"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect(rows[i].text, OPCUA_ID_URI, rows[i].uri);
        expect(rows[i].text, OPCUA_ID_INDEX, rows[i].index);
        expect(rows[i].text, OPCUA_ID_EXPANDED, rows[i].expanded);
        expect(rows[i].text, OPCUA_ID_EXPANDED_0, rows[i].expanded_0);
        expect(rows[i].uri, OPCUA_ID_INDEX, rows[i].index); /* what is printed is read again */
        expect(rows[i].expanded_0, OPCUA_ID_INDEX, rows[i].index);
    }
}

static void refuses_what_is_no_node_id_and_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        const char *why;
    } rows[] = {
        {"", BAD_FORMAT, "empty"},
        {"  ", BAD_FORMAT, "empty"},
        {"x", BAD_FORMAT, "is not a node id"},
        {"i=", BAD_FORMAT, "identifier"},
        {"i=4294967296", BAD_FORMAT, "identifier"},
        {"i=-1", BAD_FORMAT, "identifier"},
        {"i=1x", BAD_FORMAT, "identifier"},
        {"g=72962b91", BAD_FORMAT, "identifier"},
        {"b=?", BAD_FORMAT, "identifier"},
        {"ns=65536;i=1", BAD_FORMAT, "is not a node id"},
        {"ns=2", BAD_FORMAT, "is not a node id"},
        {"ns=2;nsu=http://ns/x;i=1", BAD_FORMAT, "is not a node id"},
        {"ns=2;ns=1;i=1", BAD_FORMAT, "is not a node id"},
        {"ns=2;", BAD_FORMAT, "is not a node id"},
        {"ns=;i=1", BAD_FORMAT, "is not a node id"},
        {"nsu=;i=1", BAD_FORMAT, "is not a node id"},
        {"foo=1;i=1", BAD_FORMAT, "is not a node id"},
        {"http://ns/x", BAD_FORMAT, "is not a node id"},
        {"http://ns/x#", BAD_FORMAT, "is not a node id"},
        {"#i=1", BAD_FORMAT, "is not a node id"},
        {"http://ns/x#i=1&x=2", BAD_FORMAT, "is not a node id"},
        {"http://ns/x#i=1&srv=urn:nobody", NOT_FOUND, "'urn:nobody' is not a server"},
        {"nsu=urn:nobody;i=1", NOT_FOUND, "'urn:nobody' is not a namespace"},
        {"svr=1;i=1", BAD_ARGUMENT, "another server"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UA_NodeId id;
        struct buffer why = {0};
        enum status s = opcua_node_id_parse(slice_of(rows[i].text), &names, &id, &why);
        if (s != rows[i].status || strstr(buffer_cstr(&why), rows[i].why) == NULL)
            fail_msg("'%s': %s, %s", rows[i].text, status_name(s), buffer_cstr(&why));
        buffer_clear(&why);
        assert_int_equal(opcua_node_id_parse(slice_of(rows[i].text), &names, &id, NULL), s);
    }
}

static void refuses_what_is_too_long(void **state)
{
    (void)state;
    static uint8_t text[OPCUA_NODE_ID_TEXT_MAX + 1];
    memset(text, 'a', sizeof(text));
    memcpy(text, "s=", 2);
    UA_NodeId id;
    assert_int_equal(opcua_node_id_parse(slice_from(text, sizeof(text)), NULL, &id, NULL),
                     TOO_LARGE);
    assert_int_equal(opcua_node_id_parse(slice_from(text, sizeof(text) - 1), NULL, &id, NULL), OK);
    UA_NodeId_clear(&id);
}

static void expect_name(const char *text, enum opcua_id_format format, const char *want)
{
    UA_QualifiedName name;
    struct buffer out = {0};
    assert_int_equal(opcua_qualified_name_parse(slice_of(text), &names, &name, NULL), OK);
    opcua_qualified_name_print(&name, &names, format, &out);
    assert_slice(buffer_slice(&out), slice_of(want));
    UA_QualifiedName_clear(&name);
    buffer_clear(&out);
}

static void qualified_names_have_the_same_forms(void **state)
{
    (void)state;
    static const char *const forms[] = {"2:My%20Name", "nsu=http://ns/x;My%20Name",
                                        "http://ns/x#My%20Name", "2:My Name"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        expect_name(forms[i], OPCUA_ID_URI, "http://ns/x#My%20Name");
        expect_name(forms[i], OPCUA_ID_INDEX, "2:My%20Name");
        expect_name(forms[i], OPCUA_ID_EXPANDED, "nsu=http://ns/x;My%20Name");
    }
    expect_name("Server", OPCUA_ID_URI, "Server");
    expect_name("Server", OPCUA_ID_EXPANDED_0, "nsu=http://opcfoundation.org/UA/;Server");
    expect_name("0:a:b", OPCUA_ID_INDEX, "0:a%3Ab");

    UA_QualifiedName name;
    assert_int_equal(opcua_qualified_name_parse(SLICE("nsu=urn:x;a"), &names, &name, NULL),
                     NOT_FOUND);
    assert_int_equal(opcua_qualified_name_parse(SLICE(""), &names, &name, NULL), BAD_FORMAT);
}

static void formats_go_by_name(void **state)
{
    (void)state;
    enum opcua_id_format format;
    assert_true(opcua_id_format_parse(SLICE("expanded"), &format));
    assert_int_equal(format, OPCUA_ID_EXPANDED);
    assert_true(opcua_id_format_parse(SLICE("ExpandedWithNamespace0"), &format));
    assert_int_equal(format, OPCUA_ID_EXPANDED_0);
    assert_false(opcua_id_format_parse(SLICE("Other"), &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read_and_printed),
        cmocka_unit_test(refuses_what_is_no_node_id_and_says_why),
        cmocka_unit_test(refuses_what_is_too_long),
        cmocka_unit_test(qualified_names_have_the_same_forms),
        cmocka_unit_test(formats_go_by_name),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
