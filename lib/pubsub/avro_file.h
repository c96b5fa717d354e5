/*
 * Avro's object container files (Avro 1.11, "Object Container Files"), one message a block, for a
 * folder of messages. The mark between blocks follows from the schema's id, so that a file can be
 * continued by who did not begin it. Appending only; any thread.
 */
#pragma once

#include "base/buffer.h"

/* What such a file begins with. */
void avro_file_put_head(struct buffer *out, struct slice schema, struct slice id);
/* One message of that schema. */
void avro_file_put_block(struct buffer *out, struct slice message, struct slice id);
/* What each of both ends with. */
void avro_file_put_mark(struct buffer *out, struct slice id);
