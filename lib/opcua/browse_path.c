/* Paths as texts: "/Objects", ".ServerStatus", "<HasComponent>2:Name". */
#include "opcua/browse.h"

#include "base/arena.h"

static const struct reference {
    const char *name;
    uint32_t id;
} references[] = {
    {"References", UA_NS0ID_REFERENCES},
    {"HierarchicalReferences", UA_NS0ID_HIERARCHICALREFERENCES},
    {"NonHierarchicalReferences", UA_NS0ID_NONHIERARCHICALREFERENCES},
    {"HasChild", UA_NS0ID_HASCHILD},
    {"Organizes", UA_NS0ID_ORGANIZES},
    {"HasEventSource", UA_NS0ID_HASEVENTSOURCE},
    {"HasModellingRule", UA_NS0ID_HASMODELLINGRULE},
    {"HasEncoding", UA_NS0ID_HASENCODING},
    {"HasDescription", UA_NS0ID_HASDESCRIPTION},
    {"HasTypeDefinition", UA_NS0ID_HASTYPEDEFINITION},
    {"GeneratesEvent", UA_NS0ID_GENERATESEVENT},
    {"AlwaysGeneratesEvent", UA_NS0ID_ALWAYSGENERATESEVENT},
    {"Aggregates", UA_NS0ID_AGGREGATES},
    {"HasSubtype", UA_NS0ID_HASSUBTYPE},
    {"HasProperty", UA_NS0ID_HASPROPERTY},
    {"HasComponent", UA_NS0ID_HASCOMPONENT},
    {"HasNotifier", UA_NS0ID_HASNOTIFIER},
    {"HasOrderedComponent", UA_NS0ID_HASORDEREDCOMPONENT},
    {"FromState", UA_NS0ID_FROMSTATE},
    {"ToState", UA_NS0ID_TOSTATE},
    {"HasCause", UA_NS0ID_HASCAUSE},
    {"HasEffect", UA_NS0ID_HASEFFECT},
    {"HasHistoricalConfiguration", UA_NS0ID_HASHISTORICALCONFIGURATION},
    {"HasSubStateMachine", UA_NS0ID_HASSUBSTATEMACHINE},
    {"HasTrueSubState", UA_NS0ID_HASTRUESUBSTATE},
    {"HasFalseSubState", UA_NS0ID_HASFALSESUBSTATE},
    {"HasCondition", UA_NS0ID_HASCONDITION},
    {"HasInterface", UA_NS0ID_HASINTERFACE},
    {"HasAddIn", UA_NS0ID_HASADDIN},
    {"HasDictionaryEntry", UA_NS0ID_HASDICTIONARYENTRY},
};

enum status opcua_browse_reference_parse(struct slice text, const struct opcua_namespaces *names,
                                         UA_NodeId *out, struct buffer *why)
{
    for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++)
        if (slice_eq_nocase(text, slice_of(references[i].name))) {
            *out = UA_NODEID_NUMERIC(0, references[i].id);
            return OK;
        }
    return opcua_node_id_parse(text, names, out, why);
}

/* "!" and "#", wherever they may stand before a name. */
static void take_flags(struct slice *text, UA_RelativePathElement *out)
{
    while (text->len && (text->at[0] == '!' || text->at[0] == '#')) {
        if (text->at[0] == '!')
            out->isInverse = true;
        else
            out->includeSubtypes = false;
        *text = slice_skip(*text, 1);
    }
}

/* Without the '&' before letters that would mean something. */
static struct slice unescape(struct arena *a, struct slice text)
{
    uint8_t *copy = arena_take(a, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '&' && i + 1 < text.len)
            i++;
        copy[len++] = text.at[i];
    }
    return slice_from(copy, len);
}

static enum status refuse(struct slice text, const char *what, struct buffer *why)
{
    if (why)
        buffer_printf(why, "'%.*s' in the browse path %s.", SLICE_FMT(slice_first(text, 96)), what);
    return BAD_ARGUMENT;
}

/* "<!HasChild>" off the front of *text. */
static enum status take_reference(struct arena *a, struct slice *text,
                                  const struct opcua_namespaces *names, UA_RelativePathElement *out,
                                  struct buffer *why)
{
    size_t end = 1;
    while (end < text->len && text->at[end] != '>')
        end += text->at[end] == '&' ? 2 : 1;
    if (end >= text->len)
        return refuse(*text, "lacks its '>'", why);
    struct slice name = slice_from(text->at + 1, end - 1);
    *text = slice_skip(*text, end + 1);
    take_flags(&name, out);
    return opcua_browse_reference_parse(unescape(a, name), names, &out->referenceTypeId, why);
}

static enum status take_prefix(struct arena *a, struct slice *text,
                               const struct opcua_namespaces *names, UA_RelativePathElement *out,
                               struct buffer *why)
{
    out->referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_REFERENCES);
    out->includeSubtypes = true;
    take_flags(text, out);
    uint8_t first = text->len ? text->at[0] : 0;
    if (first == '<')
        return take_reference(a, text, names, out, why);
    if (first == '/')
        out->referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
    else if (first == '.')
        out->referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_AGGREGATES);
    else
        return OK;
    *text = slice_skip(*text, 1);
    take_flags(text, out);
    return OK;
}

static enum status parse_element(struct arena *a, struct slice text,
                                 const struct opcua_namespaces *names, UA_RelativePathElement *out,
                                 struct buffer *why)
{
    struct slice whole = text;
    enum status s = take_prefix(a, &text, names, out, why);
    if (s != OK)
        return s;
    if (text.len == 0)
        return refuse(whole, "has no name", why);
    return opcua_qualified_name_parse(unescape(a, text), names, &out->targetName, why);
}

enum status opcua_browse_path_parse(const struct slice *elements, size_t count,
                                    const struct opcua_namespaces *names, UA_RelativePath *out,
                                    struct buffer *why)
{
    if (count == 0 || count > OPCUA_BROWSE_PATH_MAX) {
        if (why)
            buffer_printf(why, "A browse path has 1 to %d elements.", OPCUA_BROWSE_PATH_MAX);
        return count ? TOO_LARGE : BAD_ARGUMENT;
    }
    struct arena a = {0};
    UA_RelativePath path = {0, UA_Array_new(count, &UA_TYPES[UA_TYPES_RELATIVEPATHELEMENT])};
    enum status s = path.elements ? OK : TOO_LARGE;
    if (path.elements)
        path.elementsSize = count;
    for (size_t i = 0; s == OK && i < count; i++)
        s = parse_element(&a, elements[i], names, &path.elements[i], why);
    if (s == OK)
        *out = path;
    else
        UA_RelativePath_clear(&path);
    arena_clear(&a);
    return s;
}
