/*
 * What CloudEvents 1.0 says of a message, as application properties named like its attributes
 * (binary mode): "specversion", "id", "source", "type", "subject", "time". Lives in a batch.
 */
#pragma once

#include "base/buffer.h"
#include "published/plan.h"

struct cloud_event {
    char *type;    /* "Dataset", "Event" or "Metadata", and "/" with the data set's type */
    char *source;  /* as configured, or the endpoint's URL */
    char *subject; /* "": none */
    char *server;  /* application URI, in the place of the URL; NULL: not known */
    bool source_given;
    char start[33]; /* what ids begin with, up to their number */
};

/* `writer` is copied; `random` makes its ids different from all others'. */
void cloud_event_init(struct cloud_event *e, const struct plan_writer *writer, bool metadata,
                      uint64_t wall_ms, uint64_t random);
void cloud_event_clear(struct cloud_event *e);

bool cloud_event_same(const struct cloud_event *a, const struct cloud_event *b);

/* The server says who it is. */
void cloud_event_of_server(struct cloud_event *e, struct slice application_uri);

/* Appends the properties of message number `sequence`. */
void cloud_event_put(const struct cloud_event *e, uint64_t sequence, uint64_t wall_ms,
                     struct buffer *properties);
