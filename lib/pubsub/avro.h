/*
 * OPC UA values in Avro's binary encoding (Avro 1.11), as the schema of pubsub/schema_avro.h has
 * them. Appending only; any thread.
 */
#pragma once

#include "base/buffer.h"
#include "opcua/node_id.h"
#include "pubsub/shape.h"

#define AVRO_LONG_MAX 10 /* bytes of a number */
#define AVRO_DEPTH_MAX 32 /* of structures and variants in each other */

void avro_put_long(struct buffer *out, int64_t n);
void avro_put_text(struct buffer *out, struct slice text); /* and bytes */

/* The value that a variant of that shape holds. False, and nothing is appended: it is another
 * one. */
bool avro_put_value(struct buffer *out, const UA_Variant *v, const struct shape_field *f,
                    const struct opcua_namespaces *names);
/* Whatever it holds, and what it is. */
void avro_put_variant(struct buffer *out, const UA_Variant *v,
                      const struct opcua_namespaces *names);
