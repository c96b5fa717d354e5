/* Node ids that the server has to be asked for before items can be created: paths, short ids. */
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/lookup.h"
#include "opcua/subscription_priv.h"

static void on_found(void *arg, uint32_t index, const struct opcua_lookup_answer *a)
{
    struct opcua_subscription *s = arg;
    if (s->slots[index].state == ITEM_REMOVED) {
        items_free_index(s, index);
    } else if (UA_StatusCode_isBad(a->status)) {
        items_fail(s, index, a->status);
    } else {
        if (s->found_count == s->found_cap) {
            s->found_cap = s->found_cap ? 2 * s->found_cap : 64;
            s->found = memory_resize(s->found, s->found_cap * sizeof *s->found);
        }
        UA_NodeId_copy(a->node, &s->found[s->found_count].node);
        s->found[s->found_count++].index = index;
        s->slots[index].state = ITEM_FOUND;
    }
    items_pump_soon(s);
}

void items_look_up(struct opcua_subscription *s, uint32_t index, const struct opcua_item *i)
{
    s->slots[index].state = ITEM_LOOKING;
    opcua_lookup(s->session, i->registered ? OPCUA_LOOKUP_REGISTERED : 0, i->node, i->path,
                 on_found, s, index);
}

static void drop_found(struct opcua_subscription *s)
{
    for (size_t i = 0; i < s->found_count; i++)
        UA_NodeId_clear(&s->found[i].node);
    s->found_count = 0;
}

void items_forget_found(struct opcua_subscription *s, uint32_t index)
{
    size_t i = 0;
    while (s->found[i].index != index)
        i++;
    UA_NodeId_clear(&s->found[i].node);
    s->found[i] = s->found[--s->found_count];
}

/* What was found may be another node after a reconnection, or none. */
void items_look_again(struct opcua_subscription *s)
{
    for (size_t i = 0; i < s->found_count; i++)
        items_make_new(s, s->found[i].index);
    drop_found(s);
}

void items_stop_looking(struct opcua_subscription *s)
{
    opcua_lookup_cancel_all(s->session, on_found, s);
    drop_found(s);
}
