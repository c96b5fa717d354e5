#include "pubsub/metadata.h"

#include <stdlib.h>

#include "base/memory.h"
#include "pubsub/metadata_read.h"
#include "pubsub/metadata_types.h"

#define ATTRIBUTES 4 /* that are read of a field's node */

static const uint32_t attributes[ATTRIBUTES] = {UA_ATTRIBUTEID_DATATYPE, UA_ATTRIBUTEID_VALUERANK,
                                                UA_ATTRIBUTEID_ARRAYDIMENSIONS,
                                                UA_ATTRIBUTEID_DESCRIPTION};

struct metadata_load {
    struct opcua_session *session;
    struct opcua_call *call;
    struct metadata_fields fields;
    UA_DataSetMetaDataType out;
    struct metadata_types *types; /* being asked for */
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

/* ---- the answer ---- */

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
    metadata_types_cancel(&l->types);
    UA_DataSetMetaDataType_clear(&l->out);
    free(l);
}

/* NULL: the server could not be asked. */
static void finish(struct metadata_load *l, const struct metadata_types *types)
{
    metadata_fn *fn = l->fn;
    void *arg = l->arg;
    if (types) {
        for (size_t i = 0; i < l->out.fieldsSize; i++)
            l->out.fields[i].builtInType =
                metadata_types_builtin(types, &l->out.fields[i].dataType);
        metadata_types_describe(types, &l->out);
        describe_namespaces(l);
    }
    fn(arg, types ? &l->out : NULL);
    load_free(l);
}

/* ---- asking ---- */

static void go_on(struct metadata_load *l, size_t answered, void (*next)(struct metadata_load *l))
{
    l->at += answered;
    if (l->at >= l->count)
        l->step = next;
    l->step(l);
}

/* ---- step: their types ---- */

static void on_types(void *arg, const struct metadata_types *types)
{
    finish(arg, types);
}

static void begin_types(struct metadata_load *l)
{
    UA_NodeId *ids = memory_new((l->out.fieldsSize + 1) * sizeof *ids); /* borrowed */
    for (size_t i = 0; i < l->out.fieldsSize; i++)
        ids[i] = l->out.fields[i].dataType;
    metadata_types_load(l->session, ids, l->out.fieldsSize, on_types, l, &l->types);
    free(ids); /* l may be gone */
}

/* ---- step: the fields' nodes ---- */

static void take_field(UA_FieldMetaData *f, const UA_ReadResponse *r, size_t at)
{
    const UA_DataValue *type = metadata_good(r, at, &UA_TYPES[UA_TYPES_NODEID]);
    const UA_DataValue *rank = metadata_good(r, at + 1, &UA_TYPES[UA_TYPES_INT32]);
    const UA_DataValue *dimensions = metadata_good(r, at + 2, &UA_TYPES[UA_TYPES_UINT32]);
    const UA_DataValue *description = metadata_good(r, at + 3, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT]);
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
        finish(l, NULL);
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
    const UA_NodeId *nodes[METADATA_NODES_MAX];
    size_t max = metadata_nodes_max(opcua_session_limits(l->session)->nodes_per_read, ATTRIBUTES);
    size_t count = l->count - l->at < max ? l->count - l->at : max;
    for (size_t i = 0; i < count; i++)
        nodes[i] = &l->fields.at[l->at + i].node;
    l->call = metadata_read(l->session, nodes, count,
                            &(struct metadata_attributes){attributes, ATTRIBUTES}, on_fields, l);
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
        finish(l, NULL);
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
    UA_BrowsePath paths[METADATA_NODES_MAX] = {0};
    size_t max = metadata_nodes_max(opcua_session_limits(l->session)->nodes_per_translate, 1);
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
    load_free(l);
    *load = NULL;
}
