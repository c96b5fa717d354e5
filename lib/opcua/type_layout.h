/*
 * How values of a structure lie in memory, made out of its fields: what the stack needs to read and
 * write its bytes (Part 6, 5.2.6 and 5.2.7), and we to make it from JSON. Pure.
 */
#pragma once

#include "base/status.h"
#include "opcua/inline_matrix.h"
#include "opcua/stack.h"

#define OPCUA_TYPE_FIELDS_MAX 255  /* what the stack can have */
#define OPCUA_TYPE_BYTES_MAX 65535 /* of one value, without what it points to; likewise */
#define OPCUA_TYPE_ALIGNMENT_MAX 8

struct opcua_type_field {
    const char *name;        /* outlives the type */
    const UA_DataType *type; /* outlives it, too */
    bool array, optional;    /* optional: of structures with optional fields alone */
    bool subtyped;           /* for who finds `type`: values say themselves what they are */
    struct opcua_matrix_type *matrix; /* of `type`, outlives the type, too; NULL: it is none */
};

/*
 * Fills in members (the caller's to free), memSize and pointerFree of a type whose typeKind is
 * STRUCTURE, OPTSTRUCT or UNION. AGAIN: a field's own structure has no layout yet (memSize 0).
 * TOO_LARGE: more than the stack can have. *type is then as it was.
 */
CHECKED enum status opcua_type_layout(UA_DataType *type, const struct opcua_type_field *fields,
                                      size_t count);
