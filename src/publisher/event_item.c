#include "publisher/event_item.h"

#include <stdlib.h>

#include "base/memory.h"

struct event_item {
    struct event_item_home home;
    struct event_types *types; /* of the session; NULL: never asked */
    struct event_types_waiter waiter;
    struct event_filter filter;
    bool made;
    char *json;
};

/* The simple form for who asks for a node's EventNotifier and does not say more. */
#define ANY_EVENT "{\"TypeDefinitionId\":\"i=2041\"}"

struct event_item *event_item_new(const struct event_item_home *home, const struct plan_item *plan)
{
    bool bare = !plan->event_filter.len;
    if (bare && plan->attribute != UA_ATTRIBUTEID_EVENTNOTIFIER)
        return NULL;
    struct event_item *e = MEMORY_NEW(struct event_item);
    e->home = *home;
    e->waiter = (struct event_types_waiter){.fn = home->on_ready, .arg = home->arg};
    e->json = slice_dup(bare ? SLICE(ANY_EVENT) : plan->event_filter);
    return e;
}

void event_item_free(struct event_item **item)
{
    struct event_item *e = *item;
    if (!e)
        return;
    event_types_forget(&e->waiter);
    event_types_unref(&e->types);
    event_filter_clear(&e->filter);
    free(e->json);
    free(e);
    *item = NULL;
}

static struct event_types *types_of(struct event_item *e, struct opcua_session *s)
{
    if (!e->types)
        e->types = event_types_get(e->home.types, s);
    return e->types;
}

/* What the filter needs to know of the server first. */
static enum status ask_fields(struct event_item *e, struct opcua_session *s,
                              struct event_type_fields *out, bool *simple, struct buffer *why)
{
    UA_NodeId type;
    enum status found =
        event_filter_simple_type(slice_of(e->json), opcua_session_namespaces(s), &type, why);
    *simple = found == OK && !UA_NodeId_isNull(&type);
    if (!*simple)
        return found; /* it names its fields itself */
    enum status known = event_types_fields(types_of(e, s), &type, &e->waiter, out);
    UA_NodeId_clear(&type);
    if (known != OK && known != AGAIN)
        buffer_text(why, "The server does not say which fields events of this type have.");
    return known;
}

enum status event_item_filter(struct event_item *e, struct opcua_session *s,
                              const UA_ExtensionObject **out, struct buffer *why)
{
    struct event_type_fields fields = {0};
    bool simple = false;
    enum status known = ask_fields(e, s, &fields, &simple, why);
    if (known != OK)
        return known;
    struct event_filter_context context = {.names = opcua_session_namespaces(s),
                                           .format = e->home.format,
                                           .fields = simple ? &fields : NULL};
    event_filter_clear(&e->filter);
    enum status made = event_filter_make(slice_of(e->json), &context, &e->filter, why);
    e->made = made == OK;
    *out = &e->filter.object;
    return made;
}

const struct event_filter *event_item_made(const struct event_item *e)
{
    return e->made ? &e->filter : NULL;
}

enum status event_item_name(struct event_item *e, struct opcua_session *s,
                            const UA_EventFieldList *event, struct slice *out)
{
    *out = (struct slice){0};
    if (!e->made || event->eventFieldsSize != e->filter.select_count)
        return OK;
    const UA_Variant *type = &event->eventFields[e->filter.event_type];
    if (!UA_Variant_hasScalarType(type, &UA_TYPES[UA_TYPES_NODEID]))
        return OK;
    return event_types_name(types_of(e, s), type->data, &e->waiter, out);
}
