/*
 * JSON from a request becomes a value or is refused, for every built-in type and rank; what was
 * read is written in all forms, as JSON, and the reversible form is read again.
 */
#include "opcua/value_json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct opcua_namespaces *names(void)
{
    static UA_String uris[3];
    static const struct opcua_namespaces table = {uris, 3, uris, 3};
    uris[0] = UA_STRING(OPCUA_NAMESPACE_0);
    uris[1] = UA_STRING("urn:s");
    uris[2] = UA_STRING("http://n/");
    return &table;
}

/* Written as JSON whatever it is. */
static struct json_doc *write(const UA_Variant *v, const struct opcua_value_form *form)
{
    struct json_doc *doc = NULL;
    struct buffer out = {0};
    opcua_value_json_variant(v, form, &out);
    if (json_parse(buffer_slice(&out), JSON_STRICT, &doc, NULL) == BAD_FORMAT && out.len < 4096)
        abort();
    buffer_clear(&out);
    return doc;
}

static void check(const UA_Variant *v)
{
    for (int i = 0; i < 4; i++) {
        struct opcua_value_form form = {names(), OPCUA_ID_INDEX, i & 1, i & 2};
        struct json_doc *doc = write(v, &form);
        UA_Variant again;
        UA_Variant_init(&again);
        if (doc && form.reversible &&
            opcua_value_json_read(json_root(doc), NULL, -2, names(), &again, NULL) == OK)
            UA_Variant_clear(&again);
        json_free(&doc);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_doc *doc;
    struct buffer why = {0};
    UA_Variant v;
    if (size < 2 || json_parse(slice_from(data + 2, size - 2), JSON_STRICT, &doc, NULL) != OK)
        return 0;
    const UA_DataType *type = &UA_TYPES[data[0]];
    UA_Variant_init(&v);
    if (opcua_value_json_read(json_root(doc), data[0] == 255 ? NULL : type, data[1] % 8 - 3,
                              names(), &v, &why) == OK)
        check(&v);
    else if (v.type != NULL)
        abort();
    UA_Variant_clear(&v);
    json_free(&doc);
    buffer_clear(&why);
    return 0;
}
