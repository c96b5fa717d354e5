/*
 * A request that a device or module makes of itself: signs in on the device's loop, does what it
 * came for there, signs out, and is answered on the request's loop. Two threads see it, never at
 * the same time.
 */
#pragma once

#include "heads/http.h"

struct heads_visit;

struct heads_visit_work {
    /* On the device's loop, signed in: ends with heads_visit_end(), now or later. NULL: to have
     * signed in was all. */
    void (*begin)(struct heads_visit *v);
    /* On the device's loop; what the backend answers. NULL where nothing is asked. */
    void (*accepted)(struct heads_visit *v, uint64_t token, enum status why);
    void (*received)(struct heads_visit *v, enum status why, const struct heads_delivery *d);
    /* On the request's loop: answers it, or passes it on. The visit is freed when it returns. */
    void (*answer)(struct heads_visit *v, enum status why);
};

struct heads_visit {
    struct heads_session session; /* first */
    const struct heads_visit_work *work;
    struct heads_backend *backend;
    struct heads_device *device; /* NULL: not signed in, or not any more */
    struct rest_request *request;
    struct iot_id id;
    struct heads_credentials credentials;
    void *state;        /* the work's own; in the arena */
    struct arena arena; /* whoever has the visit may take from it */
    enum status why;
    bool ended;
};

/* `id` is copied. A name that no identity can have is refused at once; then, and when the sign in
 * is refused, `answer` is called with what was the matter. */
void heads_visit_begin(struct heads_visit *v);
/* Not begun yet: `state` may be filled first. */
struct heads_visit *heads_visit_new(struct heads_backend *b, struct rest_request *r,
                                    struct iot_id id, const struct heads_visit_work *work);
/* Instead of heads_visit_begin(). */
void heads_visit_free(struct heads_visit *v);

/* On the device's loop. */
void heads_visit_end(struct heads_visit *v, enum status why);
static inline const struct heads_backend_ops *heads_visit_ops(const struct heads_visit *v)
{
    return v->backend->ops;
}

/* Answers the request with what is published for the outcome of a device's request. */
void heads_visit_fail(struct heads_visit *v, enum status why);
