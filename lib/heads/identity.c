#include "heads/identity.h"

#include <stdlib.h>

#include "base/memory.h"

static struct slice *const no_more = NULL;

/* Every slice of an identity, so that it is copied or measured in one walk. */
static void slices(struct heads_identity *i, struct slice *out[static 12])
{
    struct slice *all[] = {
        &i->id.device,          &i->id.module,            &i->generation_id, &i->etag,
        &i->primary_key,        &i->secondary_key,        &i->primary_thumbprint,
        &i->secondary_thumbprint, &i->device_scope,       &i->parent_scope,  no_more,
    };
    memcpy(out, all, sizeof(all));
}

const struct heads_identity *heads_identity_new(const struct heads_identity *fields)
{
    struct heads_identity copy = *fields;
    struct slice *all[12];
    slices(&copy, all);
    size_t bytes = 0;
    for (size_t i = 0; all[i]; i++)
        bytes += all[i]->len;
    struct heads_identity *made = memory_new(sizeof(*made) + bytes);
    uint8_t *at = (uint8_t *)(made + 1);
    for (size_t i = 0; all[i]; i++) {
        if (all[i]->len)
            memcpy(at, all[i]->at, all[i]->len);
        all[i]->at = at;
        at += all[i]->len;
    }
    *made = copy;
    made->refs = 1;
    return made;
}

const struct heads_identity *heads_identity_ref(const struct heads_identity *i)
{
    __atomic_fetch_add((unsigned *)&i->refs, 1, __ATOMIC_RELAXED);
    return i;
}

void heads_identity_unref(const struct heads_identity **identity)
{
    struct heads_identity *i = (struct heads_identity *)*identity;
    *identity = NULL;
    if (i && __atomic_sub_fetch(&i->refs, 1, __ATOMIC_ACQ_REL) == 0)
        free(i);
}

bool heads_identity_same_rights(const struct heads_identity *a, const struct heads_identity *b)
{
    return a->enabled == b->enabled && a->auth == b->auth && slice_eq(a->generation_id, b->generation_id) &&
           slice_eq(a->primary_key, b->primary_key) && slice_eq(a->secondary_key, b->secondary_key) &&
           slice_eq(a->primary_thumbprint, b->primary_thumbprint) &&
           slice_eq(a->secondary_thumbprint, b->secondary_thumbprint);
}
