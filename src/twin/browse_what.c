#include "twin/browse_what.h"

#include "opcua/browse.h"
#include "twin/attribute.h"

static bool parse_direction(struct twin_request *r, UA_BrowseDescription *d)
{
    static const char *const names[] = {"Forward", "Backward", "Both"};
    struct slice name = json_string(json_get_nocase(r->body, "direction"));
    for (size_t i = 0; i < 3; i++)
        if (name.len == 0 || slice_eq_nocase(name, slice_of(names[i]))) {
            d->browseDirection = (UA_BrowseDirection)i;
            return true;
        }
    twin_request_fail(r, BAD_ARGUMENT, "direction is one of Forward, Backward and Both.");
    return false;
}

static bool parse_reference_type(struct twin_request *r, UA_BrowseDescription *d)
{
    struct slice type = json_string(json_get_nocase(r->body, "referenceTypeId"));
    struct buffer why = {0};
    d->referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
    d->includeSubtypes = !json_bool(json_get_nocase(r->body, "noSubtypes"), false);
    enum status s = OK;
    if (type.len)
        s = opcua_browse_reference_parse(type, &r->names, &d->referenceTypeId, &why);
    if (s == OK)
        twin_request_own_id(r, &d->referenceTypeId);
    if (s != OK)
        twin_request_fail(r, BAD_ARGUMENT, "referenceTypeId: %s", buffer_cstr(&why));
    buffer_clear(&why);
    return s == OK;
}

bool twin_browse_describe(struct twin_request *r, UA_BrowseDescription *d)
{
    uint32_t mask;
    d->resultMask = UA_BROWSERESULTMASK_ALL;
    if (!twin_node_classes_parse(json_get_nocase(r->body, "nodeClassFilter"), &mask)) {
        twin_request_fail(r, BAD_ARGUMENT, "nodeClassFilter names a node class that is not known.");
        return false;
    }
    d->nodeClassMask = mask;
    return parse_direction(r, d) && parse_reference_type(r, d);
}

static bool is_there(const struct json *v)
{
    return v && !json_is(v, JSON_NULL);
}

bool twin_browse_view(struct twin_request *r, UA_ViewDescription *out)
{
    const struct json *view = json_get_nocase(r->body, "view");
    UA_ViewDescription_init(out);
    if (!is_there(view))
        return true;
    const struct json *version = json_get_nocase(view, "version");
    const struct json *time = json_get_nocase(view, "timestamp");
    uint64_t number = 0;
    if (!twin_request_node_id(r, json_string(json_get_nocase(view, "viewId")), &out->viewId))
        return false;
    if (is_there(version) && (!json_u64(version, &number) || number > UINT32_MAX)) {
        twin_request_fail(r, BAD_ARGUMENT, "view.version is not a number of 0 to 4294967295.");
        return false;
    }
    if (is_there(time) && !opcua_value_json_time_parse(json_string(time), &out->timestamp)) {
        twin_request_fail(r, BAD_ARGUMENT,
                          "view.timestamp is not a time like 2026-01-31T12:00:00Z.");
        return false;
    }
    out->viewVersion = (UA_UInt32)number;
    return true;
}
