/*
 * The members of an object that count, in their order: of a name that stands twice, in any
 * spelling, the last one that is not null, as for the reader of the configuration. Names of a
 * peer's are many at times: n members take n log n.
 */
#pragma once

#include "json/json.h"

struct config_member;

struct config_members {
    struct slice name;
    const struct json *value;
    struct config_member *all;
    size_t count, next;
};

/* What is no object has none. It lives no longer than the document, and ends with the walk: go on
 * until config_members_next() says false. */
struct config_members config_members(const struct json *object);
bool config_members_next(struct config_members *m);
