/*
 * Values with structures of a server's own wait until the server was asked what is in them: then
 * they are written member by member from the first on. What it does not tell is written in its
 * bytes, and so is all when it does not answer FAILURES_MAX times.
 */
#include "publisher/source_priv.h"

#include "opcua/types.h"

#define TYPE_MS 5000 /* until one is given up */
#define FAILURES_MAX 8

static void on_type(void *arg, const UA_DataType *type)
{
    struct source *s = arg;
    s->type_failures = type ? 0 : s->type_failures + 1;
    sources_release(s->owner);
}

static void ask(struct source *s, struct opcua_types *types, const UA_NodeId *id)
{
    sources_hold(s->owner);
    opcua_types_load(types, s->session,
                     &(struct opcua_types_question){.id = id,
                                                    .encoding = true,
                                                    .timeout_ms = TYPE_MS,
                                                    .fn = on_type,
                                                    .arg = s,
                                                    .out = &s->asking}); /* may be told at once */
}

static bool is_known(struct source *s, const UA_Variant *v)
{
    struct opcua_types *types = opcua_session_types(s->session);
    UA_NodeId id;
    if (types != s->types)
        s->type_failures = 0; /* another connection */
    s->types = types;
    while (types && !s->asking && s->type_failures < FAILURES_MAX &&
           opcua_types_wanted(types, v, &id)) {
        ask(s, types, &id);
        UA_NodeId_clear(&id);
    }
    return !s->asking;
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
    if (!s->asking)
        return;
    opcua_types_cancel(&s->asking);
    sources_release(s->owner);
}
