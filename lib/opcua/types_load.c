/* Asking a server what its structures are: one after the other, until all that a type's fields are
 * is known. */
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/browse.h"
#include "opcua/data_type.h"
#include "opcua/definition.h"
#include "opcua/types_priv.h"

#define PARTS 3 /* attributes of a type */
#define OPTIONAL_MAX 32 /* bits of the mask that says which are there (Part 6, 5.2.7) */

struct opcua_types_load {
    struct opcua_types *t;         /* references, both */
    struct opcua_session *session;
    uint64_t ends_ms;
    struct list types; /* asked for with this load */
    struct opcua_own_type *root, *at;
    size_t field;     /* of `at` */
    bool unanswered;  /* what the server has of dictionaries is not known */
    struct opcua_types_question q; /* fn NULL: nobody wants to know any more */
};

static void ask_next(struct opcua_types_load *l);
static void find_fields(struct opcua_types_load *l);

static uint32_t left_ms(const struct opcua_types_load *l)
{
    uint64_t now = loop_now_ms(opcua_thread_loop(opcua_session_thread(l->session)));
    return l->ends_ms > now ? (uint32_t)(l->ends_ms - now) : 1;
}

/* ---- the end ---- */

/* A value of an abstract structure says itself which one it is. */
static void wrap_abstract(struct opcua_own_type *o)
{
    for (size_t i = 0; i < o->field_count; i++)
        if (opcua_own_type_is(o->fields[i].type) &&
            LIST_OF(o->fields[i].type, struct opcua_own_type, type)->abstract)
            o->fields[i].type = &UA_TYPES[UA_TYPES_EXTENSIONOBJECT];
}

static bool lay_out(struct opcua_own_type *o)
{
    if (!o->fields || o->type.memSize > 0)
        return false;
    wrap_abstract(o);
    return opcua_type_layout(&o->type, o->fields, o->field_count) == OK;
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

/* What values have inside that may be of further types. */
static bool is_open(const struct opcua_own_type *o)
{
    bool open = false;
    for (size_t i = 0; i < o->field_count && !open; i++) {
        const UA_DataType *type = o->fields[i].type;
        open = opcua_own_type_is(type) ? LIST_OF(type, struct opcua_own_type, type)->open
                            : type->typeKind == UA_DATATYPEKIND_EXTENSIONOBJECT ||
                                  type->typeKind == UA_DATATYPEKIND_VARIANT;
    }
    return open;
}

static void find_open(struct list *types)
{
    for (bool more = true; more;) {
        more = false;
        LIST_EACH(k, types)
        {
            struct opcua_own_type *o = LIST_OF(k, struct opcua_own_type, link);
            if (!o->open && o->type.memSize && is_open(o))
                o->open = more = true;
        }
    }
}

/* A server that did not answer in time has not said that it does not describe the type. */
static bool was_cut_short(const struct opcua_types_load *l)
{
    return l->root->type.memSize == 0 &&
           (l->unanswered || left_ms(l) <= 1 || opcua_session_state(l->session) != OPCUA_SESSION_READY);
}

static void keep_all(struct opcua_types_load *l)
{
    for (struct link *k; (k = list_first(&l->types));) {
        list_remove(k);
        list_push(&l->t->types, k);
        l->t->count++;
    }
}

static void forget_all(struct opcua_types_load *l)
{
    for (struct link *k; (k = list_first(&l->types));)
        opcua_own_type_free(LIST_OF(k, struct opcua_own_type, link));
}

static void tell(struct opcua_types_load *l, const UA_DataType *type)
{
    opcua_types_fn *fn = l->q.fn;
    if (l->q.out)
        *l->q.out = NULL;
    if (fn)
        fn(l->q.arg, type);
}

static void finish(struct opcua_types_load *l)
{
    const UA_DataType *type = NULL;
    lay_out_all(&l->types);
    if (was_cut_short(l)) {
        forget_all(l);
    } else {
        find_open(&l->types);
        keep_all(l);
        type = l->root->type.memSize ? &l->root->type : NULL;
    }
    tell(l, type);
    opcua_types_unref(&l->t);
    opcua_session_unref(&l->session);
    free(l);
}

/* ---- fields ---- */

static void give_up(struct opcua_types_load *l)
{
    struct opcua_own_type *o = l->at;
    free(o->fields);
    o->fields = NULL; /* never laid out */
    ask_next(l);
}

static struct opcua_own_type *add(struct opcua_types_load *l, const UA_NodeId *id)
{
    struct opcua_own_type *o = opcua_own_type_new(id);
    list_push(&l->types, &o->link);
    return o;
}

/* Part 3, 5.8.3: with subtypes allowed, a value says itself of which type it is. */
static const UA_DataType *wire_of(const struct opcua_own_type *o, size_t field,
                                  const UA_DataType *type)
{
    if (!o->fields[field].subtyped)
        return type;
    bool structure = opcua_data_type_builtin(type) == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT];
    return &UA_TYPES[structure ? UA_TYPES_EXTENSIONOBJECT : UA_TYPES_VARIANT];
}

static void on_wire(void *arg, UA_StatusCode status, const UA_DataType *type)
{
    struct opcua_types_load *l = arg;
    struct opcua_own_type *o = l->at;
    if (status != UA_STATUSCODE_GOOD) {
        give_up(l);
        return;
    }
    if (type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT] && !o->fields[l->field].subtyped)
        type = &add(l, &o->field_types[l->field])->type; /* a structure of the server's own */
    o->fields[l->field].type = wire_of(o, l->field, type);
    l->field++;
    find_fields(l);
}

/* What is known of a field's type, here or in this load. */
static const UA_DataType *known(struct opcua_types_load *l, const UA_NodeId *id)
{
    const UA_DataType *wire = opcua_data_type_wire(id);
    struct opcua_own_type *o = wire ? NULL : opcua_own_type_find(&l->types, id);
    if (o == NULL && wire == NULL)
        o = opcua_own_type_find(&l->t->types, id);
    if (o == NULL && wire == NULL && opcua_types_described(l->t, id))
        o = add(l, id);
    return o ? &o->type : wire;
}

static void find_fields(struct opcua_types_load *l)
{
    struct opcua_own_type *o = l->at;
    for (; l->field < o->field_count; l->field++) {
        const UA_DataType *type = known(l, &o->field_types[l->field]);
        if (type == NULL) {
            opcua_browse_data_type(l->session, &o->field_types[l->field], on_wire, l, left_ms(l));
            return;
        }
        o->fields[l->field].type = wire_of(o, l->field, type);
    }
    ask_next(l);
}

/* ---- the definition ---- */

static struct opcua_type_field field_of(const UA_StructureDefinition *d, const UA_StructureField *f,
                                        const char *name)
{
    bool optional = d->structureType == UA_STRUCTURETYPE_STRUCTUREWITHOPTIONALFIELDS;
    return (struct opcua_type_field){
        .name = name,
        .array = f->valueRank == UA_VALUERANK_ONE_DIMENSION,
        .optional = optional && f->isOptional,
        .subtyped = opcua_definition_is_subtyped(d) && f->isOptional,
    };
}

static bool take_fields(struct opcua_own_type *o, const UA_StructureDefinition *d)
{
    static const UA_UInt32 kinds[] = {UA_DATATYPEKIND_STRUCTURE, UA_DATATYPEKIND_OPTSTRUCT,
                                      UA_DATATYPEKIND_UNION};
    size_t optional = 0;
    if ((unsigned)opcua_definition_plain(d) >= 3 || d->fieldsSize > OPCUA_TYPE_FIELDS_MAX)
        return false;
    o->type.typeKind = kinds[opcua_definition_plain(d)] & 63;
    o->names = memory_new((d->fieldsSize + 1) * sizeof(*o->names));
    o->fields = memory_new((d->fieldsSize + 1) * sizeof(*o->fields));
    o->field_types = memory_new((d->fieldsSize + 1) * sizeof(*o->field_types));
    for (size_t i = 0; i < d->fieldsSize; i++) {
        const UA_StructureField *f = &d->fields[i];
        o->names[i] = slice_dup(opcua_slice(f->name));
        UA_NodeId_copy(&f->dataType, &o->field_types[i]);
        o->field_count = i + 1;
        o->fields[i] = field_of(d, f, o->names[i]);
        if (!o->fields[i].array && f->valueRank != UA_VALUERANK_SCALAR)
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
    struct opcua_types_load *l = arg;
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

static void browse_encodings(struct opcua_types_load *l, const UA_NodeId *id, UA_BrowseDirection direction,
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

static void take(struct opcua_types_load *l, const UA_StructureDefinition *d)
{
    struct opcua_own_type *o = l->at;
    if (!take_fields(o, d)) {
        give_up(l);
        return;
    }
    if (!UA_NodeId_isNull(&d->defaultEncodingId))
        o->abstract = false; /* some servers say that all types are */
    if (UA_NodeId_isNull(&o->encoding))
        UA_NodeId_copy(&d->defaultEncodingId, &o->encoding);
    l->field = 0;
    if (UA_NodeId_isNull(&o->encoding) && !opcua_types_described(l->t, &o->id)) {
        browse_encodings(l, &o->id, UA_BROWSEDIRECTION_FORWARD, on_encodings);
        return;
    }
    set_ids(o);
    find_fields(l);
}

/* ---- what stands in a dictionary ---- */

static void on_dictionaries(void *arg)
{
    struct opcua_types_load *l = arg;
    struct opcua_own_type *o = l->at;
    const struct opcua_described *d = opcua_types_described(l->t, &o->id);
    if (d == NULL) {
        l->unanswered = l->unanswered || !l->t->has_dictionaries;
        give_up(l);
        return;
    }
    if (!UA_NodeId_equal(&o->id, &d->data_type)) { /* it was the encoding's */
        UA_NodeId_clear(&o->id);
        UA_NodeId_copy(&d->data_type, &o->id);
    }
    if (o->name == NULL)
        o->name = slice_dup(opcua_slice(d->name.name));
    o->abstract = false; /* a dictionary says what is on the wire */
    take(l, &d->definition);
}

static bool has_matching_answer(const UA_ReadResponse *answer, size_t i, const UA_DataType *type)
{
    const UA_DataValue *v = &answer->results[i];
    return v->hasValue && UA_Variant_hasScalarType(&v->value, type);
}

static void on_definition(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_types_load *l = arg;
    struct opcua_own_type *o = l->at;
    const UA_ReadResponse *answer = response;
    if (status != UA_STATUSCODE_GOOD || answer->resultsSize != PARTS) {
        give_up(l);
        return;
    }
    if (has_matching_answer(answer, 1, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]))
        o->name =
            slice_dup(opcua_slice(((UA_QualifiedName *)answer->results[1].value.data)->name));
    if (has_matching_answer(answer, 2, &UA_TYPES[UA_TYPES_BOOLEAN]))
        o->abstract = *(UA_Boolean *)answer->results[2].value.data;
    if (has_matching_answer(answer, 0, &UA_TYPES[UA_TYPES_STRUCTUREDEFINITION]))
        take(l, answer->results[0].value.data);
    else
        opcua_types_ask_dictionaries(
            l->t, l->session,
            &(struct opcua_types_wish){
                .timeout_ms = left_ms(l), .fn = on_dictionaries, .arg = l});
}

static void ask(struct opcua_types_load *l)
{
    static const uint32_t parts[PARTS] = {UA_ATTRIBUTEID_DATATYPEDEFINITION,
                                          UA_ATTRIBUTEID_BROWSENAME, UA_ATTRIBUTEID_ISABSTRACT};
    UA_ReadValueId ids[PARTS];
    UA_ReadRequest request;
    UA_ReadRequest_init(&request);
    memset(ids, 0, sizeof(ids));
    for (size_t i = 0; i < PARTS; i++) {
        ids[i].nodeId = l->at->id;
        ids[i].attributeId = parts[i];
    }
    request.nodesToRead = ids;
    request.nodesToReadSize = PARTS;
    OPCUA_CALL(l->session, OPCUA_CALL_NOW, READ, &request, on_definition, l, left_ms(l));
}

static void ask_next(struct opcua_types_load *l)
{
    size_t count = 0;
    LIST_EACH(k, &l->types)
    {
        struct opcua_own_type *o = LIST_OF(k, struct opcua_own_type, link);
        if (!o->described && l->t->count + ++count <= OPCUA_TYPES_MAX) {
            l->at = o;
            o->described = true;
            if (opcua_types_described(l->t, &o->id))
                on_dictionaries(l);
            else
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
    struct opcua_types_load *l = arg;
    if (status == UA_STATUSCODE_GOOD && count > 0 && refs->nodeId.serverIndex == 0) {
        UA_NodeId_clear(&l->root->id);
        l->root->id = refs->nodeId.nodeId;
        UA_NodeId_init(&refs->nodeId.nodeId); /* moved */
    } else {
        UA_NodeId_clear(&l->root->encoding);
    }
    ask_next(l);
}

void opcua_types_load(struct opcua_types *t, struct opcua_session *s,
                      const struct opcua_types_question *q)
{
    if (!t || opcua_own_type_find(&t->types, q->id) || t->count >= OPCUA_TYPES_MAX) {
        q->fn(q->arg, opcua_types_find(t, q->id));
        return;
    }
    struct opcua_types_load *l = MEMORY_NEW(struct opcua_types_load);
    l->t = opcua_types_ref(t);
    l->session = opcua_session_ref(s);
    l->q = *q;
    l->ends_ms = loop_now_ms(opcua_thread_loop(opcua_session_thread(s))) + q->timeout_ms;
    list_init(&l->types);
    l->root = add(l, q->id);
    if (q->out)
        *q->out = l;
    if (!q->encoding) {
        ask_next(l);
        return;
    }
    UA_NodeId_copy(q->id, &l->root->encoding);
    browse_encodings(l, q->id, UA_BROWSEDIRECTION_INVERSE, on_data_type);
}

void opcua_types_cancel(struct opcua_types_load **load)
{
    struct opcua_types_load *l = *load;
    *load = NULL;
    if (!l)
        return;
    l->q.fn = NULL;
    l->q.out = NULL;
}
