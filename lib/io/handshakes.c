#include "io/handshakes.h"

static void turn(void *arg);

static struct handshake *of(struct link *link)
{
    return LIST_OF(link, struct handshake, link);
}

static void on_deadline(void *arg)
{
    struct handshake *h = arg;
    h->late(h->arg);
}

static void set(struct handshake *h, int state, struct list *in)
{
    list_remove(&h->link);
    list_push(in, &h->link);
    h->state = state;
}

static void begin(struct handshake *h)
{
    struct handshakes *all = h->all;
    all->count++;
    set(h, HANDSHAKE_SHAKING, &all->shaking);
    h->heard_ms = loop_now_ms(all->loop);
    loop_timer_start(all->loop, &h->deadline, HANDSHAKE_MS, on_deadline, h);
    h->begin(h->arg);
}

static void look_soon(struct handshakes *all, uint64_t ms)
{
    loop_timer_start(all->loop, &all->turn, ms, turn, all);
}

/* All places are taken and somebody waits: the next who was silent for too long makes room. */
static void hurry(struct handshakes *all)
{
    struct handshake *h = of(list_first(&all->shaking));
    uint64_t now = loop_now_ms(all->loop), end = h->heard_ms + HANDSHAKE_HURRY_MS;
    if (now < end) {
        look_soon(all, end - now);
        return;
    }
    look_soon(all, 0);
    h->late(h->arg);
}

static void turn(void *arg)
{
    struct handshakes *all = arg;
    for (int i = 0; i < HANDSHAKES_PER_TURN && all->count < HANDSHAKES_MAX; i++) {
        struct link *first = list_first(&all->waiting);
        if (first == NULL)
            return;
        begin(of(first));
    }
    if (list_empty(&all->waiting))
        return;
    if (all->count == HANDSHAKES_MAX)
        hurry(all);
    else
        look_soon(all, 0); /* the next turn: a timer waits for it */
}

void handshakes_init(struct handshakes *all, struct loop *loop)
{
    all->loop = loop;
    list_init(&all->silent);
    list_init(&all->waiting);
    list_init(&all->shaking);
}

void handshake_enter(struct handshake *h, struct handshakes *all)
{
    h->all = all;
    set(h, HANDSHAKE_SILENT, &all->silent);
    loop_timer_start(all->loop, &h->deadline, HANDSHAKE_MS, on_deadline, h);
}

void handshake_heard(struct handshake *h)
{
    struct handshakes *all = h->all;
    if (h->state == HANDSHAKE_SILENT) {
        loop_timer_stop(&h->deadline);
        set(h, HANDSHAKE_WAITING, &all->waiting);
        if (all->turn.node.index == 0)
            look_soon(all, 0);
    } else if (h->state == HANDSHAKE_SHAKING) {
        set(h, HANDSHAKE_SHAKING, &all->shaking);
        h->heard_ms = loop_now_ms(all->loop);
    }
}

void handshake_leave(struct handshake *h)
{
    struct handshakes *all = h->all;
    if (h->state == HANDSHAKE_OVER)
        return;
    loop_timer_stop(&h->deadline);
    list_remove(&h->link);
    if (h->state == HANDSHAKE_SHAKING) {
        if (all->count-- == HANDSHAKES_MAX && !list_empty(&all->waiting))
            look_soon(all, 0); /* and not at the end of somebody's hurry */
    }
    h->state = HANDSHAKE_OVER;
}

struct handshake *handshakes_any(struct handshakes *all)
{
    struct list *lists[] = {&all->silent, &all->waiting, &all->shaking};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (!list_empty(lists[i]))
            return of(list_first(lists[i]));
    return NULL;
}

void handshakes_clear(struct handshakes *all)
{
    loop_timer_stop(&all->turn);
}
