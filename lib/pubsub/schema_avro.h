/*
 * What a group's Avro messages look like, as an Avro schema: OPC Publisher's names, order of fields
 * and unions, so that the bytes are those that its readers expect. Where its own schema cannot hold
 * what its bytes have (UInt32 and Int64 as "int", a name that begins with a digit), ours says
 * "long" and "_": the bytes are the same. Pure.
 */
#pragma once

#include "pubsub/schema_json.h"

/* Appends the schema; `canonical`: its Parsing Canonical Form (Avro 1.11, "Transforming into …").
 * False as for schema_json_put(). */
CHECKED bool schema_avro_put(const struct schema_plan *p, bool canonical, struct buffer *out);

/* CRC-64-AVRO, the fingerprint of the canonical form. */
uint64_t schema_avro_fingerprint(struct slice canonical);

/* Where values are in the union of a variant: from 0 (null); see schema_avro.c. `kind` up to
 * LOCALIZEDTEXT and EXTENSIONOBJECT, DATAVALUE; VARIANT only with a rank. */
unsigned schema_avro_variant_index(UA_DataTypeKind kind, enum shape_rank rank);
