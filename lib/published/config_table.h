/*
 * The tables of publishednodes.json: every member of entries, nodes and what stands in them.
 */
#pragma once

#include "published/config_field.h"

/* What an entry is read into; offsets of the tables count from here. */
struct entry_draft {
    struct config_entry entry;
    struct config_entry_rare rare;
    int use_security;
    const struct json *node_id, *nodes;
    struct slice schema, changed; /* told alone */
    int64_t version;
};

struct node_draft {
    struct config_node node;
    struct config_node_rare rare;
    struct slice expanded_id;
};

extern const struct fields config_entry_fields, config_node_fields;

/* Where nothing is said. */
extern const struct entry_draft config_entry_blank;
extern const struct node_draft config_node_blank;
