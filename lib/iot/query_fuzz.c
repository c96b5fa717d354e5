/* Any text as a query, a condition and a target; what is read is evaluated over a document. */
#include <stdlib.h>

#include "iot/query_eval.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static struct iot_value lookup(void *arg, const struct iot_query_path *path)
{
    return iot_query_walk(arg, path, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct arena arena = {0};
    struct json_doc *doc = NULL;
    struct iot_query q = {0};
    const struct iot_query_expr *e = NULL;
    const char *why = NULL;
    struct slice text = slice_from(at, len);
    if (json_parse(SLICE("{\"a\":{\"b\":[1,\"c\",null]},\"n\":-3.5,\"s\":\"\\u00e9x\",\"t\":true}"),
                   JSON_STRICT, &doc, NULL) != OK)
        abort();
    struct iot_query_scope scope = {lookup, (void *)json_root(doc), &arena};
    if (iot_query_parse(text, &arena, &q, &why) == OK)
        iot_query_holds(q.where, &scope);
    else if (why == NULL)
        abort();
    if (iot_query_parse_condition(text, &arena, &e, &why) == OK)
        iot_query_eval(e, &scope);
    if (iot_query_parse_target(text, &arena, &q, &why) == OK)
        iot_query_holds(q.where, &scope);
    json_free(&doc);
    arena_clear(&arena);
    return 0;
}
