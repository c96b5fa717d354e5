/*
 * Members of one object by name, for code that looks up many: n lookups in an object of n members
 * stay near n, whatever names a peer chose. Lives no longer than the document.
 */
#pragma once

#include "json/json.h"

struct json_index_entry {
    struct slice name;
    const struct json *value;
};

struct json_index {
    const struct json *object;
    struct json_index_entry *sorted; /* NULL for a small object, which is walked */
    size_t count;
};

/* Any value or NULL; what is no object has no members. */
struct json_index json_index(const struct json *object);
void json_index_clear(struct json_index *i);

const struct json *json_index_get(const struct json_index *i, struct slice name);

/* The value of a member whose name stands in the object twice, or NULL. */
const struct json *json_index_duplicate(const struct json_index *i);
