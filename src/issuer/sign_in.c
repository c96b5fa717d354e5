#include "issuer/sign_in.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "crypto/password.h"

struct signing_in {
    struct issuer *issuer;
    struct arena arena;
    char *password; /* ends with the first 0 that a person cannot type */
    struct slice name, kept;
    struct issuer_user user;
    uint64_t now_ms;
    char call[37];
    bool known, right;
    issuer_sign_in_fn *fn;
    void *arg;
};

static void finish(struct signing_in *s, enum status why)
{
    if (why == OK)
        log_info("user signed in user=%.*s call=%s", SLICE_FMT(s->name), s->call);
    else
        log_warn("user not signed in status=%s call=%s", status_name(why), s->call);
    s->issuer->signing_in--;
    s->fn(s->arg, why, why == OK ? &s->user : NULL);
    explicit_bzero(s->password, strlen(s->password));
    free(s->password);
    arena_clear(&s->arena);
    free(s);
}

/* ---- the last step: the attempt was a good one ---- */

static enum status forget_attempts(struct store_table *t, void *arg)
{
    struct signing_in *s = arg;
    return issuer_user_attempt_good(t, s->name);
}

static void forgotten(void *arg, enum status why)
{
    finish(arg, why);
}

/* ---- the password, on a helper thread ---- */

static void look_at_password(void *arg)
{
    struct signing_in *s = arg;
    s->right = password_is(s->kept, slice_of(s->password)) && s->known;
}

static void looked_at(void *arg)
{
    struct signing_in *s = arg;
    if (!s->right)
        finish(s, UNAUTHORIZED);
    else if (store_table_post(s->issuer->tables, s->issuer->loop, forget_attempts, forgotten, s) !=
             OK)
        finish(s, BUSY);
}

/* ---- the first: who is it ---- */

static enum status look_up(struct store_table *t, void *arg)
{
    struct signing_in *s = arg;
    enum status why = issuer_user_attempt(t, s->name, s->now_ms);
    return why == OK ? issuer_user_get(t, &s->arena, s->name, &s->user, &s->kept) : why;
}

/* An unknown name costs the same time. */
static void looked_up(void *arg, enum status why)
{
    struct signing_in *s = arg;
    s->known = why == OK;
    if (why == OK || why == NOT_FOUND)
        loop_work(s->issuer->loop, look_at_password, looked_at, s);
    else
        finish(s, why);
}

void issuer_sign_in(struct issuer *i, struct slice name, struct slice password, const char *call,
                    issuer_sign_in_fn *fn, void *arg)
{
    if (i->signing_in >= ISSUER_SIGN_INS_MAX) {
        fn(arg, BUSY, NULL);
        return;
    }
    struct signing_in *s = MEMORY_NEW(struct signing_in);
    s->issuer = i;
    s->name = arena_copy(&s->arena, name);
    s->password = slice_dup(password);
    s->now_ms = loop_wall_ms(i->loop);
    s->fn = fn;
    s->arg = arg;
    snprintf(s->call, sizeof s->call, "%s", call);
    i->signing_in++;
    if (store_table_post(i->tables, i->loop, look_up, looked_up, s) != OK)
        finish(s, BUSY);
}

const char *issuer_sign_in_trouble(enum status why)
{
    switch (why) {
    case UNAUTHORIZED:
        return "The name or the password is not right.";
    case BUSY:
        return "Too many attempts. Wait a minute, then try again.";
    default:
        return "Signing in does not work at the moment. Try again later.";
    }
}
