/* Tokens that a peer has put on an AMQP connection, and what they allow. */
#include <stdlib.h>

#include "base/memory.h"
#include "heads/amqp_priv.h"

struct heads_amqp_check {
    struct heads_amqp *head;
    struct heads_amqp_reply *reply; /* NULL for SASL */
    bool in_verify;                 /* SASL: answered before verify returned */
    bool answered;
    enum status why;
};

/* ---- grants ---- */

static void grant_clear(struct grant *g)
{
    free(g->path);
    buffer_clear(&g->token);
}

void head_grants_clear(struct heads_amqp *h)
{
    for (size_t i = 0; i < h->grant_count; i++)
        grant_clear(&h->grants[i]);
    free(h->grants);
    h->grants = NULL;
    h->grant_count = 0;
}

static void drop_expired(struct heads_amqp *h, uint64_t now)
{
    size_t to = 0;
    for (size_t i = 0; i < h->grant_count; i++) {
        if (h->grants[i].expires_ms > now)
            h->grants[to++] = h->grants[i];
        else
            grant_clear(&h->grants[i]);
    }
    h->grant_count = to;
}

static void on_expired(void *arg);

static void start_timer(struct heads_amqp *h)
{
    uint64_t first = UINT64_MAX, now = loop_wall_ms(h->loop);
    for (size_t i = 0; i < h->grant_count; i++)
        if (h->grants[i].expires_ms < first)
            first = h->grants[i].expires_ms;
    if (first == UINT64_MAX)
        return;
    uint64_t left = first > now ? first - now : 1;
    enum { DAY_MS = 86400000 };
    loop_timer_start(h->loop, &h->grant_timer, left < DAY_MS ? left : DAY_MS, on_expired, h);
}

static void on_expired(void *arg)
{
    struct heads_amqp *h = arg;
    drop_expired(h, loop_wall_ms(h->loop));
    head_links_recheck(h);
    start_timer(h);
}

static struct grant *grant_for(struct heads_amqp *h, struct slice path)
{
    for (size_t i = 0; i < h->grant_count; i++)
        if (slice_eq(slice_of(h->grants[i].path), path))
            return &h->grants[i];
    if (h->grant_count == HEADS_AMQP_GRANTS_MAX)
        return NULL;
    h->grants = memory_resize(h->grants, (h->grant_count + 1) * sizeof(*h->grants));
    struct grant *g = &h->grants[h->grant_count++];
    *g = (struct grant){.path = slice_dup(path)};
    return g;
}

/* A new token for the same thing takes the old one's place: that is how they are renewed. */
static enum status add(struct heads_amqp *h, const struct heads_amqp_grant *grant)
{
    struct grant *g = grant_for(h, grant->path);
    if (g == NULL)
        return FULL;
    g->rights = grant->rights;
    g->expires_ms = grant->expires_ms;
    buffer_reset(&g->token);
    buffer_put(&g->token, grant->token);
    start_timer(h);
    amqp_connection_trust(h->engine, AMQP_PARTIAL_MAX);
    head_granted(h, g);
    return OK;
}

static const struct grant *find_grant(const struct heads_amqp *h, unsigned rights,
                                      const struct heads_amqp_address *address)
{
    for (size_t i = 0; i < h->grant_count; i++) {
        const struct grant *g = &h->grants[i];
        if ((g->rights & rights) == rights &&
            (address == NULL || heads_amqp_path_covers(slice_of(g->path), address)))
            return g;
    }
    return NULL;
}

bool heads_amqp_granted(const struct heads_amqp *h, unsigned rights,
                        const struct heads_amqp_address *address)
{
    return find_grant(h, rights, address) != NULL;
}

struct slice heads_amqp_granted_token(const struct heads_amqp *h, unsigned rights,
                                      const struct heads_amqp_address *address)
{
    const struct grant *g = find_grant(h, rights, address);
    return g ? buffer_slice(&g->token) : (struct slice){0};
}

/* ---- examining ---- */

static struct heads_amqp_check *check_new(struct heads_amqp *h, struct heads_amqp_reply *reply)
{
    struct heads_amqp_check *check = MEMORY_NEW(struct heads_amqp_check);
    check->head = h;
    check->reply = reply;
    h->checks++;
    head_hold(h);
    return check;
}

static void check_free(struct heads_amqp_check *check)
{
    struct heads_amqp *h = check->head;
    h->checks--;
    free(check);
    head_release(h);
}

static void verify(struct heads_amqp *h, struct heads_amqp_check *check,
                   const struct heads_amqp_token *t)
{
    if (h->config->verify)
        h->config->verify(h->config->arg, check, t);
    else
        heads_amqp_checked(check, UNAUTHORIZED, NULL);
}

static const char *said(enum status why)
{
    return why == OK     ? "OK"
           : why == FULL ? "too many tokens on this connection"
           : why == BUSY ? "too many tokens at once"
                         : "the token is not good here";
}

struct heads_amqp *heads_amqp_check_head(const struct heads_amqp_check *check)
{
    return check->head;
}

uint64_t heads_amqp_check_wall_ms(const struct heads_amqp_check *check)
{
    return loop_wall_ms(check->head->loop);
}

void heads_amqp_checked(struct heads_amqp_check *check, enum status why,
                        const struct heads_amqp_grant *grant)
{
    struct heads_amqp *h = check->head;
    if (why == OK && h->stream)
        why = add(h, grant);
    if (check->reply)
        heads_amqp_answer(check->reply, why, said(why), (struct slice){0});
    if (check->in_verify) {
        check->answered = true;
        check->why = why;
        return; /* head_on_sasl() goes on */
    }
    if (check->reply == NULL && h->engine)
        amqp_connection_sasl(h->engine, why);
    check_free(check);
}

void head_check_token(struct heads_amqp_reply *reply, const struct heads_amqp_token *t)
{
    struct heads_amqp *h = heads_amqp_reply_head(reply);
    if (h->checks == HEADS_AMQP_CHECKS_MAX)
        heads_amqp_answer(reply, BUSY, said(BUSY), (struct slice){0});
    else
        verify(h, check_new(h, reply), t);
}

/* ---- SASL ---- */

/* RFC 4616: [authorization] NUL name NUL secret. */
static bool read_plain(struct slice response, struct heads_amqp_token *t)
{
    struct slice rest = response, ignored;
    return slice_split(&rest, 0, &ignored) && slice_split(&rest, 0, &t->user) &&
           slice_split(&rest, 0, &t->token) && t->user.len && t->token.len;
}

static enum status check_plain(struct heads_amqp *h, const struct heads_amqp_token *t)
{
    struct heads_amqp_check *check = check_new(h, NULL);
    check->in_verify = true;
    verify(h, check, t);
    check->in_verify = false;
    if (!check->answered)
        return AGAIN;
    enum status why = check->why;
    check_free(check);
    return why;
}

enum status head_on_sasl(struct heads_amqp *h, struct slice mechanism, struct slice response)
{
    if (!slice_eq(mechanism, SLICE("PLAIN")))
        return OK; /* who they are comes with $cbs or with the certificate, and is asked at each
                      link */
    struct heads_amqp_token t = {.type = HEADS_AMQP_PLAIN};
    if (response.at == NULL || !read_plain(response, &t))
        return UNAUTHORIZED;
    return check_plain(h, &t);
}
