/* Pieces of requests' and answers' bodies. */
#include "twin/request.h"

void twin_put_time(struct json_writer *w, const char *name, bool has, UA_DateTime t)
{
    if (!has)
        return;
    json_name(w, name);
    opcua_value_json_time(t, w->out);
    w->comma = true;
}

void twin_put_picoseconds(struct json_writer *w, const char *name, bool has, UA_UInt16 v)
{
    if (has && v)
        json_name(w, name), json_put_u64(w, v);
}

bool twin_request_node_id(struct twin_request *r, struct slice text, UA_NodeId *out)
{
    struct buffer why = {0};
    enum status s = opcua_node_id_parse(text, &r->names, out, &why);
    if (s == OK)
        twin_request_own_id(r, out);
    else if (s == NOT_FOUND) /* no node of this server has such an id */
        twin_request_fault(r, UA_STATUSCODE_BADNODEIDUNKNOWN, buffer_cstr(&why));
    else
        twin_request_fail(r, s, "%s", buffer_cstr(&why));
    buffer_clear(&why);
    return s == OK;
}

bool twin_request_texts(struct twin_request *r, const struct json *v, struct slice **out,
                        size_t *count)
{
    *count = 0;
    *out = NULL;
    if (v == NULL || json_is(v, JSON_NULL))
        return true;
    bool one = json_is(v, JSON_STRING);
    if (!one && !json_is(v, JSON_ARRAY)) {
        twin_request_fail(r, BAD_ARGUMENT, "A browse path is an array of texts.");
        return false;
    }
    *out = ARENA_TAKE_N(&r->arena, struct slice, json_count(v) + 1);
    if (one)
        (*out)[(*count)++] = json_string(v);
    struct json_walk walk = json_walk(one ? NULL : v);
    while (!one && json_next(&walk)) {
        if (!json_is(walk.value, JSON_STRING)) {
            twin_request_fail(r, BAD_ARGUMENT, "A browse path is an array of texts.");
            return false;
        }
        (*out)[(*count)++] = json_string(walk.value);
    }
    return true;
}

bool twin_request_times(struct twin_request *r, UA_TimestampsToReturn *out)
{
    static const char *const names[] = {"Source", "Server", "Both", "None"};
    struct slice name = json_string(json_get_nocase(r->body, "timestampsToReturn"));
    *out = UA_TIMESTAMPSTORETURN_BOTH;
    if (name.len == 0)
        return true;
    for (size_t i = 0; i < 4; i++)
        if (slice_eq_nocase(name, slice_of(names[i]))) {
            *out = (UA_TimestampsToReturn)i;
            return true;
        }
    twin_request_fail(r, BAD_ARGUMENT,
                      "timestampsToReturn is one of Both, Source, Server and None.");
    return false;
}

void twin_put_node_id(struct twin_request *r, const char *name, const UA_NodeId *id)
{
    if (UA_NodeId_isNull(id))
        return;
    buffer_reset(&r->scratch);
    opcua_node_id_print(id, &r->names, r->form.format, &r->scratch);
    json_name(&r->writer, name);
    json_put_string(&r->writer, buffer_slice(&r->scratch));
}
