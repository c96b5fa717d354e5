/*
 * Names in schemas of messages, as OPC Publisher makes them: "org.opcfoundation.UA.Double",
 * "com.example.machines.Recipe". Avro allows letters, digits and '_', and no digit in front; other
 * characters are "__" and their number. Pure.
 */
#pragma once

#include "base/buffer.h"
#include "base/map.h"
#include "pubsub/shape.h"

#define SCHEMA_UA "org.opcfoundation.UA"
#define SCHEMA_PUBLISHER "org.github.microsoft.opc.publisher"

/* Appends a name; "_" stands before a digit. */
void schema_name_escape(struct slice name, struct buffer *out);

/* "http://example.com/machines" as "com.example.machines". */
void schema_name_of_uri(struct slice uri, struct buffer *out);

/* The built-in type's name, "Double"; "Variant" for any. */
const char *schema_name_of_builtin(UA_DataTypeKind kind);

/* "Collection", "Matrix", or nothing. */
const char *schema_name_suffix(enum shape_rank rank);
/* The last part of a type's name, with its rank: "Double", "RecipeCollection". */
void schema_name_short(const struct shape_type *type, enum shape_rank rank, struct buffer *out);
/* All of it: "org.opcfoundation.UA.DoubleMatrix". */
void schema_name_full(const struct shape_type *type, enum shape_rank rank, struct buffer *out);

/* What a name with that rank means, for schema_names_claim(). */
uint64_t schema_name_meaning(const struct shape_type *type, enum shape_rank rank);

/* Names that stand in a schema already, and what each of them means. `{0}` is empty. */
struct schema_names {
    struct arena arena;
    struct map map;
};
/* True: it was not there. */
bool schema_names_add(struct schema_names *n, struct slice name);
/* The name in `name` from `from` on is to mean `what`. True: it was not there, and is now; false: it
 * means that already. Where it means something else, a number is appended. */
bool schema_names_claim(struct schema_names *n, struct buffer *name, size_t from, uint64_t what);
/* Appends a number to what stands in `name` from `from` on, until nothing there has it. */
void schema_names_make_unique(struct schema_names *n, struct buffer *name, size_t from);
void schema_names_clear(struct schema_names *n);
