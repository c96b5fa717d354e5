/*
 * Who is there: the sessions of identities, as the programs behind the heads keep them. A place is
 * what one identity has on the loop that owns it: at most one live session, which a newer one
 * replaces, and any number of visits. An attendance is one session there, and is the
 * `struct heads_device` of heads/backend.h: see the two functions at the end.
 */
#pragma once

#include "base/buffer.h"
#include "heads/backend.h"
#include "heads/identity.h"
#include "heads/sign_in.h"

struct heads_place;

struct heads_place_ops {
    void (*came)(struct heads_place *p); /* the first live session; not when one replaces another */
    void (*left)(struct heads_place *p); /* the last one is gone */
    /* Each attendance holds its place. */
    void (*hold)(struct heads_place *p);
    void (*release)(struct heads_place *p);
};

struct heads_attendance;

/* Lives inside what the program keeps of an identity. */
struct heads_place {
    const struct heads_place_ops *ops;
    struct loop *loop;
    const char *key;               /* "device" or "device/module", for log lines */
    struct heads_attendance *live; /* NULL: not connected */
};

struct heads_attendance {
    unsigned refs;
    struct heads_place *place;
    struct heads_session *session; /* NULL: it has signed out */
    const struct heads_identity *identity;
    struct buffer sender;     /* of its events: iot_event_sender_encode() */
    struct slice auth_method; /* in it: JSON, for iothub-connection-auth-method */
    bool subscribed[HEADS_FEATURE_COUNT];
    uint32_t credit[HEADS_FEATURE_COUNT]; /* messages that may still be handed over: allow() */
    struct loop_timer expiry;             /* of the token that it signed in with */
};

/* The session is there. A live one takes its place, and an older one is closed with REPLACED before
 * this returns. When the token expires the session is closed with UNAUTHORIZED; 0: never. */
struct heads_attendance *heads_attendance_begin(struct heads_place *p, struct heads_session *s,
                                                const struct heads_identity *identity,
                                                const char *auth_method, uint64_t expires_ms);
/* It has signed out: nothing more for its session. */
void heads_attendance_end(struct heads_attendance *a);
/* A newer token of the same session. */
void heads_attendance_renew(struct heads_attendance *a, const struct heads_identity *identity,
                            const char *auth_method, uint64_t expires_ms);

struct heads_attendance *heads_attendance_ref(struct heads_attendance *a);
void heads_attendance_unref(struct heads_attendance **a);

/* To the session, when it is still there. */
void heads_attendance_accepted(struct heads_attendance *a, uint64_t token, enum status why);
void heads_attendance_resume(struct heads_attendance *a);

void heads_attendance_subscribe(struct heads_attendance *a, enum heads_feature f, bool on);
void heads_attendance_allow(struct heads_attendance *a, enum heads_feature f, uint32_t more);

/* The place's live session, when it is there and listens to `f`; else NULL. */
static inline struct heads_session *heads_place_listens(const struct heads_place *p,
                                                        enum heads_feature f)
{
    return p->live && p->live->subscribed[f] ? p->live->session : NULL;
}

/* Closes the live session, if there is one. */
void heads_place_close(struct heads_place *p, enum status why);

static inline struct heads_attendance *heads_attendance_of(struct heads_device *d)
{
    return (struct heads_attendance *)d;
}

static inline struct heads_device *heads_attendance_device(struct heads_attendance *a)
{
    return (struct heads_device *)a;
}
