#include "publisher/metadata.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/data_type.h"
#include "opcua/enum_strings.h"

#define NODES_MAX 250 /* that one question is about */
#define ATTRIBUTES 4  /* that are read of a field's node */
#define TYPE_PARTS 2  /* that are read of a data type */
#define SUPERTYPES_MAX 32
#define BUILTIN_VARIANT 24

static const uint32_t attributes[ATTRIBUTES] = {UA_ATTRIBUTEID_DATATYPE, UA_ATTRIBUTEID_VALUERANK,
                                                UA_ATTRIBUTEID_ARRAYDIMENSIONS,
                                                UA_ATTRIBUTEID_DESCRIPTION};
static const uint32_t type_parts[TYPE_PARTS] = {UA_ATTRIBUTEID_BROWSENAME,
                                                UA_ATTRIBUTEID_DATATYPEDEFINITION};

/* A data type of the server's own. */
struct type {
    UA_NodeId id, base;
    UA_QualifiedName name;
    UA_StructureDefinition *structure; /* one of the two, or none */
    UA_EnumDefinition *enumeration;
};

struct metadata_load {
    struct opcua_session *session;
    struct opcua_call *call;
    struct opcua_enum_strings *enums; /* being asked for */
    struct metadata_fields fields;
    UA_DataSetMetaDataType out;
    struct type *types;
    size_t type_count, type_cap;
    size_t at, count; /* what is being asked for */
    void (*step)(struct metadata_load *l);
    metadata_fn *fn;
    void *arg;
};

/* ---- fields to ask about ---- */

struct metadata_field *metadata_add(struct metadata_fields *f, struct slice name,
                                    const UA_NodeId *node)
{
    if (f->count == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 16;
        f->at = memory_resize(f->at, f->cap * sizeof *f->at);
    }
    struct metadata_field *field = &f->at[f->count++];
    *field = (struct metadata_field){0};
    UA_String text = {name.len, (UA_Byte *)(uintptr_t)name.at};
    UA_String_copy(&text, &field->name);
    if (node)
        UA_NodeId_copy(node, &field->node);
    return field;
}

void metadata_fields_clear(struct metadata_fields *f)
{
    for (size_t i = 0; i < f->count; i++) {
        UA_String_clear(&f->at[i].name);
        UA_NodeId_clear(&f->at[i].node);
        UA_Array_delete(f->at[i].path, f->at[i].path_size, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
    }
    free(f->at);
    *f = (struct metadata_fields){0};
}

/* ---- types ---- */

static struct type *find_type(const struct metadata_load *l, const UA_NodeId *id)
{
    for (size_t i = 0; i < l->type_count; i++)
        if (UA_NodeId_equal(&l->types[i].id, id))
            return &l->types[i];
    return NULL;
}

static void want_type(struct metadata_load *l, const UA_NodeId *id)
{
    if (id->namespaceIndex == 0 || l->type_count == METADATA_TYPES_MAX || find_type(l, id))
        return;
    if (l->type_count == l->type_cap) {
        l->type_cap = l->type_cap ? 2 * l->type_cap : 8;
        l->types = memory_resize(l->types, l->type_cap * sizeof *l->types);
    }
    struct type *t = &l->types[l->type_count++];
    *t = (struct type){0};
    UA_NodeId_copy(id, &t->id);
}

static void type_clear(struct type *t)
{
    UA_NodeId_clear(&t->id);
    UA_NodeId_clear(&t->base);
    UA_QualifiedName_clear(&t->name);
    if (t->structure)
        UA_StructureDefinition_delete(t->structure);
    if (t->enumeration)
        UA_EnumDefinition_delete(t->enumeration);
}

/* The built-in type that values of a data type have (Part 6, 5.1.2). */
static uint8_t builtin_of(const struct metadata_load *l, const UA_NodeId *id)
{
    for (int i = 0; i < SUPERTYPES_MAX && id->namespaceIndex != 0; i++) {
        const struct type *t = find_type(l, id);
        if (!t)
            return BUILTIN_VARIANT;
        if (t->structure)
            return UA_DATATYPEKIND_EXTENSIONOBJECT + 1;
        if (t->enumeration)
            return UA_DATATYPEKIND_INT32 + 1;
        id = &t->base;
    }
    const UA_DataType *wire = opcua_data_type_wire(id);
    return wire ? (uint8_t)(opcua_data_type_builtin(wire)->typeKind + 1) : BUILTIN_VARIANT;
}

/* ---- the answer ---- */

static void describe_types(struct metadata_load *l)
{
    UA_DataSetMetaDataType *m = &l->out;
    if (l->type_count == 0)
        return;
    m->structureDataTypes = UA_Array_new(l->type_count, &UA_TYPES[UA_TYPES_STRUCTUREDESCRIPTION]);
    m->enumDataTypes = UA_Array_new(l->type_count, &UA_TYPES[UA_TYPES_ENUMDESCRIPTION]);
    m->simpleDataTypes = UA_Array_new(l->type_count, &UA_TYPES[UA_TYPES_SIMPLETYPEDESCRIPTION]);
    for (size_t i = 0; i < l->type_count; i++) {
        struct type *t = &l->types[i];
        if (t->structure) {
            UA_StructureDescription *d = &m->structureDataTypes[m->structureDataTypesSize++];
            UA_NodeId_copy(&t->id, &d->dataTypeId);
            UA_QualifiedName_copy(&t->name, &d->name);
            UA_StructureDefinition_copy(t->structure, &d->structureDefinition);
        } else if (t->enumeration) {
            UA_EnumDescription *d = &m->enumDataTypes[m->enumDataTypesSize++];
            UA_NodeId_copy(&t->id, &d->dataTypeId);
            UA_QualifiedName_copy(&t->name, &d->name);
            UA_EnumDefinition_copy(t->enumeration, &d->enumDefinition);
            d->builtInType = UA_DATATYPEKIND_INT32 + 1;
        } else {
            UA_SimpleTypeDescription *d = &m->simpleDataTypes[m->simpleDataTypesSize++];
            UA_NodeId_copy(&t->id, &d->dataTypeId);
            UA_QualifiedName_copy(&t->name, &d->name);
            UA_NodeId_copy(&t->base, &d->baseDataType);
            d->builtInType = builtin_of(l, &t->id);
        }
    }
}

/* Index 1 is the first of them: OPC UA's own namespace is left out. */
static void describe_namespaces(struct metadata_load *l)
{
    const struct opcua_namespaces *names = opcua_session_namespaces(l->session);
    if (!names || names->count < 2)
        return;
    l->out.namespacesSize = names->count - 1;
    l->out.namespaces = UA_Array_new(names->count - 1, &UA_TYPES[UA_TYPES_STRING]);
    for (size_t i = 1; i < names->count; i++)
        UA_String_copy(&names->uris[i], &l->out.namespaces[i - 1]);
}

static void load_free(struct metadata_load *l)
{
    metadata_fields_clear(&l->fields);
    for (size_t i = 0; i < l->type_count; i++)
        type_clear(&l->types[i]);
    free(l->types);
    /* Arrays of types are as long as all types together. */
    UA_DataSetMetaDataType_clear(&l->out);
    free(l);
}

static void finish(struct metadata_load *l, bool known)
{
    metadata_fn *fn = l->fn;
    void *arg = l->arg;
    if (known) {
        for (size_t i = 0; i < l->out.fieldsSize; i++)
            l->out.fields[i].builtInType = builtin_of(l, &l->out.fields[i].dataType);
        describe_types(l);
        describe_namespaces(l);
    }
    fn(arg, known ? &l->out : NULL);
    load_free(l);
}

/* ---- asking ---- */

static size_t nodes_max(const struct metadata_load *l, size_t limit, size_t each)
{
    (void)l;
    size_t max = limit ? limit / each : NODES_MAX;
    return max == 0 ? 1 : max < NODES_MAX ? max : NODES_MAX;
}

static void go_on(struct metadata_load *l, size_t answered, void (*next)(struct metadata_load *l))
{
    l->at += answered;
    if (l->at >= l->count)
        l->step = next;
    l->step(l);
}

/* The answer if it is one, of `type` (NULL: of any). */
static const UA_DataValue *good(const UA_ReadResponse *r, size_t i, const UA_DataType *type)
{
    const UA_DataValue *v = i < r->resultsSize ? &r->results[i] : NULL;
    bool is = v && v->hasValue && !(v->hasStatus && UA_StatusCode_isBad(v->status)) &&
              (type ? v->value.type == type : v->value.type != NULL);
    return is ? v : NULL;
}

static void read_attributes(struct metadata_load *l, const UA_NodeId *const *nodes, size_t count,
                            const uint32_t *which, size_t each, opcua_call_fn *done)
{
    UA_ReadValueId ids[NODES_MAX * ATTRIBUTES];
    for (size_t i = 0; i < count * each; i++)
        ids[i] = (UA_ReadValueId){.nodeId = *nodes[i / each], .attributeId = which[i % each]};
    UA_ReadRequest request = {.nodesToRead = ids,
                              .nodesToReadSize = count * each,
                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER};
    l->call = OPCUA_CALL(l->session, OPCUA_CALL_NOW, READ, &request, done, l, METADATA_MS);
}

/* ---- step: enumerations that are told in a property of theirs ---- */

static bool is_enumeration(const struct metadata_load *l, const struct type *t)
{
    if (t->structure || t->enumeration)
        return false;
    for (int i = 0; t && i < SUPERTYPES_MAX; i++) {
        if (t->base.namespaceIndex == 0)
            return t->base.identifierType == UA_NODEIDTYPE_NUMERIC &&
                   t->base.identifier.numeric == UA_NS0ID_ENUMERATION;
        t = find_type(l, &t->base);
    }
    return false;
}

static void on_enums(void *arg, UA_EnumDefinition *of)
{
    struct metadata_load *l = arg;
    size_t n = 0;
    l->enums = NULL;
    for (size_t i = 0; of && i < l->type_count; i++) {
        struct type *t = &l->types[i];
        if (!is_enumeration(l, t))
            continue;
        UA_EnumDefinition *d = &of[n++];
        if (d->fieldsSize == 0)
            continue;
        t->enumeration = UA_EnumDefinition_new();
        *t->enumeration = *d;
        UA_EnumDefinition_init(d);
    }
    finish(l, of != NULL);
}

static void ask_enums(struct metadata_load *l)
{
    UA_NodeId *ids = memory_new((l->type_count + 1) * sizeof *ids); /* borrowed */
    size_t count = 0;
    for (size_t i = 0; i < l->type_count; i++)
        if (is_enumeration(l, &l->types[i]))
            ids[count++] = l->types[i].id;
    if (count > 0)
        l->enums = opcua_enum_strings(l->session, ids, count, on_enums, l, METADATA_MS);
    free(ids);
    if (count == 0)
        finish(l, true);
}

/* ---- step: super types ---- */

static void ask_types(struct metadata_load *l);

static void on_bases(void *arg, UA_StatusCode status, void *response)
{
    struct metadata_load *l = arg;
    UA_BrowseResponse *r = response;
    l->call = NULL;
    if (UA_StatusCode_isBad(status)) {
        finish(l, false);
        return;
    }
    size_t asked = r->resultsSize;
    for (size_t i = 0; i < asked && l->at + i < l->type_count; i++)
        if (r->results[i].referencesSize > 0) {
            UA_NodeId_copy(&r->results[i].references[0].nodeId.nodeId, &l->types[l->at + i].base);
            want_type(l, &l->types[l->at + i].base);
        }
    l->at += asked ? asked : 1;
    ask_types(l);
}

static void ask_bases(struct metadata_load *l, size_t count)
{
    UA_BrowseDescription which[NODES_MAX];
    for (size_t i = 0; i < count; i++)
        which[i] =
            (UA_BrowseDescription){.nodeId = l->types[l->at + i].id,
                                   .browseDirection = UA_BROWSEDIRECTION_INVERSE,
                                   .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASSUBTYPE)};
    UA_BrowseRequest request = {.nodesToBrowse = which, .nodesToBrowseSize = count};
    l->call = OPCUA_CALL(l->session, OPCUA_CALL_NOW, BROWSE, &request, on_bases, l, METADATA_MS);
}

/* ---- step: what types are ---- */

static void take_structure(struct metadata_load *l, size_t at, const UA_StructureDefinition *d)
{
    l->types[at].structure = UA_StructureDefinition_new();
    UA_StructureDefinition_copy(d, l->types[at].structure);
    want_type(l, &d->baseDataType);
    for (size_t i = 0; i < d->fieldsSize; i++)
        want_type(l, &d->fields[i].dataType); /* may move l->types */
}

static void take_definition(struct metadata_load *l, size_t at, const void *v,
                            const UA_DataType *type)
{
    const UA_ExtensionObject *o = v;
    if (type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]) {
        if (o->encoding >= UA_EXTENSIONOBJECT_DECODED)
            take_definition(l, at, o->content.decoded.data, o->content.decoded.type);
    } else if (type == &UA_TYPES[UA_TYPES_STRUCTUREDEFINITION]) {
        take_structure(l, at, v);
    } else if (type == &UA_TYPES[UA_TYPES_ENUMDEFINITION]) {
        l->types[at].enumeration = UA_EnumDefinition_new();
        UA_EnumDefinition_copy(v, l->types[at].enumeration);
    }
}

static void on_types(void *arg, UA_StatusCode status, void *response)
{
    struct metadata_load *l = arg;
    const UA_ReadResponse *r = response;
    l->call = NULL;
    if (UA_StatusCode_isBad(status)) {
        finish(l, false);
        return;
    }
    size_t count = r->resultsSize / TYPE_PARTS;
    for (size_t i = 0; i < count; i++) {
        const UA_DataValue *name = good(r, i * TYPE_PARTS, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
        const UA_DataValue *what = good(r, i * TYPE_PARTS + 1, NULL);
        if (name)
            UA_QualifiedName_copy(name->value.data, &l->types[l->at + i].name);
        if (what && UA_Variant_isScalar(&what->value)) /* the stack has unwrapped it, or not */
            take_definition(l, l->at + i, what->value.data, what->value.type);
    }
    if (count == 0)
        ask_enums(l);
    else
        ask_bases(l, count);
}

/* Each answer may name further types, which stand behind. */
static void ask_types(struct metadata_load *l)
{
    const UA_NodeId *nodes[NODES_MAX];
    size_t max = nodes_max(l, opcua_session_limits(l->session)->nodes_per_read, TYPE_PARTS);
    size_t browse = nodes_max(l, opcua_session_limits(l->session)->nodes_per_browse, 1);
    size_t count = l->type_count - l->at;
    count = count < max ? count : max;
    count = count < browse ? count : browse;
    if (count == 0) {
        ask_enums(l);
        return;
    }
    for (size_t i = 0; i < count; i++)
        nodes[i] = &l->types[l->at + i].id;
    read_attributes(l, nodes, count, type_parts, TYPE_PARTS, on_types);
}

static void begin_types(struct metadata_load *l)
{
    for (size_t i = 0; i < l->out.fieldsSize; i++)
        want_type(l, &l->out.fields[i].dataType);
    l->at = 0;
    ask_types(l);
}

/* ---- step: the fields' nodes ---- */

static void take_field(UA_FieldMetaData *f, const UA_ReadResponse *r, size_t at)
{
    const UA_DataValue *type = good(r, at, &UA_TYPES[UA_TYPES_NODEID]);
    const UA_DataValue *rank = good(r, at + 1, &UA_TYPES[UA_TYPES_INT32]);
    const UA_DataValue *dimensions = good(r, at + 2, &UA_TYPES[UA_TYPES_UINT32]);
    const UA_DataValue *description = good(r, at + 3, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT]);
    if (type) {
        UA_NodeId_clear(&f->dataType);
        UA_NodeId_copy(type->value.data, &f->dataType);
    }
    if (rank)
        f->valueRank = *(UA_Int32 *)rank->value.data;
    if (dimensions && dimensions->value.arrayLength > 0 &&
        UA_Array_copy(dimensions->value.data, dimensions->value.arrayLength,
                      (void **)&f->arrayDimensions,
                      &UA_TYPES[UA_TYPES_UINT32]) == UA_STATUSCODE_GOOD)
        f->arrayDimensionsSize = dimensions->value.arrayLength;
    if (description)
        UA_LocalizedText_copy(description->value.data, &f->description);
}

static void ask_fields(struct metadata_load *l);

static void on_fields(void *arg, UA_StatusCode status, void *response)
{
    struct metadata_load *l = arg;
    const UA_ReadResponse *r = response;
    l->call = NULL;
    if (UA_StatusCode_isBad(status)) {
        finish(l, false);
        return;
    }
    size_t count = r->resultsSize / ATTRIBUTES;
    for (size_t i = 0; i < count && l->at + i < l->count; i++)
        if (!l->fields.at[l->at + i].type)
            take_field(&l->out.fields[l->at + i], r, i * ATTRIBUTES);
    go_on(l, count ? count : l->count, begin_types);
}

static void ask_fields(struct metadata_load *l)
{
    const UA_NodeId *nodes[NODES_MAX];
    size_t max = nodes_max(l, opcua_session_limits(l->session)->nodes_per_read, ATTRIBUTES);
    size_t count = l->count - l->at < max ? l->count - l->at : max;
    for (size_t i = 0; i < count; i++)
        nodes[i] = &l->fields.at[l->at + i].node;
    read_attributes(l, nodes, count, attributes, ATTRIBUTES, on_fields);
}

static void begin_fields(struct metadata_load *l)
{
    l->at = 0;
    l->count = l->fields.count;
    l->step = ask_fields;
    l->step(l);
}

/* ---- step: paths to nodes ---- */

static void ask_paths(struct metadata_load *l);

static void on_paths(void *arg, UA_StatusCode status, void *response)
{
    struct metadata_load *l = arg;
    const UA_TranslateBrowsePathsToNodeIdsResponse *r = response;
    l->call = NULL;
    if (UA_StatusCode_isBad(status)) {
        finish(l, false);
        return;
    }
    for (size_t i = 0; i < r->resultsSize && l->at + i < l->count; i++) {
        struct metadata_field *f = &l->fields.at[l->at + i];
        if (f->path_size == 0)
            continue;
        UA_NodeId_clear(&f->node);
        if (r->results[i].targetsSize > 0)
            UA_NodeId_copy(&r->results[i].targets[0].targetId.nodeId, &f->node);
    }
    go_on(l, r->resultsSize ? r->resultsSize : l->count, begin_fields);
}

/* Those without a path are asked along with the others, and their answers passed over. */
static void ask_paths(struct metadata_load *l)
{
    UA_BrowsePath paths[NODES_MAX] = {0};
    size_t max = nodes_max(l, opcua_session_limits(l->session)->nodes_per_translate, 1);
    size_t count = l->count - l->at < max ? l->count - l->at : max;
    for (size_t i = 0; i < count; i++) {
        const struct metadata_field *f = &l->fields.at[l->at + i];
        paths[i].startingNode = f->node;
        paths[i].relativePath.elementsSize = f->path_size;
        paths[i].relativePath.elements =
            UA_Array_new(f->path_size, &UA_TYPES[UA_TYPES_RELATIVEPATHELEMENT]);
        for (size_t k = 0; k < f->path_size; k++) {
            UA_RelativePathElement *e = &paths[i].relativePath.elements[k];
            e->referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
            e->includeSubtypes = true;
            UA_QualifiedName_copy(&f->path[k], &e->targetName);
        }
    }
    UA_TranslateBrowsePathsToNodeIdsRequest request = {.browsePaths = paths,
                                                       .browsePathsSize = count};
    l->call = OPCUA_CALL(l->session, OPCUA_CALL_NOW, TRANSLATEBROWSEPATHSTONODEIDS, &request,
                         on_paths, l, METADATA_MS);
    for (size_t i = 0; i < count; i++)
        UA_RelativePath_clear(&paths[i].relativePath);
}

/* ---- a question as a whole ---- */

static bool has_paths(const struct metadata_fields *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->at[i].path_size > 0)
            return true;
    return false;
}

/* As if nobody knew more. */
static void describe_fields(struct metadata_load *l)
{
    UA_DataSetMetaDataType *m = &l->out;
    m->fields = UA_Array_new(l->fields.count, &UA_TYPES[UA_TYPES_FIELDMETADATA]);
    m->fieldsSize = l->fields.count;
    for (size_t i = 0; i < m->fieldsSize; i++) {
        const struct metadata_field *f = &l->fields.at[i];
        UA_String_copy(&f->name, &m->fields[i].name);
        m->fields[i].dataSetFieldId = f->id;
        m->fields[i].valueRank = f->type ? UA_VALUERANK_SCALAR : UA_VALUERANK_ANY;
        m->fields[i].dataType =
            f->type ? f->type->typeId : UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATATYPE);
    }
}

struct metadata_load *metadata_load(struct opcua_session *s, struct metadata_fields *fields,
                                    metadata_fn *fn, void *arg)
{
    struct metadata_load *l = MEMORY_NEW(struct metadata_load);
    l->session = s;
    l->fields = *fields;
    *fields = (struct metadata_fields){0};
    l->fn = fn;
    l->arg = arg;
    describe_fields(l);
    if (has_paths(&l->fields)) {
        l->count = l->fields.count;
        l->step = ask_paths;
        ask_paths(l);
    } else {
        begin_fields(l);
    }
    return l;
}

void metadata_cancel(struct metadata_load **load)
{
    struct metadata_load *l = *load;
    if (!l)
        return;
    if (l->call)
        opcua_call_cancel(l->call);
    opcua_enum_strings_cancel(&l->enums);
    load_free(l);
    *load = NULL;
}
