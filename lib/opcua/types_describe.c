/* The dictionaries of a server, asked for by the first whose type it does not define. */
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/types_priv.h"

#define DICTIONARIES_MS 20000 /* until the whole of them is given up */

struct opcua_types_waiter {
    struct link link;
    struct loop_timer patience;
    struct opcua_types_wish wish;
};

static void leave(struct opcua_types_waiter *w)
{
    if (w->wish.out)
        *w->wish.out = NULL;
    list_remove(&w->link);
    loop_timer_stop(&w->patience);
    free(w);
}

static void tell(struct opcua_types_waiter *w)
{
    struct opcua_types_wish wish = w->wish;
    leave(w);
    wish.fn(wish.arg);
}

void opcua_types_wait_no_more(struct opcua_types_waiter **w)
{
    if (*w)
        leave(*w);
}

const struct opcua_described *opcua_types_described(const struct opcua_types *t,
                                                    const UA_NodeId *id)
{
    return t ? opcua_dictionaries_find(t->dictionaries, id) : NULL;
}

static void on_patience(void *arg)
{
    tell(arg);
}

struct asking {
    struct opcua_types *t; /* references, both */
    struct opcua_session *session;
};

/* Of two that are not whole, the one with more. */
static void take(struct opcua_types *t, struct opcua_dictionaries *d, bool whole)
{
    bool more = whole || opcua_dictionaries_count(d) >= opcua_dictionaries_count(t->dictionaries);
    opcua_dictionaries_free(more ? &t->dictionaries : &d);
    if (more)
        t->dictionaries = d;
}

static void on_dictionaries(void *arg, struct opcua_dictionaries *d, bool whole)
{
    struct asking *a = arg;
    struct opcua_types *t = a->t;
    if (d)
        take(t, d, whole);
    t->has_dictionaries = whole;
    t->asks_dictionaries = false;
    if (!whole)
        opcua_types_refused_dictionaries(t);
    struct list told; /* who is told may ask again, and waits then for the next time */
    list_init(&told);
    for (struct link *l; (l = list_pop(&t->waiting));)
        list_push(&told, l);
    for (struct link *l; (l = list_first(&told));)
        tell(LIST_OF(l, struct opcua_types_waiter, link));
    opcua_types_unref(&a->t);
    opcua_session_unref(&a->session);
    free(a);
}

static void wait(struct opcua_types *t, struct loop *loop, const struct opcua_types_wish *wish)
{
    struct opcua_types_waiter *w = MEMORY_NEW(struct opcua_types_waiter);
    w->wish = *wish;
    if (wish->out)
        *wish->out = w;
    list_push(&t->waiting, &w->link);
    loop_timer_start(loop, &w->patience, wish->timeout_ms, on_patience, w);
}

void opcua_types_ask_dictionaries(struct opcua_types *t, struct opcua_session *s,
                                  const struct opcua_types_wish *wish)
{
    if (t->has_dictionaries || (!t->asks_dictionaries && !opcua_types_may_ask_dictionaries(t))) {
        wish->fn(wish->arg);
        return;
    }
    wait(t, opcua_thread_loop(opcua_session_thread(s)), wish);
    if (t->asks_dictionaries)
        return;
    struct asking *a = MEMORY_NEW(struct asking);
    *a = (struct asking){opcua_types_ref(t), opcua_session_ref(s)};
    t->asks_dictionaries = true;
    opcua_dictionaries_load(s, on_dictionaries, a, DICTIONARIES_MS);
}
