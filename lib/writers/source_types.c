/*
 * Values with structures of a server's own wait until the server was asked what is in them: then
 * they are written member by member from the first on. What it does not tell is written in its
 * bytes. What it does not tell for now is, too, until it does: it is asked for again now and then
 * (opcua/types.h), and nothing waits for that. Without a connection nothing is asked: values wait until
 * there is one.
 */
#include "writers/source_priv.h"

#include "opcua/types.h"

#define TYPE_MS 20000 /* until one is given up: what dictionaries may take */

static void go_on(struct source *s)
{
    opcua_session_unlisten(&s->back);
    if (s->waits_for_type)
        sources_release(s->owner);
    s->waits_for_type = false;
}

static void on_type(void *arg, const UA_DataType *type)
{
    (void)type;
    go_on(arg);
}

static void on_ready(void *arg, bool same)
{
    (void)same;
    go_on(arg);
}

static void wait(struct source *s)
{
    s->waits_for_type = true;
    sources_hold(s->owner);
}

static void wait_for_connection(struct source *s)
{
    s->back = (struct opcua_session_listener){.on_ready = on_ready, .arg = s};
    opcua_session_listen(s->session, &s->back);
    wait(s);
}

static void ask(struct source *s, struct opcua_types *types, const UA_NodeId *id)
{
    if (!opcua_types_was_refused(types, id))
        wait(s);
    opcua_types_load(types, s->session,
                     &(struct opcua_types_question){.id = id,
                                                    .encoding = true,
                                                    .timeout_ms = TYPE_MS,
                                                    .fn = on_type,
                                                    .arg = s,
                                                    .out = &s->asking}); /* may be told at once */
}

static bool is_known_offline(struct source *s, const struct opcua_types *types, const UA_Variant *v)
{
    UA_NodeId id;
    if (s->waits_for_type || !opcua_types_wanted(types, v, &id))
        return !s->waits_for_type;
    if (!opcua_types_was_refused(types, &id))
        wait_for_connection(s);
    UA_NodeId_clear(&id);
    return !s->waits_for_type;
}

static bool is_known(struct source *s, const UA_Variant *v)
{
    struct opcua_types *types = opcua_session_types(s->session);
    UA_NodeId id;
    if (opcua_session_state(s->session) != OPCUA_SESSION_READY)
        return is_known_offline(s, types, v);
    while (types && !s->asking && opcua_types_wanted(types, v, &id)) {
        ask(s, types, &id);
        UA_NodeId_clear(&id);
    }
    if (types && s->asking && !s->waits_for_type && opcua_types_wanted(types, v, &id)) {
        wait(s); /* for its turn */
        UA_NodeId_clear(&id);
    }
    return !s->waits_for_type;
}

static bool is_open(const UA_Variant *v)
{
    return v->type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT] || v->type == &UA_TYPES[UA_TYPES_VARIANT];
}

/* What was read in a cycle cannot wait. */
static bool settle(struct source *s, bool known)
{
    if (known || s->sampler)
        return true;
    s->refused = true;
    return false;
}

bool source_types_are_known(struct source *s, const UA_MonitoredItemNotification *values,
                            size_t count)
{
    bool known = true;
    for (size_t i = 0; i < count && known; i++)
        if (is_open(&values[i].value.value))
            known = is_known(s, &values[i].value.value);
    return settle(s, known);
}

bool source_types_of_events_are_known(struct source *s, const UA_EventFieldList *events,
                                      size_t count)
{
    bool known = true;
    for (size_t i = 0; i < count && known; i++)
        for (size_t k = 0; k < events[i].eventFieldsSize && known; k++)
            if (is_open(&events[i].eventFields[k]))
                known = is_known(s, &events[i].eventFields[k]);
    return settle(s, known);
}

void source_types_leave(struct source *s)
{
    opcua_types_cancel(&s->asking);
    go_on(s);
}
