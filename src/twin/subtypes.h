/* A type with all its subtypes, as the server has them. */
#pragma once

#include "twin/request.h"

#define TWIN_SUBTYPES_MAX 512 /* the further ones are not known */

struct twin_subtypes {
    struct twin_request *request;
    UA_NodeId types[TWIN_SUBTYPES_MAX]; /* end with the request */
    size_t count;
    void (*done)(void *arg);
    void *arg;
    size_t at;
};

/* Fills in `types`, the root (of namespace 0) first, then calls done(arg). A server that lacks it
 * has none of its subtypes. */
void twin_subtypes_read(struct twin_subtypes *t, uint32_t root);
bool twin_subtypes_have(const struct twin_subtypes *t, const UA_NodeId *type);
