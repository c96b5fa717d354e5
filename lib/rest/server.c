#include "rest/server.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "rest/connection.h"

static void use_defaults(struct rest_limits *l)
{
    l->body_bytes = l->body_bytes ? l->body_bytes : 1u << 20;
    l->bodies_bytes = l->bodies_bytes ? l->bodies_bytes : 64u << 20;
    l->connections = l->connections ? l->connections : 10000;
    l->head_ms = l->head_ms ? l->head_ms : 10000;
    l->body_ms = l->body_ms ? l->body_ms : 30000;
    l->request_ms = l->request_ms ? l->request_ms : 240000;
    l->idle_ms = l->idle_ms ? l->idle_ms : 120000;
}

struct rest_server *rest_server_new(const struct rest_server_config *config)
{
    struct rest_server *s = MEMORY_NEW(struct rest_server);
    s->loop = config->loop;
    s->router = rest_router_new(config->tables, config->table_count);
    s->upgrades = config->upgrades;
    s->upgrade_count = config->upgrade_count;
    s->app = config->app;
    s->authorize = config->authorize;
    s->admit = config->admit;
    s->refuse = config->refuse ? config->refuse : rest_reply_problem;
    s->on_answer = config->on_answer;
    s->messagepack = config->messagepack;
    s->limits = config->limits;
    use_defaults(&s->limits);
    list_init(&s->connections);
    loop_random(s->loop, s->id_seed, sizeof(s->id_seed));
    return s;
}

void rest_server_free(struct rest_server **s)
{
    if (*s == NULL)
        return;
    LIST_EACH(l, &(*s)->connections)
    connection_orphan(LIST_OF(l, struct connection, link));
    rest_router_free(&(*s)->router);
    buffer_clear(&(*s)->date);
    free(*s);
    *s = NULL;
}

void rest_server_accept(struct rest_server *s, struct stream *stream)
{
    if (s->connection_count < s->limits.connections)
        connection_new(s, stream);
    else
        connection_turn_away(stream);
}

size_t rest_server_connections(const struct rest_server *s)
{
    return s->connection_count;
}
