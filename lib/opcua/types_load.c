/* Asking a server what its structures are: one after the other, until all that a type's fields are
 * is known. */
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/browse.h"
#include "opcua/data_type.h"
#include "opcua/definition.h"
#include "opcua/ready.h"
#include "opcua/refusal.h"
#include "opcua/types_priv.h"

#define PARTS 3 /* attributes of a type */
#define OPTIONAL_MAX 32 /* bits of the mask that says which are there (Part 6, 5.2.7) */
#define NAME_MAX 512 /* bytes of a type's; a longer one is cut */
#define PAUSE_MS_MIN 100 /* before what was refused for now is asked again, doubled up to */
#define PAUSE_MS_MAX 1600
#define PATIENCE_MS 5000 /* until that is given up, though there may be time left */

struct opcua_types_load {
    struct opcua_types *t;         /* references, both */
    struct opcua_session *session;
    uint64_t ends_ms, patient_ms; /* patient_ms 0: nothing was refused yet */
    UA_NodeId asked;
    struct list types; /* asked for with this load */
    struct opcua_own_type *root, *at; /* at NULL: not yet */
    size_t field;     /* of `at` */
    bool refused;     /* for now: what is not known may be yet */
    bool unclear;     /* `at` itself was: unless a dictionary has it, it is refused */
    bool lost;        /* the connection */
    bool steps, more; /* the next type is looked for; and once more */
    bool ended;
    void (*again)(struct opcua_types_load *l);
    uint32_t pause_ms;
    struct opcua_types_question q; /* fn NULL: nobody wants to know any more */
};

static void ask_next(struct opcua_types_load *l);
static void find_fields(struct opcua_types_load *l);

static struct loop *loop_of(const struct opcua_types_load *l)
{
    return opcua_thread_loop(opcua_session_thread(l->session));
}

static uint32_t left_ms(const struct opcua_types_load *l)
{
    uint64_t now = loop_now_ms(loop_of(l));
    return l->ends_ms > now ? (uint32_t)(l->ends_ms - now) : 1;
}

/* ---- the end ---- */

static void drop_fields(struct opcua_own_type *o)
{
    free(o->fields);
    o->fields = NULL; /* never laid out */
}

/* So that it is found by what it was asked for as, whatever the server calls it. */
static void remember_asked(struct opcua_types_load *l)
{
    struct opcua_own_type *o = l->root;
    if (UA_NodeId_equal(&o->id, &l->asked) || UA_NodeId_equal(&o->encoding, &l->asked))
        return;
    UA_NodeId_clear(&o->encoding);
    UA_NodeId_copy(&l->asked, &o->encoding);
    o->type.binaryEncodingId = o->encoding;
}

/* After a refusal that may pass: of what is not known, nothing was said. */
static void keep(struct opcua_types_load *l)
{
    for (struct link *k; (k = list_first(&l->types));) {
        struct opcua_own_type *o = LIST_OF(k, struct opcua_own_type, link);
        list_remove(k);
        if (o->type.memSize || !l->refused)
            list_push(&l->t->types, k);
        else
            opcua_own_type_free(l->t, o);
    }
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
    if (l->at && l->refused)
        drop_fields(l->at); /* it may be half of it */
    opcua_own_types_lay_out(&l->types);
    remember_asked(l);
    const UA_DataType *type = l->root->type.memSize ? &l->root->type : NULL;
    keep(l);
    if (!type && l->lost)
        opcua_types_asked_in_vain(l->t, &l->asked);
    else if (!type && l->refused)
        opcua_types_refused(l->t, &l->asked);
    else
        opcua_types_took(l->t, &l->asked);
    tell(l, type);
    UA_NodeId_clear(&l->asked);
    opcua_types_unref(&l->t);
    opcua_session_unref(&l->session);
    free(l);
}

static void end_refused(struct opcua_types_load *l)
{
    l->refused = true;
    l->lost = opcua_session_state(l->session) != OPCUA_SESSION_READY;
    l->ended = true;
    if (!l->steps)
        finish(l);
}

/* ---- refusals ---- */

static void on_pause(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_types_load *l = arg;
    (void)response;
    if (status == UA_STATUSCODE_GOOD)
        l->again(l);
    else
        end_refused(l); /* the session has ended */
}

static bool has_patience(struct opcua_types_load *l)
{
    uint64_t now = loop_now_ms(loop_of(l));
    if (l->patient_ms == 0)
        l->patient_ms = now + PATIENCE_MS;
    return now + l->pause_ms < l->patient_ms && now + l->pause_ms < l->ends_ms;
}

/* Whoever is there then: only the server that it was about knows more. */
static void on_connected(void *arg, UA_StatusCode status)
{
    struct opcua_types_load *l = arg;
    if (status == UA_STATUSCODE_GOOD && opcua_types_are_of(l->t, l->session))
        l->again(l);
    else
        end_refused(l);
}

/* Without a connection it waits for one, within its time, and goes on. False: there is one. */
static bool waits_for_connection(struct opcua_types_load *l, void (*again)(struct opcua_types_load *l))
{
    if (opcua_session_state(l->session) == OPCUA_SESSION_READY ||
        loop_now_ms(loop_of(l)) >= l->ends_ms)
        return false;
    l->again = again;
    opcua_ready(l->session, on_connected, l, left_ms(l));
    return true;
}

/* What may pass is asked again a little later, or with the next load. False: it is final. */
static bool was_refused_for_now(struct opcua_types_load *l, UA_StatusCode status,
                                void (*again)(struct opcua_types_load *l))
{
    enum opcua_refusal r = opcua_refusal_of(status);
    if (!UA_StatusCode_isBad(status) || r == OPCUA_REFUSAL_FINAL)
        return false;
    if (waits_for_connection(l, again))
        return true;
    bool ready = opcua_session_state(l->session) == OPCUA_SESSION_READY;
    if (r == OPCUA_REFUSAL_UNCLEAR || !ready || !has_patience(l)) {
        end_refused(l);
        return true;
    }
    l->again = again;
    opcua_session_wait(l->session, l->pause_ms, on_pause, l);
    l->pause_ms = 2 * l->pause_ms < PAUSE_MS_MAX ? 2 * l->pause_ms : PAUSE_MS_MAX;
    return true;
}

/* ---- fields ---- */

static void give_up(struct opcua_types_load *l)
{
    drop_fields(l->at);
    ask_next(l);
}

/* NULL: there are too many. */
static const UA_DataType *add(struct opcua_types_load *l, const UA_NodeId *id)
{
    struct opcua_own_type *o = opcua_own_type_new(l->t, id);
    if (o)
        list_push(&l->types, &o->link);
    return o ? &o->type : NULL;
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
    if (was_refused_for_now(l, status, find_fields))
        return;
    if (status != UA_STATUSCODE_GOOD) {
        give_up(l);
        return;
    }
    if (type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT] && !o->fields[l->field].subtyped)
        type = add(l, &o->field_types[l->field]); /* a structure of the server's own */
    if (type == NULL) {
        give_up(l);
        return;
    }
    o->fields[l->field].type = wire_of(o, l->field, type);
    l->field++;
    find_fields(l);
}

/* What is known of a field's type, here or in this load. */
static const UA_DataType *known(struct opcua_types_load *l, const UA_NodeId *id)
{
    const UA_DataType *wire = opcua_data_type_wire(id);
    if (wire)
        return wire;
    struct opcua_own_type *o = opcua_own_type_find(&l->types, id);
    if (o == NULL)
        o = opcua_own_type_find(&l->t->types, id);
    if (o)
        return &o->type;
    return opcua_types_described(l->t, id) ? add(l, id) : NULL;
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

/* What its members take. */
static size_t bytes_of(const UA_StructureDefinition *d)
{
    static const struct opcua_own_type *o;
    size_t bytes = 0;
    for (size_t i = 0; i < d->fieldsSize; i++)
        bytes += sizeof *o->names + sizeof *o->fields + sizeof *o->field_types +
                 sizeof *o->type.members + d->fields[i].name.length +
                 (d->fields[i].valueRank > 1 ? sizeof *o->matrices : 0) +
                 opcua_own_id_bytes(&d->fields[i].dataType);
    return bytes;
}

static void set_matrix(struct opcua_own_type *o, size_t at, size_t count, int32_t rank)
{
    if (o->matrices == NULL)
        o->matrices = memory_new(count * sizeof *o->matrices);
    o->matrices[at].rank = rank;
    o->fields[at].matrix = &o->matrices[at];
}

static bool take_fields(struct opcua_types_load *l, struct opcua_own_type *o,
                        const UA_StructureDefinition *d)
{
    static const UA_UInt32 kinds[] = {UA_DATATYPEKIND_STRUCTURE, UA_DATATYPEKIND_OPTSTRUCT,
                                      UA_DATATYPEKIND_UNION};
    size_t optional = 0;
    if ((unsigned)opcua_definition_plain(d) >= 3 || d->fieldsSize > OPCUA_TYPE_FIELDS_MAX)
        return false;
    if (!opcua_own_type_grow(l->t, o, bytes_of(d)))
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
        if (f->valueRank > UA_VALUERANK_ONE_DIMENSION)
            set_matrix(o, i, d->fieldsSize, f->valueRank);
        else if (!o->fields[i].array && f->valueRank != UA_VALUERANK_SCALAR)
            return false; /* a value would not say how many dimensions it has */
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

static void ask_encodings(struct opcua_types_load *l);

static void on_encodings(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                         size_t count)
{
    struct opcua_types_load *l = arg;
    struct opcua_own_type *o = l->at;
    if (was_refused_for_now(l, status, ask_encodings))
        return;
    for (size_t i = 0; status == UA_STATUSCODE_GOOD && i < count; i++)
        if (slice_eq(opcua_slice(refs[i].browseName.name), SLICE("Default Binary")) &&
            UA_NodeId_isNull(&o->encoding) && opcua_own_id_fits(&refs[i].nodeId.nodeId)) {
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

static void ask_encodings(struct opcua_types_load *l)
{
    browse_encodings(l, &l->at->id, UA_BROWSEDIRECTION_FORWARD, on_encodings);
}

static void take(struct opcua_types_load *l, const UA_StructureDefinition *d)
{
    struct opcua_own_type *o = l->at;
    if (!take_fields(l, o, d)) {
        give_up(l);
        return;
    }
    if (!UA_NodeId_isNull(&d->defaultEncodingId))
        o->abstract = false; /* some servers say that all types are */
    if (UA_NodeId_isNull(&o->encoding) && opcua_own_id_fits(&d->defaultEncodingId))
        UA_NodeId_copy(&d->defaultEncodingId, &o->encoding);
    l->field = 0;
    if (UA_NodeId_isNull(&o->encoding) && !opcua_types_described(l->t, &o->id)) {
        ask_encodings(l);
        return;
    }
    set_ids(o);
    find_fields(l);
}

/* ---- what stands in a dictionary ---- */

static void ask(struct opcua_types_load *l);

static void on_dictionaries(void *arg)
{
    struct opcua_types_load *l = arg;
    struct opcua_own_type *o = l->at;
    const struct opcua_described *d = opcua_types_described(l->t, &o->id);
    if (d == NULL && (l->unclear || !l->t->has_dictionaries)) {
        if (!waits_for_connection(l, ask))
            end_refused(l);
        return;
    }
    if (d == NULL || !opcua_own_id_fits(&d->data_type)) {
        give_up(l);
        return;
    }
    if (!UA_NodeId_equal(&o->id, &d->data_type)) { /* it was the encoding's */
        UA_NodeId_clear(&o->id);
        UA_NodeId_copy(&d->data_type, &o->id);
    }
    if (o->name == NULL)
        o->name = slice_dup(slice_first(opcua_slice(d->name.name), NAME_MAX));
    o->abstract = false; /* a dictionary says what is on the wire */
    take(l, &d->definition);
}

static bool has_matching_answer(const UA_ReadResponse *answer, size_t i, const UA_DataType *type)
{
    const UA_DataValue *v = answer->resultsSize == PARTS ? &answer->results[i] : NULL;
    return v && v->hasValue && UA_Variant_hasScalarType(&v->value, type);
}

/* Of the definition: that the others are not told says nothing. */
static UA_StatusCode status_of(const UA_ReadResponse *answer)
{
    if (answer->resultsSize != PARTS)
        return UA_STATUSCODE_BADUNEXPECTEDERROR;
    return answer->results[0].hasStatus ? answer->results[0].status : UA_STATUSCODE_GOOD;
}

static bool is_unclear(UA_StatusCode status)
{
    return UA_StatusCode_isBad(status) && opcua_refusal_of(status) == OPCUA_REFUSAL_UNCLEAR;
}

static struct slice name_of(const UA_ReadResponse *answer)
{
    if (!has_matching_answer(answer, 1, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]))
        return (struct slice){0};
    const UA_QualifiedName *name = answer->results[1].value.data;
    return slice_first(opcua_slice(name->name), NAME_MAX);
}

/* Servers of before 1.04 say many things of an attribute that they do not know. */
static void on_definition(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_types_load *l = arg;
    struct opcua_own_type *o = l->at;
    const UA_ReadResponse *answer = response;
    UA_StatusCode of_it = status ? status : status_of(answer);
    l->unclear = status == UA_STATUSCODE_GOOD && is_unclear(of_it);
    if (!l->unclear && was_refused_for_now(l, of_it, ask))
        return;
    if (status != UA_STATUSCODE_GOOD) {
        give_up(l);
        return;
    }
    if (o->name == NULL && name_of(answer).len)
        o->name = slice_dup(name_of(answer));
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

static struct opcua_own_type *next_of(struct opcua_types_load *l)
{
    LIST_EACH(k, &l->types)
    {
        struct opcua_own_type *o = LIST_OF(k, struct opcua_own_type, link);
        if (!o->described)
            return o;
    }
    return NULL;
}

static void step(struct opcua_types_load *l)
{
    struct opcua_own_type *o = next_of(l);
    if (o == NULL) {
        l->ended = true;
        return;
    }
    l->at = o;
    o->described = true;
    if (opcua_types_described(l->t, &o->id))
        on_dictionaries(l);
    else
        ask(l);
}

/* What stands in a dictionary comes back at once, perhaps a thousand times. */
static void ask_next(struct opcua_types_load *l)
{
    l->more = true;
    if (l->steps)
        return;
    l->steps = true;
    while (l->more && !l->ended) {
        l->more = false;
        step(l);
    }
    l->steps = false;
    if (l->ended)
        finish(l);
}

/* ---- the beginning ---- */

static void ask_data_type(struct opcua_types_load *l);

/* What is no encoding may be the data type itself. */
static void on_data_type(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                         size_t count)
{
    struct opcua_types_load *l = arg;
    if (was_refused_for_now(l, status, ask_data_type))
        return;
    if (status == UA_STATUSCODE_GOOD && count > 0 && refs->nodeId.serverIndex == 0 &&
        opcua_own_id_fits(&refs->nodeId.nodeId)) {
        UA_NodeId_clear(&l->root->id);
        l->root->id = refs->nodeId.nodeId;
        UA_NodeId_init(&refs->nodeId.nodeId); /* moved */
    } else {
        UA_NodeId_clear(&l->root->encoding);
    }
    ask_next(l);
}

static void ask_data_type(struct opcua_types_load *l)
{
    browse_encodings(l, &l->asked, UA_BROWSEDIRECTION_INVERSE, on_data_type);
}

void opcua_types_load(struct opcua_types *t, struct opcua_session *s,
                      const struct opcua_types_question *q)
{
    bool known = t == NULL || opcua_own_type_find(&t->types, q->id);
    struct opcua_own_type *root = NULL;
    if (!known && opcua_types_may_ask(t, q->id))
        root = opcua_own_type_new(t, q->id);
    if (root == NULL) {
        q->fn(q->arg, opcua_types_find(t, q->id));
        return;
    }
    struct opcua_types_load *l = MEMORY_NEW(struct opcua_types_load);
    l->t = opcua_types_ref(t);
    l->session = opcua_session_ref(s);
    l->q = *q;
    l->ends_ms = loop_now_ms(loop_of(l)) + q->timeout_ms;
    l->pause_ms = PAUSE_MS_MIN;
    UA_NodeId_copy(q->id, &l->asked);
    opcua_types_asks(t, q->id);
    list_init(&l->types);
    list_push(&l->types, &root->link);
    l->root = root;
    if (q->out)
        *q->out = l;
    if (!q->encoding) {
        ask_next(l);
        return;
    }
    UA_NodeId_copy(q->id, &root->encoding);
    ask_data_type(l);
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
