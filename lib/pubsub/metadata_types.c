#include "pubsub/metadata_types.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/data_type.h"
#include "opcua/definition.h"
#include "opcua/enum_strings.h"
#include "opcua/types.h"
#include "pubsub/metadata.h"
#include "pubsub/metadata_read.h"

#define PARTS 3 /* that are read of a data type */
#define SUPERTYPES_MAX 32
#define BUILTIN_VARIANT 24

static const uint32_t parts[PARTS] = {UA_ATTRIBUTEID_BROWSENAME, UA_ATTRIBUTEID_DATATYPEDEFINITION,
                                      UA_ATTRIBUTEID_ISABSTRACT};

/* A data type of the server's own. */
struct type {
    UA_NodeId id, base;
    UA_QualifiedName name;
    UA_StructureDefinition *structure; /* one of the two, or none */
    UA_EnumDefinition *enumeration;
    bool abstract; /* values of it are of one of its subtypes, and say so */
};

struct metadata_types {
    struct opcua_session *session;
    struct opcua_call *call;
    struct opcua_enum_strings *enums; /* being asked for; or */
    struct opcua_types_waiter *dictionaries;
    bool asked_dictionaries;
    struct type *types;
    size_t type_count, type_cap;
    size_t at, asked; /* what is being asked for; an answer may hold more */
    metadata_types_fn *fn;
    void *arg;
    struct metadata_types **out;
};

/* ---- types ---- */

static struct type *find_type(const struct metadata_types *l, const UA_NodeId *id)
{
    for (size_t i = 0; i < l->type_count; i++)
        if (UA_NodeId_equal(&l->types[i].id, id))
            return &l->types[i];
    return NULL;
}

static void want_type(struct metadata_types *l, const UA_NodeId *id)
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

uint8_t metadata_types_builtin(const struct metadata_types *l, const UA_NodeId *id)
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

/* What servers of 1.04 and before leave to the fields' types, 1.05 says with the structure. */
static void tell_abstract(const struct metadata_types *l, UA_StructureDefinition *d)
{
    bool is_union = d->structureType == UA_STRUCTURETYPE_UNION, any = false;
    if (!is_union && d->structureType != UA_STRUCTURETYPE_STRUCTURE)
        return;
    for (size_t i = 0; i < d->fieldsSize; i++) {
        const struct type *t = find_type(l, &d->fields[i].dataType);
        d->fields[i].isOptional = t && t->abstract;
        any = any || d->fields[i].isOptional;
    }
    if (any)
        d->structureType = (UA_StructureType)(is_union ? OPCUA_UNION_WITH_SUBTYPES
                                                       : OPCUA_STRUCTURE_WITH_SUBTYPES);
}

/* Arrays of types are as long as all types together. */
void metadata_types_describe(const struct metadata_types *l, UA_DataSetMetaDataType *m)
{
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
            tell_abstract(l, &d->structureDefinition);
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
            d->builtInType = metadata_types_builtin(l, &t->id);
        }
    }
}

static void types_free(struct metadata_types *l)
{
    for (size_t i = 0; i < l->type_count; i++)
        type_clear(&l->types[i]);
    free(l->types);
    free(l);
}

static void finish(struct metadata_types *l, bool known)
{
    *l->out = NULL;
    l->fn(l->arg, known ? l : NULL);
    types_free(l);
}

/* ---- step: enumerations that are told in a property of theirs ---- */

/* Of OPC UA's type `base`, directly or not. */
static bool is_below(const struct metadata_types *l, const struct type *t, uint32_t base)
{
    for (int i = 0; t && i < SUPERTYPES_MAX; i++) {
        if (t->base.namespaceIndex == 0)
            return t->base.identifierType == UA_NODEIDTYPE_NUMERIC &&
                   t->base.identifier.numeric == base;
        t = find_type(l, &t->base);
    }
    return false;
}

static bool is_enumeration(const struct metadata_types *l, const struct type *t)
{
    return !t->structure && !t->enumeration && is_below(l, t, UA_NS0ID_ENUMERATION);
}

static void on_enums(void *arg, UA_EnumDefinition *of)
{
    struct metadata_types *l = arg;
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

static void ask_enums(struct metadata_types *l)
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

/* ---- step: structures that only a dictionary describes ---- */

static void ask_types(struct metadata_types *l);
static void ask_dictionaries(struct metadata_types *l);

static void take_structure(struct metadata_types *l, size_t at, const UA_StructureDefinition *d)
{
    l->types[at].structure = UA_StructureDefinition_new();
    UA_StructureDefinition_copy(d, l->types[at].structure);
    if (!UA_NodeId_isNull(&d->defaultEncodingId))
        l->types[at].abstract = false; /* some servers say that all types are */
    want_type(l, &d->baseDataType);
    for (size_t i = 0; i < d->fieldsSize; i++)
        want_type(l, &d->fields[i].dataType); /* may move l->types */
}

/* False: nothing is to be asked behind it. */
static bool take_described(struct metadata_types *l)
{
    const struct opcua_types *known = opcua_session_types(l->session);
    size_t before = l->type_count;
    for (size_t i = 0; i < before; i++) {
        struct type *t = &l->types[i];
        const struct opcua_described *d =
            t->structure || t->enumeration ? NULL : opcua_types_described(known, &t->id);
        if (!d)
            continue;
        if (t->name.name.length == 0)
            UA_QualifiedName_copy(&d->name, &t->name);
        t->abstract = false; /* a dictionary says what is on the wire */
        take_structure(l, i, &d->definition);
    }
    return l->type_count > before;
}

static bool lacks_structures(const struct metadata_types *l)
{
    for (size_t i = 0; i < l->type_count; i++)
        if (!l->types[i].structure && is_below(l, &l->types[i], UA_NS0ID_STRUCTURE))
            return true;
    return false;
}

static void on_dictionaries(void *arg)
{
    ask_dictionaries(arg);
}

/* All types were asked for: what is a structure and has no definition may be described elsewhere.
 */
static void ask_dictionaries(struct metadata_types *l)
{
    struct opcua_types *known = opcua_session_types(l->session);
    if (take_described(l)) {
        ask_types(l);
    } else if (!known || l->asked_dictionaries || !lacks_structures(l)) {
        ask_enums(l);
    } else {
        l->asked_dictionaries = true;
        opcua_types_ask_dictionaries(known, l->session,
                                     &(struct opcua_types_wish){.timeout_ms = METADATA_MS,
                                                                .fn = on_dictionaries,
                                                                .arg = l,
                                                                .out = &l->dictionaries});
    }
}

/* ---- step: super types ---- */

static void on_bases(void *arg, UA_StatusCode status, void *response)
{
    struct metadata_types *l = arg;
    UA_BrowseResponse *r = response;
    l->call = NULL;
    if (UA_StatusCode_isBad(status)) {
        finish(l, false);
        return;
    }
    size_t asked = r->resultsSize < l->asked ? r->resultsSize : l->asked;
    for (size_t i = 0; i < asked; i++)
        if (r->results[i].referencesSize > 0) {
            UA_NodeId_copy(&r->results[i].references[0].nodeId.nodeId, &l->types[l->at + i].base);
            want_type(l, &l->types[l->at + i].base);
        }
    l->at += asked ? asked : 1;
    ask_types(l);
}

static void ask_bases(struct metadata_types *l, size_t count)
{
    UA_BrowseDescription which[METADATA_NODES_MAX];
    l->asked = count;
    for (size_t i = 0; i < count; i++)
        which[i] =
            (UA_BrowseDescription){.nodeId = l->types[l->at + i].id,
                                   .browseDirection = UA_BROWSEDIRECTION_INVERSE,
                                   .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASSUBTYPE)};
    UA_BrowseRequest request = {.nodesToBrowse = which, .nodesToBrowseSize = count};
    l->call = OPCUA_CALL(l->session, OPCUA_CALL_NOW, BROWSE, &request, on_bases, l, METADATA_MS);
}

/* ---- step: what types are ---- */

static void take_definition(struct metadata_types *l, size_t at, const void *v,
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
    struct metadata_types *l = arg;
    const UA_ReadResponse *r = response;
    l->call = NULL;
    if (UA_StatusCode_isBad(status)) {
        finish(l, false);
        return;
    }
    size_t count = r->resultsSize / PARTS;
    count = count < l->asked ? count : l->asked;
    for (size_t i = 0; i < count; i++) {
        const UA_DataValue *name = metadata_good(r, i * PARTS, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
        const UA_DataValue *what = metadata_good(r, i * PARTS + 1, NULL);
        const UA_DataValue *abstract = metadata_good(r, i * PARTS + 2, &UA_TYPES[UA_TYPES_BOOLEAN]);
        if (abstract)
            l->types[l->at + i].abstract = *(UA_Boolean *)abstract->value.data;
        if (name)
            UA_QualifiedName_copy(name->value.data, &l->types[l->at + i].name);
        if (what && UA_Variant_isScalar(&what->value)) /* the stack has unwrapped it, or not */
            take_definition(l, l->at + i, what->value.data, what->value.type);
    }
    if (count == 0)
        ask_dictionaries(l);
    else
        ask_bases(l, count);
}

/* Each answer may name further types, which stand behind. */
static void ask_types(struct metadata_types *l)
{
    const UA_NodeId *nodes[METADATA_NODES_MAX];
    size_t max = metadata_nodes_max(opcua_session_limits(l->session)->nodes_per_read, PARTS);
    size_t browse = metadata_nodes_max(opcua_session_limits(l->session)->nodes_per_browse, 1);
    size_t count = l->type_count - l->at;
    count = count < max ? count : max;
    count = count < browse ? count : browse;
    if (count == 0) {
        ask_dictionaries(l);
        return;
    }
    l->asked = count;
    for (size_t i = 0; i < count; i++)
        nodes[i] = &l->types[l->at + i].id;
    l->call = metadata_read(l->session, nodes, count, &(struct metadata_attributes){parts, PARTS},
                            on_types, l);
}

void metadata_types_load(struct opcua_session *s, const UA_NodeId *ids, size_t count,
                         metadata_types_fn *fn, void *arg, struct metadata_types **out)
{
    struct metadata_types *l = MEMORY_NEW(struct metadata_types);
    l->session = s;
    l->fn = fn;
    l->arg = arg;
    l->out = out;
    *out = l;
    for (size_t i = 0; i < count; i++)
        want_type(l, &ids[i]);
    ask_types(l);
}

void metadata_types_cancel(struct metadata_types **types)
{
    struct metadata_types *l = *types;
    *types = NULL;
    if (!l)
        return;
    if (l->call)
        opcua_call_cancel(l->call);
    opcua_enum_strings_cancel(&l->enums);
    opcua_types_wait_no_more(&l->dictionaries);
    types_free(l);
}
