#include "opcua/dictionaries_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/browse.h"

#define AT_ONCE 200 /* nodes that one question is about */

struct load {
    struct opcua_session *session;
    uint64_t ends_ms;
    struct opcua_dictionaries_parts parts;
    size_t bytes, types, fields; /* of documents */
    size_t at, asked; /* what is being asked for */
    const struct back *back;
    opcua_dictionaries_fn *fn;
    void *arg;
};

static uint32_t left_ms(const struct load *l)
{
    uint64_t now = loop_now_ms(opcua_thread_loop(opcua_session_thread(l->session)));
    return l->ends_ms > now ? (uint32_t)(l->ends_ms - now) : 1;
}

/* ---- the end ---- */

static void parts_clear(struct opcua_dictionaries_parts *p)
{
    for (size_t i = 0; i < p->count; i++) {
        UA_NodeId_clear(&p->nodes[i]);
        opcua_dictionary_clear(&p->documents[i]);
    }
    for (size_t i = 0; i < p->description_count; i++) {
        struct opcua_description *d = &p->descriptions[i];
        UA_NodeId_clear(&d->id);
        UA_NodeId_clear(&d->encoding);
        UA_NodeId_clear(&d->data_type);
        UA_String_clear(&d->name);
    }
    free(p->descriptions);
    for (size_t i = 0; i < p->enumeration_count; i++)
        UA_ReferenceDescription_clear(&p->enumerations[i]);
    free(p->enumerations);
}

static void finish(struct load *l, bool answered)
{
    struct opcua_dictionaries *made = NULL;
    if (answered)
        made = opcua_dictionaries_make(&l->parts, opcua_session_namespaces(l->session));
    l->fn(l->arg, made);
    parts_clear(&l->parts);
    free(l);
}

/* No answer, or one that says nothing of any node. */
static bool was_lost(const struct load *l, UA_StatusCode status)
{
    return opcua_call_was_lost(status) || status == UA_STATUSCODE_BADTIMEOUT || left_ms(l) <= 1 ||
           opcua_session_state(l->session) != OPCUA_SESSION_READY;
}

/* ---- browsing ---- */

static UA_BrowseDescription about(const UA_NodeId *node, UA_BrowseDirection direction,
                                  uint32_t reference)
{
    return (UA_BrowseDescription){.nodeId = *node,
                                  .browseDirection = direction,
                                  .referenceTypeId = UA_NODEID_NUMERIC(0, reference),
                                  .includeSubtypes = true,
                                  .resultMask = UA_BROWSERESULTMASK_BROWSENAME};
}

static void browse_all(struct load *l, const UA_NodeId *node, uint32_t reference,
                       opcua_browse_all_fn *fn)
{
    UA_BrowseDescription d = about(node, UA_BROWSEDIRECTION_FORWARD, reference);
    opcua_browse_all(l->session, &d, fn, l, left_ms(l));
}

static size_t most(uint32_t limit)
{
    return limit && limit < AT_ONCE ? limit : AT_ONCE;
}

/* ---- step: enumerations ---- */

static void on_enumerations(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                            size_t count)
{
    struct load *l = arg;
    struct opcua_dictionaries_parts *p = &l->parts;
    if (status != UA_STATUSCODE_GOOD) {
        finish(l, !was_lost(l, status));
        return;
    }
    p->enumerations = memory_new((count + 1) * sizeof *p->enumerations);
    for (size_t i = 0; i < count; i++)
        if (refs[i].nodeId.nodeId.namespaceIndex != 0 && refs[i].nodeId.serverIndex == 0) {
            p->enumerations[p->enumeration_count++] = refs[i];
            UA_ReferenceDescription_init(&refs[i]); /* moved */
        }
    finish(l, true);
}

static void ask_enumerations(struct load *l)
{
    const UA_NodeId enumeration = UA_NODEID_NUMERIC(0, UA_NS0ID_ENUMERATION);
    browse_all(l, &enumeration, UA_NS0ID_HASSUBTYPE, on_enumerations);
}

/* ---- steps: descriptions to encodings, and these to data types ---- */

static void ask_encodings(struct load *l);
static void ask_data_types(struct load *l);

/* From each description at `from`, backwards, to what the reference comes from. */
static const struct back {
    size_t from, to; /* in struct opcua_description */
    UA_UInt32 reference;
    void (*next)(struct load *l);
} encodings = {offsetof(struct opcua_description, id), offsetof(struct opcua_description, encoding),
               UA_NS0ID_HASDESCRIPTION, ask_encodings},
  data_types = {offsetof(struct opcua_description, encoding), offsetof(struct opcua_description, data_type),
                UA_NS0ID_HASENCODING, ask_data_types};

static UA_NodeId *node_at(struct load *l, size_t i, size_t offset)
{
    return (UA_NodeId *)(void *)((uint8_t *)&l->parts.descriptions[l->at + i] + offset);
}

/* The first of each. */
static void on_sources(void *arg, UA_StatusCode status, void *response)
{
    struct load *l = arg;
    UA_BrowseResponse *r = response;
    if (status != UA_STATUSCODE_GOOD) {
        finish(l, !was_lost(l, status));
        return;
    }
    for (size_t i = 0; i < r->resultsSize && i < l->asked; i++)
        if (r->results[i].referencesSize > 0) {
            UA_ExpandedNodeId *from = &r->results[i].references[0].nodeId;
            *node_at(l, i, l->back->to) = from->nodeId;
            UA_NodeId_init(&from->nodeId); /* moved */
        }
    l->at += l->asked;
    l->back->next(l);
}

/* False: all are asked for. */
static bool browse_back(struct load *l, const struct back *back)
{
    UA_BrowseDescription what[AT_ONCE];
    size_t left = l->parts.description_count - l->at;
    size_t max = most(opcua_session_limits(l->session)->nodes_per_browse);
    l->asked = left < max ? left : max;
    l->back = back;
    for (size_t i = 0; i < l->asked; i++)
        what[i] = about(node_at(l, i, back->from), UA_BROWSEDIRECTION_INVERSE, back->reference);
    UA_BrowseRequest request = {.nodesToBrowse = what, .nodesToBrowseSize = l->asked};
    if (l->asked)
        OPCUA_CALL(l->session, OPCUA_CALL_NOW, BROWSE, &request, on_sources, l, left_ms(l));
    return l->asked > 0;
}

static void ask_data_types(struct load *l)
{
    if (!browse_back(l, &data_types))
        ask_enumerations(l);
}

static void ask_encodings(struct load *l)
{
    if (browse_back(l, &encodings))
        return;
    l->at = 0;
    ask_data_types(l);
}

/* ---- step: the names in the dictionaries ---- */

static void ask_names(struct load *l);

static void on_names(void *arg, UA_StatusCode status, void *response)
{
    struct load *l = arg;
    UA_ReadResponse *r = response;
    if (status != UA_STATUSCODE_GOOD) {
        finish(l, !was_lost(l, status));
        return;
    }
    for (size_t i = 0; i < r->resultsSize && i < l->asked; i++)
        if (UA_Variant_hasScalarType(&r->results[i].value, &UA_TYPES[UA_TYPES_STRING]))
            UA_String_copy(r->results[i].value.data, &l->parts.descriptions[l->at + i].name);
    l->at += l->asked;
    ask_names(l);
}

static void ask_names(struct load *l)
{
    UA_ReadValueId what[AT_ONCE];
    size_t left = l->parts.description_count - l->at;
    size_t max = most(opcua_session_limits(l->session)->nodes_per_read);
    l->asked = left < max ? left : max;
    if (l->asked == 0) {
        l->at = 0;
        ask_encodings(l);
        return;
    }
    for (size_t i = 0; i < l->asked; i++)
        what[i] = (UA_ReadValueId){.nodeId = l->parts.descriptions[l->at + i].id,
                                   .attributeId = UA_ATTRIBUTEID_VALUE};
    UA_ReadRequest request = {.nodesToRead = what,
                              .nodesToReadSize = l->asked,
                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER};
    OPCUA_CALL(l->session, OPCUA_CALL_NOW, READ, &request, on_names, l, left_ms(l));
}

/* ---- step: what is in each dictionary, and its descriptions ---- */

static void ask_document(struct load *l);

static void add_descriptions(struct load *l, UA_ReferenceDescription *refs,
                             size_t count)
{
    struct opcua_dictionaries_parts *p = &l->parts;
    size_t room = OPCUA_DESCRIPTIONS_MAX - p->description_count;
    count = count < room ? count : room;
    p->descriptions = memory_resize(p->descriptions, (p->description_count + count + 1) *
                                                         sizeof *p->descriptions);
    for (size_t i = 0; i < count; i++) {
        p->descriptions[p->description_count++] =
            (struct opcua_description){.dictionary = l->at, .id = refs[i].nodeId.nodeId};
        UA_NodeId_init(&refs[i].nodeId.nodeId); /* moved */
    }
}

static void on_descriptions(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                            size_t count)
{
    struct load *l = arg;
    if (status != UA_STATUSCODE_GOOD && was_lost(l, status)) {
        finish(l, false);
        return;
    }
    if (status == UA_STATUSCODE_GOOD)
        add_descriptions(l, refs, count);
    l->at++;
    ask_document(l);
}

static void take_document(struct load *l, const UA_ByteString *xml)
{
    struct opcua_dictionary *d = &l->parts.documents[l->at];
    enum status s = TOO_LARGE;
    l->bytes += xml->length;
    if (l->bytes <= OPCUA_DICTIONARIES_BYTES_MAX)
        s = opcua_dictionary_parse(opcua_slice(*xml), d);
    l->types += d->count;
    l->fields += d->field_count;
    if (l->types > OPCUA_DICTIONARY_TYPES_MAX || l->fields > OPCUA_DICTIONARY_FIELDS_MAX) {
        opcua_dictionary_clear(d);
        s = TOO_LARGE;
    }
    if (s != OK)
        log_warn("opcua type dictionary unusable url=%.*s bytes=%zu status=%s",
                 SLICE_FMT(opcua_session_url(l->session)), xml->length, status_name(s));
}

static void on_document(void *arg, UA_StatusCode status, void *response)
{
    struct load *l = arg;
    const UA_ReadResponse *r = response;
    if (status != UA_STATUSCODE_GOOD && was_lost(l, status)) {
        finish(l, false);
        return;
    }
    if (status == UA_STATUSCODE_GOOD && r->resultsSize == 1 &&
        UA_Variant_hasScalarType(&r->results[0].value, &UA_TYPES[UA_TYPES_BYTESTRING]))
        take_document(l, r->results[0].value.data);
    browse_all(l, &l->parts.nodes[l->at], UA_NS0ID_HASCOMPONENT, on_descriptions);
}

/* One after the other: they are large. */
static void ask_document(struct load *l)
{
    if (l->at == l->parts.count) {
        l->at = 0;
        ask_names(l);
        return;
    }
    UA_ReadValueId what = {.nodeId = l->parts.nodes[l->at], .attributeId = UA_ATTRIBUTEID_VALUE};
    UA_ReadRequest request = {.nodesToRead = &what,
                              .nodesToReadSize = 1,
                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER};
    OPCUA_CALL(l->session, OPCUA_CALL_NOW, READ, &request, on_document, l, left_ms(l));
}

/* ---- step: which there are ---- */

/* OPC UA's own is left out: what stands in it is known. */
static void on_dictionaries(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                            size_t count)
{
    struct load *l = arg;
    struct opcua_dictionaries_parts *p = &l->parts;
    if (status != UA_STATUSCODE_GOOD) {
        finish(l, !was_lost(l, status));
        return;
    }
    for (size_t i = 0; i < count && p->count < OPCUA_DICTIONARIES_MAX; i++)
        if (refs[i].nodeId.nodeId.namespaceIndex != 0 && refs[i].nodeId.serverIndex == 0) {
            p->nodes[p->count++] = refs[i].nodeId.nodeId;
            UA_NodeId_init(&refs[i].nodeId.nodeId); /* moved */
        }
    if (p->count == 0)
        finish(l, true);
    else
        ask_document(l);
}

void opcua_dictionaries_load(struct opcua_session *s, opcua_dictionaries_fn *fn, void *arg,
                             uint32_t timeout_ms)
{
    const UA_NodeId system = UA_NODEID_NUMERIC(0, UA_NS0ID_OPCBINARYSCHEMA_TYPESYSTEM);
    struct load *l = MEMORY_NEW(struct load);
    l->session = s;
    l->fn = fn;
    l->arg = arg;
    l->ends_ms = loop_now_ms(opcua_thread_loop(opcua_session_thread(s))) + timeout_ms;
    browse_all(l, &system, UA_NS0ID_HASCOMPONENT, on_dictionaries);
}
