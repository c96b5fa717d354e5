/* CompileQuery: an event filter out of a text. SELECT * has the fields that the server says. */
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/event_query.h"
#include "opcua/event_types.h"
#include "twin/methods.h"

/* Outlives no request: it ends with it, or before. */
struct compiling {
    struct twin_request *request;
    struct list all;
    struct opcua_event_types *types;
    struct opcua_event_types_waiter waiter;
    struct loop_timer timer;
    struct json_doc *filter;
    UA_NodeId type;
};

static void end(struct compiling *c)
{
    loop_timer_stop(&c->timer);
    opcua_event_types_forget(&c->waiter);
    opcua_event_types_unref(&c->types);
    json_free(&c->filter);
    UA_NodeId_clear(&c->type);
    free(c);
}

/* A filter that cannot be is an answer. */
static void refuse(struct twin_request *r, UA_StatusCode code, const char *text)
{
    json_object(&r->writer);
    opcua_put_error(&r->writer, code, text);
    json_end_object(&r->writer);
    twin_request_done(r);
}

/* ---- SELECT * ---- */

static void put_field(struct compiling *c, const struct opcua_event_type_field *f)
{
    struct twin_request *r = c->request;
    struct json_writer *w = &r->writer;
    json_object(w);
    twin_put_node_id(r, "typeDefinitionId", &f->type);
    json_name(w, "browsePath");
    json_array(w);
    for (size_t i = 0; i < f->depth; i++) {
        struct buffer name = {0};
        opcua_qualified_name_print(&f->path[i], &r->names, r->form.format, &name);
        json_put_string(w, buffer_slice(&name));
        buffer_clear(&name);
    }
    json_end_array(w);
    json_end_object(w);
}

/* Without WHERE, those of the type are meant. */
static void put_where(struct compiling *c, const struct json *where)
{
    struct json_writer *w = &c->request->writer;
    json_name(w, "whereClause");
    if (where) {
        json_put_value(w, where);
        return;
    }
    struct buffer type = {0};
    opcua_node_id_print(&c->type, &c->request->names, c->request->form.format, &type);
    json_object(w), json_name(w, "elements"), json_array(w), json_object(w);
    json_name(w, "filterOperator"), json_put_text(w, "OfType");
    json_name(w, "filterOperands"), json_array(w), json_object(w);
    json_name(w, "value"), json_put_string(w, buffer_slice(&type));
    json_name(w, "dataType"), json_put_text(w, "NodeId");
    json_end_object(w), json_end_array(w);
    json_end_object(w), json_end_array(w), json_end_object(w);
    buffer_clear(&type);
}

static void answer_all(struct compiling *c, const struct opcua_event_type_fields *fields)
{
    struct twin_request *r = c->request;
    struct json_writer *w = &r->writer;
    json_object(w), json_name(w, "eventFilter"), json_object(w);
    json_name(w, "selectClauses");
    json_array(w);
    for (size_t i = 0; i < fields->count; i++)
        put_field(c, &fields->fields[i]);
    json_end_array(w);
    put_where(c, json_get(json_root(c->filter), "whereClause"));
    json_end_object(w), json_end_object(w);
    end(c);
    twin_request_done(r);
}

static void ask(void *arg)
{
    struct compiling *c = arg;
    struct twin_request *r = c->request;
    struct opcua_event_type_fields fields;
    enum status s = opcua_event_types_fields(c->types, &c->type, &c->waiter, &fields);
    if (s == OK) {
        answer_all(c, &fields);
    } else if (s != AGAIN) {
        end(c);
        refuse(r, UA_STATUSCODE_BADTYPEDEFINITIONINVALID,
               "The server does not say which fields events of this type have.");
    }
}

static void on_late(void *arg)
{
    struct compiling *c = arg;
    struct twin_request *r = c->request;
    end(c);
    twin_request_fail(r, TIMED_OUT, "The server took too long to say what fields the type has.");
}

/* Takes the filter over. */
static void select_all(struct twin_request *r, struct json_doc *filter, struct slice type)
{
    UA_NodeId id;
    if (!twin_request_node_id(r, type, &id)) {
        json_free(&filter);
        return;
    }
    struct compiling *c = MEMORY_NEW(struct compiling);
    *c = (struct compiling){.request = r, .filter = filter};
    UA_NodeId_copy(&id, &c->type); /* the request's is the request's */
    list_init(&c->all);
    c->waiter = (struct opcua_event_types_waiter){.fn = ask, .arg = c};
    c->types = opcua_event_types_get(&c->all, r->session);
    loop_timer_start(opcua_thread_loop(r->twin->thread), &c->timer, twin_request_left_ms(r),
                     on_late, c);
    ask(c);
}

/* ---- the method ---- */

static void answer(struct twin_request *r, struct buffer *compiled)
{
    struct json_doc *doc;
    if (json_parse(buffer_slice(compiled), JSON_STRICT, &doc, NULL) != OK) {
        twin_request_fail(r, BAD_FORMAT, "The query did not become JSON.");
        return;
    }
    struct slice type = json_string(json_get(json_root(doc), "typeDefinitionId"));
    if (type.len) {
        select_all(r, doc, type);
        return;
    }
    json_object(&r->writer);
    json_name(&r->writer, "eventFilter"), json_put_value(&r->writer, json_root(doc));
    json_end_object(&r->writer);
    json_free(&doc);
    twin_request_done(r);
}

void twin_compile_query(struct twin_request *r)
{
    struct slice query = json_string(json_get_nocase(r->body, "query"));
    struct slice type = json_string(json_get_nocase(r->body, "queryType"));
    struct buffer compiled = {0}, why = {0};
    if (!query.len)
        twin_request_fail(r, BAD_ARGUMENT, "\"query\" is missing.");
    else if (type.len && !slice_eq_nocase(type, SLICE("Event")))
        refuse(r, UA_STATUSCODE_BADNOTSUPPORTED, "queryType can only be Event.");
    else if (opcua_event_query_compile(query, &compiled, &why) != OK)
        refuse(r, UA_STATUSCODE_BADEVENTFILTERINVALID, buffer_cstr(&why));
    else
        answer(r, &compiled);
    buffer_clear(&compiled);
    buffer_clear(&why);
}
