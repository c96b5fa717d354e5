#include "opcua/dictionaries_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/browse.h"
#include "opcua/refusal.h"
#include "opcua/session_priv.h"

#define AT_ONCE 200 /* nodes that one question is about */
#define PAUSE_MS_MIN 100 /* before what was refused for now is asked again, doubled up to */
#define PAUSE_MS_MAX 1600
#define PARSED_AT_ONCE (128u << 10) /* bytes of a document */

struct load {
    struct opcua_session *session;
    uint64_t ends_ms;
    struct opcua_dictionaries_parts parts;
    size_t bytes, types, fields; /* of documents */
    UA_ByteString xml;           /* the one that is being parsed */
    struct opcua_dictionary_parsing *parsing;
    size_t at, asked; /* what is being asked for; asked 0: not many at once */
    size_t at_once;   /* no more than so many: less after a question that was too large */
    bool part;        /* something was not told, and may be another time */
    const struct back *back;
    void (*again)(struct load *l);
    uint32_t pause_ms;
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

static void stop_parsing(struct load *l)
{
    opcua_dictionary_end(&l->parsing);
    UA_ByteString_clear(&l->xml);
}

static void end(struct load *l, struct opcua_dictionaries *made)
{
    l->fn(l->arg, made, made && !l->part);
    stop_parsing(l);
    parts_clear(&l->parts);
    free(l);
}

static void finish(struct load *l)
{
    end(l, opcua_dictionaries_make(&l->parts, opcua_session_namespaces(l->session)));
}

/* ---- refusals ---- */

static void on_pause(void *arg, UA_StatusCode status, void *response)
{
    struct load *l = arg;
    (void)response;
    if (status == UA_STATUSCODE_GOOD)
        l->again(l);
    else
        end(l, NULL); /* the session has ended */
}

/* Too much for many says nothing of fewer. */
static enum opcua_refusal refusal_of(const struct load *l, UA_StatusCode status)
{
    bool less_may_do = session_call_was_too_much(status) && l->asked > 1;
    return less_may_do ? OPCUA_REFUSAL_PASSING : opcua_refusal_of(status);
}

/* What may pass is asked again a little later, as long as there is time, with less at once where it was
 * too much. False: it is final, and as if there was nothing. */
static bool was_refused_for_now(struct load *l, UA_StatusCode status, void (*again)(struct load *l))
{
    enum opcua_refusal r = refusal_of(l, status);
    if (!UA_StatusCode_isBad(status) || r == OPCUA_REFUSAL_FINAL)
        return false;
    bool ready = opcua_session_state(l->session) == OPCUA_SESSION_READY;
    if (r == OPCUA_REFUSAL_UNCLEAR || !ready || left_ms(l) <= l->pause_ms) {
        end(l, NULL);
        return true;
    }
    if (session_call_was_too_much(status) && l->asked > 1)
        l->at_once = l->asked / 2;
    l->again = again;
    opcua_session_wait(l->session, l->pause_ms, on_pause, l);
    l->pause_ms = 2 * l->pause_ms < PAUSE_MS_MAX ? 2 * l->pause_ms : PAUSE_MS_MAX;
    return true;
}

/* Of one node among many: the others are told nevertheless. */
static void note(struct load *l, UA_StatusCode status)
{
    if (UA_StatusCode_isBad(status) && opcua_refusal_of(status) != OPCUA_REFUSAL_FINAL)
        l->part = true;
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

static size_t most(const struct load *l, uint32_t limit)
{
    return limit && limit < l->at_once ? limit : l->at_once;
}

/* ---- step: enumerations ---- */

static void ask_enumerations(struct load *l);

static void on_enumerations(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                            size_t count)
{
    struct load *l = arg;
    struct opcua_dictionaries_parts *p = &l->parts;
    if (was_refused_for_now(l, status, ask_enumerations))
        return;
    if (status != UA_STATUSCODE_GOOD) {
        finish(l);
        return;
    }
    p->enumerations = memory_new((count + 1) * sizeof *p->enumerations);
    for (size_t i = 0; i < count; i++)
        if (refs[i].nodeId.nodeId.namespaceIndex != 0 && refs[i].nodeId.serverIndex == 0) {
            p->enumerations[p->enumeration_count++] = refs[i];
            UA_ReferenceDescription_init(&refs[i]); /* moved */
        }
    finish(l);
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

/* One that is not told whole is not told, so that it is asked for again. */
static void note_description(struct load *l, size_t i, UA_StatusCode status)
{
    bool part = l->part;
    l->part = false;
    note(l, status);
    if (l->part)
        UA_String_clear(&l->parts.descriptions[l->at + i].name);
    l->part = l->part || part;
}

/* The first of each. */
static void on_sources(void *arg, UA_StatusCode status, void *response)
{
    struct load *l = arg;
    UA_BrowseResponse *r = response;
    if (was_refused_for_now(l, status, l->back->next))
        return;
    if (status != UA_STATUSCODE_GOOD) {
        finish(l);
        return;
    }
    for (size_t i = 0; i < r->resultsSize && i < l->asked; i++) {
        note_description(l, i, r->results[i].statusCode);
        if (r->results[i].referencesSize > 0) {
            UA_ExpandedNodeId *from = &r->results[i].references[0].nodeId;
            *node_at(l, i, l->back->to) = from->nodeId;
            UA_NodeId_init(&from->nodeId); /* moved */
        }
    }
    l->at += l->asked;
    l->back->next(l);
}

/* False: all are asked for. */
static bool browse_back(struct load *l, const struct back *back)
{
    UA_BrowseDescription what[AT_ONCE];
    size_t left = l->parts.description_count - l->at;
    size_t max = most(l, opcua_session_limits(l->session)->nodes_per_browse);
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
    if (was_refused_for_now(l, status, ask_names))
        return;
    if (status != UA_STATUSCODE_GOOD) {
        finish(l);
        return;
    }
    for (size_t i = 0; i < r->resultsSize && i < l->asked; i++) {
        note(l, r->results[i].hasStatus ? r->results[i].status : UA_STATUSCODE_GOOD);
        if (UA_Variant_hasScalarType(&r->results[i].value, &UA_TYPES[UA_TYPES_STRING]))
            UA_String_copy(r->results[i].value.data, &l->parts.descriptions[l->at + i].name);
    }
    l->at += l->asked;
    ask_names(l);
}

static void ask_names(struct load *l)
{
    UA_ReadValueId what[AT_ONCE];
    size_t left = l->parts.description_count - l->at;
    size_t max = most(l, opcua_session_limits(l->session)->nodes_per_read);
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

static void ask_descriptions(struct load *l);

static void on_descriptions(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                            size_t count)
{
    struct load *l = arg;
    if (was_refused_for_now(l, status, ask_descriptions))
        return;
    if (status == UA_STATUSCODE_GOOD)
        add_descriptions(l, refs, count);
    l->at++;
    ask_document(l);
}

static void ask_descriptions(struct load *l)
{
    browse_all(l, &l->parts.nodes[l->at], UA_NS0ID_HASCOMPONENT, on_descriptions);
}

static void settle_document(struct load *l, enum status s)
{
    struct opcua_dictionary *d = &l->parts.documents[l->at];
    l->types += d->count;
    l->fields += d->field_count;
    if (l->types > OPCUA_DICTIONARY_TYPES_MAX || l->fields > OPCUA_DICTIONARY_FIELDS_MAX) {
        opcua_dictionary_clear(d);
        s = TOO_LARGE;
    }
    if (s != OK)
        log_warn("opcua type dictionary unusable url=%.*s bytes=%zu status=%s",
                 SLICE_FMT(opcua_session_url(l->session)), l->xml.length, status_name(s));
    stop_parsing(l);
    ask_descriptions(l);
}

static void parse_some(struct load *l);

static void on_turn(void *arg, UA_StatusCode status, void *response)
{
    struct load *l = arg;
    (void)response;
    if (status == UA_STATUSCODE_GOOD)
        parse_some(l);
    else
        end(l, NULL); /* the session has ended */
}

/* Others on this thread have their turn in between. */
static void parse_some(struct load *l)
{
    enum status s = opcua_dictionary_go_on(l->parsing, PARSED_AT_ONCE);
    if (s == AGAIN)
        opcua_session_wait(l->session, 0, on_turn, l);
    else
        settle_document(l, s);
}

static void take_document(struct load *l, UA_ByteString *xml)
{
    l->bytes += xml->length;
    l->xml = *xml;
    UA_ByteString_init(xml); /* moved */
    if (l->bytes > OPCUA_DICTIONARIES_BYTES_MAX) {
        settle_document(l, TOO_LARGE);
        return;
    }
    l->parsing = opcua_dictionary_begin(opcua_slice(l->xml), &l->parts.documents[l->at]);
    parse_some(l);
}

static void on_document(void *arg, UA_StatusCode status, void *response)
{
    struct load *l = arg;
    UA_ReadResponse *r = response;
    bool whole = status == UA_STATUSCODE_GOOD && r->resultsSize == 1;
    UA_StatusCode of_it = whole && r->results[0].hasStatus ? r->results[0].status : status;
    bool alone = whole && opcua_refusal_of(of_it) == OPCUA_REFUSAL_UNCLEAR;
    if (!alone && was_refused_for_now(l, of_it, ask_document))
        return;
    note(l, of_it);
    if (whole && UA_Variant_hasScalarType(&r->results[0].value, &UA_TYPES[UA_TYPES_BYTESTRING]))
        take_document(l, r->results[0].value.data);
    else
        ask_descriptions(l);
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
static void ask_which(struct load *l);

static void on_dictionaries(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs,
                            size_t count)
{
    struct load *l = arg;
    struct opcua_dictionaries_parts *p = &l->parts;
    if (was_refused_for_now(l, status, ask_which))
        return;
    for (size_t i = 0; i < count && p->count < OPCUA_DICTIONARIES_MAX; i++)
        if (refs[i].nodeId.nodeId.namespaceIndex != 0 && refs[i].nodeId.serverIndex == 0) {
            p->nodes[p->count++] = refs[i].nodeId.nodeId;
            UA_NodeId_init(&refs[i].nodeId.nodeId); /* moved */
        }
    if (p->count == 0)
        finish(l);
    else
        ask_document(l);
}

static void ask_which(struct load *l)
{
    const UA_NodeId system = UA_NODEID_NUMERIC(0, UA_NS0ID_OPCBINARYSCHEMA_TYPESYSTEM);
    browse_all(l, &system, UA_NS0ID_HASCOMPONENT, on_dictionaries);
}

void opcua_dictionaries_load(struct opcua_session *s, opcua_dictionaries_fn *fn, void *arg,
                             uint32_t timeout_ms)
{
    struct load *l = MEMORY_NEW(struct load);
    l->session = s;
    l->fn = fn;
    l->arg = arg;
    l->ends_ms = loop_now_ms(opcua_thread_loop(opcua_session_thread(s))) + timeout_ms;
    l->at_once = AT_ONCE;
    l->pause_ms = PAUSE_MS_MIN;
    ask_which(l);
}
