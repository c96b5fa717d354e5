/*
 * A writer group: values become messages here, encoded straight into the bytes that are sent
 * (pubsub/encoder.h), and messages are cut by count of notifications, by time and by size. On
 * the OPC UA thread.
 *
 * What goes to different topics, or there in a different way, are different batches, each with
 * messages of its own; most groups have one.
 *
 * Each message carries, as application properties, "millrace-source" (publisher, group and, for
 * other than the group's own batch, where it goes), "millrace-epoch" (this start of it) and
 * "millrace-sequence" (1, 2, 3 …), so that a consumer can prove what is missing or came twice.
 */
#pragma once

#include "writers/batch.h"

struct group;
struct opcua_types;

/* `sink` is copied; the plan's texts, too. */
struct group *group_new(const struct group_sink *sink, const struct plan_group *plan);
/* What is unsent goes first. */
void group_free(struct group **g);

const struct form *group_form(const struct group *g);
enum opcua_id_format group_id_format(const struct group *g); /* of node ids and names in messages */
/* Fields are known by their place: a key frame has all of them, in order. */
bool group_is_positional(const struct group *g);
/* Raw fields known by their place have no way to say that there is no value. */
bool group_can_say(const struct group *g, const UA_DataValue *v);

/* Makes the data set of a writer, and joins it. */
void group_add(struct group *g, struct data_set *d, const struct plan_group *group,
               const struct plan_writer *writer, uint32_t id);
/* The server that its values are from is known, or is another one. */
void group_of_server(struct data_set *d, struct slice endpoint_url, struct slice application_uri);
/* Says where the data set's messages go, before its first one; what the writer leaves open is the
 * group's. */
void group_join(struct group *g, struct data_set *d, const struct plan_writer *writer);
/* The same for values that were missed and are read later: their messages say so. */
void group_join_late(struct group *g, struct data_set *d, const struct plan_writer *writer);
/* After its last one; `forget` as for batch_leave(). */
void group_leave(struct group *g, struct data_set *d, bool forget);

/* A data set message, field by field: `head` is "name": ready to stand before the value, `index`
 * the field's number in the data set. */
void group_begin(struct group *g, struct data_set *d, const struct data_set_head *h,
                 const struct opcua_namespaces *names);
void group_field(struct group *g, struct slice head, uint32_t index, const UA_DataValue *v);
void group_end(struct group *g);

/* Sends what the data set looks like, where `to` says. False: it is too large. */
bool group_metadata(struct group *g, struct batch *to, const struct data_set *d,
                    const UA_DataSetMetaDataType *m, const struct opcua_namespaces *names);
/* Where the writer's metadata goes; NULL: this kind of messages has none. */
struct batch *group_metadata_batch(struct group *g, const struct plan_writer *writer);

/* What data sets look like is wanted, by schemas or by the encoding; `needed`: no value can be
 * written before. */
bool group_wants_shapes(const struct group *g, bool *needed);
/* The data set looks like that from now on; `types` as for shape_new(). */
void group_shape(struct group *g, const struct data_set *d, const UA_DataSetMetaDataType *m,
                 const struct opcua_types *types);
/* It is gone for good. */
void group_forget_shape(struct group *g, const struct data_set *d);

/* A value, or an event as an object of its fields, by itself. */
void group_sample(struct group *g, struct data_set *d, const struct sample *s,
                  const struct opcua_namespaces *names);

/* A notification of the server is through: cuts the message when it is time. */
void group_notified(struct group *g, struct data_set *d);
void group_flush(struct group *g);
