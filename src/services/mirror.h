/*
 * The registry's copy in the hub, as twins with the published names, so that the hub's own query finds applications
 * and endpoints. The database is the truth; what changed there is marked in the same transaction, and written from
 * here in bulk until the hub has said that it has it. At the start, and now and then, the hub is gone through: what
 * it lacks is written again, what it has and the database lacks is taken over. See docs/decisions/0038.
 *
 * One call to the hub at a time; a failure is tried again after 1 s, growing to 60 s. On the loop.
 */
#pragma once

#include "client/service.h"
#include "services/registry.h"

#define MIRROR_LOOK_MS (6u * 60 * 60 * 1000) /* from one look through the hub to the next */

struct mirror;

struct mirror_config {
    struct loop *loop;
    struct services_registry *registry; /* neither is owned; the registry's on_changed is ours */
    struct service_client *hub;
};

struct mirror *mirror_new(const struct mirror_config *config);
/* After the hub's rest_client, before the registry. */
void mirror_free(struct mirror **m);

struct mirror_counts {
    uint64_t written, refused; /* twins */
    size_t waiting;            /* rows that the hub was not told of, when last looked */
    bool looked;               /* went through the hub, and not about to do so again */
    bool busy;   /* something is asked */
};
struct mirror_counts mirror_counts(const struct mirror *m);
