#include "opcua/dictionary.h"

#include <expat.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"

#define FIELDS_MAX 1024  /* of one type, lengths and switches among them */
#define PREFIXES_MAX 256
#define HEIGHT_MAX 16    /* of types that are based on others */
#define MASK_BITS 32
#define ENUMERATION_BITS 32 /* where it does not say */

/* As it stands in the document. */
struct raw_field {
    struct slice name, uri, type;
    struct slice length_field, switch_field, source;
    uint32_t switch_value, length; /* length 0: none */
    bool has_switch_value, odd;    /* odd: with something that OPC UA does not have */
};

struct raw_type {
    struct slice name, base_uri, base;
    struct raw_field *fields;
    size_t count, cap;
    unsigned bits;
    bool enumeration, option_set, odd;
    struct raw_type *next;
};

struct prefix {
    struct slice name, uri;
};

struct opcua_dictionary_parsing {
    XML_Parser parser;
    struct slice left; /* of the document */
    struct opcua_dictionary *out;
    struct prefix prefixes[PREFIXES_MAX];
    size_t prefix_count;
    struct raw_type *first, **last, *at; /* at: the one that is open */
    size_t count, field_count;
    struct map structures; /* by name */
    enum status status;
};

static void stop(struct opcua_dictionary_parsing *p, enum status why)
{
    p->status = why;
    XML_StopParser(p->parser, XML_FALSE);
}

/* ---- names ---- */

static const char *local(const char *name)
{
    const char *colon = strchr(name, ':');
    return colon ? colon + 1 : name;
}

static const char *attribute(const char **attributes, const char *name)
{
    for (size_t i = 0; attributes[i]; i += 2)
        if (strcmp(attributes[i], name) == 0)
            return attributes[i + 1];
    return NULL;
}

static struct slice keep(struct opcua_dictionary_parsing *p, const char *text)
{
    return text ? arena_copy(&p->out->arena, slice_of(text)) : (struct slice){0};
}

static bool is_true(const char *text)
{
    return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

static uint32_t number(const char *text)
{
    unsigned long n = text ? strtoul(text, NULL, 10) : 0;
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* Prefixes stand at the root as a rule; a later one of the same name holds from there on. */
static void take_prefixes(struct opcua_dictionary_parsing *p, const char **attributes)
{
    for (size_t i = 0; attributes[i]; i += 2) {
        bool plain = strcmp(attributes[i], "xmlns") == 0;
        if (!plain && strncmp(attributes[i], "xmlns:", 6) != 0)
            continue;
        if (p->prefix_count == PREFIXES_MAX) {
            stop(p, TOO_LARGE);
            return;
        }
        p->prefixes[p->prefix_count++] =
            (struct prefix){plain ? (struct slice){0} : keep(p, attributes[i] + 6),
                            keep(p, attributes[i + 1])};
    }
}

/* A name without a known prefix is the dictionary's own. */
static struct slice take_name(struct opcua_dictionary_parsing *p, const char *text, struct slice *uri)
{
    *uri = p->out->target;
    if (text == NULL)
        return (struct slice){0};
    const char *colon = strchr(text, ':');
    if (colon == NULL)
        return keep(p, text);
    struct slice prefix = slice_from(text, (size_t)(colon - text));
    for (size_t i = p->prefix_count; i-- > 0;)
        if (slice_eq(p->prefixes[i].name, prefix)) {
            *uri = p->prefixes[i].uri;
            break;
        }
    return keep(p, colon + 1);
}

/* ---- elements ---- */

static void begin_dictionary(struct opcua_dictionary_parsing *p, const char **attributes)
{
    const char *order = attribute(attributes, "DefaultByteOrder");
    p->out->target = keep(p, attribute(attributes, "TargetNamespace"));
    if (order && strcmp(order, "BigEndian") == 0)
        stop(p, UNSUPPORTED);
}

static void begin_type(struct opcua_dictionary_parsing *p, const char **attributes, bool enumeration)
{
    const char *name = attribute(attributes, "Name"), *order = attribute(attributes, "ByteOrder");
    if (name == NULL || p->at)
        return;
    if (++p->count > OPCUA_DICTIONARY_TYPES_MAX) {
        stop(p, TOO_LARGE);
        return;
    }
    struct raw_type *t = p->at = ARENA_TAKE(&p->out->arena, struct raw_type);
    *t = (struct raw_type){.name = keep(p, name),
                           .enumeration = enumeration,
                           .bits = number(attribute(attributes, "LengthInBits")),
                           .odd = order && strcmp(order, "BigEndian") == 0};
    t->base = take_name(p, attribute(attributes, "BaseType"), &t->base_uri);
    t->option_set = is_true(attribute(attributes, "IsOptionSet"));
    *p->last = t;
    p->last = &t->next;
}

static bool is_equals(const char *operand)
{
    return operand == NULL || strcmp(operand, "Equals") == 0;
}

static void take_field(struct opcua_dictionary_parsing *p, const char **attributes)
{
    struct raw_type *t = p->at;
    if (t == NULL || t->enumeration)
        return;
    if (++p->field_count > OPCUA_DICTIONARY_FIELDS_MAX) {
        stop(p, TOO_LARGE);
        return;
    }
    if (t->count == FIELDS_MAX) {
        t->odd = true;
        return;
    }
    if (t->count == t->cap) {
        struct raw_field *more =
            ARENA_TAKE_N(&p->out->arena, struct raw_field, t->cap ? 2 * t->cap : 8);
        if (t->count)
            memcpy(more, t->fields, t->count * sizeof *more);
        t->cap = t->cap ? 2 * t->cap : 8;
        t->fields = more;
    }
    const char *switch_value = attribute(attributes, "SwitchValue");
    struct raw_field *f = &t->fields[t->count++];
    *f = (struct raw_field){.name = keep(p, attribute(attributes, "Name")),
                            .length_field = keep(p, attribute(attributes, "LengthField")),
                            .switch_field = keep(p, attribute(attributes, "SwitchField")),
                            .source = keep(p, attribute(attributes, "SourceType")),
                            .switch_value = number(switch_value),
                            .has_switch_value = switch_value != NULL,
                            .length = number(attribute(attributes, "Length"))};
    f->type = take_name(p, attribute(attributes, "TypeName"), &f->uri);
    f->odd = f->name.len == 0 || f->type.len == 0 || attribute(attributes, "Terminator") ||
             is_true(attribute(attributes, "IsLengthInBytes")) ||
             !is_equals(attribute(attributes, "SwitchOperand"));
}

static void on_start(void *arg, const char *element, const char **attributes)
{
    struct opcua_dictionary_parsing *p = arg;
    const char *name = local(element);
    take_prefixes(p, attributes);
    if (strcmp(name, "TypeDictionary") == 0)
        begin_dictionary(p, attributes);
    else if (strcmp(name, "StructuredType") == 0)
        begin_type(p, attributes, false);
    else if (strcmp(name, "EnumeratedType") == 0)
        begin_type(p, attributes, true);
    else if (strcmp(name, "Field") == 0)
        take_field(p, attributes);
}

static void on_end(void *arg, const char *element)
{
    struct opcua_dictionary_parsing *p = arg;
    const char *name = local(element);
    if (strcmp(name, "StructuredType") == 0 || strcmp(name, "EnumeratedType") == 0)
        p->at = NULL;
}

static void on_doctype(void *arg, const char *name, const char *system, const char *public,
                       int internal)
{
    (void)name, (void)system, (void)public, (void)internal;
    stop(arg, BAD_FORMAT);
}

/* ---- what a type is of OPC UA's ---- */

/* While the fields of one are looked at. */
struct shaping {
    const struct raw_type *from;
    struct opcua_dictionary_type *to;
    size_t at, bits; /* bits: of the mask, so far */
    struct slice switches[MASK_BITS]; /* of the optional fields, by their bit; empty: reserved */
    size_t next_bit;                  /* that an optional field must have */
};

static bool is_binary(const struct raw_field *f, const char *type)
{
    return slice_eq(f->uri, SLICE(OPCUA_DICTIONARY_BINARY)) && slice_eq(f->type, slice_of(type));
}

static bool is_plain(const struct raw_field *f)
{
    return !f->odd && f->length == 0 && f->length_field.len == 0;
}

static void add(struct shaping *s, const struct raw_field *f, bool array, bool optional)
{
    s->to->fields[s->to->count++] = (struct opcua_dictionary_field){
        .name = f->name, .uri = f->uri, .type = f->type, .array = array, .optional = optional};
}

static bool take_bits(struct shaping *s)
{
    for (; s->at < s->from->count && is_binary(&s->from->fields[s->at], "Bit"); s->at++) {
        const struct raw_field *f = &s->from->fields[s->at];
        size_t count = f->length ? f->length : 1;
        if (f->odd || f->switch_field.len || f->length_field.len || count > MASK_BITS - s->bits)
            return false;
        if (count == 1)
            s->switches[s->bits] = f->name;
        s->bits += count;
    }
    return s->bits == 0 || s->bits == MASK_BITS;
}

/* The field at hand, or an array: its length, and then itself. NULL: neither. */
static const struct raw_field *take_value(struct shaping *s, bool *array)
{
    const struct raw_field *f = &s->from->fields[s->at++];
    const struct raw_field *next = s->at < s->from->count ? &s->from->fields[s->at] : NULL;
    *array = next && next->length_field.len && slice_eq(next->length_field, f->name);
    if (!is_plain(f) || is_binary(f, "Bit"))
        return NULL;
    if (!*array)
        return f;
    bool fits = (is_binary(f, "Int32") || is_binary(f, "UInt32")) && !next->odd &&
                next->length == 0 && !is_binary(next, "Bit") &&
                slice_eq(next->switch_field, f->switch_field) &&
                next->switch_value == f->switch_value;
    s->at++;
    return fits ? next : NULL;
}

/* Part 6, 5.2.7: the bits of the mask are in the order of the fields that they stand for. */
static bool is_next_switch(struct shaping *s, struct slice name)
{
    return s->next_bit < MASK_BITS && slice_eq(s->switches[s->next_bit++], name);
}

static bool shape_structure(struct shaping *s)
{
    if (!take_bits(s))
        return false;
    s->to->kind = s->bits ? OPCUA_DICTIONARY_OPTIONAL : OPCUA_DICTIONARY_STRUCTURE;
    while (s->at < s->from->count) {
        bool array;
        const struct raw_field *f = take_value(s, &array);
        if (f == NULL || f->has_switch_value)
            return false;
        if (f->switch_field.len && !is_next_switch(s, f->switch_field))
            return false;
        add(s, f, array, f->switch_field.len > 0);
    }
    return true;
}

/* Part 6, 5.2.8: fields are chosen by 1, 2, 3 … */
static bool shape_union(struct shaping *s)
{
    const struct raw_field *choice = &s->from->fields[s->at++];
    if (!is_plain(choice) || !is_binary(choice, "UInt32"))
        return false;
    s->to->kind = OPCUA_DICTIONARY_UNION;
    while (s->at < s->from->count) {
        bool array;
        const struct raw_field *f = take_value(s, &array);
        if (f == NULL || !slice_eq(f->switch_field, choice->name) ||
            f->switch_value != s->to->count + 1)
            return false;
        add(s, f, array, false);
    }
    return true;
}

static bool is_union(const struct raw_type *t)
{
    return t->count > 1 && t->fields[0].switch_field.len == 0 &&
           is_binary(&t->fields[0], "UInt32") &&
           slice_eq(t->fields[1].switch_field, t->fields[0].name) &&
           t->fields[1].has_switch_value;
}

/* Fields of a type that it is based on are listed again, with their source, or not at all. */
static const struct raw_type *base_of(const struct opcua_dictionary_parsing *p, const struct raw_type *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->fields[i].source.len)
            return NULL;
    if (t->base.len == 0 || !slice_eq(t->base_uri, p->out->target))
        return NULL;
    return map_get(&p->structures, t->base);
}

static bool put_bases(const struct opcua_dictionary_parsing *p, const struct raw_type *t, struct raw_type *all,
                      unsigned height)
{
    const struct raw_type *base = base_of(p, t);
    if (height == HEIGHT_MAX || t->odd || (base && !put_bases(p, base, all, height + 1)))
        return false;
    if (all->count + t->count > FIELDS_MAX)
        return false;
    if (t->count)
        memcpy(all->fields + all->count, t->fields, t->count * sizeof *t->fields);
    all->count += t->count;
    return true;
}

static void shape(struct opcua_dictionary_parsing *p, const struct raw_type *t, struct raw_field *room,
                  struct opcua_dictionary_type *out)
{
    struct raw_type all = {.fields = room};
    out->name = t->name;
    out->kind = OPCUA_DICTIONARY_OTHER;
    if (!put_bases(p, t, &all, 0) ||
        p->out->field_count + all.count > OPCUA_DICTIONARY_FIELDS_MAX)
        return;
    p->out->field_count += all.count; /* inherited ones, too */
    struct shaping s = {.from = &all, .to = out};
    out->fields = ARENA_TAKE_N(&p->out->arena, struct opcua_dictionary_field, all.count + 1);
    bool fits = is_union(&all) ? shape_union(&s) : shape_structure(&s);
    if (!fits) {
        out->kind = OPCUA_DICTIONARY_OTHER;
        out->count = 0;
    }
}

static void shape_all(struct opcua_dictionary_parsing *p)
{
    struct opcua_dictionary *d = p->out;
    struct raw_field *room = memory_new(FIELDS_MAX * sizeof *room);
    d->types = ARENA_TAKE_N(&d->arena, struct opcua_dictionary_type, p->count + 1);
    for (struct raw_type *t = p->first; t; t = t->next)
        if (!t->enumeration)
            map_put(&p->structures, t->name, t);
    for (const struct raw_type *t = p->first; t; t = t->next) {
        struct opcua_dictionary_type *to = &d->types[d->count++];
        *to = (struct opcua_dictionary_type){0};
        if (t->enumeration)
            *to = (struct opcua_dictionary_type){.name = t->name,
                                                 .kind = OPCUA_DICTIONARY_ENUMERATION,
                                                 .bits = t->bits ? t->bits : ENUMERATION_BITS,
                                                 .option_set = t->option_set};
        else
            shape(p, t, room, to);
    }
    map_clear(&p->structures);
    free(room);
}

/* ---- the document ---- */

struct opcua_dictionary_parsing *opcua_dictionary_begin(struct slice xml, struct opcua_dictionary *out)
{
    struct opcua_dictionary_parsing *p = MEMORY_NEW(struct opcua_dictionary_parsing);
    while (xml.len && xml.at[xml.len - 1] == 0) /* some end it as a text in C */
        xml.len--;
    *out = (struct opcua_dictionary){0};
    p->out = out;
    p->left = xml;
    p->last = &p->first;
    p->status = xml.len > OPCUA_DICTIONARY_BYTES_MAX ? TOO_LARGE : BAD_FORMAT;
    p->parser = XML_ParserCreate(NULL);
    XML_SetUserData(p->parser, p);
    XML_SetElementHandler(p->parser, on_start, on_end);
    XML_SetStartDoctypeDeclHandler(p->parser, on_doctype);
    return p;
}

enum status opcua_dictionary_go_on(struct opcua_dictionary_parsing *p, size_t bytes)
{
    struct slice part = slice_first(p->left, bytes);
    bool last = part.len == p->left.len;
    p->left = slice_skip(p->left, part.len);
    bool parsed = p->status != TOO_LARGE && XML_Parse(p->parser, (const char *)part.at,
                                                      (int)part.len, last) == XML_STATUS_OK;
    if (!parsed) {
        opcua_dictionary_clear(p->out);
        return p->status;
    }
    if (!last)
        return AGAIN;
    shape_all(p);
    return OK;
}

void opcua_dictionary_end(struct opcua_dictionary_parsing **parsing)
{
    struct opcua_dictionary_parsing *p = *parsing;
    *parsing = NULL;
    if (!p)
        return;
    XML_ParserFree(p->parser);
    free(p);
}

enum status opcua_dictionary_parse(struct slice xml, struct opcua_dictionary *out)
{
    struct opcua_dictionary_parsing *p = opcua_dictionary_begin(xml, out);
    enum status s = opcua_dictionary_go_on(p, SIZE_MAX);
    opcua_dictionary_end(&p);
    return s;
}

void opcua_dictionary_clear(struct opcua_dictionary *d)
{
    arena_clear(&d->arena);
    *d = (struct opcua_dictionary){0};
}
