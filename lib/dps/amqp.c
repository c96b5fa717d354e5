#include "dps/amqp.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "iot/status_wire.h"

#define ADDRESS "{}/registrations/{}"

struct dps_amqp {
    struct dps *dps;
    pthread_mutex_t lock; /* links come and go on all loops; one looks for its pair on its own */
    struct list ends;
};

/* One of our links. It stays until the requests that came over it are answered. */
struct end {
    struct dps_amqp *amqp;
    struct link node;             /* in amqp->ends */
    struct heads_amqp_link *link; /* NULL when it is gone */
    const struct heads_amqp *head;
    struct loop *loop;
    bool sends;
    struct arena arena; /* holds the credentials */
    struct dps_credentials credentials;
    unsigned requests;
    struct buffer waiting[DPS_AMQP_REQUESTS_MAX]; /* messages without credit */
    unsigned first, count;
};

struct request {
    struct end *end;
    uint32_t delivery;
    bool settled;
    struct buffer correlation_id; /* encoded */
};

static void end_free(struct end *e)
{
    if (e->link || e->requests)
        return;
    for (unsigned i = 0; i < DPS_AMQP_REQUESTS_MAX; i++)
        buffer_clear(&e->waiting[i]);
    arena_clear(&e->arena);
    free(e);
}

/* ---- tokens ---- */

static bool read_user(struct slice user, struct dps_credentials *out)
{
    struct slice rest = user, scope, word, id;
    if (user.len == 0 || !slice_split(&rest, '/', &scope) || !slice_split(&rest, '/', &word) ||
        !slice_split(&rest, '/', &id) || rest.len)
        return false;
    if (scope.len == 0 || id.len == 0 || !slice_eq(word, SLICE("registrations")))
        return false;
    *out = (struct dps_credentials){.id_scope = scope, .registration_id = id};
    return true;
}

bool dps_amqp_claims(const struct heads_amqp_token *token)
{
    struct dps_credentials c;
    return token->type == HEADS_AMQP_PLAIN && read_user(token->user, &c);
}

struct verification {
    struct heads_amqp_check *check;
    struct arena arena;
    struct slice user, token;
};

static void on_verified(void *arg, const struct dps_device_answer *a)
{
    struct verification *v = arg;
    heads_amqp_checked(v->check, a->why,
                       &(struct heads_amqp_grant){.path = v->user,
                                                  .rights = DPS_AMQP_RIGHT,
                                                  .expires_ms = a->expires_ms,
                                                  .token = v->token});
    arena_clear(&v->arena);
    free(v);
}

void dps_amqp_verify(struct dps_amqp *a, struct heads_amqp_check *check,
                     const struct heads_amqp_token *token)
{
    struct heads_amqp *head = heads_amqp_check_head(check);
    struct verification *v = MEMORY_NEW(struct verification);
    struct dps_device_ask ask = {.what = DPS_SIGN_IN};
    v->check = check;
    v->user = arena_copy(&v->arena, token->user);
    v->token = arena_copy(&v->arena, token->token);
    (void)read_user(v->user, &ask.credentials);
    ask.credentials.sas = v->token;
    if (heads_amqp_stream(head))
        ask.credentials.peer = slice_of(stream_peer(heads_amqp_stream(head)));
    dps_device(a->dps, heads_amqp_loop(head), &ask, on_verified, v);
}

/* ---- attaching ---- */

static void on_signed_in(void *arg, const struct dps_device_answer *a)
{
    struct end *e = arg;
    struct heads_amqp_link *l = e->link;
    e->requests--;
    if (l == NULL) {
        end_free(e);
    } else if (a->why == OK) {
        heads_amqp_accept(l, NULL);
    } else {
        pthread_mutex_lock(&e->amqp->lock);
        list_remove(&e->node);
        pthread_mutex_unlock(&e->amqp->lock);
        e->link = NULL; /* no detach follows */
        l->arg = NULL;
        heads_amqp_refuse_as(l, iot_status_wire_provisioning(a->why)->amqp, a->text);
        end_free(e);
    }
}

static void on_attach(struct heads_amqp_link *l, const struct amqp_attach *attach)
{
    (void)attach;
    struct dps_amqp *a = l->kind->arg;
    struct end *e = MEMORY_NEW(struct end);
    struct stream *s = heads_amqp_stream(l->head);
    *e = (struct end){.amqp = a, .link = l, .head = l->head, .loop = heads_amqp_loop(l->head)};
    e->sends = l->kind->sends;
    e->credentials = (struct dps_credentials){
        .id_scope = arena_copy(&e->arena, l->params[0]),
        .registration_id = arena_copy(&e->arena, l->params[1]),
        .sas =
            arena_copy(&e->arena, heads_amqp_granted_token(l->head, DPS_AMQP_RIGHT, &l->address)),
        .certificate = arena_copy(&e->arena, stream_peer_certificate(s)),
        .peer = arena_copy(&e->arena, slice_of(stream_peer(s))),
    };
    l->arg = e;
    pthread_mutex_lock(&a->lock);
    list_push(&a->ends, &e->node);
    pthread_mutex_unlock(&a->lock);
    e->requests++;
    dps_device(a->dps, e->loop,
               &(struct dps_device_ask){.what = DPS_SIGN_IN, .credentials = e->credentials},
               on_signed_in, e);
}

static void on_detach(struct heads_amqp_link *l)
{
    struct end *e = l->arg;
    if (e == NULL)
        return;
    pthread_mutex_lock(&e->amqp->lock);
    list_remove(&e->node);
    pthread_mutex_unlock(&e->amqp->lock);
    e->link = NULL;
    end_free(e);
}

/* ---- answers ---- */

static void send_waiting(struct heads_amqp_link *l)
{
    struct end *e = l->arg;
    while (e->count) {
        struct buffer *b = &e->waiting[e->first];
        if (heads_amqp_send(l, &(struct amqp_send){.settled = true}, buffer_slice(b)) == AGAIN)
            return;
        buffer_clear(b); /* sent, or too large for the peer: it asked for it */
        e->first = (e->first + 1) % DPS_AMQP_REQUESTS_MAX;
        e->count--;
    }
    if (amqp_link_draining(l->link))
        amqp_link_drained(l->link);
}

static void enqueue(struct end *e, struct buffer *message)
{
    if (e->count == DPS_AMQP_REQUESTS_MAX) {
        buffer_clear(&e->waiting[e->first]);
        e->first = (e->first + 1) % DPS_AMQP_REQUESTS_MAX;
        e->count--;
    }
    e->waiting[(e->first + e->count++) % DPS_AMQP_REQUESTS_MAX] = *message;
    *message = (struct buffer){0};
    send_waiting(e->link);
}

/* The link that answers go out on. It is of the same loop, so it stays after the lock is free. */
static struct end *pair_of(const struct end *e)
{
    struct end *found = NULL;
    pthread_mutex_lock(&e->amqp->lock);
    LIST_EACH(node, &e->amqp->ends)
    {
        struct end *other = LIST_OF(node, struct end, node);
        if (other->sends && other->head == e->head &&
            slice_eq_nocase(other->credentials.registration_id, e->credentials.registration_id))
            found = other;
    }
    pthread_mutex_unlock(&e->amqp->lock);
    return found;
}

static void write_answer(struct buffer *b, const struct request *r,
                         const struct dps_device_answer *a)
{
    struct amqp_properties p = amqp_properties_none();
    if (r->correlation_id.len)
        p.correlation_id = buffer_slice(&r->correlation_id);
    p.content_type = SLICE("application/json; charset=utf-8");
    amqp_properties_write(b, &p);
    if (a->retry_s) {
        size_t map = amqp_message_map_begin(b, AMQP_APPLICATION_PROPERTIES);
        amqp_write_string(b, SLICE("retry-after"));
        amqp_write_int(b, (int32_t)a->retry_s);
        amqp_write_end(b, map, 2);
    }
    amqp_message_data(b, a->json);
}

static void settle(const struct request *r, const struct dps_device_answer *a)
{
    struct amqp_state state = {.outcome = AMQP_OUTCOME_ACCEPTED};
    struct buffer info = {0};
    if (a->why != OK)
        state = (struct amqp_state){
            .outcome = AMQP_OUTCOME_REJECTED,
            .error = {.condition = slice_of(iot_status_wire_provisioning(a->why)->amqp),
                      .description = slice_of(a->text)}};
    if (a->why != OK && a->retry_s) {
        size_t map = amqp_write_map_begin(&info);
        amqp_write_symbol(&info, SLICE("retry-after"));
        amqp_write_int(&info, (int32_t)a->retry_s);
        amqp_write_end(&info, map, 2);
        state.error.info = buffer_slice(&info);
    }
    if (!r->settled)
        amqp_link_settle(r->end->link->link, r->delivery, &state);
    buffer_clear(&info);
}

static void on_answer(void *arg, const struct dps_device_answer *a)
{
    struct request *r = arg;
    struct end *e = r->end;
    e->requests--;
    if (e->link) {
        struct end *pair = a->why == OK ? pair_of(e) : NULL;
        settle(r, a);
        if (pair) {
            struct buffer message = {0};
            write_answer(&message, r, a);
            enqueue(pair, &message);
        }
    } else {
        end_free(e);
    }
    buffer_clear(&r->correlation_id);
    free(r);
}

/* ---- requests ---- */

static struct slice property(const struct amqp_message *m, struct slice name)
{
    struct amqp_value v;
    if (!amqp_map_find(&m->application_properties, name, &v) || !amqp_is_text(&v))
        return (struct slice){0};
    return v.bytes;
}

static const struct {
    struct slice name;
    enum dps_device_what what;
} operations[] = {
    {SLICE_INIT("iotdps-register"), DPS_REGISTER},
    {SLICE_INIT("iotdps-get-operationstatus"), DPS_OPERATION},
    {SLICE_INIT("iotdps-get-registration"), DPS_LOOK_UP},
};

/* False: what it asks for is nothing that there is. */
static bool read_request(struct slice bytes, struct amqp_message *m, struct dps_device_ask *ask)
{
    if (amqp_message_read(bytes, m) != OK || !amqp_message_bytes(m, &ask->body))
        return false;
    struct slice type = property(m, SLICE("iotdps-operation-type"));
    ask->operation_id = property(m, SLICE("iotdps-operation-id"));
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        ask->what = operations[i].what;
        if (slice_eq(type, operations[i].name))
            return true;
    }
    return false;
}

static void on_transfer(struct heads_amqp_link *l, const struct amqp_delivery *d)
{
    struct end *e = l->arg;
    struct amqp_message m;
    struct dps_device_ask ask = {.credentials = e->credentials};
    if (e->requests >= DPS_AMQP_REQUESTS_MAX || !read_request(d->bytes, &m, &ask)) {
        struct amqp_state bad = {
            .outcome = AMQP_OUTCOME_REJECTED,
            .error = {.condition = SLICE("com.microsoft:argument-error"),
                      .description = SLICE("iotdps-operation-type must be iotdps-register, "
                                           "iotdps-get-operationstatus or "
                                           "iotdps-get-registration, and 8 may be under way")}};
        if (!d->settled)
            amqp_link_settle(l->link, d->id, &bad);
        return;
    }
    struct request *r = MEMORY_NEW(struct request);
    *r = (struct request){.end = e, .delivery = d->id, .settled = d->settled};
    struct slice id =
        m.properties.correlation_id.len ? m.properties.correlation_id : m.properties.message_id;
    buffer_put(&r->correlation_id, id);
    e->requests++;
    dps_device(e->amqp->dps, e->loop, &ask, on_answer, r);
}

const struct heads_amqp_kind dps_amqp_kinds[DPS_AMQP_KINDS] = {
    {.address = ADDRESS,
     .window = DPS_AMQP_REQUESTS_MAX,
     .attach = on_attach,
     .transfer = on_transfer,
     .detach = on_detach},
    {.address = ADDRESS,
     .sends = true,
     .attach = on_attach,
     .credit = send_waiting,
     .detach = on_detach},
};

/* ---- beginning and end ---- */

struct dps_amqp *dps_amqp_new(struct dps *d)
{
    struct dps_amqp *a = MEMORY_NEW(struct dps_amqp);
    a->dps = d;
    pthread_mutex_init(&a->lock, NULL);
    list_init(&a->ends);
    return a;
}

void dps_amqp_free(struct dps_amqp **a)
{
    if (*a == NULL)
        return;
    pthread_mutex_destroy(&(*a)->lock);
    free(*a);
    *a = NULL;
}
