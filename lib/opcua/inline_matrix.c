#include "opcua/inline_matrix.h"

#include <stddef.h>

#define DEPTH_MAX 100 /* as the stack's */
#define STINGY 32     /* bytes in memory that one on the wire may stand for, as the stack's */
#define ONE 65536     /* values that may stand inside of one in its place: its bytes in memory */

const char opcua_matrix_name[] = "Matrix";

void opcua_matrix_type_init(struct opcua_matrix_type *m, const UA_DataType *element)
{
    m->members[0] = (UA_DataTypeMember){
        .memberName = "Dimensions", .memberType = &UA_TYPES[UA_TYPES_INT32], .isArray = true};
    m->members[1] =
        (UA_DataTypeMember){.memberName = "Array", .memberType = element, .isArray = true};
    m->type = (UA_DataType){.typeName = opcua_matrix_name,
                            .memSize = sizeof(struct opcua_matrix),
                            .typeKind = UA_DATATYPEKIND_STRUCTURE,
                            .membersSize = 2,
                            .members = m->members};
}

bool opcua_matrix_count(const UA_Int32 *dimensions, size_t count, size_t *out)
{
    *out = count > 0;
    for (size_t i = 0; i < count; i++)
        if (dimensions[i] <= 0)
            *out = 0;
    for (size_t i = 0; i<count && * out> 0; i++)
        if (__builtin_mul_overflow(*out, (size_t)dimensions[i], out) || *out > INT32_MAX)
            return false;
    return true;
}

/* ---- bytes, from the one to the other ---- */

struct walk {
    const uint8_t *at, *end;
    struct buffer *out;
    bool from_wire;
    unsigned depth;
    size_t values; /* that there may be still: some take no bytes, and arrays of them in each other had no end */
};

static size_t left(const struct walk *w)
{
    return (size_t)(w->end - w->at);
}

static bool skip(struct walk *w, size_t bytes)
{
    if (bytes > left(w))
        return false;
    w->at += bytes;
    return true;
}

static bool copy(struct walk *w, size_t bytes)
{
    const uint8_t *from = w->at;
    if (!skip(w, bytes))
        return false;
    buffer_put(w->out, slice_from(from, bytes));
    return true;
}

static uint32_t look_u32(const struct walk *w)
{
    const uint8_t *b = w->at;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static bool copy_u32(struct walk *w, uint32_t *out)
{
    if (left(w) < 4)
        return false;
    *out = look_u32(w);
    return copy(w, 4);
}

static bool copy_u8(struct walk *w, uint8_t *out)
{
    if (left(w) < 1)
        return false;
    *out = *w->at;
    return copy(w, 1);
}

static void put_u32(struct buffer *out, uint32_t v)
{
    const uint8_t b[] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    buffer_put(out, slice_from(b, sizeof b));
}

/* ---- built-in types, 5.2.2 ---- */

static bool value(struct walk *w, const UA_DataType *type);

/* A count below 0 is nothing. */
static bool text(struct walk *w)
{
    uint32_t n;
    return copy_u32(w, &n) && ((int32_t)n <= 0 || copy(w, n));
}

static bool identifier(struct walk *w, uint8_t encoding)
{
    switch (encoding) {
    case 0:
        return copy(w, 1);
    case 1:
        return copy(w, 1 + 2);
    case 2:
        return copy(w, 2 + 4);
    case 3:
    case 5:
        return copy(w, 2) && text(w);
    case 4:
        return copy(w, 2 + 16);
    default:
        return false;
    }
}

static bool node_id(struct walk *w)
{
    uint8_t e;
    return copy_u8(w, &e) && identifier(w, e & 0x3f) && (!(e & 0x80) || text(w)) &&
           (!(e & 0x40) || copy(w, 4));
}

static bool localized_text(struct walk *w)
{
    uint8_t mask;
    return copy_u8(w, &mask) && (!(mask & 1) || text(w)) && (!(mask & 2) || text(w));
}

static bool extension_object(struct walk *w)
{
    uint8_t encoding;
    return node_id(w) && copy_u8(w, &encoding) && (encoding == 0 || text(w));
}

static bool elements(struct walk *w, const UA_DataType *type, size_t count)
{
    if (count > SIZE_MAX / type->memSize || count * type->memSize / STINGY > left(w))
        return false;
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++)
        ok = value(w, type);
    return ok;
}

static bool array(struct walk *w, const UA_DataType *type)
{
    uint32_t n;
    return copy_u32(w, &n) && ((int32_t)n <= 0 || elements(w, type, n));
}

static bool variant(struct walk *w)
{
    uint8_t e;
    if (!copy_u8(w, &e))
        return false;
    unsigned kind = e & 0x3f;
    if (kind == 0)
        return true;
    if (kind > UA_DATATYPEKIND_DIAGNOSTICINFO + 1u)
        return false;
    const UA_DataType *type = &UA_TYPES[kind - 1];
    return (e & 0x80 ? array(w, type) : value(w, type)) &&
           (!(e & 0x40) || array(w, &UA_TYPES[UA_TYPES_INT32]));
}

static bool data_value(struct walk *w)
{
    uint8_t mask;
    return copy_u8(w, &mask) && (!(mask & 0x01) || variant(w)) && (!(mask & 0x02) || copy(w, 4)) &&
           (!(mask & 0x04) || copy(w, 8)) && (!(mask & 0x10) || copy(w, 2)) &&
           (!(mask & 0x08) || copy(w, 8)) && (!(mask & 0x20) || copy(w, 2));
}

static bool diagnostic(struct walk *w)
{
    uint8_t mask;
    return copy_u8(w, &mask) && (!(mask & 0x01) || copy(w, 4)) && (!(mask & 0x02) || copy(w, 4)) &&
           (!(mask & 0x08) || copy(w, 4)) && (!(mask & 0x04) || copy(w, 4)) &&
           (!(mask & 0x10) || text(w)) && (!(mask & 0x20) || copy(w, 4)) &&
           (!(mask & 0x40) || value(w, &UA_TYPES[UA_TYPES_DIAGNOSTICINFO]));
}

/* ---- structures, 5.2.6 to 5.2.8, and matrices in them ---- */

/* The count, which only the stack's bytes have. */
static bool move_count(struct walk *w, size_t count)
{
    if (w->from_wire) {
        put_u32(w->out, (uint32_t)count);
        return true;
    }
    if (left(w) < 4)
        return false;
    uint32_t n = look_u32(w);
    return ((int32_t)n < 0 ? 0 : n) == count && skip(w, 4);
}

static bool matrix(struct walk *w, const UA_DataType *type)
{
    UA_Int32 dimensions[OPCUA_MATRIX_DIMENSIONS_MAX];
    uint32_t n;
    size_t count;
    if (!copy_u32(w, &n))
        return false;
    n = (int32_t)n < 0 ? 0 : n;
    if (n > OPCUA_MATRIX_DIMENSIONS_MAX)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t d;
        if (!copy_u32(w, &d))
            return false;
        dimensions[i] = (UA_Int32)d;
    }
    return opcua_matrix_count(dimensions, n, &count) && move_count(w, count) &&
           elements(w, opcua_matrix_element(type), count);
}

static bool member(struct walk *w, const UA_DataTypeMember *m)
{
    return m->isArray ? array(w, m->memberType) : value(w, m->memberType);
}

static bool structure(struct walk *w, const UA_DataType *type)
{
    uint32_t mask = 0, bit = 1;
    bool optional = type->typeKind == UA_DATATYPEKIND_OPTSTRUCT;
    bool ok = !optional || copy_u32(w, &mask);
    for (size_t i = 0; i < type->membersSize && ok; i++) {
        const UA_DataTypeMember *m = &type->members[i];
        if (!optional || !m->isOptional) {
            ok = member(w, m);
            continue;
        }
        ok = !(mask & bit) || member(w, m);
        bit <<= 1;
    }
    return ok;
}

static bool choice(struct walk *w, const UA_DataType *type)
{
    uint32_t which;
    if (!copy_u32(w, &which) || which > type->membersSize)
        return false;
    return which == 0 || member(w, &type->members[which - 1]);
}

static bool inside(struct walk *w, const UA_DataType *type)
{
    switch (type->typeKind) {
    case UA_DATATYPEKIND_BOOLEAN:
    case UA_DATATYPEKIND_SBYTE:
    case UA_DATATYPEKIND_BYTE:
        return copy(w, 1);
    case UA_DATATYPEKIND_INT16:
    case UA_DATATYPEKIND_UINT16:
        return copy(w, 2);
    case UA_DATATYPEKIND_INT32:
    case UA_DATATYPEKIND_UINT32:
    case UA_DATATYPEKIND_FLOAT:
    case UA_DATATYPEKIND_STATUSCODE:
    case UA_DATATYPEKIND_ENUM:
        return copy(w, 4);
    case UA_DATATYPEKIND_INT64:
    case UA_DATATYPEKIND_UINT64:
    case UA_DATATYPEKIND_DOUBLE:
    case UA_DATATYPEKIND_DATETIME:
        return copy(w, 8);
    case UA_DATATYPEKIND_GUID:
        return copy(w, 16);
    case UA_DATATYPEKIND_STRING:
    case UA_DATATYPEKIND_BYTESTRING:
    case UA_DATATYPEKIND_XMLELEMENT:
        return text(w);
    case UA_DATATYPEKIND_NODEID:
    case UA_DATATYPEKIND_EXPANDEDNODEID:
        return node_id(w);
    case UA_DATATYPEKIND_QUALIFIEDNAME:
        return copy(w, 2) && text(w);
    case UA_DATATYPEKIND_LOCALIZEDTEXT:
        return localized_text(w);
    case UA_DATATYPEKIND_EXTENSIONOBJECT:
        return extension_object(w);
    case UA_DATATYPEKIND_DATAVALUE:
        return data_value(w);
    case UA_DATATYPEKIND_VARIANT:
        return variant(w);
    case UA_DATATYPEKIND_DIAGNOSTICINFO:
        return diagnostic(w);
    case UA_DATATYPEKIND_STRUCTURE:
        return opcua_type_is_matrix(type) ? matrix(w, type) : structure(w, type);
    case UA_DATATYPEKIND_OPTSTRUCT:
        return structure(w, type);
    case UA_DATATYPEKIND_UNION:
        return choice(w, type);
    default:
        return false;
    }
}

static bool value(struct walk *w, const UA_DataType *type)
{
    if (w->depth == DEPTH_MAX || w->values == 0)
        return false;
    w->values--;
    w->depth++;
    bool ok = inside(w, type);
    w->depth--;
    return ok;
}

static enum status convert(struct slice in, const UA_DataType *type, bool from_wire,
                           struct buffer *out)
{
    struct walk w = {.at = in.at,
                     .end = in.at + in.len,
                     .out = out,
                     .from_wire = from_wire,
                     .values = STINGY * in.len + ONE};
    size_t before = out->len;
    if (value(&w, type) && w.at == w.end)
        return OK;
    out->len = before;
    return BAD_FORMAT;
}

enum status opcua_matrix_from_wire(struct slice wire, const UA_DataType *type, struct buffer *stack)
{
    return convert(wire, type, true, stack);
}

enum status opcua_matrix_to_wire(struct slice stack, const UA_DataType *type, struct buffer *wire)
{
    return convert(stack, type, false, wire);
}
