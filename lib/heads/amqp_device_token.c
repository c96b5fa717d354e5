/* Tokens of devices: examined by a visit to the backend when they are put, used when a link of the
 * device is attached, and passed on when a newer one comes. */
#include <stdlib.h>

#include "base/memory.h"
#include "heads/amqp_device_priv.h"
#include "token/sas.h"

/* ---- examining ---- */

struct visit {
    struct heads_session session; /* first: the backend's handle */
    struct heads_backend *backend;
    struct heads_amqp_check *check;
    struct loop *home; /* the connection's */
    struct heads_credentials credentials;
    struct heads_amqp_grant grant;
    struct arena arena; /* holds both */
    enum status why;
};

static void finish(void *arg)
{
    struct visit *v = arg;
    heads_amqp_checked(v->check, v->why, &v->grant);
    arena_clear(&v->arena);
    free(v);
}

static void signed_in(struct heads_session *s, enum status why, struct heads_device *device)
{
    struct visit *v = (struct visit *)s;
    v->why = why;
    if (why == OK)
        v->backend->ops->sign_out(v->backend, s, device);
    loop_post(v->home, finish, v);
}

static const struct heads_session_ops visit_ops = {.signed_in = signed_in};

static void sign_in(void *arg)
{
    struct visit *v = arg;
    v->backend->ops->sign_in(v->backend, &v->credentials, &v->session);
}

/* "devices/d" and "devices/d/modules/m", decoded. */
static bool id_of_path(struct slice path, struct iot_id *id)
{
    struct slice rest = path, part, device, module = {0};
    if (!slice_split(&rest, '/', &part) || !slice_eq_nocase(part, SLICE("devices")) ||
        !slice_split(&rest, '/', &device))
        return false;
    if (rest.len && (!slice_split(&rest, '/', &part) || !slice_eq_nocase(part, SLICE("modules")) ||
                     !slice_split(&rest, '/', &module) || !iot_id_name_ok(module)))
        return false;
    *id = (struct iot_id){device, module};
    return rest.len == 0 && iot_id_name_ok(device);
}

/* "d@sas.hub", "d/m@sas.hub". */
static bool id_of_user(struct slice user, struct iot_id *id)
{
    return iot_id_parse(slice_first(user, slice_find_slice(user, SLICE("@sas."))), id);
}

static struct slice path_of(struct arena *a, struct iot_id id)
{
    return slice_of(id.module.len ? arena_printf(a, "devices/%.*s/modules/%.*s",
                                                 SLICE_FMT(id.device), SLICE_FMT(id.module))
                                  : arena_printf(a, "devices/%.*s", SLICE_FMT(id.device)));
}

void heads_amqp_device_verify(struct heads_amqp_devices *d, struct heads_amqp_check *check,
                              const struct heads_amqp_token *token)
{
    struct iot_id id;
    struct sas sas;
    bool named = token->type == HEADS_AMQP_PLAIN ? id_of_user(token->user, &id)
                                                 : id_of_path(token->path, &id);
    if (!named || sas_parse(token->token, &sas) != OK) {
        heads_amqp_checked(check, UNAUTHORIZED, NULL);
        return;
    }
    struct heads_amqp *h = heads_amqp_check_head(check);
    struct visit *v = MEMORY_NEW(struct visit);
    v->backend = d->backend;
    v->check = check;
    v->home = heads_amqp_loop(h);
    v->credentials = (struct heads_credentials){
        .id = iot_id_copy(&v->arena, id),
        .sas = arena_copy(&v->arena, token->token),
        .peer = arena_copy(&v->arena, slice_of(h->stream ? stream_peer(h->stream) : "-")),
    };
    v->grant = (struct heads_amqp_grant){
        .path = path_of(&v->arena, id), .expires_ms = sas_until_ms(&sas, heads_amqp_check_wall_ms(check)), .token = v->credentials.sas};
    struct loop *owner = d->backend->ops->owner(d->backend, id);
    v->session = (struct heads_session){.ops = &visit_ops, .loop = owner, .presence = HEADS_VISIT};
    loop_post(owner, sign_in, v);
}

/* ---- using ---- */

static bool covers(struct slice above, struct slice path)
{
    return above.len <= path.len && slice_eq_nocase(above, slice_first(path, above.len)) &&
           (above.len == 0 || above.len == path.len || path.at[above.len] == '/');
}

/* The nearest that covers the device, and has a token to sign in with. */
static const struct grant *grant_for(const struct heads_amqp *h, struct iot_id id)
{
    const struct grant *best = NULL;
    struct arena arena = {0};
    struct slice path = path_of(&arena, id);
    for (size_t i = 0; i < h->grant_count; i++) {
        const struct grant *g = &h->grants[i];
        if (g->token.len && covers(slice_of(g->path), path) &&
            (best == NULL || strlen(g->path) > strlen(best->path)))
            best = g;
    }
    arena_clear(&arena);
    return best;
}

struct slice device_token(const struct heads_amqp *h, struct iot_id id)
{
    const struct grant *g = grant_for(h, id);
    return g ? buffer_slice(&g->token) : (struct slice){0};
}

void head_granted(struct heads_amqp *h, const struct grant *g)
{
    LIST_EACH(node, &h->devices)
    {
        struct heads_amqp_device *d = LIST_OF(node, struct heads_amqp_device, node);
        if (grant_for(h, d->id) != g)
            continue;
        d->newer_token = d->state == DEVICE_SIGNING_IN;
        if (d->state == DEVICE_READY)
            device_say(
                d, &(struct heads_amqp_post){.kind = POST_RENEW, .first = buffer_slice(&g->token)});
    }
}
