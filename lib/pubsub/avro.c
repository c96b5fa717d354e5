#include "pubsub/avro.h"

#include "base/encoding.h"
#include "opcua/data_type.h"
#include "opcua/member.h"
#include "opcua/types.h"
#include "pubsub/schema_avro.h"
#include "pubsub/uadp.h"

/* Where a value goes. */
struct put {
    struct buffer *out;
    const struct opcua_namespaces *names;
    unsigned depth;
};

/* ---- numbers and texts ---- */

void avro_put_long(struct buffer *out, int64_t n)
{
    uint64_t zigzag = (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
    uint8_t *at = buffer_reserve(out, AVRO_LONG_MAX), *start = at;
    for (; zigzag >= 0x80; zigzag >>= 7)
        *at++ = (uint8_t)(zigzag | 0x80);
    *at++ = (uint8_t)zigzag;
    buffer_added(out, (size_t)(at - start));
}

void avro_put_text(struct buffer *out, struct slice text)
{
    avro_put_long(out, (int64_t)text.len);
    buffer_put(out, text);
}

static void put_string(struct put *p, const UA_String *s)
{
    avro_put_text(p->out, opcua_slice(*s));
}

static void put_guid(struct put *p, const UA_Guid *g)
{
    struct buffer text = {0};
    opcua_guid_print(g, &text);
    avro_put_text(p->out, buffer_slice(&text));
    buffer_clear(&text);
}

static void put_bits(struct put *p, uint64_t bits, size_t len)
{
    uint8_t *at = buffer_reserve(p->out, len);
    for (size_t i = 0; i < len; i++, bits >>= 8)
        at[i] = (uint8_t)bits;
    buffer_added(p->out, len);
}

static void put_float(struct put *p, const void *v)
{
    uint32_t bits;
    memcpy(&bits, v, sizeof bits);
    put_bits(p, bits, sizeof bits);
}

static void put_double(struct put *p, const void *v)
{
    uint64_t bits;
    memcpy(&bits, v, sizeof bits);
    put_bits(p, bits, sizeof bits);
}

static void put_uint64(struct put *p, uint64_t n)
{
    bool fits = n <= INT64_MAX;
    avro_put_long(p->out, fits ? 0 : 1);
    if (fits)
        avro_put_long(p->out, (int64_t)n);
    else
        put_bits(p, n, sizeof n);
}

/* ---- ids ---- */

static void put_namespace(struct put *p, uint16_t index)
{
    bool known = index > 0 && p->names && index < p->names->count;
    avro_put_text(p->out, known ? opcua_slice(p->names->uris[index]) : (struct slice){0});
}

static void put_identifier(struct put *p, const UA_NodeId *id)
{
    switch (id->identifierType) {
    case UA_NODEIDTYPE_STRING:
        avro_put_long(p->out, 1);
        put_string(p, &id->identifier.string);
        break;
    case UA_NODEIDTYPE_GUID:
        avro_put_long(p->out, 2);
        put_guid(p, &id->identifier.guid);
        break;
    case UA_NODEIDTYPE_BYTESTRING:
        avro_put_long(p->out, 3);
        put_string(p, &id->identifier.byteString);
        break;
    default:
        avro_put_long(p->out, 0);
        avro_put_long(p->out, id->identifier.numeric);
    }
}

static void put_node_id(struct put *p, const UA_NodeId *id)
{
    put_namespace(p, id->namespaceIndex);
    put_identifier(p, id);
}

static void put_expanded_id(struct put *p, const UA_ExpandedNodeId *id)
{
    const struct opcua_namespaces *n = p->names;
    if (id->namespaceUri.length)
        put_string(p, &id->namespaceUri);
    else
        put_namespace(p, id->nodeId.namespaceIndex);
    put_identifier(p, &id->nodeId);
    bool known = id->serverIndex > 0 && n && n->servers && id->serverIndex < n->server_count;
    avro_put_text(p->out, known ? opcua_slice(n->servers[id->serverIndex]) : (struct slice){0});
}

/* ---- objects, data values, variants ---- */

static void put_encoded(struct put *p, const void *v, const UA_DataType *type)
{
    UA_ByteString body = UA_BYTESTRING_NULL;
    put_node_id(p, &type->binaryEncodingId);
    if (opcua_types_write(p->names ? p->names->types : NULL, v, type, &body))
        UA_ByteString_init(&body);
    put_string(p, &body);
    UA_ByteString_clear(&body);
}

static void put_object(struct put *p, const UA_ExtensionObject *o)
{
    avro_put_long(p->out, 0); /* the union's only one */
    if (o->encoding >= UA_EXTENSIONOBJECT_DECODED) {
        put_encoded(p, o->content.decoded.data, o->content.decoded.type);
        return;
    }
    put_node_id(p, &o->content.encoded.typeId);
    put_string(p, &o->content.encoded.body);
}

static void put_variant(struct put *p, const UA_Variant *v);

static void put_data_value(struct put *p, const UA_DataValue *v)
{
    static const UA_Variant nothing;
    put_variant(p, v->hasValue ? &v->value : &nothing);
    avro_put_long(p->out, v->hasStatus ? v->status : 0);
    avro_put_long(p->out, v->hasSourceTimestamp ? v->sourceTimestamp : 0);
    avro_put_long(p->out, v->hasSourcePicoseconds ? v->sourcePicoseconds : 0);
    avro_put_long(p->out, v->hasServerTimestamp ? v->serverTimestamp : 0);
    avro_put_long(p->out, v->hasServerPicoseconds ? v->serverPicoseconds : 0);
}

/* One value of a built-in type. */
static void put_builtin(struct put *p, const void *v, UA_DataTypeKind kind)
{
    switch (kind) {
    case UA_DATATYPEKIND_BOOLEAN:
        buffer_u8(p->out, *(const UA_Boolean *)v);
        break;
    case UA_DATATYPEKIND_SBYTE:
        avro_put_long(p->out, *(const UA_SByte *)v);
        break;
    case UA_DATATYPEKIND_BYTE:
        avro_put_long(p->out, *(const UA_Byte *)v);
        break;
    case UA_DATATYPEKIND_INT16:
        avro_put_long(p->out, *(const UA_Int16 *)v);
        break;
    case UA_DATATYPEKIND_UINT16:
        avro_put_long(p->out, *(const UA_UInt16 *)v);
        break;
    case UA_DATATYPEKIND_INT32:
        avro_put_long(p->out, *(const UA_Int32 *)v);
        break;
    case UA_DATATYPEKIND_UINT32:
    case UA_DATATYPEKIND_STATUSCODE:
        avro_put_long(p->out, *(const UA_UInt32 *)v);
        break;
    case UA_DATATYPEKIND_INT64:
    case UA_DATATYPEKIND_DATETIME:
        avro_put_long(p->out, *(const UA_Int64 *)v);
        break;
    case UA_DATATYPEKIND_UINT64:
        put_uint64(p, *(const UA_UInt64 *)v);
        break;
    case UA_DATATYPEKIND_FLOAT:
        put_float(p, v);
        break;
    case UA_DATATYPEKIND_DOUBLE:
        put_double(p, v);
        break;
    case UA_DATATYPEKIND_STRING:
    case UA_DATATYPEKIND_BYTESTRING:
    case UA_DATATYPEKIND_XMLELEMENT:
        put_string(p, v);
        break;
    case UA_DATATYPEKIND_GUID:
        put_guid(p, v);
        break;
    case UA_DATATYPEKIND_NODEID:
        put_node_id(p, v);
        break;
    case UA_DATATYPEKIND_EXPANDEDNODEID:
        put_expanded_id(p, v);
        break;
    case UA_DATATYPEKIND_QUALIFIEDNAME:
        put_namespace(p, ((const UA_QualifiedName *)v)->namespaceIndex);
        put_string(p, &((const UA_QualifiedName *)v)->name);
        break;
    case UA_DATATYPEKIND_LOCALIZEDTEXT:
        put_string(p, &((const UA_LocalizedText *)v)->locale);
        put_string(p, &((const UA_LocalizedText *)v)->text);
        break;
    case UA_DATATYPEKIND_EXTENSIONOBJECT:
        put_object(p, v);
        break;
    case UA_DATATYPEKIND_DATAVALUE:
        put_data_value(p, v);
        break;
    default:
        put_variant(p, v);
    }
}

/* ---- arrays: a block with all of them, and an empty one ---- */

typedef bool element_fn(struct put *p, const void *v, const UA_DataType *type, const void *arg);

static bool put_elements(struct put *p, const void *at, size_t count, const UA_DataType *type,
                         element_fn *element, const void *arg)
{
    const uint8_t *v = at;
    if (count > 0)
        avro_put_long(p->out, (int64_t)count);
    for (size_t i = 0; i < count; i++, v += type->memSize)
        if (!element(p, v, type, arg))
            return false;
    avro_put_long(p->out, 0);
    return true;
}

static void put_dimensions(struct put *p, const UA_Variant *v)
{
    if (v->arrayDimensionsSize > 0)
        avro_put_long(p->out, (int64_t)v->arrayDimensionsSize);
    for (size_t i = 0; i < v->arrayDimensionsSize; i++)
        avro_put_long(p->out, v->arrayDimensions[i]);
    avro_put_long(p->out, 0);
}

static enum shape_rank rank_of(const UA_Variant *v)
{
    return UA_Variant_isScalar(v) ? SHAPE_SCALAR
           : v->arrayDimensionsSize > 1 ? SHAPE_MATRIX
                                        : SHAPE_ARRAY;
}

/* A variant's value, scalar or not. */
static bool put_ranked(struct put *p, const UA_Variant *v, enum shape_rank rank, bool bytes,
                       element_fn *element, const void *arg)
{
    if (rank == SHAPE_SCALAR)
        return element(p, v->data, v->type, arg);
    if (rank == SHAPE_ARRAY && bytes) { /* of Byte: that is a ByteString */
        avro_put_text(p->out, slice_from(v->data, v->arrayLength));
        return true;
    }
    if (rank == SHAPE_MATRIX)
        put_dimensions(p, v);
    return put_elements(p, v->data, v->arrayLength, v->type, element, arg);
}

/* Structures in variants are objects. */
static bool put_plain_element(struct put *p, const void *v, const UA_DataType *type,
                              const void *arg)
{
    (void)arg;
    UA_DataTypeKind kind = (UA_DataTypeKind)opcua_data_type_builtin(type)->typeKind;
    if (kind == UA_DATATYPEKIND_EXTENSIONOBJECT && type->typeKind != kind) {
        avro_put_long(p->out, 0);
        put_encoded(p, v, type);
    } else {
        put_builtin(p, v, kind);
    }
    return true;
}

static unsigned choice_of(const UA_Variant *v, UA_DataTypeKind kind, enum shape_rank rank)
{
    if (UA_Variant_isEmpty(v) || kind == UA_DATATYPEKIND_DIAGNOSTICINFO)
        return 0;
    if (kind == UA_DATATYPEKIND_BYTE && rank == SHAPE_ARRAY)
        return schema_avro_variant_index(UA_DATATYPEKIND_BYTESTRING, SHAPE_SCALAR);
    return schema_avro_variant_index(kind, rank);
}

static void put_variant(struct put *p, const UA_Variant *v)
{
    UA_DataTypeKind kind =
        UA_Variant_isEmpty(v)
            ? UA_DATATYPEKIND_VARIANT
            : (UA_DataTypeKind)opcua_data_type_builtin(v->type)->typeKind;
    enum shape_rank rank = rank_of(v);
    unsigned choice = ++p->depth > AVRO_DEPTH_MAX ? 0 : choice_of(v, kind, rank);
    avro_put_long(p->out, choice);
    if (choice > 0)
        (void)put_ranked(p, v, rank, kind == UA_DATATYPEKIND_BYTE, put_plain_element, NULL);
    p->depth--;
}

/* ---- values of a known shape ---- */

static bool put_shaped(struct put *p, const void *v, const UA_DataType *type, const void *shape);

static bool put_matrix(struct put *p, const struct opcua_matrix *m, const UA_DataType *type,
                       const struct shape_field *f)
{
    if (m->dimension_count > 0)
        avro_put_long(p->out, (int64_t)m->dimension_count);
    for (size_t i = 0; i < m->dimension_count; i++)
        avro_put_long(p->out, m->dimensions[i]);
    avro_put_long(p->out, 0);
    return put_elements(p, m->values, m->count, type, put_shaped, f->type);
}

static bool put_member(struct put *p, const void *value, size_t count, const UA_DataTypeMember *m,
                       const struct shape_field *f)
{
    bool matrix = !m->isArray && opcua_type_is_matrix(m->memberType);
    if (matrix != (f->rank == SHAPE_MATRIX))
        return false;
    if (matrix)
        return put_matrix(p, value, opcua_matrix_element(m->memberType), f);
    if (f->rank == SHAPE_SCALAR)
        return !m->isArray && put_shaped(p, value, m->memberType, f->type);
    if (!m->isArray)
        return false;
    if (f->type->kind == SHAPE_BUILTIN && f->type->builtin == UA_DATATYPEKIND_BYTE) {
        avro_put_text(p->out, slice_from(value, count));
        return m->memberType->typeKind == UA_DATATYPEKIND_BYTE;
    }
    return put_elements(p, value, count, m->memberType, put_shaped, f->type);
}

/* The field that is chosen, and null for the others. */
static bool put_union(struct put *p, const void *v, const UA_DataType *type,
                      const struct shape_type *shape)
{
    uint32_t which = *(const uint32_t *)v;
    for (uint32_t i = 0; i < type->membersSize; i++) {
        const uint8_t *at = v;
        size_t count;
        const void *value = opcua_member_take(&type->members[i], false, &at, &count);
        avro_put_long(p->out, i + 1 == which ? 1 : 0);
        if (i + 1 == which && !put_member(p, value, count, &type->members[i], &shape->fields[i]))
            return false;
    }
    return true;
}

static bool put_structure(struct put *p, const void *v, const UA_DataType *type,
                          const struct shape_type *shape)
{
    bool is_union = type->typeKind == UA_DATATYPEKIND_UNION;
    if (type->typeKind < UA_DATATYPEKIND_STRUCTURE || is_union != (shape->kind == SHAPE_UNION) ||
        type->membersSize != shape->count || !UA_NodeId_equal(&type->typeId, &shape->id))
        return false;
    if (is_union)
        return put_union(p, v, type, shape);
    const uint8_t *at = v;
    for (size_t i = 0; i < type->membersSize; i++) {
        const UA_DataTypeMember *m = &type->members[i];
        bool optional = opcua_member_is_optional(type, m);
        size_t count;
        const void *value = opcua_member_take(m, optional, &at, &count);
        if (optional != shape->fields[i].optional)
            return false;
        if (optional)
            avro_put_long(p->out, value ? 1 : 0);
        if (value && !put_member(p, value, count, m, &shape->fields[i]))
            return false;
    }
    return true;
}

/* One that may be in its bytes still. */
static bool put_structure_object(struct put *p, const UA_ExtensionObject *o,
                                 const struct shape_type *shape)
{
    const UA_DataType *type;
    if (o->encoding >= UA_EXTENSIONOBJECT_DECODED)
        return put_structure(p, o->content.decoded.data, o->content.decoded.type, shape);
    const struct opcua_types *types = p->names ? p->names->types : NULL;
    void *value = types ? opcua_types_read(types, o, &type) : NULL;
    bool fits = value && put_structure(p, value, type, shape);
    if (value)
        UA_delete(value, type);
    return fits;
}

static bool put_enumeration(struct put *p, const void *v, const UA_DataType *type,
                            const struct shape_type *shape)
{
    if (type->typeKind != UA_DATATYPEKIND_INT32 && type->typeKind != UA_DATATYPEKIND_ENUM)
        return false;
    UA_Int32 n = *(const UA_Int32 *)v;
    if (shape->symbols && (n < 0 || (size_t)n >= shape->count))
        return false;
    avro_put_long(p->out, n);
    return true;
}

static bool put_any(struct put *p, const void *v, const UA_DataType *type)
{
    UA_Variant one = {.type = type, .data = (void *)(uintptr_t)v};
    put_variant(p, type->typeKind == UA_DATATYPEKIND_VARIANT ? v : &one);
    return true;
}

static bool put_shaped(struct put *p, const void *v, const UA_DataType *type, const void *arg)
{
    const struct shape_type *shape = arg;
    if (p->depth >= AVRO_DEPTH_MAX)
        return false;
    p->depth++;
    bool fits = false;
    UA_DataTypeKind kind = (UA_DataTypeKind)opcua_data_type_builtin(type)->typeKind;
    switch (shape->kind) {
    case SHAPE_ANY:
        fits = put_any(p, v, type);
        break;
    case SHAPE_BUILTIN:
        fits = kind == shape->builtin;
        if (fits)
            put_builtin(p, v, kind);
        break;
    case SHAPE_ENUMERATION:
        fits = put_enumeration(p, v, type, shape);
        break;
    case SHAPE_STRUCTURE:
    case SHAPE_UNION:
        fits = type->typeKind == UA_DATATYPEKIND_EXTENSIONOBJECT ? put_structure_object(p, v, shape)
                                                                : put_structure(p, v, type, shape);
        break;
    case SHAPE_OBJECT:
        fits = kind == UA_DATATYPEKIND_EXTENSIONOBJECT && put_plain_element(p, v, type, NULL);
    }
    p->depth--;
    return fits;
}

bool avro_put_value(struct buffer *out, const UA_Variant *v, const struct shape_field *f,
                    const struct opcua_namespaces *names)
{
    struct put p = {.out = out, .names = names};
    size_t before = out->len;
    if (UA_Variant_isEmpty(v) || rank_of(v) != f->rank)
        return false;
    bool bytes = f->type->kind == SHAPE_BUILTIN && f->type->builtin == UA_DATATYPEKIND_BYTE;
    if (bytes && v->type->typeKind != UA_DATATYPEKIND_BYTE)
        return false;
    if (put_ranked(&p, v, f->rank, bytes, put_shaped, f->type))
        return true;
    out->len = before;
    return false;
}

void avro_put_variant(struct buffer *out, const UA_Variant *v, const struct opcua_namespaces *names)
{
    struct put p = {.out = out, .names = names};
    put_variant(&p, v);
}
