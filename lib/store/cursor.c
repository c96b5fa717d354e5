#include "base/log.h"
#include "store/log_priv.h"

uint64_t store_cursor_get(struct store_log *l, struct slice name)
{
    const struct store_cursor *c = store_remember_find(&l->remember, name);
    return c ? c->sequence : 0;
}

void store_cursor_set(struct store_log *l, struct slice name, uint64_t sequence)
{
    if (sequence > l->durable)
        sequence = l->durable; /* nobody can have done what nobody could read */
    enum status s = store_remember_set(&l->remember, name, sequence);
    if (s != OK) {
        log_error("cursor not kept name=%.*s status=%s", SLICE_FMT(name), status_name(s));
        return;
    }
    l->remember_dirty = true;
    if (!store_in_memory(l))
        store_log_upkeep_soon(l);
    if (l->room_wanted)
        store_log_wake(l);
}

void store_cursor_drop(struct store_log *l, struct slice name)
{
    if (!store_remember_drop(&l->remember, name))
        return;
    l->remember_dirty = true;
    if (!store_in_memory(l))
        store_log_upkeep_soon(l);
}
