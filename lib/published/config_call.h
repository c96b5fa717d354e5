/*
 * One call of a method of config_edit.h while it runs, and what the methods share. For the files of
 * the methods: config_edit.c (entries), config_edit_writer.c (one writer and its nodes),
 * config_edit_start.c (by connection).
 */
#pragma once

#include "published/config_document.h"
#include "published/config_edit.h"

struct config_call {
    struct document document;
    struct config request;   /* what the payload says, after config_call_read() */
    const struct json *args; /* the payload; NULL: empty */
    const struct config_opener *opener; /* NULL: none */
    struct config_answer *answer;
};

/* False: refused, and the answer says why. */
typedef bool config_call_fn(struct config_call *c);

config_call_fn config_publish_start, config_publish_stop, config_publish_bulk, config_publish_list;
config_call_fn config_put_writer, config_get_writer, config_remove_writer;
config_call_fn config_put_nodes, config_put_node, config_remove_nodes, config_remove_node;
config_call_fn config_get_nodes, config_get_node;

/* Always false. */
bool config_call_refuse(struct config_call *c, enum status s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads JSON that is an array of entries into c->request. */
bool config_call_read(struct config_call *c, struct slice entries);

/* The payload as the only entry. */
bool config_call_read_entry(struct config_call *c, const struct json *entry);

/* The key of a node, with the publishing interval that it has in its entry. */
void config_call_node_key(const struct config_node *n, int64_t publishing_ms, struct buffer *out);

/* Gives a node of the request the interval that its request has, where its new entry has another.
 */
void config_call_keep_interval(struct config_call *c, struct document_node *n,
                               const struct config_entry *from, const struct config_entry *to);

/* "[d.]hh:mm:ss[.fff]" in quotes. */
void config_put_span(int64_t ms, struct buffer *out);
