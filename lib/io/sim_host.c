#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "io/sim_priv.h"

/* ---- hosts and links ---- */

struct cut {
    struct link link;
    struct sim_host *a, *b;
};

struct port {
    struct link link;
    struct sim_host *host;
    int number;
    struct listener *listener;
};

struct sim_host *sim_host_find(struct sim *s, const char *name)
{
    LIST_EACH(at, &s->hosts)
    {
        struct sim_host *h = LIST_OF(at, struct sim_host, link);
        if (strcmp(h->name, name) == 0)
            return h;
    }
    return NULL;
}

struct sim_host *sim_host_of(struct sim *s, const char *name)
{
    struct sim_host *known = sim_host_find(s, name);
    if (known)
        return known;
    struct sim_host *h = MEMORY_NEW(struct sim_host);
    h->name = memory_text(name);
    h->next_port = 40000;
    list_push(&s->hosts, &h->link);
    return h;
}

static struct cut *cut_between(struct sim *s, const struct sim_host *a, const struct sim_host *b)
{
    LIST_EACH(at, &s->cuts)
    {
        struct cut *c = LIST_OF(at, struct cut, link);
        if ((c->a == a && c->b == b) || (c->a == b && c->b == a))
            return c;
    }
    return NULL;
}

bool sim_cut(struct sim *s, const struct sim_host *a, const struct sim_host *b)
{
    return cut_between(s, a, b) != NULL;
}

void sim_link(struct sim *s, const char *a, const char *b, bool up)
{
    struct sim_host *one = sim_host_of(s, a), *other = sim_host_of(s, b);
    struct cut *c = cut_between(s, one, other);
    sim_note(s, up);
    if (up && c) {
        list_remove(&c->link);
        free(c);
    } else if (!up && c == NULL) {
        c = MEMORY_NEW(struct cut);
        *c = (struct cut){.a = one, .b = other};
        list_push(&s->cuts, &c->link);
    }
}

/* ---- listeners ---- */

struct listener *sim_listener_at(struct sim *s, const struct sim_host *host, int number)
{
    LIST_EACH(at, &s->ports)
    {
        struct port *p = LIST_OF(at, struct port, link);
        if (p->host == host && p->number == number && !p->listener->config.loop->dead)
            return p->listener;
    }
    return NULL;
}

enum status sim_listen(struct listener *listener)
{
    struct sim_loop *l = sim_loop_of(listener->config.loop);
    int number = listener->config.port ? listener->config.port : l->host->next_port++;
    if (sim_listener_at(l->sim, l->host, number) || l->loop.dead) {
        log_error("cannot listen host=%s port=%d reason=EADDRINUSE", l->host->name, number);
        return IO_FAILED;
    }
    struct port *p = MEMORY_NEW(struct port);
    *p = (struct port){.host = l->host, .number = number, .listener = listener};
    list_push(&l->sim->ports, &p->link);
    listener->made = p;
    listener->port = number;
    return OK;
}

void sim_unlisten(struct listener *listener)
{
    struct port *p = listener->made;
    list_remove(&p->link);
    free(p);
}

/* ---- the end of the world ---- */

void sim_hosts_clear(struct sim *s)
{
    for (struct link *at; (at = list_pop(&s->cuts));)
        free(LIST_OF(at, struct cut, link));
    for (struct link *at; (at = list_pop(&s->hosts));) {
        struct sim_host *h = LIST_OF(at, struct sim_host, link);
        free(h->name);
        free(h);
    }
}
