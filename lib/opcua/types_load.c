/* Asking a server what its structures are: one after the other, until all that a type's fields are
 * is known. */
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/browse.h"
#include "opcua/data_type.h"
#include "opcua/types_priv.h"

#define OPTIONAL_MAX 32 /* bits of the mask that says which are there (Part 6, 5.2.7) */

struct load {
    struct opcua_types *t; /* held */
    struct opcua_session *session;
    uint64_t ends_ms;
    struct list types; /* asked for with this load */
    struct opcua_own_type *root, *at;
    size_t field; /* of `at` */
    opcua_types_fn *fn;
    void *arg;
};

static void ask_next(struct load *l);
static void find_fields(struct load *l);

static uint32_t left_ms(const struct load *l)
{
    uint64_t now = loop_now_ms(opcua_thread_loop(opcua_session_thread(l->session)));
    return l->ends_ms > now ? (uint32_t)(l->ends_ms - now) : 1;
}

/* ---- the end ---- */

static bool lay_out(struct opcua_own_type *o)
{
    return o->fields && o->type.memSize == 0 &&
           opcua_type_layout(&o->type, o->fields, o->field_count) == OK;
}

static void forget_fields(struct opcua_own_type *o)
{
    free(o->type.members);
    o->type.members = NULL;
    o->type.membersSize = 0;
    o->type.memSize = 0;
}

static bool has_unknown(const struct opcua_own_type *o)
{
    for (size_t i = 0; i < o->field_count; i++)
        if (o->type.memSize && o->fields[i].type->memSize == 0)
            return true;
    return false;
}

/* Inner ones first; then those are given up that have something which is not known. */
static void lay_out_all(struct list *types)
{
    for (bool more = true; more;) {
        more = false;
        LIST_EACH(k, types)
        more = lay_out(LIST_OF(k, struct opcua_own_type, link)) || more;
    }
    for (bool more = true; more;) {
        more = false;
        LIST_EACH(k, types)
        {
            struct opcua_own_type *o = LIST_OF(k, struct opcua_own_type, link);
            if (has_unknown(o)) {
                forget_fields(o);
                more = true;
            }
        }
    }
}

/* A server that did not answer in time has not said that it does not describe the type. */
static bool was_cut_short(const struct load *l)
{
    return l->root->type.memSize == 0 &&
           (left_ms(l) <= 1 || opcua_session_state(l->session) != OPCUA_SESSION_READY);
}

static void keep_all(struct load *l)
{
    for (struct link *k; (k = list_first(&l->types));) {
        list_remove(k);
        list_push(&l->t->types, k);
        l->t->count++;
    }
}

static void forget_all(struct load *l)
{
    for (struct link *k; (k = list_first(&l->types));)
        opcua_own_type_free(LIST_OF(k, struct opcua_own_type, link));
}

static void finish(struct load *l)
{
    struct opcua_types *t = l->t;
    const UA_DataType *type = NULL;
    lay_out_all(&l->types);
    if (was_cut_short(l)) {
        forget_all(l);
    } else {
        keep_all(l);
        type = l->root->type.memSize ? &l->root->type : NULL;
    }
    l->fn(l->arg, type);
    opcua_types_unref(&t);
    free(l);
}

/* ---- fields ---- */

static void give_up(struct load *l)
{
    struct opcua_own_type *o = l->at;
    free(o->fields);
    o->fields = NULL; /* never laid out */
    ask_next(l);
}

static struct opcua_own_type *add(struct load *l, const UA_NodeId *id)
{
    struct opcua_own_type *o = opcua_own_type_new(id);
    list_push(&l->types, &o->link);
    return o;
}

static void on_wire(void *arg, UA_StatusCode status, const UA_DataType *type)
{
    struct load *l = arg;
    struct opcua_own_type *o = l->at;
    if (status != UA_STATUSCODE_GOOD) {
        give_up(l);
        return;
    }
    if (type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]) /* a structure of the server's own */
        type = &add(l, &o->field_types[l->field])->type;
    o->fields[l->field++].type = type;
    find_fields(l);
}

/* What is known of a field's type, here or in this load. */
static const UA_DataType *known(struct load *l, const UA_NodeId *id)
{
    const UA_DataType *wire = opcua_data_type_wire(id);
    struct opcua_own_type *o = wire ? NULL : opcua_own_type_find(&l->types, id);
    if (o == NULL && wire == NULL)
        o = opcua_own_type_find(&l->t->types, id);
    return o ? &o->type : wire;
}

static void find_fields(struct load *l)
{
    struct opcua_own_type *o = l->at;
    for (; l->field < o->field_count; l->field++) {
        const UA_DataType *type = known(l, &o->field_types[l->field]);
        if (type == NULL) {
            opcua_browse_data_type(l->session, &o->field_types[l->field], on_wire, l, left_ms(l));
            return;
        }
        o->fields[l->field].type = type;
    }
    ask_next(l);
}

/* ---- the definition ---- */

static bool take_fields(struct opcua_own_type *o, const UA_StructureDefinition *d)
{
    static const UA_UInt32 kinds[] = {UA_DATATYPEKIND_STRUCTURE, UA_DATATYPEKIND_OPTSTRUCT,
                                      UA_DATATYPEKIND_UNION};
    size_t optional = 0;
    if ((unsigned)d->structureType >= 3 || d->fieldsSize > OPCUA_TYPE_FIELDS_MAX)
        return false; /* those with subtypes of their fields */
    o->type.typeKind = kinds[d->structureType] & 63;
    o->names = memory_new((d->fieldsSize + 1) * sizeof(*o->names));
    o->fields = memory_new((d->fieldsSize + 1) * sizeof(*o->fields));
    o->field_types = memory_new((d->fieldsSize + 1) * sizeof(*o->field_types));
    for (size_t i = 0; i < d->fieldsSize; i++) {
        const UA_StructureField *f = &d->fields[i];
        bool array = f->valueRank == UA_VALUERANK_ONE_DIMENSION;
        o->names[i] = slice_dup(opcua_slice(f->name));
        UA_NodeId_copy(&f->dataType, &o->field_types[i]);
        o->field_count = i + 1;
        o->fields[i] = (struct opcua_type_field){
            .name = o->names[i],
            .array = array,
            .optional =
                d->structureType == UA_STRUCTURETYPE_STRUCTUREWITHOPTIONALFIELDS && f->isOptional,
        };
        if (!array && f->valueRank != UA_VALUERANK_SCALAR)
            return false; /* a matrix */
        optional += o->fields[i].optional;
        if (optional > OPTIONAL_MAX)
            return false;
    }
    return true;
}

static void set_ids(struct opcua_own_type *o)
{
    o->type.typeName = o->name ? o->name : "";
    o->type.typeId = o->id;
    o->type.binaryEncodingId = o->encoding;
}

static void on_encodings(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                         size_t count)
{
    struct load *l = arg;
    struct opcua_own_type *o = l->at;
    for (size_t i = 0; status == UA_STATUSCODE_GOOD && i < count; i++)
        if (slice_eq(opcua_slice(refs[i].browseName.name), SLICE("Default Binary")) &&
            UA_NodeId_isNull(&o->encoding)) {
            o->encoding = refs[i].nodeId.nodeId;
            UA_NodeId_init(&refs[i].nodeId.nodeId); /* moved */
        }
    set_ids(o);
    find_fields(l);
}

static void browse_encodings(struct load *l, const UA_NodeId *id, UA_BrowseDirection direction,
                             opcua_browse_all_fn *fn)
{
    UA_BrowseDescription d;
    UA_BrowseDescription_init(&d);
    d.nodeId = *id;
    d.browseDirection = direction;
    d.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASENCODING);
    d.includeSubtypes = true;
    d.resultMask = UA_BROWSERESULTMASK_BROWSENAME;
    opcua_browse_all(l->session, &d, fn, l, left_ms(l));
}

static const UA_StructureDefinition *definition_of(const UA_DataValue *v)
{
    if (!v->hasValue ||
        !UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_STRUCTUREDEFINITION]))
        return NULL;
    return v->value.data;
}

static void on_definition(void *arg, UA_StatusCode status, void *response)
{
    struct load *l = arg;
    struct opcua_own_type *o = l->at;
    const UA_ReadResponse *answer = response;
    const UA_StructureDefinition *d = NULL;
    if (status == UA_STATUSCODE_GOOD && answer->resultsSize == 2) {
        const UA_DataValue *name = &answer->results[1];
        d = definition_of(&answer->results[0]);
        if (name->hasValue &&
            UA_Variant_hasScalarType(&name->value, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]))
            o->name = slice_dup(opcua_slice(((UA_QualifiedName *)name->value.data)->name));
    }
    if (d == NULL || !take_fields(o, d)) {
        give_up(l);
        return;
    }
    if (UA_NodeId_isNull(&o->encoding))
        UA_NodeId_copy(&d->defaultEncodingId, &o->encoding);
    l->field = 0;
    if (UA_NodeId_isNull(&o->encoding)) {
        browse_encodings(l, &o->id, UA_BROWSEDIRECTION_FORWARD, on_encodings);
        return;
    }
    set_ids(o);
    find_fields(l);
}

static void ask(struct load *l)
{
    UA_ReadValueId ids[2];
    UA_ReadRequest request;
    UA_ReadRequest_init(&request);
    memset(ids, 0, sizeof(ids));
    ids[0].nodeId = ids[1].nodeId = l->at->id;
    ids[0].attributeId = UA_ATTRIBUTEID_DATATYPEDEFINITION;
    ids[1].attributeId = UA_ATTRIBUTEID_BROWSENAME;
    request.nodesToRead = ids;
    request.nodesToReadSize = 2;
    l->at->described = true;
    OPCUA_CALL(l->session, OPCUA_CALL_NOW, READ, &request, on_definition, l, left_ms(l));
}

static void ask_next(struct load *l)
{
    size_t count = 0;
    LIST_EACH(k, &l->types)
    {
        struct opcua_own_type *o = LIST_OF(k, struct opcua_own_type, link);
        if (!o->described && l->t->count + ++count <= OPCUA_TYPES_MAX) {
            l->at = o;
            ask(l);
            return;
        }
    }
    finish(l);
}

/* ---- the beginning ---- */

/* What is no encoding may be the data type itself. */
static void on_data_type(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                         size_t count)
{
    struct load *l = arg;
    if (status == UA_STATUSCODE_GOOD && count > 0 && refs->nodeId.serverIndex == 0) {
        UA_NodeId_clear(&l->root->id);
        l->root->id = refs->nodeId.nodeId;
        UA_NodeId_init(&refs->nodeId.nodeId); /* moved */
    } else {
        UA_NodeId_clear(&l->root->encoding);
    }
    ask_next(l);
}

void opcua_types_load(struct opcua_types *t, struct opcua_session *s, const UA_NodeId *id,
                      bool encoding, opcua_types_fn *fn, void *arg, uint32_t timeout_ms)
{
    if (opcua_own_type_find(&t->types, id) || t->count >= OPCUA_TYPES_MAX) {
        fn(arg, opcua_types_find(t, id));
        return;
    }
    struct load *l = MEMORY_NEW(struct load);
    t->refs++;
    l->t = t;
    l->session = s;
    l->fn = fn;
    l->arg = arg;
    l->ends_ms = loop_now_ms(opcua_thread_loop(opcua_session_thread(s))) + timeout_ms;
    list_init(&l->types);
    l->root = add(l, id);
    if (!encoding) {
        ask_next(l);
        return;
    }
    UA_NodeId_copy(id, &l->root->encoding);
    browse_encodings(l, id, UA_BROWSEDIRECTION_INVERSE, on_data_type);
}
