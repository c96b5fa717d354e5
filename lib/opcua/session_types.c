/* What is known of the structures of the server that a session is with. */
#include "opcua/session_priv.h"
#include "opcua/types.h"

struct opcua_types *opcua_session_types(struct opcua_session *s)
{
    if (!s->types && s->thread)
        s->types = opcua_types_get(&s->thread->types, s);
    s->names.types = s->types;
    return s->types;
}

void session_forget_types(struct opcua_session *s)
{
    opcua_types_unref(&s->types);
    s->names.types = NULL;
}
