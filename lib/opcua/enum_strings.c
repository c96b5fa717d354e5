#include "opcua/enum_strings.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

#define TYPES_AT_ONCE 100
#define PROPERTIES 2

static const char *const properties[PROPERTIES] = {"EnumStrings", "EnumValues"};

struct opcua_enum_strings {
    struct opcua_session *session;
    struct opcua_call *call;
    UA_NodeId *types;
    UA_EnumDefinition *of;
    size_t count, at; /* those before are answered */
    size_t asked;     /* from there on */
    UA_NodeId found[TYPES_AT_ONCE];
    size_t found_of[TYPES_AT_ONCE], found_count;
    opcua_enum_strings_fn *fn;
    void *arg;
    uint32_t timeout_ms;
};

static void forget_found(struct opcua_enum_strings *e)
{
    for (size_t i = 0; i < e->found_count; i++)
        UA_NodeId_clear(&e->found[i]);
    e->found_count = 0;
}

static void release(struct opcua_enum_strings *e)
{
    forget_found(e);
    UA_Array_delete(e->types, e->count, &UA_TYPES[UA_TYPES_NODEID]);
    UA_Array_delete(e->of, e->count, &UA_TYPES[UA_TYPES_ENUMDEFINITION]);
    free(e);
}

static void finish(struct opcua_enum_strings *e, bool known)
{
    e->fn(e->arg, known ? e->of : NULL);
    release(e);
}

/* ---- what a property says ---- */

static UA_EnumField *add_fields(UA_EnumDefinition *d, size_t count)
{
    d->fields = UA_Array_new(count, &UA_TYPES[UA_TYPES_ENUMFIELD]);
    d->fieldsSize = count;
    return d->fields;
}

static void name(UA_EnumField *f, const UA_LocalizedText *text)
{
    UA_String_copy(&text->text, &f->name);
    UA_LocalizedText_copy(text, &f->displayName);
}

/* The values are 0, 1, 2, … */
static void take_strings(UA_EnumDefinition *d, const UA_LocalizedText *texts, size_t count)
{
    UA_EnumField *fields = add_fields(d, count);
    for (size_t i = 0; i < count; i++) {
        fields[i].value = (UA_Int64)i;
        name(&fields[i], &texts[i]);
    }
}

static void take_value(UA_EnumField *f, const UA_EnumValueType *v)
{
    f->value = v->value;
    name(f, &v->displayName);
    UA_LocalizedText_copy(&v->description, &f->description);
}

static const UA_EnumValueType *unwrap(const UA_ExtensionObject *o)
{
    bool is = o->encoding >= UA_EXTENSIONOBJECT_DECODED &&
              o->content.decoded.type == &UA_TYPES[UA_TYPES_ENUMVALUETYPE];
    return is ? o->content.decoded.data : NULL;
}

static void take_values(UA_EnumDefinition *d, const UA_Variant *v)
{
    bool plain = v->type == &UA_TYPES[UA_TYPES_ENUMVALUETYPE]; /* the stack has unwrapped them */
    const UA_EnumValueType *values = v->data;
    const UA_ExtensionObject *wrapped = v->data;
    UA_EnumField *fields = add_fields(d, v->arrayLength);
    for (size_t i = 0; i < v->arrayLength; i++)
        if (plain)
            take_value(&fields[i], &values[i]);
        else if (unwrap(&wrapped[i]))
            take_value(&fields[i], unwrap(&wrapped[i]));
}

static void take(UA_EnumDefinition *d, const UA_Variant *v)
{
    if (d->fieldsSize > 0 || UA_Variant_isScalar(v) || v->arrayLength == 0)
        return;
    if (v->type == &UA_TYPES[UA_TYPES_LOCALIZEDTEXT])
        take_strings(d, v->data, v->arrayLength);
    else if (v->type == &UA_TYPES[UA_TYPES_ENUMVALUETYPE] ||
             v->type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT])
        take_values(d, v);
}

/* ---- asking ---- */

static void ask(struct opcua_enum_strings *e);

static void on_values(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_enum_strings *e = arg;
    const UA_ReadResponse *r = response;
    e->call = NULL;
    if (UA_StatusCode_isBad(status)) {
        finish(e, !opcua_call_was_lost(status));
        return;
    }
    for (size_t i = 0; i < r->resultsSize && i < e->found_count; i++)
        if (r->results[i].hasValue && r->results[i].value.type)
            take(&e->of[e->found_of[i]], &r->results[i].value);
    forget_found(e);
    e->at += e->asked;
    ask(e);
}

static void read_found(struct opcua_enum_strings *e)
{
    UA_ReadValueId ids[TYPES_AT_ONCE];
    for (size_t i = 0; i < e->found_count; i++)
        ids[i] = (UA_ReadValueId){.nodeId = e->found[i], .attributeId = UA_ATTRIBUTEID_VALUE};
    UA_ReadRequest request = {.nodesToRead = ids,
                              .nodesToReadSize = e->found_count,
                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER};
    e->call = OPCUA_CALL(e->session, OPCUA_CALL_NOW, READ, &request, on_values, e, e->timeout_ms);
}

/* EnumStrings of a type stands before its EnumValues; one of them is enough. */
static void on_paths(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_enum_strings *e = arg;
    UA_TranslateBrowsePathsToNodeIdsResponse *r = response;
    e->call = NULL;
    if (UA_StatusCode_isBad(status)) {
        finish(e, !opcua_call_was_lost(status));
        return;
    }
    for (size_t i = 0; i < r->resultsSize && i < e->asked * PROPERTIES; i++) {
        size_t type = e->at + i / PROPERTIES;
        bool is_known = e->found_count > 0 && e->found_of[e->found_count - 1] == type;
        if (r->results[i].targetsSize == 0 || is_known)
            continue;
        UA_NodeId_copy(&r->results[i].targets[0].targetId.nodeId, &e->found[e->found_count]);
        e->found_of[e->found_count++] = type;
    }
    if (e->found_count > 0) {
        read_found(e);
        return;
    }
    e->at += e->asked;
    ask(e);
}

static size_t most(const struct opcua_enum_strings *e)
{
    const struct opcua_limits *l = opcua_session_limits(e->session);
    size_t max = TYPES_AT_ONCE;
    if (l->nodes_per_translate && l->nodes_per_translate / PROPERTIES < max)
        max = l->nodes_per_translate / PROPERTIES;
    if (l->nodes_per_read && l->nodes_per_read < max)
        max = l->nodes_per_read;
    return max ? max : 1;
}

static void ask(struct opcua_enum_strings *e)
{
    UA_BrowsePath paths[TYPES_AT_ONCE * PROPERTIES] = {0};
    UA_RelativePathElement elements[PROPERTIES] = {0};
    e->asked = e->count - e->at < most(e) ? e->count - e->at : most(e);
    if (e->asked == 0) {
        finish(e, true);
        return;
    }
    for (size_t i = 0; i < PROPERTIES; i++) {
        elements[i].referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASPROPERTY);
        elements[i].includeSubtypes = true;
        elements[i].targetName = UA_QUALIFIEDNAME(0, (char *)(uintptr_t)properties[i]);
    }
    for (size_t i = 0; i < e->asked * PROPERTIES; i++) {
        paths[i].startingNode = e->types[e->at + i / PROPERTIES];
        paths[i].relativePath =
            (UA_RelativePath){.elementsSize = 1, .elements = &elements[i % PROPERTIES]};
    }
    UA_TranslateBrowsePathsToNodeIdsRequest request = {.browsePaths = paths,
                                                       .browsePathsSize = e->asked * PROPERTIES};
    e->call = OPCUA_CALL(e->session, OPCUA_CALL_NOW, TRANSLATEBROWSEPATHSTONODEIDS, &request,
                         on_paths, e, e->timeout_ms);
}

struct opcua_enum_strings *opcua_enum_strings(struct opcua_session *s, const UA_NodeId *types,
                                              size_t count, opcua_enum_strings_fn *fn, void *arg,
                                              uint32_t timeout_ms)
{
    struct opcua_enum_strings *e = MEMORY_NEW(struct opcua_enum_strings);
    *e = (struct opcua_enum_strings){
        .session = s, .count = count, .fn = fn, .arg = arg, .timeout_ms = timeout_ms};
    assert(count > 0);
    e->types = UA_Array_new(count, &UA_TYPES[UA_TYPES_NODEID]);
    for (size_t i = 0; i < count; i++)
        UA_NodeId_copy(&types[i], &e->types[i]);
    e->of = UA_Array_new(count, &UA_TYPES[UA_TYPES_ENUMDEFINITION]);
    ask(e);
    return e;
}

void opcua_enum_strings_cancel(struct opcua_enum_strings **enum_strings)
{
    struct opcua_enum_strings *e = *enum_strings;
    if (!e)
        return;
    if (e->call)
        opcua_call_cancel(e->call);
    release(e);
    *enum_strings = NULL;
}
