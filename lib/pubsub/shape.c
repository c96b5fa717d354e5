#include "pubsub/shape.h"

#include <stdlib.h>

#include "base/memory.h"
#include "json/write.h"
#include "opcua/data_type.h"
#include "opcua/definition.h"
#include "opcua/node_id.h"

#define MARK_LEVELS 8 /* of structures in structures, where types of one name may differ */

enum { MARK_ANY = 1, MARK_OBJECT, MARK_BUILTIN };

const struct shape_type shape_any = {.kind = SHAPE_ANY, .mark = MARK_ANY};
static const struct shape_type object = {.kind = SHAPE_OBJECT, .mark = MARK_OBJECT};

/* While one is made. */
struct making {
    struct shape *shape;
    const UA_DataSetMetaDataType *metadata;
    const struct opcua_types *types;
};

static struct slice keep(struct making *m, UA_String s)
{
    return arena_copy(&m->shape->arena, opcua_slice(s));
}

static struct slice uri_of(struct making *m, uint16_t index)
{
    if (index == 0 || index > m->metadata->namespacesSize) /* its own are counted from 1 */
        return (struct slice){0};
    return keep(m, m->metadata->namespaces[index - 1]);
}

/* ---- types ---- */

static const struct shape_type *find(const struct shape *s, const UA_NodeId *id)
{
    for (const struct shape_type *t = s->types; t; t = t->next)
        if (UA_NodeId_equal(&t->id, id))
            return t;
    return NULL;
}

static struct shape_type *add_type(struct making *m, enum shape_kind kind, const UA_NodeId *id,
                                   struct slice name)
{
    struct shape_type *t = ARENA_TAKE(&m->shape->arena, struct shape_type);
    *t = (struct shape_type){.kind = kind,
                             .name = name,
                             .namespace_uri = uri_of(m, id->namespaceIndex),
                             .next = m->shape->types};
    UA_NodeId_copy(id, &t->id);
    m->shape->types = t;
    return t;
}

static const struct shape_type *builtin_type(struct making *m, UA_DataTypeKind kind)
{
    if (kind >= UA_DATATYPEKIND_VARIANT) /* and diagnostics, which no variable has */
        return &shape_any;
    if (kind == UA_DATATYPEKIND_EXTENSIONOBJECT)
        return &object;
    struct shape_type *t = ARENA_TAKE(&m->shape->arena, struct shape_type);
    *t = (struct shape_type){
        .kind = SHAPE_BUILTIN, .builtin = kind, .mark = MARK_BUILTIN + kind};
    return t;
}

static bool rank_of(UA_Int32 value_rank, enum shape_rank *out)
{
    if (value_rank != UA_VALUERANK_SCALAR && value_rank < UA_VALUERANK_ONE_DIMENSION)
        return false;
    *out = value_rank < 0 ? SHAPE_SCALAR : value_rank == 1 ? SHAPE_ARRAY : SHAPE_MATRIX;
    return true;
}

static const struct shape_type *type_of(struct making *m, const UA_NodeId *id, UA_Byte builtin);

/* A structure of OPC UA's own, as the stack has it. */
static const struct shape_type *standard_structure(struct making *m, const UA_DataType *type)
{
    const struct shape_type *known = find(m->shape, &type->typeId);
    if (known)
        return known;
    bool is_union = type->typeKind == UA_DATATYPEKIND_UNION;
    struct shape_type *t = add_type(m, is_union ? SHAPE_UNION : SHAPE_STRUCTURE, &type->typeId,
                                    slice_of(type->typeName));
    t->fields = ARENA_TAKE_N(&m->shape->arena, struct shape_field, type->membersSize + 1);
    t->count = type->membersSize;
    for (size_t i = 0; i < type->membersSize; i++) {
        const UA_DataTypeMember *member = &type->members[i];
        t->fields[i] = (struct shape_field){
            .name = slice_of(member->memberName),
            .type = type_of(m, &member->memberType->typeId, 0),
            .rank = member->isArray ? SHAPE_ARRAY : SHAPE_SCALAR,
            .optional = is_union || member->isOptional,
        };
    }
    return t;
}

static const struct shape_type *standard_type(struct making *m, const UA_NodeId *id)
{
    const UA_DataType *wire = opcua_data_type_wire(id);
    if (!wire)
        return &shape_any;
    if (wire->typeKind == UA_DATATYPEKIND_STRUCTURE ||
        wire->typeKind == UA_DATATYPEKIND_OPTSTRUCT || wire->typeKind == UA_DATATYPEKIND_UNION)
        return standard_structure(m, wire);
    return builtin_type(m, (UA_DataTypeKind)opcua_data_type_builtin(wire)->typeKind);
}

static bool is_plain(const UA_StructureDefinition *d)
{
    bool plain = (unsigned)d->structureType <= OPCUA_UNION_WITH_SUBTYPES;
    for (size_t i = 0; i < d->fieldsSize && plain; i++)
        plain = d->fields[i].valueRank == UA_VALUERANK_SCALAR ||
                d->fields[i].valueRank >= UA_VALUERANK_ONE_DIMENSION;
    return plain;
}

/* Part 3, 5.8.3: with subtypes allowed, values say themselves what they are. */
static const struct shape_type *field_type(struct making *m, const UA_StructureDefinition *d,
                                           const UA_StructureField *f)
{
    const struct shape_type *type = type_of(m, &f->dataType, 0);
    if (!opcua_definition_is_subtyped(d) || !f->isOptional)
        return type;
    return shape_has_members(type) || type->kind == SHAPE_OBJECT ? &object : &shape_any;
}

static const struct shape_type *structure(struct making *m, const UA_StructureDescription *d)
{
    const UA_StructureDefinition *of = &d->structureDefinition;
    if (!is_plain(of) || (m->types && !opcua_types_find(m->types, &d->dataTypeId)))
        return &object;
    bool is_union = opcua_definition_plain(of) == UA_STRUCTURETYPE_UNION;
    struct shape_type *t = add_type(m, is_union ? SHAPE_UNION : SHAPE_STRUCTURE, &d->dataTypeId,
                                    keep(m, d->name.name));
    t->fields = ARENA_TAKE_N(&m->shape->arena, struct shape_field, of->fieldsSize + 1);
    t->count = of->fieldsSize;
    for (size_t i = 0; i < of->fieldsSize; i++) {
        const UA_StructureField *f = &of->fields[i];
        t->fields[i] = (struct shape_field){
            .name = keep(m, f->name),
            .type = field_type(m, of, f),
            .rank = f->valueRank == UA_VALUERANK_SCALAR          ? SHAPE_SCALAR
                    : f->valueRank == UA_VALUERANK_ONE_DIMENSION ? SHAPE_ARRAY
                                                                 : SHAPE_MATRIX,
            .optional = is_union ||
                        (f->isOptional &&
                         of->structureType == UA_STRUCTURETYPE_STRUCTUREWITHOPTIONALFIELDS),
        };
    }
    return t;
}

static const struct shape_type *enumeration(struct making *m, const UA_EnumDescription *d)
{
    const UA_EnumDefinition *of = &d->enumDefinition;
    struct shape_type *t = add_type(m, SHAPE_ENUMERATION, &d->dataTypeId, keep(m, d->name.name));
    bool counted = of->fieldsSize > 0;
    for (size_t i = 0; i < of->fieldsSize && counted; i++)
        counted = of->fields[i].value == (UA_Int64)i;
    if (!counted)
        return t;
    t->symbols = ARENA_TAKE_N(&m->shape->arena, struct slice, of->fieldsSize);
    t->count = of->fieldsSize;
    for (size_t i = 0; i < of->fieldsSize; i++)
        t->symbols[i] = keep(m, of->fields[i].name);
    return t;
}

/* `builtin` as metadata has it, for types that it does not describe; 0: not told. */
static const struct shape_type *type_of(struct making *m, const UA_NodeId *id, UA_Byte builtin)
{
    const UA_DataSetMetaDataType *of = m->metadata;
    if (id->namespaceIndex == 0)
        return standard_type(m, id);
    const struct shape_type *known = find(m->shape, id);
    if (known)
        return known;
    for (size_t i = 0; i < of->structureDataTypesSize; i++)
        if (UA_NodeId_equal(&of->structureDataTypes[i].dataTypeId, id))
            return structure(m, &of->structureDataTypes[i]);
    for (size_t i = 0; i < of->enumDataTypesSize; i++)
        if (UA_NodeId_equal(&of->enumDataTypes[i].dataTypeId, id))
            return enumeration(m, &of->enumDataTypes[i]);
    for (size_t i = 0; i < of->simpleDataTypesSize && builtin == 0; i++)
        if (UA_NodeId_equal(&of->simpleDataTypes[i].dataTypeId, id))
            builtin = of->simpleDataTypes[i].builtInType;
    return builtin ? builtin_type(m, (UA_DataTypeKind)(builtin - 1)) : &shape_any;
}

/* ---- what types look like, in a number ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t both[] = {a, b};
    return slice_hash(slice_from(both, sizeof both)) | 1u << 31; /* none of the enum's */
}

/* Their own, and what their fields' types have so far. */
static uint64_t mark_of(const struct shape_type *t)
{
    uint64_t mark = mix(slice_hash(t->name), slice_hash(t->namespace_uri));
    mark = mix(mark, t->kind);
    for (size_t i = 0; i < t->count && t->kind == SHAPE_ENUMERATION; i++)
        mark = mix(mark, slice_hash(t->symbols[i]));
    for (size_t i = 0; i < t->count && shape_has_members(t); i++) {
        const struct shape_field *f = &t->fields[i];
        mark = mix(mark, slice_hash(f->name));
        mark = mix(mark, mix(f->type->mark, (uint64_t)f->rank << 1 | f->optional));
    }
    return mark;
}

/* A level deeper each time, all at once: types may be in each other. */
static void mark_types(struct shape *s)
{
    size_t count = 0, i;
    for (const struct shape_type *t = s->types; t; t = t->next)
        count++;
    uint64_t *marks = ARENA_TAKE_N(&s->arena, uint64_t, count + 1);
    for (int level = 0; level < MARK_LEVELS; level++) {
        i = 0;
        for (const struct shape_type *t = s->types; t; t = t->next)
            marks[i++] = mark_of(t);
        i = 0;
        for (struct shape_type *t = s->types; t; t = t->next)
            t->mark = marks[i++];
    }
}

/* ---- fields ---- */

static struct slice head_of(struct making *m, struct slice name)
{
    struct buffer text = {0};
    json_escape(&text, name);
    buffer_u8(&text, ':');
    struct slice kept = arena_copy(&m->shape->arena, buffer_slice(&text));
    buffer_clear(&text);
    return kept;
}

static void set_field(struct making *m, const UA_FieldMetaData *of, struct shape_field *f)
{
    f->name = keep(m, of->name);
    f->head = head_of(m, f->name);
    f->type = &shape_any;
    if (rank_of(of->valueRank, &f->rank))
        f->type = type_of(m, &of->dataType, of->builtInType);
    if (f->type == &shape_any)
        f->rank = SHAPE_SCALAR; /* a variant says it itself */
}

struct shape *shape_new(const UA_DataSetMetaDataType *metadata, bool events,
                        const struct opcua_types *types)
{
    struct making m = {
        .shape = MEMORY_NEW(struct shape), .metadata = metadata, .types = types};
    struct shape *s = m.shape;
    s->references = 1;
    s->events = events;
    s->name = keep(&m, metadata->name);
    s->count = metadata->fieldsSize;
    s->fields = ARENA_TAKE_N(&s->arena, struct shape_field, s->count + 1);
    for (size_t i = 0; i < s->count; i++)
        set_field(&m, &metadata->fields[i], &s->fields[i]);
    mark_types(s);
    return s;
}

struct shape *shape_loosened(struct shape *s, size_t field)
{
    struct shape *loose = MEMORY_NEW(struct shape);
    loose->references = 1;
    loose->of = shape_ref(s->of ? s->of : s);
    loose->events = s->events;
    loose->name = s->name;
    loose->count = s->count;
    loose->fields = ARENA_TAKE_N(&loose->arena, struct shape_field, s->count + 1);
    memcpy(loose->fields, s->fields, s->count * sizeof *s->fields);
    loose->fields[field].type = &object;
    return loose;
}

struct shape *shape_ref(struct shape *s)
{
    s->references++;
    return s;
}

void shape_unref(struct shape **shape)
{
    struct shape *s = *shape;
    *shape = NULL;
    if (!s || --s->references > 0)
        return;
    for (struct shape_type *t = s->types; t; t = t->next)
        UA_NodeId_clear(&t->id);
    arena_clear(&s->arena);
    shape_unref(&s->of);
    free(s);
}

size_t shape_find(const struct shape *s, struct slice head, size_t hint)
{
    if (hint < s->count && slice_eq(s->fields[hint].head, head))
        return hint;
    size_t i = 0;
    while (i < s->count && !slice_eq(s->fields[i].head, head))
        i++;
    return i;
}
