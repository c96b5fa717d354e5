/*
 * publishednodes.json while it is changed: its entries and their nodes in lists, each as it stands
 * in the file or new, and the text that comes of it. Entries with mistakes are there too, without
 * what they mean. Pure; what it points to belongs to the texts and configurations it was made of.
 */
#pragma once

#include "base/map.h"
#include "published/config.h"
#include "published/config_layout.h"

/* A member that is written otherwise than it stands: as JSON, or not at all. */
struct document_member {
    const char *name;
    struct slice json; /* empty: left out */
};

#define DOCUMENT_MEMBERS_MAX 8

struct document_node {
    const struct json *json;         /* NULL: its members are `members` alone */
    const struct config_node *node;  /* NULL: with a mistake */
    bool fresh;                      /* written anew */
    size_t index;                    /* else: which element of the file's array */
    struct document_member *members; /* NULL: none */
    size_t member_count;
};

struct document_entry {
    const struct json *json;
    const struct config_entry *entry; /* NULL: with a mistake */
    bool fresh, changed;              /* written anew; its nodes are others */
    size_t index;
    struct slice identity; /* of the data set; empty without an entry */
    struct document_node *nodes;
    size_t node_count, node_cap;
};

struct document {
    struct arena arena;
    struct slice text;
    struct config config;
    struct document_entry *entries;
    size_t entry_count, entry_cap;
    uint64_t version; /* the highest that stands there */
};

/* BAD_FORMAT, TOO_LARGE: the file is of no use; d->config's finding says why. Clear it in any case.
 * `opener` NULL: what stands encrypted is compared as it stands. */
CHECKED enum status document_read(struct slice text, const struct config_opener *opener,
                                  struct document *d);
void document_clear(struct document *d);

/* An entry of another configuration, behind the others; with its nodes, or none. */
struct document_entry *document_add(struct document *d, const struct config_entry *e);
void document_remove(struct document *d, struct document_entry *e);
void document_remove_all(struct document *d);

/* The first entry behind `after` (NULL: of all) that is that data set; NULL. */
struct document_entry *document_find(struct document *d, struct slice identity,
                                     const struct document_entry *after);

/* What makes entries the same data set, as the API sees it: without the publishing interval, which
 * belongs to the nodes there. */
struct slice document_identity(struct arena *a, const struct config_entry *e);

/* Puts a node at `at` of the list (node_count: behind the others). Pointers to nodes end with it.
 */
struct document_node *document_insert(struct document *d, struct document_entry *e, size_t at,
                                      const struct config_node *n);
void document_delete(struct document_entry *e, size_t at);

/* Room for `count` nodes at `at`, each to be filled by document_replace(). */
struct document_node *document_open(struct document *d, struct document_entry *e, size_t at,
                                    size_t count);
void document_replace(struct document *d, struct document_entry *e, size_t at,
                      const struct config_node *n);

/* Writes the node anew, with that member so. */
void document_set(struct document *d, struct document_node *n, const char *name, struct slice json);

/* The same with a text; an empty one is left out. */
void document_set_text(struct document *d, struct document_node *n, const char *name,
                       struct slice text);

/* The file's text, every entry with the next version and that time. */
void document_write(struct document *d, uint64_t now_ms, struct buffer *out);

/* As JSON for an answer: known members by their names in the tables, without those that say nothing
 * and without secrets. */
void document_put_node(const struct document_node *n, struct buffer *out);
void document_put_entry(const struct document_entry *e, bool with_nodes, struct buffer *out);
