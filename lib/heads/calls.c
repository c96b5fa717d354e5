#include "heads/calls.h"

#include <stdlib.h>

#include "base/memory.h"

struct heads_call {
    uint64_t rid;    /* the backend's */
    uint32_t number; /* 0: free */
};

/* Number 0 finds a free place. NULL: there is none. */
static struct heads_call *find(const struct heads_calls *c, uint32_t number)
{
    for (int i = 0; c->places && i < HEADS_CALLS_MAX; i++)
        if (c->places[i].number == number)
            return &c->places[i];
    return NULL;
}

static struct heads_call *oldest(const struct heads_calls *c)
{
    struct heads_call *found = c->places;
    for (int i = 1; i < HEADS_CALLS_MAX; i++)
        if (c->next - c->places[i].number > c->next - found->number)
            found = &c->places[i];
    return found;
}

uint32_t heads_calls_note(struct heads_calls *c, uint64_t rid)
{
    if (c->places == NULL)
        c->places = memory_new(HEADS_CALLS_MAX * sizeof(*c->places));
    uint32_t number = ++c->next ? c->next : ++c->next;
    struct heads_call *place = find(c, 0);
    if (place == NULL)
        place = oldest(c);
    *place = (struct heads_call){rid, number};
    return number;
}

bool heads_calls_take(struct heads_calls *c, uint32_t number, uint64_t *rid)
{
    struct heads_call *call = number ? find(c, number) : NULL;
    if (call == NULL)
        return false;
    *rid = call->rid;
    call->number = 0;
    return true;
}

void heads_calls_clear(struct heads_calls *c)
{
    free(c->places);
    c->places = NULL;
}
