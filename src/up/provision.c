#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "json/json.h"
#include "up/up.h"

/* What is asked of the hub, one after the other. PUTs of what is there already are answered EXISTS. */
static const struct step {
    const char *method, *path, *body;
    size_t key; /* where in struct up the answer's primary key goes; 0: nowhere */
} steps[] = {
    {"PUT", "/devices/" UP_EDGE_DEVICE,
     "{\"deviceId\":\"" UP_EDGE_DEVICE "\",\"capabilities\":{\"iotEdge\":true}}", 0},
    {"PATCH", "/twins/" UP_EDGE_DEVICE, "{\"tags\":{\"__type__\":\"iiotedge\",\"os\":\"Linux\"}}", 0},
    {"GET", "/devices/" UP_EDGE_DEVICE "/modules/%24edgeHub", NULL, offsetof(struct up, edge_key)},
    {"PUT", "/devices/" UP_EDGE_DEVICE "/modules/" UP_OPC_MODULE,
     "{\"deviceId\":\"" UP_EDGE_DEVICE "\",\"moduleId\":\"" UP_OPC_MODULE "\"}", 0},
    {"GET", "/devices/" UP_EDGE_DEVICE "/modules/" UP_OPC_MODULE, NULL, offsetof(struct up, opc_key)},
};

struct provision {
    struct up *up;
    size_t at;
    void (*done)(struct up *u, enum status why);
};

static void take_step(struct provision *p);

static void end(struct provision *p, enum status why)
{
    struct up *u = p->up;
    void (*done)(struct up *, enum status) = p->done;
    free(p);
    done(u, why);
}

static enum status keep_key(struct up *u, const struct step *s, const struct rest_answer *a)
{
    struct json_doc *doc = NULL;
    if (s->key == 0)
        return OK;
    if (json_parse(a->body, JSON_STRICT, &doc, NULL) != OK)
        return PEER_FAILED;
    struct slice key = json_string(
        json_get(json_get(json_get(json_root(doc), "authentication"), "symmetricKey"), "primaryKey"));
    char **at = (char **)((char *)u + s->key);
    free(*at);
    *at = slice_dup(key);
    json_free(&doc);
    return key.len ? OK : PEER_FAILED;
}

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    struct provision *p = arg;
    if (why == OK)
        why = keep_key(p->up, &steps[p->at], a);
    if (why != OK && why != EXISTS) {
        log_error("provisioning failed path=%s status=%s", steps[p->at].path, status_name(why));
        end(p, why);
        return;
    }
    p->at++;
    take_step(p);
}

static void take_step(struct provision *p)
{
    if (p->at == sizeof(steps) / sizeof(steps[0])) {
        end(p, OK);
        return;
    }
    const struct step *s = &steps[p->at];
    enum status sent = service_client_request(
        p->up->service,
        &(struct service_call){.method = s->method, .path = s->path, .body = slice_of(s->body)}, on_answer, p);
    if (sent != OK)
        end(p, sent);
}

void up_provision(struct up *u, void (*done)(struct up *u, enum status why))
{
    struct provision *p = MEMORY_NEW(struct provision);
    p->up = u;
    p->done = done;
    take_step(p);
}
