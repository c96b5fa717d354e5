#include "opcua/node_id.h"

#include "base/encoding.h"
#include "base/reader.h"
#include "opcua/data_type.h"

#define TEXT_SHOWN_MAX 96 /* of a bad text, in a sentence about it */

/* ---- parse ---- */

struct parts {
    struct slice uri; /* decoded into the arena; empty when there is none */
    bool has_uri;
    struct slice server; /* a uri */
    uint32_t server_index;
    uint16_t index;
    bool has_index;
};

static enum status refuse(enum status s, struct buffer *why, struct slice text, const char *what)
{
    if (why)
        buffer_printf(why, "'%.*s' %s.", SLICE_FMT(slice_first(text, TEXT_SHOWN_MAX)), what);
    return s;
}

static bool is_id_start(struct slice s)
{
    return s.len >= 2 && memchr("isgb", s.at[0], 4) != NULL && s.at[1] == '=';
}

static enum status parse_string(struct slice text, UA_String *out)
{
    *out = UA_STRING_NULL;
    if (text.len == 0) {
        out->data = (UA_Byte *)UA_EMPTY_ARRAY_SENTINEL;
        return OK;
    }
    if (UA_ByteString_allocBuffer(out, text.len) != UA_STATUSCODE_GOOD)
        return TOO_LARGE;
    memcpy(out->data, text.at, text.len);
    return OK;
}

static enum status parse_opaque(struct slice text, UA_ByteString *out)
{
    struct buffer bytes = {0};
    enum status s = base64_decode(text, &bytes);
    if (s == OK)
        s = parse_string(buffer_slice(&bytes), out);
    buffer_clear(&bytes);
    return s;
}

static enum status parse_identifier(struct slice text, UA_NodeId *out)
{
    struct slice value = slice_skip(text, 2);
    uint64_t number;
    switch (text.at[0]) {
    case 'i':
        if (!slice_to_u64(slice_trim(value), &number) || number > UINT32_MAX)
            return BAD_FORMAT;
        out->identifierType = UA_NODEIDTYPE_NUMERIC;
        out->identifier.numeric = (UA_UInt32)number;
        return OK;
    case 'g':
        out->identifierType = UA_NODEIDTYPE_GUID;
        return opcua_guid_parse(slice_trim(value), &out->identifier.guid) ? OK : BAD_FORMAT;
    case 'b':
        out->identifierType = UA_NODEIDTYPE_BYTESTRING;
        return parse_opaque(slice_trim(value), &out->identifier.byteString);
    default:
        out->identifierType = UA_NODEIDTYPE_STRING;
        return parse_string(value, &out->identifier.string);
    }
}

/* Part 6, 5.3.1.11: in nsu= only ';' and '%' are escaped. */
static bool parse_component(struct arena *a, struct slice part, struct parts *p)
{
    uint64_t number;
    bool has_namespace = p->has_uri || p->has_index;
    if (slice_starts(part, SLICE("nsu=")) && !has_namespace) {
        p->uri = percent_decode_in(a, slice_skip(part, 4));
        p->has_uri = true;
        return p->uri.len > 0;
    }
    if (slice_starts(part, SLICE("ns=")) && !has_namespace) {
        if (!slice_to_u64(slice_skip(part, 3), &number) || number > UINT16_MAX)
            return false;
        p->index = (uint16_t)number;
        p->has_index = true;
        return true;
    }
    if (slice_starts(part, SLICE("svr="))) {
        if (!slice_to_u64(slice_skip(part, 4), &number) || number > UINT32_MAX)
            return false;
        p->server_index = (uint32_t)number;
        return true;
    }
    return false;
}

/* svr=1;ns=2;i=3: what stands before the identifier. */
static bool parse_components(struct arena *a, struct slice *text, struct parts *p)
{
    while (!is_id_start(*text)) {
        size_t end = slice_find(*text, ';');
        if (end == text->len || !parse_component(a, slice_first(*text, end), p))
            return false;
        *text = slice_skip(*text, end + 1);
    }
    return true;
}

/* http://ns#i=1&srv=uri: the first '#' that an identifier follows; it is escaped within that. */
static bool parse_uri_form(struct arena *a, struct slice *text, struct parts *p)
{
    for (size_t at = slice_find(*text, '#'); at < text->len;
         at += 1 + slice_find(slice_skip(*text, at + 1), '#')) {
        struct slice id = slice_skip(*text, at + 1);
        if (at == 0 || !is_id_start(id))
            continue;
        p->uri = slice_first(*text, at);
        p->has_uri = true;
        size_t and = slice_find(id, '&');
        if (and < id.len) {
            if (!slice_starts(slice_skip(id, and), SLICE("&srv=")))
                return false;
            p->server = slice_skip(id, and+5);
        }
        *text = percent_decode_in(a, slice_first(id, and));
        return true;
    }
    return false;
}

static bool has_components(struct slice text)
{
    return slice_starts(text, SLICE("ns=")) || slice_starts(text, SLICE("nsu=")) ||
           slice_starts(text, SLICE("svr="));
}

static bool find(const UA_String *uris, size_t count, struct slice uri, size_t *index)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(opcua_slice(uris[i]), uri)) {
            *index = i;
            return true;
        }
    return false;
}

static bool find_namespace(const struct opcua_namespaces *names, struct slice uri, uint16_t *index)
{
    size_t i = 0;
    if (!slice_eq(uri, SLICE(OPCUA_NAMESPACE_0)) &&
        (names == NULL || !find(names->uris, names->count, uri, &i) || i > UINT16_MAX))
        return false;
    *index = (uint16_t)i;
    return true;
}

static enum status resolve_server(struct parts *p, const struct opcua_namespaces *names)
{
    size_t i;
    if (p->server.len == 0)
        return OK;
    if (names == NULL || !find(names->servers, names->server_count, p->server, &i))
        return NOT_FOUND;
    p->server_index = (uint32_t)i;
    return OK;
}

/* Takes the text apart; *id is the "i=85" of it. */
static enum status take_apart(struct arena *a, struct slice text, struct parts *p, struct slice *id)
{
    *id = text;
    if (is_id_start(text))
        return OK;
    if (has_components(text) ? parse_components(a, id, p) : parse_uri_form(a, id, p))
        return OK;
    uint32_t data_type = opcua_data_type_id(slice_trim(text));
    if (data_type == 0)
        return BAD_FORMAT;
    *id = slice_of(arena_printf(a, "i=%u", data_type));
    return OK;
}

static enum status parse_in(struct arena *a, struct slice text,
                            const struct opcua_namespaces *names, UA_ExpandedNodeId *out,
                            struct buffer *why)
{
    struct parts p = {0};
    struct slice id;
    enum status s = take_apart(a, text, &p, &id);
    if (s != OK)
        return refuse(s, why, text,
                      "is not a node id: expected i=, s=, g= or b= behind ns=, nsu= or a namespace "
                      "uri and #");
    if (resolve_server(&p, names) != OK)
        return refuse(NOT_FOUND, why, p.server, "is not a server that this server knows");
    UA_ExpandedNodeId result = {.serverIndex = p.server_index, .nodeId.namespaceIndex = p.index};
    bool known = !p.has_uri || find_namespace(names, p.uri, &result.nodeId.namespaceIndex);
    s = parse_identifier(id, &result.nodeId);
    if (s != OK)
        return refuse(s, why, text, "is not a node id: its identifier does not fit its type");
    if (!known)
        s = parse_string(p.uri, &result.namespaceUri);
    *out = result;
    return s;
}

enum status opcua_expanded_id_parse(struct slice text, const struct opcua_namespaces *names,
                                    UA_ExpandedNodeId *out, struct buffer *why)
{
    struct arena a = {0};
    if (text.len > OPCUA_NODE_ID_TEXT_MAX)
        return refuse(TOO_LARGE, why, text, "… is too long for a node id");
    if (slice_trim(text).len == 0)
        return refuse(BAD_FORMAT, why, text, "is empty, and no node id");
    text = slice_skip(text, (size_t)(slice_trim(text).at - text.at));
    enum status s = parse_in(&a, text, names, out, why);
    arena_clear(&a);
    return s;
}

enum status opcua_node_id_parse(struct slice text, const struct opcua_namespaces *names,
                                UA_NodeId *out, struct buffer *why)
{
    UA_ExpandedNodeId id;
    enum status s = opcua_expanded_id_parse(text, names, &id, why);
    if (s != OK)
        return s;
    if (id.serverIndex != 0)
        s = refuse(BAD_ARGUMENT, why, text, "is a node of another server");
    else if (id.namespaceUri.length)
        s = refuse(NOT_FOUND, why, opcua_slice(id.namespaceUri),
                   "is not a namespace of the server");
    if (s != OK) {
        UA_ExpandedNodeId_clear(&id);
        return s;
    }
    *out = id.nodeId;
    return OK;
}

/* "2:Name". */
static bool parse_indexed_name(struct slice text, struct parts *p, struct slice *name)
{
    uint64_t number;
    size_t colon = slice_find(text, ':');
    if (colon == text.len || !slice_to_u64(slice_first(text, colon), &number) ||
        number > UINT16_MAX)
        return false;
    p->index = (uint16_t)number;
    *name = slice_skip(text, colon + 1);
    return true;
}

static bool parse_named_namespace(struct arena *a, struct slice text, struct parts *p,
                                  struct slice *name)
{
    bool nsu = slice_starts(text, SLICE("nsu="));
    struct slice rest = slice_skip(text, nsu ? 4 : 0);
    size_t end = slice_find(rest, nsu ? ';' : '#');
    if (end == 0 || end == rest.len)
        return false;
    p->uri = nsu ? percent_decode_in(a, slice_first(rest, end)) : slice_first(rest, end);
    p->has_uri = true;
    *name = slice_skip(rest, end + 1);
    return true;
}

enum status opcua_qualified_name_parse(struct slice text, const struct opcua_namespaces *names,
                                       UA_QualifiedName *out, struct buffer *why)
{
    if (text.len > OPCUA_NODE_ID_TEXT_MAX)
        return refuse(TOO_LARGE, why, text, "… is too long for a qualified name");
    if (text.len == 0)
        return refuse(BAD_FORMAT, why, text, "is empty, and no qualified name");

    struct arena a = {0};
    struct parts p = {0};
    struct slice name = text;
    UA_QualifiedName result = {0};
    if (!parse_indexed_name(text, &p, &name))
        parse_named_namespace(&a, text, &p, &name);
    result.namespaceIndex = p.index;
    enum status s = OK;
    if (p.has_uri && !find_namespace(names, p.uri, &result.namespaceIndex))
        s = refuse(NOT_FOUND, why, p.uri, "is not a namespace of the server");
    else
        s = parse_string(percent_decode_in(&a, name), &result.name);
    if (s == OK)
        *out = result;
    arena_clear(&a);
    return s;
}

/* ---- print ---- */

static struct slice namespace_uri(const struct opcua_namespaces *names, uint16_t index)
{
    if (index == 0)
        return SLICE(OPCUA_NAMESPACE_0);
    if (names == NULL || index >= names->count)
        return (struct slice){0};
    return opcua_slice(names->uris[index]);
}

static bool is_uri_char(uint8_t c)
{
    switch (c) {
    case '"':
    case '<':
    case '>':
    case '\\':
    case '^':
    case '`':
    case '{':
    case '|':
    case '}':
        return false;
    default:
        return c > ' ' && c < 0x7f;
    }
}

static bool ends_scheme(uint8_t c)
{
    return c == '/' || c == '?' || c == '#' || c == '%';
}

/* An absolute uri, as RFC 3986 has it: only such ones stand before a '#'. */
static bool is_absolute_uri(struct slice s)
{
    size_t colon = slice_find(s, ':');
    if (colon == 0 || colon == s.len || !((s.at[0] | 32) >= 'a' && (s.at[0] | 32) <= 'z'))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_uri_char(s.at[i]) || (i < colon && ends_scheme(s.at[i])))
            return false;
    return true;
}

static void print_nsu(struct slice uri, struct buffer *out)
{
    buffer_text(out, "nsu=");
    for (size_t i = 0; i < uri.len; i++) {
        if (uri.at[i] == ';' || uri.at[i] == '%')
            buffer_printf(out, "%%%02X", uri.at[i]);
        else
            buffer_u8(out, uri.at[i]);
    }
    buffer_u8(out, ';');
}

static void print_number(uint32_t n, struct buffer *out)
{
    uint8_t digits[10], *at = digits + sizeof(digits);
    do
        *--at = (uint8_t)('0' + n % 10);
    while (n /= 10);
    buffer_put(out, slice_from(at, (size_t)(digits + sizeof(digits) - at)));
}

static void print_text(struct slice text, bool escaped, struct buffer *out)
{
    if (escaped)
        percent_encode(text, out);
    else
        buffer_put(out, text);
}

static void print_identifier(const UA_NodeId *id, bool escaped, struct buffer *out)
{
    struct buffer text = {0};
    switch (id->identifierType) {
    case UA_NODEIDTYPE_NUMERIC:
        buffer_put(out, SLICE("i="));
        print_number(id->identifier.numeric, out);
        return;
    case UA_NODEIDTYPE_GUID:
        buffer_text(out, "g=");
        opcua_guid_print(&id->identifier.guid, out);
        return;
    case UA_NODEIDTYPE_BYTESTRING:
        buffer_text(out, "b=");
        if (id->identifier.byteString.length)
            base64_encode(opcua_slice(id->identifier.byteString), &text);
        print_text(buffer_slice(&text), escaped, out);
        buffer_clear(&text);
        return;
    default:
        buffer_put(out, SLICE("s="));
        print_text(opcua_slice(id->identifier.string), escaped, out);
    }
}

static void print_server(uint32_t index, struct buffer *out)
{
    if (index)
        buffer_printf(out, "svr=%u;", index);
}

static void print_index_form(const UA_NodeId *id, uint32_t server, struct buffer *out)
{
    print_server(server, out);
    if (id->namespaceIndex)
        buffer_printf(out, "ns=%u;", id->namespaceIndex);
    print_identifier(id, false, out);
}

/* Data types of namespace 0 go by their names, as Azure's answers have them. */
static bool print_data_type(const UA_NodeId *id, struct buffer *out)
{
    const char *name = id->identifierType == UA_NODEIDTYPE_NUMERIC
                           ? opcua_data_type_name(id->identifier.numeric)
                           : NULL;
    if (name)
        buffer_text(out, name);
    return name != NULL;
}

static void print_uri_form(const UA_NodeId *id, struct slice uri, struct slice server,
                           struct buffer *out)
{
    buffer_put(out, uri);
    if (uri.len)
        buffer_u8(out, '#');
    else if (server.len == 0 && print_data_type(id, out))
        return;
    print_identifier(id, uri.len > 0, out); /* alone it is not a uri, and read as it stands */
    if (server.len) {
        buffer_text(out, "&srv=");
        buffer_put(out, server);
    }
}

static struct slice server_uri(const struct opcua_namespaces *names, uint32_t index)
{
    if (index == 0 || names == NULL || index >= names->server_count)
        return (struct slice){0};
    return opcua_slice(names->servers[index]);
}

void opcua_expanded_id_print(const UA_ExpandedNodeId *id, const struct opcua_namespaces *names,
                             enum opcua_id_format format, struct buffer *out)
{
    bool in_zero = id->nodeId.namespaceIndex == 0 && id->namespaceUri.length == 0;
    struct slice uri = id->namespaceUri.length ? opcua_slice(id->namespaceUri)
                                               : namespace_uri(names, id->nodeId.namespaceIndex);
    struct slice server = server_uri(names, id->serverIndex);
    bool unnamed = uri.len == 0 || (id->serverIndex && server.len == 0 && format == OPCUA_ID_URI);
    if ((format == OPCUA_ID_INDEX && id->namespaceUri.length == 0) || unnamed) {
        print_index_form(&id->nodeId, id->serverIndex, out);
        return;
    }
    if (format == OPCUA_ID_URI && (in_zero || is_absolute_uri(uri))) {
        print_uri_form(&id->nodeId, in_zero ? (struct slice){0} : uri, server, out);
        return;
    }
    print_server(id->serverIndex, out);
    if (!in_zero || format == OPCUA_ID_EXPANDED_0)
        print_nsu(uri, out);
    print_identifier(&id->nodeId, false, out);
}

void opcua_node_id_print(const UA_NodeId *id, const struct opcua_namespaces *names,
                         enum opcua_id_format format, struct buffer *out)
{
    UA_ExpandedNodeId expanded = {.nodeId = *id};
    opcua_expanded_id_print(&expanded, names, format, out);
}

void opcua_qualified_name_print(const UA_QualifiedName *name, const struct opcua_namespaces *names,
                                enum opcua_id_format format, struct buffer *out)
{
    struct slice text = opcua_slice(name->name);
    struct slice uri = namespace_uri(names, name->namespaceIndex);
    bool bare = name->namespaceIndex == 0 && format != OPCUA_ID_EXPANDED_0 &&
                slice_find(text, ':') == text.len;
    if (bare) {
        /* its namespace goes without saying */
    } else if (format == OPCUA_ID_INDEX || uri.len == 0) {
        buffer_printf(out, "%u:", name->namespaceIndex);
    } else if (format == OPCUA_ID_URI) {
        buffer_put(out, uri);
        buffer_u8(out, '#');
    } else {
        print_nsu(uri, out);
    }
    percent_encode(text, out);
}

bool opcua_guid_parse(struct slice text, UA_Guid *out)
{
    uint8_t bytes[16];
    if (!uuid_parse(text, bytes))
        return false;
    struct reader r = reader_of(slice_from(bytes, sizeof(bytes)));
    out->data1 = reader_u32(&r);
    out->data2 = reader_u16(&r);
    out->data3 = reader_u16(&r);
    memcpy(out->data4, reader_rest(&r).at, sizeof(out->data4));
    return true;
}

void opcua_guid_print(const UA_Guid *g, struct buffer *out)
{
    const UA_Byte *d = g->data4;
    buffer_printf(out, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", g->data1, g->data2,
                  g->data3, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]);
}

bool opcua_id_format_parse(struct slice name, enum opcua_id_format *out)
{
    static const char *const names[] = {"Uri", "Index", "Expanded", "ExpandedWithNamespace0"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_eq_nocase(name, slice_of(names[i]))) {
            *out = (enum opcua_id_format)i;
            return true;
        }
    return false;
}
