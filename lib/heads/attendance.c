#include "heads/attendance.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "iot/message.h"

struct heads_attendance *heads_attendance_ref(struct heads_attendance *a)
{
    a->refs++;
    return a;
}

void heads_attendance_unref(struct heads_attendance **attendance)
{
    struct heads_attendance *a = *attendance;
    *attendance = NULL;
    if (a == NULL || --a->refs)
        return;
    struct heads_place *p = a->place;
    heads_identity_unref(&a->identity);
    buffer_clear(&a->sender);
    free(a);
    p->ops->release(p);
}

static void on_expiry(void *arg)
{
    struct heads_attendance *a = arg;
    log_info("token expired device=%s", a->place->key);
    a->session->ops->close(a->session, UNAUTHORIZED);
}

static void remember_sender(struct heads_attendance *a, struct slice auth_method)
{
    buffer_reset(&a->sender);
    iot_event_sender_encode(&(struct iot_event){.from = a->identity->id,
                                                .generation_id = a->identity->generation_id,
                                                .auth_method = auth_method},
                            &a->sender);
    a->auth_method = slice_skip(buffer_slice(&a->sender), a->sender.len - auth_method.len);
}

void heads_attendance_renew(struct heads_attendance *a, const struct heads_identity *identity,
                            const char *auth_method, uint64_t expires_ms)
{
    const struct heads_identity *before = a->identity;
    a->identity = heads_identity_ref(identity);
    heads_identity_unref(&before);
    remember_sender(a, slice_of(auth_method));
    loop_timer_stop(&a->expiry);
    if (expires_ms == 0)
        return;
    uint64_t now = loop_wall_ms(a->place->loop);
    loop_timer_start(a->place->loop, &a->expiry, expires_ms > now ? expires_ms - now : 0, on_expiry,
                     a);
}

static void take_place(struct heads_attendance *a)
{
    struct heads_place *p = a->place;
    struct heads_attendance *old = p->live;
    p->live = a;
    if (old) {
        log_info("replaced by a newer connection device=%s", p->key);
        old->session->ops->close(old->session, REPLACED);
    } else {
        p->ops->came(p);
    }
}

struct heads_attendance *heads_attendance_begin(struct heads_place *p, struct heads_session *s,
                                                const struct heads_identity *identity,
                                                const char *auth_method, uint64_t expires_ms)
{
    struct heads_attendance *a = MEMORY_NEW(struct heads_attendance);
    a->refs = 1; /* the head's, until it signs out */
    a->place = p;
    a->session = s;
    p->ops->hold(p);
    heads_attendance_renew(a, identity, auth_method, s->presence == HEADS_LIVE ? expires_ms : 0);
    if (s->presence == HEADS_LIVE)
        take_place(a);
    return a;
}

void heads_attendance_end(struct heads_attendance *a)
{
    struct heads_place *p = a->place;
    a->session = NULL;
    loop_timer_stop(&a->expiry);
    if (p->live == a) {
        p->live = NULL;
        p->ops->left(p);
    }
    heads_attendance_unref(&a);
}

void heads_attendance_accepted(struct heads_attendance *a, uint64_t token, enum status why)
{
    if (a->session)
        a->session->ops->accepted(a->session, token, why);
}

void heads_attendance_resume(struct heads_attendance *a)
{
    if (a->session)
        a->session->ops->resume(a->session);
}

void heads_attendance_subscribe(struct heads_attendance *a, enum heads_feature f, bool on)
{
    a->subscribed[f] = on;
    a->credit[f] = 0;
}

void heads_attendance_allow(struct heads_attendance *a, enum heads_feature f, uint32_t more)
{
    a->credit[f] = more > UINT32_MAX - a->credit[f] ? UINT32_MAX : a->credit[f] + more;
}

void heads_place_close(struct heads_place *p, enum status why)
{
    if (p->live)
        p->live->session->ops->close(p->live->session, why);
}
