/* How the types of one load lie in memory, once all of them were asked for: inner ones first,
 * without recursion, for a server may put one in the other as often as it likes. */
#include <stdlib.h>

#include "opcua/types_priv.h"

static struct opcua_own_type *own(const UA_DataType *type)
{
    return opcua_own_type_is(type) ? LIST_OF(type, struct opcua_own_type, type) : NULL;
}

static void drop_fields(struct opcua_own_type *o)
{
    free(o->fields);
    o->fields = NULL;
}

/* ---- what takes no bytes on the wire ---- */

static bool is_hollow(const UA_DataType *type)
{
    if (own(type))
        return own(type)->hollow;
    bool hollow = type->typeKind == UA_DATATYPEKIND_STRUCTURE;
    for (size_t i = 0; hollow && i < type->membersSize; i++)
        hollow = !type->members[i].isArray && is_hollow(type->members[i].memberType);
    return hollow;
}

/* Arrays and matrices have a count or dimensions, what is optional a bit for it, unions their switch. */
static bool is_hollow_own(const struct opcua_own_type *o)
{
    bool hollow = o->type.typeKind == UA_DATATYPEKIND_STRUCTURE;
    for (size_t i = 0; hollow && i < o->field_count; i++)
        hollow = !o->fields[i].array && !o->fields[i].matrix && is_hollow(o->fields[i].type);
    return hollow;
}

/* ---- one after the other, those inside first ---- */

/* A value of an abstract structure says itself which one it is. */
static void wrap_abstract(struct opcua_own_type *o)
{
    for (size_t i = 0; i < o->field_count; i++) {
        struct opcua_own_type *inner = own(o->fields[i].type);
        if (inner && inner->abstract)
            o->fields[i].type = &UA_TYPES[UA_TYPES_EXTENSIONOBJECT];
    }
}

static struct opcua_own_type *enter(struct opcua_own_type *o, struct opcua_own_type *outer)
{
    o->entered = true;
    o->outer = outer;
    o->cursor = 0;
    if (o->fields)
        wrap_abstract(o);
    return o;
}

/* What stands in it in its place, the next one; NULL: no more. */
static struct opcua_own_type *next_inner(struct opcua_own_type *o)
{
    while (o->fields && o->cursor < o->field_count) {
        const struct opcua_type_field *f = &o->fields[o->cursor++];
        struct opcua_own_type *inner = f->array || f->optional || f->matrix ? NULL : own(f->type);
        if (inner)
            return inner;
    }
    return NULL;
}

/* One that is in itself has no place: what is inside has none yet. */
static void place(struct opcua_own_type *o)
{
    struct opcua_own_type *inner;
    o->cursor = 0;
    o->nested = 1;
    while ((inner = next_inner(o)))
        o->nested = inner->nested >= o->nested ? inner->nested + 1 : o->nested;
    bool fits = o->fields && o->type.memSize == 0 && o->nested <= OPCUA_TYPES_NESTED_MAX;
    if (!fits || opcua_type_layout(&o->type, o->fields, o->field_count) != OK)
        drop_fields(o);
    else
        o->hollow = is_hollow_own(o);
}

static void lay_out(struct opcua_own_type *first)
{
    struct opcua_own_type *o = enter(first, NULL);
    while (o) {
        struct opcua_own_type *inner = next_inner(o);
        if (inner && !inner->entered) {
            o = enter(inner, o);
        } else if (!inner) {
            place(o);
            o = o->outer;
        }
    }
}

/* ---- those that have something which is not known ---- */

static void forget_members(struct opcua_own_type *o)
{
    free(o->type.members);
    o->type.members = NULL;
    o->type.membersSize = 0;
    o->type.memSize = 0;
}

static bool has_unknown(const struct opcua_own_type *o)
{
    for (size_t i = 0; o->type.memSize && i < o->field_count; i++)
        if (o->fields[i].type->memSize == 0)
            return true;
    return false;
}

static void give_up_unknown(struct list *types)
{
    for (bool more = true; more;) {
        more = false;
        LIST_EACH(k, types)
        {
            struct opcua_own_type *o = LIST_OF(k, struct opcua_own_type, link);
            if (has_unknown(o)) {
                forget_members(o);
                more = true;
            }
        }
    }
}

/* ---- what values have inside that may be of further types ---- */

static bool is_open(const struct opcua_own_type *o)
{
    for (size_t i = 0; o->type.memSize && i < o->field_count; i++) {
        const UA_DataType *type = o->fields[i].type;
        if (own(type) ? own(type)->open
                      : type->typeKind == UA_DATATYPEKIND_EXTENSIONOBJECT ||
                            type->typeKind == UA_DATATYPEKIND_VARIANT)
            return true;
    }
    return false;
}

static bool has_matrix(const struct opcua_own_type *o)
{
    for (size_t i = 0; o->type.memSize && i < o->field_count; i++)
        if (o->fields[i].matrix || (o->fields[i].array && is_hollow(o->fields[i].type)) ||
            (own(o->fields[i].type) && own(o->fields[i].type)->has_matrix))
            return true;
    return false;
}

static void look_inside(struct list *types)
{
    for (bool more = true; more;) {
        more = false;
        LIST_EACH(k, types)
        {
            struct opcua_own_type *o = LIST_OF(k, struct opcua_own_type, link);
            if (!o->open && is_open(o))
                o->open = more = true;
            if (!o->has_matrix && has_matrix(o))
                o->has_matrix = more = true;
        }
    }
}

void opcua_own_types_lay_out(struct list *types)
{
    LIST_EACH(k, types)
    {
        struct opcua_own_type *o = LIST_OF(k, struct opcua_own_type, link);
        if (!o->entered)
            lay_out(o);
    }
    give_up_unknown(types);
    look_inside(types);
}
