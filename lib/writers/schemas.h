/*
 * Schemas beside the messages of a writer group (OPC Publisher's --ps): what the data sets in them
 * look like. A schema is that of a topic: of all that goes there, in whatever message, late values
 * included. It goes to a topic of its own before the first message that is of it, to be kept there,
 * and messages name it in the property "dataschema". What joins or changes makes another one, with
 * the next message.
 *
 * Bound: a schema is no longer than a message may be. What all data sets of a topic are in is made
 * no longer than that; from there on each data set has a schema by itself, below the schema's
 * topic, and messages have data sets of one writer. One that is too large even so is told in the
 * log: in Avro its values are left out and counted, JSON messages name none. On the OPC UA thread.
 */
#pragma once

#include "writers/batch.h"

/* What its data sets look like is to be told: for schemas, or because the encoding needs it. */
bool schemas_wanted(const struct batches *home);

/* What a writer's data set looks like, until it is told anew, wherever it goes. Takes the
 * reference. */
void schemas_tell(struct batches *home, uint32_t writer, struct shape *shape);
/* Values of that field of it are of other types than it was told, too. */
void schemas_loosen(struct batches *home, uint32_t writer, size_t field);
void schemas_forget(struct batches *home, uint32_t writer);

/* The batch has messages of that writer from now on, whose schema goes to that topic, and again with
 * the first message after each `again_ms` (0: only when it changes); or none any more: with `forget`
 * the broker is to keep none of its schemas. */
void schemas_join(struct batch *b, uint32_t writer, struct slice topic, uint64_t again_ms);
void schemas_leave(struct batch *b, uint32_t writer, bool forget);

/* Before a data set message is begun: sends the schema if it is another one, ends the message that
 * it does not fit into, and tells the encoder what the data set looks like. */
void schemas_choose(struct batch *b, uint32_t writer);
/* The id of the schema that the message that is begun now has; "": none. */
const char *schemas_id(const struct batch *b, uint32_t writer);

void schemas_clear(struct batches *home);
