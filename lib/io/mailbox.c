#include "io/mailbox.h"

#include <assert.h>

void mailbox_init(struct mailbox *m)
{
    pthread_mutex_init(&m->lock, NULL);
}

void mailbox_clear(struct mailbox *m)
{
    calls_clear(&m->in);
    pthread_mutex_destroy(&m->lock);
}

bool mailbox_put(struct mailbox *m, struct call call)
{
    pthread_mutex_lock(&m->lock);
    bool was_empty = m->in.count == 0;
    calls_add(&m->in, call);
    pthread_mutex_unlock(&m->lock);
    return was_empty;
}

void mailbox_take(struct mailbox *m, struct calls *out)
{
    assert(out->count == 0);
    pthread_mutex_lock(&m->lock);
    struct calls empty = *out;
    *out = m->in;
    m->in = empty;
    pthread_mutex_unlock(&m->lock);
}

bool mailbox_empty(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    bool empty = m->in.count == 0;
    pthread_mutex_unlock(&m->lock);
    return empty;
}
