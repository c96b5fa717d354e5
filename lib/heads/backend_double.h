/* A backend that notes what it is asked, and answers what it is told to. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "heads/amqp_device.h"
#include "heads/amqp_device_messages.h"

#define DEVICES_MAX 40

struct fake_device {
    struct fake *fake; /* first: the handle is this */
    char name[64];
    struct heads_session *session; /* NULL: not there */
};

struct fake {
    struct heads_backend backend; /* first */
    struct loop *owner;
    struct fake_device devices[DEVICES_MAX];
    struct buffer heard;
    enum status telemetry_answer;
    unsigned room; /* messages before FULL; 0: any */
    bool accepts;  /* at once, inside telemetry() and twin_get() */
    bool holds;    /* the answer to a live sign in, until answer_sign_in() */
    struct heads_session *waiting;
    char waiting_for[64];
    uint64_t tokens[4096];
    struct fake_device *from[4096];
    size_t token_count, answered;
    bool quiet;
};

static const char *name_of(struct iot_id id)
{
    static char name[64];
    snprintf(name, sizeof(name), "%.*s%s%.*s", SLICE_FMT(id.device), id.module.len ? "/" : "",
             SLICE_FMT(id.module));
    return name;
}

static inline struct fake_device *device_named(struct fake *f, const char *name)
{
    for (int i = 0; i < DEVICES_MAX; i++) {
        struct fake_device *d = &f->devices[i];
        if (d->fake == NULL) {
            d->fake = f;
            snprintf(d->name, sizeof(d->name), "%s", name);
        }
        if (strcmp(d->name, name) == 0)
            return d;
    }
    abort();
}

static inline struct loop *fake_owner(struct heads_backend *b, struct iot_id id)
{
    (void)id;
    return ((struct fake *)b)->owner;
}

/* Whoever has "good" in the token, or the certificate that is good. */
static inline void fake_sign_in(struct heads_backend *b, const struct heads_credentials *c,
                                struct heads_session *s)
{
    struct fake *f = (struct fake *)b;
    assert_ptr_equal(s->loop, f->owner);
    bool good = slice_find_slice(c->sas, SLICE("good")) < c->sas.len;
    struct fake_device *d = device_named(f, name_of(c->id));
    if (s->presence == HEADS_VISIT) {
        buffer_printf(&f->heard, "visit %s\n", d->name);
        s->ops->signed_in(s, good ? OK : UNAUTHORIZED, good ? (struct heads_device *)d : NULL);
        return;
    }
    buffer_printf(&f->heard, "sign_in %s client=%.*s model=%.*s\n", d->name,
                  SLICE_FMT(c->client_type), SLICE_FMT(c->model_id));
    if (f->holds) {
        f->waiting = s;
        snprintf(f->waiting_for, sizeof(f->waiting_for), "%s", d->name);
        return;
    }
    if (good && d->session)
        d->session->ops->close(d->session, REPLACED);
    if (good)
        d->session = s;
    s->ops->signed_in(s, good ? OK : UNAUTHORIZED, good ? (struct heads_device *)d : NULL);
}

static inline void fake_sign_out(struct heads_backend *b, struct heads_session *s,
                                 struct heads_device *h)
{
    struct fake_device *d = (struct fake_device *)h;
    if (s->presence == HEADS_VISIT)
        return;
    struct fake *f = (struct fake *)b;
    buffer_printf(&f->heard, "sign_out %s\n", d ? d->name : "nobody");
    for (size_t i = f->answered; d && d->session == s && i < f->token_count; i++)
        if (f->from[i % 4096] == d)
            f->from[i % 4096] = NULL; /* nobody is there to be answered */
    if (f->waiting == s)
        f->waiting = NULL;
    if (d && d->session == s)
        d->session = NULL;
}

static inline enum status fake_telemetry(struct heads_device *h, const struct iot_message *m,
                                         uint64_t token)
{
    struct fake_device *d = (struct fake_device *)h;
    struct fake *f = d->fake;
    if (f->telemetry_answer != OK)
        return f->telemetry_answer;
    if (f->room && --f->room == 0)
        return FULL;
    f->from[f->token_count % 4096] = f->accepts ? NULL : d;
    f->tokens[f->token_count++ % 4096] = token;
    if (!f->quiet)
        buffer_printf(&f->heard, "telemetry %s %.*s mid=%.*s on=%.*s\n", d->name,
                      SLICE_FMT(m->body), SLICE_FMT(m->message_id), SLICE_FMT(m->output));
    if (f->accepts)
        d->session->ops->accepted(d->session, token, OK);
    return OK;
}

static inline void fake_twin_get(struct heads_device *h, uint64_t token)
{
    struct fake_device *d = (struct fake_device *)h;
    d->fake->from[d->fake->token_count % 4096] = NULL;
    d->fake->tokens[d->fake->token_count++ % 4096] = token;
    buffer_printf(&d->fake->heard, "twin_get %s\n", d->name);
    if (d->fake->accepts)
        d->session->ops->twin(d->session, token, OK, SLICE("{}"));
}

static inline void fake_twin_report(struct heads_device *h, struct slice patch, uint64_t token)
{
    struct fake_device *d = (struct fake_device *)h;
    d->fake->from[d->fake->token_count % 4096] = NULL;
    d->fake->tokens[d->fake->token_count++ % 4096] = token;
    buffer_printf(&d->fake->heard, "twin_report %s %.*s\n", d->name, SLICE_FMT(patch));
}

static const char *const features[] = {"methods", "desired", "c2d", "inputs"};

static inline void fake_subscribe(struct heads_device *h, enum heads_feature f, bool on)
{
    struct fake_device *d = (struct fake_device *)h;
    buffer_printf(&d->fake->heard, "subscribe %s %s %s\n", d->name, features[f], on ? "on" : "off");
}

static inline void fake_allow(struct heads_device *h, enum heads_feature f, uint32_t more)
{
    struct fake_device *d = (struct fake_device *)h;
    buffer_printf(&d->fake->heard, "allow %s %s %u\n", d->name, features[f], more);
}

static inline void fake_method_reply(struct heads_device *h, uint64_t rid, int status,
                                     struct slice payload)
{
    struct fake_device *d = (struct fake_device *)h;
    buffer_printf(&d->fake->heard, "method_reply %s %llu %d %.*s\n", d->name,
                  (unsigned long long)rid, status, SLICE_FMT(payload));
}

static inline void fake_delivered(struct heads_device *h, uint64_t token, enum heads_outcome how)
{
    static const char *const names[] = {"complete", "abandon", "reject", "return"};
    struct fake_device *d = (struct fake_device *)h;
    buffer_printf(&d->fake->heard, "delivered %llu %s\n", (unsigned long long)token, names[how]);
}

static inline void fake_renew(struct heads_device *h, const struct heads_credentials *c)
{
    struct fake_device *d = (struct fake_device *)h;
    bool good = slice_find_slice(c->sas, SLICE("good")) < c->sas.len;
    buffer_printf(&d->fake->heard, "renew %s\n", name_of(c->id));
    d->session->ops->renewed(d->session, good ? OK : UNAUTHORIZED);
}

static const struct heads_backend_ops fake_ops = {
    .owner = fake_owner,
    .sign_in = fake_sign_in,
    .sign_out = fake_sign_out,
    .telemetry = fake_telemetry,
    .twin_get = fake_twin_get,
    .twin_report = fake_twin_report,
    .subscribe = fake_subscribe,
    .allow = fake_allow,
    .method_reply = fake_method_reply,
    .delivered = fake_delivered,
    .renew = fake_renew,
};
