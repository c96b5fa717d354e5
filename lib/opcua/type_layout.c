#include "opcua/type_layout.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/member.h"

/* ---- alignment ---- */

static size_t alignment(const UA_DataType *type);

static size_t alignment_of_member(const UA_DataTypeMember *m)
{
    return m->isArray || m->isOptional ? alignof(void *) : alignment(m->memberType);
}

/* What its size is a multiple of is enough, and may be more than is needed: to look into members of
 * members could take for ever. */
static size_t alignment_of_structure(const UA_DataType *type)
{
    size_t a = type->memSize & -type->memSize;
    return a < OPCUA_TYPE_ALIGNMENT_MAX ? a : OPCUA_TYPE_ALIGNMENT_MAX;
}

static size_t alignment(const UA_DataType *type)
{
    switch (type->typeKind) {
    case UA_DATATYPEKIND_BOOLEAN:
    case UA_DATATYPEKIND_SBYTE:
    case UA_DATATYPEKIND_BYTE:
        return 1;
    case UA_DATATYPEKIND_INT16:
    case UA_DATATYPEKIND_UINT16:
        return alignof(UA_UInt16);
    case UA_DATATYPEKIND_INT32:
    case UA_DATATYPEKIND_UINT32:
    case UA_DATATYPEKIND_FLOAT:
    case UA_DATATYPEKIND_STATUSCODE:
    case UA_DATATYPEKIND_ENUM:
        return alignof(UA_UInt32);
    case UA_DATATYPEKIND_GUID:
        return alignof(UA_Guid);
    case UA_DATATYPEKIND_STRUCTURE:
    case UA_DATATYPEKIND_OPTSTRUCT:
    case UA_DATATYPEKIND_UNION:
        return alignment_of_structure(type);
    default:
        return OPCUA_TYPE_ALIGNMENT_MAX; /* 64 bits, or pointers inside */
    }
}

/* ---- members ---- */

struct layout {
    size_t at; /* the end of what is laid out */
    size_t alignment;
    size_t largest; /* of a union's members: the end of the one that reaches furthest */
    bool pointer_free;
};

static size_t padding(size_t at, size_t alignment)
{
    return (alignment - at % alignment) % alignment;
}

/* Each member of a union begins anew behind the switch. */
static void place(struct layout *l, UA_DataTypeMember *m, bool is_union)
{
    size_t a = alignment_of_member(m);
    size_t from = is_union ? sizeof(UA_UInt32) : l->at;
    size_t begin = from + padding(from, a);
    m->padding = (UA_Byte)((is_union ? begin : begin - l->at) & 63);
    l->at = begin + opcua_member_size(m, m->isOptional);
    l->alignment = a > l->alignment ? a : l->alignment;
    l->largest = l->at > l->largest ? l->at : l->largest;
    l->pointer_free =
        l->pointer_free && !m->isArray && !m->isOptional && m->memberType->pointerFree;
}

static const UA_DataType *member_type(const struct opcua_type_field *f)
{
    if (f->matrix == NULL)
        return f->type;
    opcua_matrix_type_init(f->matrix, f->type);
    return &f->matrix->type;
}

enum status opcua_type_layout(UA_DataType *type, const struct opcua_type_field *fields,
                              size_t count)
{
    bool is_union = type->typeKind == UA_DATATYPEKIND_UNION;
    struct layout l = {.at = is_union ? sizeof(UA_UInt32) : 0,
                       .alignment = is_union ? alignof(UA_UInt32) : 1,
                       .pointer_free = true};
    if (count > OPCUA_TYPE_FIELDS_MAX)
        return TOO_LARGE;
    for (size_t i = 0; i < count; i++)
        if (!fields[i].array && !fields[i].optional && !fields[i].matrix &&
            fields[i].type->memSize == 0)
            return AGAIN;
    UA_DataTypeMember *members = memory_new((count + 1) * sizeof(*members));
    l.largest = l.at;
    for (size_t i = 0; i < count && l.largest <= OPCUA_TYPE_BYTES_MAX; i++) {
        members[i] = (UA_DataTypeMember){.memberName = fields[i].name,
                                         .memberType = member_type(&fields[i]),
                                         .isArray = fields[i].array,
                                         .isOptional = fields[i].optional};
        place(&l, &members[i], is_union);
    }
    size_t bytes = l.largest + padding(l.largest, l.alignment);
    if (bytes > OPCUA_TYPE_BYTES_MAX) {
        free(members);
        return TOO_LARGE;
    }
    type->members = members;
    type->membersSize = (UA_UInt32)count & 255;
    type->memSize =
        (UA_UInt32)(bytes ? bytes : 1) & 65535; /* one without fields has a place, too */
    type->pointerFree = l.pointer_free;
    return OK;
}
