#include "opcua/sampler.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/lookup.h"
#include "opcua/refusal.h"
#include "opcua/session_priv.h"

#define NODE_RETRY_MS 10000
#define OVERFLOW (UA_STATUSCODE_INFOTYPE_DATAVALUE | UA_STATUSCODE_INFOBITS_OVERFLOW)

enum node_state {
    NODE_FREE,
    NODE_NEW,     /* its id is to be found; → LOOKING, FREE */
    NODE_LOOKING, /* → KNOWN, UNKNOWN, REMOVED, NEW */
    NODE_KNOWN,   /* read in each cycle; → NEW, FREE */
    NODE_UNKNOWN, /* the server does not know it; → NEW, FREE */
    NODE_REMOVED, /* answers for it may be under way; at the next cycle → FREE */
};

struct sampled {
    struct opcua_item item;
    UA_NodeId node;
    UA_StatusCode status;
    uint8_t state;
    bool told, looking;
};

/* One Read of a cycle. */
struct read_call {
    struct link link;
    struct opcua_sampler *sampler;
    struct opcua_call *call;
    size_t count;
    uint32_t indexes[];
};

struct opcua_sampler {
    struct opcua_sampler_config config;
    struct opcua_session *session;
    struct loop *loop;
    struct opcua_session_listener listener;
    struct sampled *nodes;
    uint32_t count, cap, free_from; /* free_from: no FREE one before it */
    struct list calls;
    size_t call_count;
    struct loop_timer tick, retry;
    uint64_t due_ms;                    /* of the next cycle */
    uint32_t next;                      /* of this cycle, to be read */
    uint32_t most;                      /* nodes of one Read that the server bore; 0: not known */
    bool missed;                        /* a cycle before this one: its values say so */
    bool missed_next;                   /* this one, or one that could not begin */
    UA_MonitoredItemNotification *told; /* scratch */
    size_t told_cap;
    struct opcua_sampler_counts counts;
};

/* ---- telling ---- */

static bool is_of_node(UA_StatusCode status)
{
    switch (status & 0xffff0000) {
    case UA_STATUSCODE_BADNODEIDUNKNOWN:
    case UA_STATUSCODE_BADNODEIDINVALID:
    case UA_STATUSCODE_BADNOMATCH:
    case UA_STATUSCODE_BADATTRIBUTEIDINVALID:
    case UA_STATUSCODE_BADINDEXRANGEINVALID:
    case UA_STATUSCODE_BADNOTREADABLE:
    case UA_STATUSCODE_BADUSERACCESSDENIED:
        return true;
    default:
        return false;
    }
}

static void note_status(struct opcua_sampler *s, uint32_t index, UA_StatusCode status)
{
    struct sampled *n = &s->nodes[index];
    UA_StatusCode now = is_of_node(status) ? status : UA_STATUSCODE_GOOD;
    if (n->told && n->status == now)
        return;
    n->told = true;
    n->status = now;
    if (s->config.events->on_item)
        s->config.events->on_item(s->config.arg, index, now);
}

static UA_MonitoredItemNotification *room_for(struct opcua_sampler *s, size_t count)
{
    if (count > s->told_cap) {
        s->told_cap = count;
        s->told = memory_resize(s->told, count * sizeof *s->told);
    }
    return s->told;
}

static void set_overflow(UA_DataValue *v)
{
    v->status = (v->hasStatus ? v->status : 0) | OVERFLOW;
    v->hasStatus = true;
}

static void tell(struct opcua_sampler *s, size_t count)
{
    if (count == 0)
        return;
    for (size_t i = 0; s->missed && i < count; i++)
        set_overflow(&s->told[i].value);
    s->counts.values += count;
    if (!s->config.events->on_data(s->config.arg, s->told, count)) {
        s->counts.missed++;
        s->missed_next = true;
    }
}

/* The same status for those of indexes[] that are still there. */
static void tell_status(struct opcua_sampler *s, const uint32_t *indexes, size_t count,
                        UA_StatusCode status)
{
    UA_MonitoredItemNotification *out = room_for(s, count);
    size_t told = 0;
    UA_DateTime now = UA_DateTime_now();
    for (size_t i = 0; i < count; i++) {
        const struct sampled *n = &s->nodes[indexes[i]];
        if (n->state == NODE_FREE || n->state == NODE_REMOVED)
            continue;
        out[told++] = (UA_MonitoredItemNotification){
            .clientHandle = indexes[i],
            .value = {.hasStatus = true,
                      .status = n->state == NODE_UNKNOWN ? n->status : status,
                      .hasServerTimestamp = true,
                      .serverTimestamp = now}};
    }
    tell(s, told);
}

/* ---- node ids ---- */

static void take_id(struct opcua_sampler *s, uint32_t index, UA_StatusCode status,
                    const UA_NodeId *node)
{
    struct sampled *n = &s->nodes[index];
    n->looking = false;
    if (n->state == NODE_REMOVED)
        return;
    if (UA_StatusCode_isBad(status)) {
        n->state = NODE_UNKNOWN;
        note_status(s, index, status);
    } else {
        UA_NodeId_clear(&n->node);
        UA_NodeId_copy(node, &n->node);
        n->state = NODE_KNOWN;
    }
}

static void on_found(void *arg, uint32_t index, const struct opcua_lookup_answer *a)
{
    take_id(arg, index, a->status, a->node);
}

static void find_one(struct opcua_sampler *s, uint32_t index)
{
    struct sampled *n = &s->nodes[index];
    n->state = NODE_LOOKING;
    if (n->item.path.len || n->item.registered) {
        n->looking = true;
        opcua_lookup(s->session, n->item.registered ? OPCUA_LOOKUP_REGISTERED : 0, n->item.node,
                     n->item.path, on_found, s, index);
        return;
    }
    UA_NodeId node;
    enum status parsed = opcua_node_id_parse(n->item.node,
                                             opcua_session_namespaces(s->session), &node, NULL);
    if (parsed == OK) {
        take_id(s, index, UA_STATUSCODE_GOOD, &node);
        UA_NodeId_clear(&node);
    } else {
        take_id(s, index,
                parsed == NOT_FOUND ? UA_STATUSCODE_BADNODEIDUNKNOWN
                                    : UA_STATUSCODE_BADNODEIDINVALID,
                NULL);
    }
}

static void find_new(struct opcua_sampler *s)
{
    if (opcua_session_state(s->session) != OPCUA_SESSION_READY)
        return;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i].state == NODE_NEW)
            find_one(s, i);
}

/* Servers get new nodes. */
static void on_retry(void *arg)
{
    struct opcua_sampler *s = arg;
    loop_timer_start(s->loop, &s->retry, NODE_RETRY_MS, on_retry, s);
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i].state == NODE_UNKNOWN)
            s->nodes[i].state = NODE_NEW;
    find_new(s);
}

/* ---- cycles ---- */

static void read_more(struct opcua_sampler *s);

static void call_free(struct read_call *c)
{
    list_remove(&c->link);
    c->sampler->call_count--;
    free(c);
}

static void take_results(struct opcua_sampler *s, const struct read_call *c, UA_ReadResponse *r)
{
    UA_MonitoredItemNotification *out = room_for(s, c->count);
    size_t told = 0;
    for (size_t i = 0; i < c->count; i++) {
        uint32_t index = c->indexes[i];
        if (s->nodes[index].state == NODE_FREE || s->nodes[index].state == NODE_REMOVED)
            continue;
        const UA_DataValue *v = &r->results[i]; /* borrowed */
        note_status(s, index, v->hasStatus ? v->status : UA_STATUSCODE_GOOD);
        out[told++] = (UA_MonitoredItemNotification){.clientHandle = index, .value = *v};
    }
    tell(s, told);
}

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct read_call *c = arg;
    struct opcua_sampler *s = c->sampler;
    UA_ReadResponse *r = response;
    if (r && r->resultsSize == c->count) {
        take_results(s, c, r);
    } else {
        if (opcua_refusal_is_too_much(status) && c->count > 1)
            s->most = (uint32_t)c->count / 2;
        if (opcua_call_was_lost(status))
            status = UA_STATUSCODE_BADNOTCONNECTED;
        tell_status(s, c->indexes, c->count, r ? UA_STATUSCODE_BADUNEXPECTEDERROR : status);
    }
    call_free(c);
    read_more(s);
}

static uint32_t per_read(const struct opcua_sampler *s)
{
    uint32_t limit = opcua_session_limits(s->session)->nodes_per_read;
    uint32_t most = limit && limit < OPCUA_SAMPLER_NODES_MAX ? limit : OPCUA_SAMPLER_NODES_MAX;
    return s->most && s->most < most ? s->most : most;
}

static uint32_t rate_of(const struct opcua_sampler *s)
{
    return s->config.rate_ms ? s->config.rate_ms : OPCUA_SAMPLER_RATE_MS;
}

/* The next nodes of this cycle; false: there are none. */
static bool read_some(struct opcua_sampler *s)
{
    uint32_t most = per_read(s);
    struct read_call *c = memory_new(sizeof *c + most * sizeof c->indexes[0]);
    UA_ReadValueId *nodes = memory_new(most * sizeof *nodes);
    for (; s->next < s->count && c->count < most; s->next++) {
        const struct sampled *n = &s->nodes[s->next];
        if (n->state != NODE_KNOWN)
            continue;
        nodes[c->count] = (UA_ReadValueId){
            .nodeId = n->node, /* borrowed */
            .attributeId = n->item.attribute ? n->item.attribute : UA_ATTRIBUTEID_VALUE,
            .indexRange = opcua_string_of(n->item.index_range)};
        c->indexes[c->count++] = s->next;
    }
    UA_ReadRequest request = {.requestHeader = {.timeoutHint = rate_of(s) / 2},
                              .maxAge = s->config.max_age_ms,
                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH,
                              .nodesToReadSize = c->count,
                              .nodesToRead = nodes};
    bool any = c->count > 0;
    c->sampler = s;
    if (any) {
        list_push(&s->calls, &c->link);
        s->call_count++;
        c->call = OPCUA_CALL(s->session, OPCUA_CALL_NOW, READ, &request, on_read, c,
                             rate_of(s) > 1 ? rate_of(s) / 2 : 1);
    } else {
        free(c);
    }
    free(nodes);
    return any;
}

static void read_more(struct opcua_sampler *s)
{
    while (s->call_count < OPCUA_SAMPLER_CALLS_MAX && read_some(s))
        ;
}

static void tell_unreadable(struct opcua_sampler *s, bool connected)
{
    uint32_t *indexes = memory_new((s->count + 1) * sizeof *indexes);
    size_t count = 0;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i].state == NODE_UNKNOWN || !connected)
            indexes[count++] = i;
    tell_status(s, indexes, count, UA_STATUSCODE_BADNOTCONNECTED);
    free(indexes);
}

static void free_removed(struct opcua_sampler *s)
{
    for (uint32_t i = s->count; i-- > 0;)
        if (s->nodes[i].state == NODE_REMOVED && !s->nodes[i].looking) {
            s->nodes[i].state = NODE_FREE;
            s->free_from = i < s->free_from ? i : s->free_from;
        }
}

static void on_tick(void *arg)
{
    struct opcua_sampler *s = arg;
    uint64_t now = loop_now_ms(s->loop), rate = rate_of(s);
    uint64_t late = now > s->due_ms ? (now - s->due_ms) / rate : 0;
    s->due_ms += (late + 1) * rate;
    loop_timer_start(s->loop, &s->tick, s->due_ms - now, on_tick, s);
    bool busy = s->call_count > 0;
    s->counts.missed += late + busy;
    s->missed_next = s->missed_next || busy;
    if (busy)
        return;
    s->missed = s->missed_next || late;
    s->missed_next = false;
    bool connected = opcua_session_state(s->session) == OPCUA_SESSION_READY;
    s->counts.cycles++;
    free_removed(s);
    s->next = connected ? 0 : s->count;
    find_new(s);
    tell_unreadable(s, connected);
    read_more(s);
}

/* ---- coming and going ---- */

/* Ids of the session before mean nothing. */
static void on_ready(void *arg, bool same)
{
    struct opcua_sampler *s = arg;
    for (uint32_t i = 0; i < s->count; i++) {
        struct sampled *n = &s->nodes[i];
        bool known = n->state == NODE_KNOWN || n->state == NODE_UNKNOWN;
        if (known && !(same && n->state == NODE_KNOWN))
            n->state = NODE_NEW;
    }
    s->most = 0;
    find_new(s);
}

struct opcua_sampler *opcua_sampler_new(const struct opcua_sampler_config *config)
{
    assert(config->events->on_data);
    struct opcua_sampler *s = MEMORY_NEW(struct opcua_sampler);
    s->config = *config;
    s->session = config->session;
    s->session->refs++;
    s->loop = s->session->loop;
    list_init(&s->calls);
    s->listener = (struct opcua_session_listener){.on_ready = on_ready, .arg = s};
    opcua_session_listen(s->session, &s->listener);
    s->due_ms = loop_now_ms(s->loop) + rate_of(s);
    loop_timer_start(s->loop, &s->tick, rate_of(s), on_tick, s);
    loop_timer_start(s->loop, &s->retry, NODE_RETRY_MS, on_retry, s);
    return s;
}

void opcua_sampler_free(struct opcua_sampler **sampler)
{
    struct opcua_sampler *s = *sampler;
    if (!s)
        return;
    loop_timer_stop(&s->tick);
    loop_timer_stop(&s->retry);
    opcua_lookup_cancel_all(s->session, on_found, s);
    LIST_EACH(l, &s->calls)
    {
        struct read_call *c = LIST_OF(l, struct read_call, link);
        opcua_call_cancel(c->call);
        call_free(c);
    }
    for (uint32_t i = 0; i < s->count; i++)
        UA_NodeId_clear(&s->nodes[i].node);
    opcua_session_unlisten(&s->listener);
    opcua_session_unref(&s->session);
    free(s->nodes);
    free(s->told);
    free(s);
    *sampler = NULL;
}

static uint32_t free_place(struct opcua_sampler *s)
{
    while (s->free_from < s->count)
        if (s->nodes[s->free_from++].state == NODE_FREE)
            return s->free_from - 1;
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap + s->cap / 2 : 16;
        s->nodes = memory_resize(s->nodes, s->cap * sizeof *s->nodes);
    }
    s->free_from = s->count + 1;
    return s->count++;
}

uint32_t opcua_sampler_add(struct opcua_sampler *s, const struct opcua_item *item)
{
    uint32_t index = free_place(s);
    s->nodes[index] = (struct sampled){.item = *item, .state = NODE_NEW};
    s->counts.items++;
    return index;
}

void opcua_sampler_remove(struct opcua_sampler *s, uint32_t index)
{
    struct sampled *n = &s->nodes[index];
    assert(index < s->count && n->state != NODE_FREE && n->state != NODE_REMOVED);
    UA_NodeId_clear(&n->node);
    *n = (struct sampled){.state = NODE_REMOVED, .looking = n->looking};
    s->counts.items--;
}

struct opcua_sampler_counts opcua_sampler_counts(const struct opcua_sampler *s)
{
    struct opcua_sampler_counts c = s->counts;
    for (uint32_t i = 0; i < s->count; i++) {
        bool told = s->nodes[i].told;
        c.live += told && s->nodes[i].status == UA_STATUSCODE_GOOD;
        c.failed += told && s->nodes[i].status != UA_STATUSCODE_GOOD;
    }
    return c;
}
