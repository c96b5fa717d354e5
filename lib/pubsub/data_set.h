/*
 * Who data set messages are from: the texts and the further fields that all messages of one writer
 * have in common, made once. Lives in the writer. On the OPC UA thread.
 */
#pragma once

#include "base/buffer.h"
#include "opcua/stack.h"
#include "published/plan.h"

struct data_set_extra { /* a field that is of no node */
    UA_String name;
    UA_Variant value;
};

struct data_set {
    struct buffer name;   /* quoted */
    struct buffer extra;  /* members that every payload ends with; empty: none */
    struct buffer origin; /* of samples: from after the node id to before the display name, with
                             commas around */
    struct data_set_extra *extras; /* the same as `extra`, for what is not JSON */
    uint32_t extra_count;
    uint32_t field_count;  /* without extras, whose numbers follow */
    uint32_t id, sequence; /* sequence: of the last message */
    bool events;           /* not values */
    uint32_t major, minor; /* version of its metadata */
    struct batch *batch;   /* the group's, which it goes into; by group_join() */
};

struct encoder;
struct form;

/* Of a group with messages of that form. */
void data_set_init(struct data_set *d, const struct form *f, const struct plan_group *group,
                   const struct plan_writer *writer, uint32_t id);
void data_set_clear(struct data_set *d);

/* The server that values are from is known, or is another one; `e`: its batch's. */
void data_set_of_server(struct data_set *d, const struct encoder *e, struct slice endpoint_url,
                        struct slice application_uri);
