/* Models: how requests are checked with them, and what OpenAPI says of them and of routes. */
#include "rest/openapi.h"
#include "rest/query.h"
#include "json/write.h"

#include "base/cmocka.h"

static const struct rest_model list[] = {
    {"Mode", NULL, "Off|Fast|Scan"},
    {"Config", "ports:str, retries:i32, wait:timespan, locales:[str]", NULL},
    {"Request",
     "id*:str, mode:Mode, configuration:Config, names:{str}, at:datetime, raw:base64, on:bool, "
     "count:i64, ratio:f64, value:any",
     NULL},
    {"Write", "value*:any", NULL},
    {"Unused", "value*:any", NULL},
};
static const struct rest_model more_list[] = {
    {"Look", "modes:Mode+, every:interval", NULL},
};
static const struct rest_models more = {more_list, 1, NULL};
static const struct rest_models models = {list, 5, &more};

static enum status check(const char *name, const char *text, const char *expected_why)
{
    struct json_doc *doc;
    char why[REST_MODEL_WHY_MAX];
    assert_int_equal(json_parse(slice_of(text), JSON_STRICT, &doc, NULL), OK);
    enum status s = rest_model_check(&models, name, json_root(doc), why);
    assert_string_equal(why, expected_why);
    json_free(&doc);
    return s;
}

static void takes_what_has_the_shape(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"id\":\"a\"}",
        "{\"ID\":\"a\",\"more\":{},\"mode\":null}",
        "{\"id\":\"a\",\"mode\":\"scan\",\"configuration\":{\"ports\":\"1-2\",\"retries\":3,"
        "\"wait\":\"00:00:05\",\"locales\":[\"en\",\"de\"]}}",
        "{\"id\":\"a\",\"names\":{\"x\":\"y\"},\"at\":\"2026-01-01T00:00:00Z\",\"raw\":\"AAA=\","
        "\"on\":true,"
        "\"count\":5000000000,\"ratio\":1,\"value\":[{}]}",
        "{\"id\":\"a\",\"mode\":2}",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(check("Request", good[i], ""), OK);
    assert_int_equal(check("Write", "{\"value\":null}", ""), OK);
    assert_int_equal(check("Look", "{\"modes\":[\"Off\",\"scan\"],\"every\":\"00:00:01\"}", ""),
                     OK);
    assert_int_equal(check("Look", "{\"modes\":\"Off, Fast\",\"every\":1.5}", ""), OK);
    assert_int_equal(check("Look", "{\"modes\":3}", ""), OK);
}

static void says_where_it_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"[]", "not an object"},
        {"{}", "id: is missing"},
        {"{\"id\":null}", "id: is missing"},
        {"{\"id\":1}", "id: not a string"},
        {"{\"id\":\"a\",\"mode\":\"Slow\"}", "mode: not one of the words for it"},
        {"{\"id\":\"a\",\"configuration\":{\"locales\":\"en\"}}",
         "configuration.locales: not an array"},
        {"{\"id\":\"a\",\"configuration\":{\"locales\":[1]}}",
         "configuration.locales[0]: not a string"},
        {"{\"id\":\"a\",\"configuration\":{\"retries\":3000000000}}",
         "configuration.retries: not a whole number of 32 bits"},
        {"{\"id\":\"a\",\"configuration\":{\"wait\":5}}",
         "configuration.wait: not a time span ([d.]hh:mm:ss)"},
        {"{\"id\":\"a\",\"names\":{\"x\":1}}", "names.x: not a string"},
        {"{\"id\":\"a\",\"at\":\"yesterday\"}", "at: not a time (ISO 8601)"},
        {"{\"id\":\"a\",\"raw\":\"A\"}", "raw: not base64"},
        {"{\"id\":\"a\",\"on\":\"true\"}", "on: not true or false"},
        {"{\"id\":\"a\",\"count\":1.5}", "count: not a whole number"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(check("Request", bad[i].text, bad[i].why), BAD_ARGUMENT);
    assert_int_equal(check("Write", "{}", "value: is missing"), BAD_ARGUMENT);
    assert_int_equal(
        check("Look", "{\"modes\":[\"Off\",\"Slow\"]}", "modes[1]: not one of the words for it"),
        BAD_ARGUMENT);
    assert_int_equal(check("Look", "{\"modes\":[\"Off\",\"off\",\"Off\"]}", ""), OK);
    assert_int_equal(check("Look", "{\"modes\":[\"Off\",\"Of\"]}", "modes[1]: not one of the words for it"),
                     BAD_ARGUMENT);
    assert_int_equal(check("Look", "{\"modes\":[\"\"]}", "modes[0]: not one of the words for it"),
                     BAD_ARGUMENT);
    assert_int_equal(
        check("Look", "{\"modes\":\"Off, Slow\"}", "modes: not one of the words for it"),
        BAD_ARGUMENT);
    assert_int_equal(check("Look", "{\"every\":\"soon\"}",
                           "every: not a time span ([d.]hh:mm:ss), nor a number of milliseconds"),
                     BAD_ARGUMENT);
}

static void nothing(struct rest_request *r)
{
    (void)r;
}

static const struct rest_route routes[] = {
    {"POST", "/v2/scan", nothing, REST_ADMIN, "Scan", "Request", NULL},
    {"GET", "/v2/scan/{id}", nothing, REST_READ, "GetScan", NULL, "Config"},
    {"DELETE", "/v2/scan/{id}", nothing, REST_ADMIN, "Cancel", NULL, NULL},
    {"GET", "/hidden", nothing, REST_PUBLIC, NULL, NULL, NULL},
    {"GET", "/v2/look", nothing, REST_READ, "Look", NULL, NULL,
     .query = "Config, mode:Mode, size*:i32, deep:bool"},
    {"POST", "/v2/look", nothing, REST_READ, "LookAt", "Look", NULL},
};

/* ---- parameters ---- */

/* `expected` is JSON, or what is wrong. */
static void check_query(struct rest_field *fields, size_t count, const char *expected)
{
    struct rest_request r = {.route = &routes[4], .query = fields, .query_count = count};
    struct json_doc *doc;
    struct buffer text = {0};
    char why[REST_MODEL_WHY_MAX];
    if (rest_query_read(&r, &models, &doc, why) == OK) {
        struct json_writer w = json_writer(&text);
        json_put_value(&w, json_root(doc));
        json_free(&doc);
    } else {
        buffer_text(&text, why);
    }
    assert_string_equal(buffer_cstr(&text), expected);
    buffer_clear(&text);
}

static void reads_parameters_by_their_types(void **state)
{
    (void)state;
    struct rest_field good[] = {{SLICE("SIZE"), SLICE("5")},  {SLICE("deep"), SLICE("True")},
                                {SLICE("ports"), SLICE("1")}, {SLICE("retries"), SLICE("2")},
                                {SLICE("mode"), SLICE("")},   {SLICE("other"), SLICE("x")}};
    check_query(good, 6, "{\"size\":5,\"deep\":true,\"ports\":\"1\",\"retries\":2}");
    check_query(good + 1, 2, "size: is missing");
    struct rest_field bad[] = {{SLICE("size"), SLICE("many")},
                               {SLICE("size"), SLICE("1")},
                               {SLICE("mode"), SLICE("Slow")},
                               {SLICE("size"), SLICE("2")},
                               {SLICE("retries"), SLICE("x")}};
    check_query(bad, 1, "size: not a whole number of 32 bits");
    check_query(bad + 1, 2, "mode: not one of the words for it");
    check_query(bad + 1, 3, "a parameter is there twice");
    check_query(bad + 3, 2, "retries: not a whole number of 32 bits");
}

static struct json_doc *document(int version)
{
    struct rest_table table = REST_TABLE("/registry", routes, NULL);
    struct rest_openapi d = {.version = version,
                             .title = "T",
                             .api_version = "v2",
                             .tables = &table,
                             .table_count = 1,
                             .models = models,
                             .model_suffix = "ApiModel"};
    struct buffer out = {0};
    rest_openapi_put(&d, &out);
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&out), JSON_STRICT, &doc, NULL), OK);
    buffer_clear(&out);
    return doc;
}

/* Follows names divided by blanks; a number is an index. */
static const struct json *at(const struct json_doc *doc, const char *path)
{
    const struct json *v = json_root(doc);
    struct slice left = slice_of(path), name;
    while (left.len > 0 && slice_split(&left, ' ', &name)) {
        uint64_t index;
        v = json_is(v, JSON_ARRAY) && slice_to_u64(name, &index) ? json_at(v, index)
                                                                 : json_get_slice(v, name);
    }
    return v;
}

static void expect(const struct json_doc *doc, const char *path, const char *text)
{
    if (!slice_eq(json_string(at(doc, path)), slice_of(text)))
        fail_msg("%s: '%.*s'", path, SLICE_FMT(json_string(at(doc, path))));
}

static void describes_routes_in_swagger(void **state)
{
    (void)state;
    struct json_doc *d = document(2);
    expect(d, "swagger", "2.0");
    expect(d, "paths /registry/v2/scan post operationId", "Scan");
    expect(d, "paths /registry/v2/scan post parameters 0 schema $ref",
           "#/definitions/RequestApiModel");
    expect(d, "paths /registry/v2/scan/{id} get parameters 0 name", "id");
    expect(d, "paths /registry/v2/scan/{id} get responses 200 schema $ref",
           "#/definitions/ConfigApiModel");
    expect(d, "paths /registry/v2/scan/{id} delete operationId", "Cancel");
    assert_int_equal(json_count(at(d, "paths")), 3);
    expect(d, "paths /registry/v2/look get parameters 0 name", "ports");
    expect(d, "paths /registry/v2/look get parameters 4 enum 1", "Fast");
    expect(d, "paths /registry/v2/look get parameters 5 type", "integer");
    assert_true(json_bool(at(d, "paths /registry/v2/look get parameters 5 required"), false));
    expect(d, "paths /registry/v2/look get responses default schema $ref",
           "#/definitions/ProblemDetails");
    expect(d, "definitions LookApiModel properties modes type", "array");
    assert_non_null(at(d, "definitions ProblemDetails properties errors"));
    assert_null(at(d, "definitions UnusedApiModel")); /* no operation leads to it */
    expect(d, "definitions RequestApiModel required 0", "id");
    expect(d, "definitions RequestApiModel properties mode $ref", "#/definitions/Mode");
    expect(d, "definitions RequestApiModel properties at format", "date-time");
    expect(d, "definitions ConfigApiModel properties locales items type", "string");
    expect(d, "definitions Mode enum 2", "Scan");
    expect(d, "securityDefinitions bearer type", "apiKey");
    json_free(&d);
}

/* Two tables may have methods of one path: it stands in the document once. */
static void one_path_of_two_tables_is_one(void **state)
{
    (void)state;
    static const struct rest_route more_routes[] = {
        {"PUT", "/v2/scan", nothing, REST_ADMIN, "Replace", NULL, NULL}};
    struct rest_table tables[] = {REST_TABLE("/registry", routes, NULL),
                                  REST_TABLE("/registry", more_routes, NULL)};
    struct buffer out = {0};
    struct json_doc *doc;
    rest_openapi_put(&(struct rest_openapi){.version = 3,
                                            .title = "T",
                                            .api_version = "v2",
                                            .tables = tables,
                                            .table_count = 2,
                                            .models = models},
                     &out);
    assert_int_equal(json_parse(buffer_slice(&out), JSON_STRICT, &doc, NULL), OK);
    expect(doc, "paths /registry/v2/scan post operationId", "Scan");
    expect(doc, "paths /registry/v2/scan put operationId", "Replace");
    assert_int_equal(json_count(at(doc, "paths")), 3);
    json_free(&doc);
    buffer_clear(&out);
}

static void describes_routes_in_openapi(void **state)
{
    (void)state;
    struct json_doc *d = document(3);
    expect(d, "openapi", "3.0.3");
    expect(d, "paths /registry/v2/scan post requestBody content application/json schema $ref",
           "#/components/schemas/RequestApiModel");
    expect(d, "paths /registry/v2/scan/{id} get parameters 0 schema type", "string");
    expect(d, "components schemas RequestApiModel properties names additionalProperties type",
           "string");
    expect(d, "components schemas LookApiModel properties modes oneOf 1 type", "string");
    expect(d, "paths /registry/v2/look get parameters 4 schema $ref", "#/components/schemas/Mode");
    expect(d, "components securitySchemes bearer scheme", "bearer");
    json_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_has_the_shape),
        cmocka_unit_test(says_where_it_is_wrong),
        cmocka_unit_test(reads_parameters_by_their_types),
        cmocka_unit_test(describes_routes_in_swagger),
        cmocka_unit_test(one_path_of_two_tables_is_one),
        cmocka_unit_test(describes_routes_in_openapi),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
