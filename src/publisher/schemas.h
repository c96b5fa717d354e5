/*
 * Schemas beside the messages of a writer group (OPC Publisher's --ps): one for all that a batch
 * sends, made of what the data sets in it look like. It goes to a topic of its own before the first
 * message that is of it, to be kept there, and messages name it in the property "dataschema". What
 * joins or changes makes another one, with the next message. On the OPC UA thread.
 */
#pragma once

#include "publisher/batch.h"

/* What its data sets look like is to be told: for schemas, or because the encoding needs it. */
bool schemas_wanted(const struct batches *home);

/* What a writer's data set looks like, until it is told anew, in whatever batch it is. Takes the
 * reference. */
void schemas_tell(struct batches *home, uint32_t writer, struct shape *shape);
void schemas_forget(struct batches *home, uint32_t writer);
void schemas_clear(struct batches *home);

/* The batch has messages of that writer from now on, or none any more. */
void schemas_join(struct batch *b, uint32_t writer);
void schemas_leave(struct batch *b, uint32_t writer);
void schemas_batch_clear(struct batch *b);

/* Before a message is begun: sends the schema if it is another one. */
void schemas_announce(struct batch *b);
