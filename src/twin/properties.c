#include "twin/properties.h"

#include "opcua/browse.h"
#include "twin/read.h"
#include "twin/translate.h"

#define DEPTH_MAX 4

/* ---- the answer ---- */

/* ".NET" time spans: "[d.]hh:mm:ss[.fffffff]". */
static void put_duration(struct json_writer *w, double ms)
{
    struct buffer text = {0};
    uint64_t ticks = ms > 0 && ms < 9e14 ? (uint64_t)(ms * 10000) : 0;
    uint64_t s = ticks / 10000000;
    if (s >= 86400)
        buffer_printf(&text, "%llu.", (unsigned long long)(s / 86400));
    buffer_printf(&text, "%02u:%02u:%02u", (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60),
                  (unsigned)(s % 60));
    if (ticks % 10000000)
        buffer_printf(&text, ".%07u", (unsigned)(ticks % 10000000));
    json_put_string(w, buffer_slice(&text));
    buffer_clear(&text);
}

static void put_any(struct twin_request *r, const char *member, const UA_DataValue *v)
{
    json_name(&r->writer, member);
    opcua_value_json_variant(&v->value, &r->form, r->writer.out);
    r->writer.comma = true;
}

static bool put_enumeration(struct json_writer *w, const struct twin_property *p,
                            const UA_DataValue *v)
{
    const UA_Int32 *n = twin_read_scalar(v, UA_TYPES_INT32);
    if (n == NULL || *n < 0 || (size_t)*n >= p->name_count)
        return false;
    json_name(w, p->member), json_put_text(w, p->names[*n]);
    return true;
}

static bool is_zero(const UA_DataValue *v)
{
    const UA_DataType *type = v->value.type;
    static const uint8_t zeros[8];
    return UA_Variant_isScalar(&v->value) && type->memSize <= sizeof(zeros) &&
           memcmp(v->value.data, zeros, type->memSize) == 0;
}

static void put_value(struct twin_request *r, const struct twin_property *p, const UA_DataValue *v)
{
    const UA_Double *ms = twin_read_scalar(v, UA_TYPES_DOUBLE);
    if (!v->hasValue || UA_Variant_isEmpty(&v->value) ||
        (v->hasStatus && UA_StatusCode_isBad(v->status)))
        return;
    if (p->kind == TWIN_PROPERTY_DURATION && ms)
        json_name(&r->writer, p->member), put_duration(&r->writer, *ms);
    else if (p->names)
        put_enumeration(&r->writer, p, v);
    else if (p->kind != TWIN_PROPERTY_LIMIT || !is_zero(v))
        put_any(r, p->member, v);
}

void twin_properties_put(struct twin_properties *p, size_t first, size_t last)
{
    struct json_writer *w = &p->request->writer;
    for (size_t i = first; i < last; i++) {
        if (p->values[i])
            put_value(p->request, &p->table[i], p->values[i]);
        if (p->children[i].len)
            json_name(w, p->table[i].member), json_put_raw(w, buffer_slice(&p->children[i]));
        buffer_clear(&p->children[i]);
    }
}

/* ---- children of folders ---- */

static void next_folder(struct twin_properties *p);

static void on_children(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                        size_t count)
{
    struct twin_properties *p = arg;
    struct buffer *out = &p->children[p->at];
    struct json_writer w = json_writer(out);
    if (status == UA_STATUSCODE_GOOD && count) {
        json_object(&w);
        for (size_t i = 0; i < count; i++) {
            struct buffer id = {0};
            opcua_expanded_id_print(&refs[i].nodeId, &p->request->names, p->request->form.format,
                                    &id);
            json_name_slice(&w, opcua_slice(refs[i].browseName.name));
            json_put_string(&w, buffer_slice(&id));
            buffer_clear(&id);
        }
        json_end_object(&w);
    }
    p->at++;
    next_folder(p);
}

static void next_folder(struct twin_properties *p)
{
    while (p->at < p->count &&
           (p->table[p->at].kind != TWIN_PROPERTY_NAMES || UA_NodeId_isNull(&p->nodes[p->at])))
        p->at++;
    if (p->at == p->count) {
        p->done(p->arg);
        return;
    }
    UA_BrowseDescription d;
    UA_BrowseDescription_init(&d);
    d.nodeId = p->nodes[p->at];
    d.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
    d.includeSubtypes = true;
    d.resultMask = UA_BROWSERESULTMASK_BROWSENAME;
    opcua_browse_all(p->request->session, &d, on_children, p, twin_request_left_ms(p->request));
}

/* ---- values ---- */

static void on_values(void *arg, UA_StatusCode status, UA_DataValue *values)
{
    struct twin_properties *p = arg;
    size_t at = 0;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(p->request, status, NULL);
        return;
    }
    for (size_t i = 0; i < p->count; i++)
        if (p->table[i].kind != TWIN_PROPERTY_NAMES && !UA_NodeId_isNull(&p->nodes[i]))
            p->values[i] = &values[at++];
    next_folder(p);
}

static void read_values(struct twin_properties *p)
{
    UA_ReadValueId *ids = ARENA_TAKE_N(&p->request->arena, UA_ReadValueId, p->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->table[i].kind != TWIN_PROPERTY_NAMES && !UA_NodeId_isNull(&p->nodes[i]))
            ids[count++] =
                (UA_ReadValueId){.nodeId = p->nodes[i], .attributeId = UA_ATTRIBUTEID_VALUE};
    twin_read(p->request, ids, count, on_values, p);
}

/* ---- paths ---- */

static void take_target(struct twin_properties *p, size_t i, UA_BrowsePathResult *result)
{
    if (result->statusCode != UA_STATUSCODE_GOOD || result->targetsSize == 0 ||
        result->targets->remainingPathIndex != UINT32_MAX || result->targets->targetId.serverIndex)
        return;
    p->nodes[i] = result->targets->targetId.nodeId;
    UA_NodeId_init(&result->targets->targetId.nodeId); /* moved */
    twin_request_own_id(p->request, &p->nodes[i]);
}

static void on_translated(void *arg, UA_StatusCode status, UA_BrowsePathResult *results)
{
    struct twin_properties *p = arg;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(p->request, status, NULL);
        return;
    }
    for (size_t i = 0; i < p->count; i++)
        take_target(p, i, &results[i]);
    read_values(p);
}

static void make_path(struct twin_properties *p, const char *path, UA_BrowsePath *out)
{
    struct slice rest = slice_of(path), name;
    UA_RelativePathElement *elements =
        ARENA_TAKE_N(&p->request->arena, UA_RelativePathElement, DEPTH_MAX);
    size_t count = 0;
    while (count < DEPTH_MAX && slice_split(&rest, '/', &name))
        elements[count++] = (UA_RelativePathElement){
            .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES),
            .includeSubtypes = true,
            .targetName = {0, opcua_string_of(name)},
        };
    *out = (UA_BrowsePath){.startingNode = p->from,
                           .relativePath = {.elements = elements, .elementsSize = count}};
}

void twin_properties_read(struct twin_properties *p)
{
    struct arena *a = &p->request->arena;
    UA_BrowsePath *paths = ARENA_TAKE_N(a, UA_BrowsePath, p->count);
    p->nodes = ARENA_TAKE_N(a, UA_NodeId, p->count);
    p->values = ARENA_TAKE_N(a, UA_DataValue *, p->count);
    p->children = ARENA_TAKE_N(a, struct buffer, p->count);
    for (size_t i = 0; i < p->count; i++)
        make_path(p, p->table[i].path, &paths[i]);
    twin_translate(p->request, paths, p->count, on_translated, p);
}
