#include "pubsub/schema_name.h"

static const char *const builtins[] = {
    "Boolean", "SByte",      "Byte",        "Int16",         "UInt16",          "Int32",
    "UInt32",  "Int64",      "UInt64",      "Float",         "Double",          "String",
    "DateTime", "Guid",      "ByteString",  "XmlElement",    "NodeId",          "ExpandedNodeId",
    "StatusCode", "QualifiedName", "LocalizedText", "ExtensionObject", "DataValue", "Variant",
    "DiagnosticInfo"};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_plain(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The character's number in Unicode; a byte's where the text is no UTF-8. */
static uint32_t next_character(struct slice *s)
{
    uint8_t c = s->at[0];
    size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    if (more >= s->len)
        more = 0;
    uint32_t n = more == 0 ? c : c & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++)
        n = n << 6 | (s->at[i] & 0x3f);
    *s = slice_skip(*s, more + 1);
    return n;
}

void schema_name_escape(struct slice name, struct buffer *out)
{
    if (name.len == 0 || is_digit(name.at[0]))
        buffer_u8(out, '_');
    while (name.len) {
        uint32_t c = next_character(&name);
        if (c < 0x80 && is_plain((uint8_t)c))
            buffer_u8(out, (uint8_t)c);
        else if (c == '/')
            buffer_u8(out, '_');
        else
            buffer_printf(out, "__%u", c);
    }
}

/* "www.example.com" as "com.example". */
static void put_host(struct slice host, struct buffer *out)
{
    while (host.len) {
        size_t at = host.len;
        while (at > 0 && host.at[at - 1] != '.')
            at--;
        struct slice label = slice_skip(host, at);
        host.len = at > 0 ? at - 1 : 0;
        if (label.len == 0 || slice_eq_nocase(label, SLICE("www")))
            continue;
        if (out->len)
            buffer_u8(out, '.');
        size_t from = out->len;
        schema_name_escape(label, out);
        for (; from < out->len; from++)
            if (out->at[from] >= 'A' && out->at[from] <= 'Z')
                out->at[from] += 'a' - 'A';
    }
}

static void put_levels(struct slice path, struct buffer *out)
{
    struct slice level;
    while (path.len && slice_split(&path, '/', &level)) {
        if (level.len == 0)
            continue;
        if (out->len)
            buffer_u8(out, '.');
        schema_name_escape(level, out);
    }
}

void schema_name_of_uri(struct slice uri, struct buffer *out)
{
    struct buffer name = {0};
    size_t scheme = slice_find_slice(uri, SLICE("://"));
    if (scheme < uri.len) {
        struct slice rest = slice_skip(uri, scheme + 3), host;
        if (slice_split(&rest, '/', &host))
            put_host(host, &name);
        put_levels(rest, &name);
    } else {
        put_levels(slice_starts(uri, SLICE("urn:")) ? slice_skip(uri, 4) : uri, &name);
    }
    if (name.len == 0)
        buffer_text(&name, "_");
    buffer_put(out, buffer_slice(&name));
    buffer_clear(&name);
}

const char *schema_name_of_builtin(UA_DataTypeKind kind)
{
    return kind < sizeof builtins / sizeof builtins[0] ? builtins[kind] : "Variant";
}

const char *schema_name_suffix(enum shape_rank rank)
{
    return rank == SHAPE_ARRAY ? "Collection" : rank == SHAPE_MATRIX ? "Matrix" : "";
}

void schema_name_short(const struct shape_type *type, enum shape_rank rank, struct buffer *out)
{
    switch (type->kind) {
    case SHAPE_ANY:
        buffer_text(out, "Variant");
        return;
    case SHAPE_OBJECT:
        buffer_text(out, "ExtensionObject");
        break;
    case SHAPE_BUILTIN:
        buffer_text(out, schema_name_of_builtin(type->builtin));
        break;
    case SHAPE_ENUMERATION:
    case SHAPE_STRUCTURE:
    case SHAPE_UNION:
        schema_name_escape(type->name, out);
    }
    buffer_text(out, schema_name_suffix(rank));
}

void schema_name_full(const struct shape_type *type, enum shape_rank rank, struct buffer *out)
{
    if (type->namespace_uri.len)
        schema_name_of_uri(type->namespace_uri, out);
    else
        buffer_text(out, SCHEMA_UA);
    buffer_u8(out, '.');
    schema_name_short(type, rank, out);
}

uint64_t schema_name_meaning(const struct shape_type *type, enum shape_rank rank)
{
    return type->mark * (SHAPE_MATRIX + 1) + rank;
}

/* ---- names that are taken ---- */

struct taken {
    struct slice name;
    uint64_t what;
    unsigned number; /* that was last put behind it */
};

static bool take(struct schema_names *n, struct slice name, uint64_t what, uint64_t *taken_by)
{
    const struct taken *there = map_get(&n->map, name);
    if (there) {
        *taken_by = there->what;
        return false;
    }
    struct taken *t = ARENA_TAKE(&n->arena, struct taken);
    *t = (struct taken){arena_copy(&n->arena, name), what, 0};
    map_put(&n->map, t->name, t);
    return true;
}

bool schema_names_add(struct schema_names *n, struct slice name)
{
    uint64_t taken_by;
    return take(n, name, 0, &taken_by);
}

bool schema_names_claim(struct schema_names *n, struct buffer *name, size_t from, uint64_t what)
{
    size_t len = name->len;
    uint64_t taken_by = what;
    for (unsigned i = 1; !take(n, slice_skip(buffer_slice(name), from), what, &taken_by); i++) {
        if (taken_by == what)
            return false;
        name->len = len;
        buffer_printf(name, "%u", i);
    }
    return true;
}

void schema_names_make_unique(struct schema_names *n, struct buffer *name, size_t from)
{
    size_t len = name->len;
    struct taken *first = map_get(&n->map, slice_skip(buffer_slice(name), from));
    while (!schema_names_add(n, slice_skip(buffer_slice(name), from))) {
        name->len = len;
        buffer_printf(name, "%u", ++first->number);
    }
}

void schema_names_clear(struct schema_names *n)
{
    map_clear(&n->map);
    arena_clear(&n->arena);
    *n = (struct schema_names){0};
}
