#include "writers/event_item.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "writers/condition_refresh.h"

#define TICK_MS 1000

struct event_item {
    struct event_item_home home;
    struct opcua_event_types *types; /* of the session; NULL: never asked */
    struct opcua_event_types_waiter waiter;
    struct event_filter filter;
    bool made;
    char *json;

    struct opcua_session *session; /* NULL: nothing can come */
    struct loop_timer tick;
    struct conditions *conditions; /* NULL: events are told as they come */
    bool refresh_on_start;
    bool refresh_again;
    struct condition_refresh *refresh; /* that was asked for */

    uint64_t rebrowse_ms; /* 0: not about the model */
    struct model_changes *model;
};

/* The simple form for who asks for a node's EventNotifier and does not say more. */
#define ANY_EVENT "{\"TypeDefinitionId\":\"i=2041\"}"

/* Of BaseModelChangeEventType and its subtypes: that they came is enough. */
#define MODEL_EVENTS                                                                               \
    "{\"SelectClauses\":[{\"BrowsePath\":[\"EventId\"]}],\"WhereClause\":{\"Elements\":[{"         \
    "\"FilterOperator\":\"OfType\",\"FilterOperands\":[{\"Value\":\"i=2132\"}]}]}}"

static bool is_event_item(const struct plan_item *plan)
{
    return plan->event_filter.len || plan->rebrowse_ms > 0 || plan->snapshot_ms > 0 ||
           plan->attribute == UA_ATTRIBUTEID_EVENTNOTIFIER;
}

struct event_item *event_item_new(const struct event_item_home *home, const struct plan_item *plan)
{
    if (!is_event_item(plan))
        return NULL;
    struct event_item *e = MEMORY_NEW(struct event_item);
    e->home = *home;
    e->waiter = (struct opcua_event_types_waiter){.fn = home->events->on_ready, .arg = home->arg};
    e->rebrowse_ms = (uint64_t)plan->rebrowse_ms;
    e->json = slice_dup(e->rebrowse_ms           ? SLICE(MODEL_EVENTS)
                        : plan->event_filter.len ? plan->event_filter
                                                 : SLICE(ANY_EVENT));
    if (plan->snapshot_ms > 0 && !e->rebrowse_ms)
        e->conditions = conditions_new((uint64_t)plan->snapshot_ms, (uint64_t)plan->update_ms);
    e->refresh_on_start = plan->refresh_conditions;
    return e;
}

void event_item_free(struct event_item **item)
{
    struct event_item *e = *item;
    if (!e)
        return;
    opcua_event_types_forget(&e->waiter);
    opcua_event_types_unref(&e->types);
    event_filter_clear(&e->filter);
    loop_timer_stop(&e->tick);
    condition_refresh_cancel(&e->refresh);
    conditions_free(&e->conditions);
    model_changes_free(&e->model);
    free(e->json);
    free(e);
    *item = NULL;
}

/* ---- the filter ---- */

static struct opcua_event_types *types_of(struct event_item *e, struct opcua_session *s)
{
    if (!e->types)
        e->types = opcua_event_types_get(e->home.types, s);
    return e->types;
}

/* What the filter needs to know of the server first. */
static enum status ask_fields(struct event_item *e, struct opcua_session *s,
                              struct opcua_event_type_fields *out, bool *simple, struct buffer *why)
{
    UA_NodeId type;
    enum status found =
        event_filter_simple_type(slice_of(e->json), opcua_session_namespaces(s), &type, why);
    *simple = found == OK && !UA_NodeId_isNull(&type);
    if (!*simple)
        return found; /* it names its fields itself */
    enum status known = opcua_event_types_fields(types_of(e, s), &type, &e->waiter, out);
    UA_NodeId_clear(&type);
    if (known != OK && known != AGAIN)
        buffer_text(why, "The server does not say which fields events of this type have.");
    return known;
}

static bool on_model_change(void *arg, const struct model_change *change)
{
    struct event_item *e = arg;
    return e->home.events->on_model_change(e->home.arg, change);
}

enum status event_item_filter(struct event_item *e, struct opcua_session *s,
                              const UA_ExtensionObject **out, struct buffer *why)
{
    struct opcua_event_type_fields fields = {0};
    bool simple = false;
    if (e->rebrowse_ms && !e->model) /* also where the server does not tell such events */
        e->model = model_changes_new(s, e->rebrowse_ms, on_model_change, e);
    enum status known = ask_fields(e, s, &fields, &simple, why);
    if (known != OK)
        return known;
    struct event_filter_context context = {.names = opcua_session_namespaces(s),
                                           .format = e->home.format,
                                           .fields = simple ? &fields : NULL,
                                           .conditions = e->conditions != NULL};
    event_filter_clear(&e->filter);
    enum status made = event_filter_make(slice_of(e->json), &context, &e->filter, why);
    e->made = made == OK;
    *out = &e->filter.object;
    return made;
}

bool event_item_follows_model(const struct event_item *e)
{
    return e->rebrowse_ms > 0;
}

struct slice event_item_query(const struct event_item *e)
{
    return slice_of(e->json);
}

const struct event_filter *event_item_made(const struct event_item *e)
{
    return e->made ? &e->filter : NULL;
}

/* ---- refresh ---- */

static void on_tick(void *arg);

static void start_tick(struct event_item *e)
{
    loop_timer_start(e->home.loop, &e->tick, TICK_MS, on_tick, e);
}

static void on_refreshed(void *arg, UA_StatusCode status)
{
    struct event_item *e = arg;
    e->refresh = NULL;
    if (status == UA_STATUSCODE_BADREFRESHINPROGRESS)
        e->refresh_again = true; /* somebody else's, in the same subscription */
    else if (UA_StatusCode_isBad(status) && e->session)
        log_warn("publisher conditions not told again url=%.*s status=%s",
                 SLICE_FMT(opcua_session_url(e->session)), UA_StatusCode_name(status));
    else if (!UA_StatusCode_isBad(status) && e->conditions)
        conditions_refresh_answered(e->conditions, loop_now_ms(e->home.loop));
    if (e->refresh_again)
        start_tick(e);
}

static void ask_refresh(struct event_item *e)
{
    uint32_t subscription, item;
    if (!e->session || !e->home.events->ids(e->home.arg, &subscription, &item))
        return; /* asked when it is live */
    e->refresh_again = e->refresh != NULL;
    if (e->refresh)
        return;
    if (e->conditions)
        conditions_refresh_asked(e->conditions);
    e->refresh = condition_refresh(e->session, subscription, item, on_refreshed, e);
}

static void on_tick(void *arg)
{
    struct event_item *e = arg;
    if (e->refresh_again && !e->refresh)
        ask_refresh(e);
    if (!e->conditions)
        return;
    start_tick(e);
    if (e->session && conditions_due(e->conditions, loop_now_ms(e->home.loop)))
        e->home.events->on_snapshot(e->home.arg, e->conditions);
}

void event_item_live(struct event_item *e, struct opcua_session *s)
{
    uint32_t subscription, item;
    if (!e->home.events->ids(e->home.arg, &subscription, &item))
        return; /* it is yet to be made there */
    e->session = s;
    if (!e->conditions && !e->refresh_on_start)
        return;
    ask_refresh(e);
    start_tick(e);
}

void event_item_lost(struct event_item *e)
{
    e->session = NULL;
    condition_refresh_cancel(&e->refresh);
    loop_timer_stop(&e->tick);
}

/* ---- events ---- */

enum status event_item_name(struct event_item *e, struct opcua_session *s,
                            const UA_EventFieldList *event, struct slice *out)
{
    *out = (struct slice){0};
    if (!e->made || event->eventFieldsSize != e->filter.select_count || e->model)
        return OK;
    const UA_Variant *type = &event->eventFields[e->filter.event_type];
    if (!UA_Variant_hasScalarType(type, &UA_TYPES[UA_TYPES_NODEID]))
        return OK;
    return opcua_event_types_name(types_of(e, s), type->data, &e->waiter, out);
}

static uint32_t type_of(const struct event_item *e, const UA_EventFieldList *event)
{
    const UA_Variant *type = &event->eventFields[e->filter.event_type];
    const UA_NodeId *id = type->data;
    bool known = UA_Variant_hasScalarType(type, &UA_TYPES[UA_TYPES_NODEID]) &&
                 id->namespaceIndex == 0 && id->identifierType == UA_NODEIDTYPE_NUMERIC;
    return known ? id->identifier.numeric : 0;
}

/* Part 9, 4.5. False: it is another event. */
static bool take_refresh(struct event_item *e, uint32_t type)
{
    if (type == UA_NS0ID_REFRESHREQUIREDEVENTTYPE)
        ask_refresh(e);
    else if (type == UA_NS0ID_REFRESHSTARTEVENTTYPE && e->conditions)
        conditions_refresh_begins(e->conditions, loop_now_ms(e->home.loop));
    else if (type == UA_NS0ID_REFRESHENDEVENTTYPE && e->conditions)
        conditions_refresh_ends(e->conditions);
    return type == UA_NS0ID_REFRESHREQUIREDEVENTTYPE || type == UA_NS0ID_REFRESHSTARTEVENTTYPE ||
           type == UA_NS0ID_REFRESHENDEVENTTYPE;
}

bool event_item_take(struct event_item *e, const UA_EventFieldList *event)
{
    if (e->model) {
        model_changes_hurry(e->model);
        return false;
    }
    if ((e->conditions || e->refresh_on_start) && take_refresh(e, type_of(e, event)))
        return false;
    if (!e->conditions)
        return true;
    conditions_take(e->conditions, event, &e->filter);
    return false;
}
