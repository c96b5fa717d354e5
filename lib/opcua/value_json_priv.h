/* What the files that write values as JSON share; for lib/opcua/value_json*.c alone. */
#pragma once

#include "opcua/data_type.h"
#include "opcua/value_json.h"
#include "json/write.h"

typedef void value_json_fn(const void *value, const struct opcua_value_form *form,
                           struct buffer *out);

/* value_json.c */
void value_json_null(struct buffer *out);
void value_json_u64(uint64_t v, struct buffer *out);
value_json_fn value_json_string, value_json_bytes, value_json_node_id;

/* value_json_structure.c */
value_json_fn value_json_extension, value_json_diagnostic;
void value_json_structure(const void *v, const UA_DataType *type,
                          const struct opcua_value_form *form, struct buffer *out);
void value_json_union(const void *v, const UA_DataType *type, const struct opcua_value_form *form,
                      struct buffer *out);
/* A structure as an extension object. */
void value_json_extension_of(const void *v, const UA_DataType *type,
                             const struct opcua_value_form *form, struct buffer *out);

static inline bool value_json_is_new(const struct opcua_value_form *form)
{
    return form->rules != OPCUA_JSON_1_04;
}
