/* An event query as EventFilter, in JSON: elements in the order of Part 4, Annex B, each before
 * those that it refers to. */
#include "opcua/attribute_id.h"
#include "opcua/event_query_priv.h"
#include "json/write.h"

struct putting {
    struct query *query;
    struct buffer elements[OPCUA_QUERY_ELEMENTS_MAX];
    size_t count;
};

static size_t put_operation(struct putting *p, const struct query_node *n);

/* ---- fields ---- */

static void put_attribute(struct json_writer *w, const struct query_node *n, const char *node_name)
{
    json_member(w, node_name, n->node);
    json_name(w, "browsePath");
    json_array(w);
    for (size_t i = 0; i < n->depth; i++)
        json_put_string(w, n->path[i]);
    json_end_array(w);
    if (n->attribute) {
        json_name(w, "attributeId");
        json_put_text(w, opcua_attribute_name(n->attribute));
    }
}

static void put_selects(const struct query *q, struct json_writer *w)
{
    json_name(w, "selectClauses");
    json_array(w);
    for (size_t i = 0; i < q->field_count; i++) {
        json_object(w);
        put_attribute(w, q->fields[i], "typeDefinitionId");
        json_member(w, "displayName", q->fields[i]->alias);
        json_end_object(w);
    }
    json_end_array(w);
}

/* ---- elements ---- */

static void put_literal(struct json_writer *w, struct slice json, struct slice type)
{
    json_name(w, "value");
    json_put_raw(w, json);
    json_member(w, "dataType", type);
}

static void put_operand(struct putting *p, const struct query_node *n, struct json_writer *w)
{
    json_object(w);
    if (n->kind == QUERY_OPERATION) {
        size_t index = put_operation(p, n);
        json_name(w, "index");
        json_put_u64(w, index);
    } else if (n->kind == QUERY_LITERAL) {
        put_literal(w, n->value, n->type);
    } else if (n->is_node) {
        struct buffer quoted = {0};
        json_escape(&quoted, n->node);
        put_literal(w, buffer_slice(&quoted), SLICE("NodeId"));
        buffer_clear(&quoted);
    } else {
        put_attribute(w, n, "nodeId");
    }
    json_end_object(w);
}

static size_t put_operation(struct putting *p, const struct query_node *n)
{
    if (p->count == OPCUA_QUERY_ELEMENTS_MAX) {
        query_fail(p->query, TOO_LARGE, p->query->lexer.at, "more than %d operations",
                   OPCUA_QUERY_ELEMENTS_MAX);
        return 0;
    }
    size_t at = p->count++;
    struct json_writer w = json_writer(&p->elements[at]);
    json_object(&w);
    json_name(&w, "filterOperator");
    json_put_text(&w, n->operation);
    json_name(&w, "filterOperands");
    json_array(&w);
    for (size_t i = 0; i < n->count; i++)
        put_operand(p, n->operands[i], &w);
    json_end_array(&w);
    json_end_object(&w);
    return at;
}

/* A field or value alone is compared with true: elements are operations. */
static void put_where(struct putting *p, const struct query_node *where, struct json_writer *w)
{
    struct query_node yes = {.kind = QUERY_LITERAL, .value = SLICE("true")};
    struct query_node *both[] = {(struct query_node *)(uintptr_t)where, &yes};
    struct query_node equals = {
        .kind = QUERY_OPERATION, .operation = "Equals", .operands = both, .count = 2};
    put_operation(p, where->kind == QUERY_OPERATION ? where : &equals);
    json_name(w, "whereClause");
    json_object(w);
    json_name(w, "elements");
    json_array(w);
    for (size_t i = 0; i < p->count; i++)
        json_put_raw(w, buffer_slice(&p->elements[i]));
    json_end_array(w);
    json_end_object(w);
}

enum status query_put(struct query *q, struct buffer *out)
{
    struct putting *p = ARENA_TAKE(q->arena, struct putting);
    *p = (struct putting){.query = q};
    struct json_writer w = json_writer(out);
    json_object(&w);
    if (q->all)
        json_member(&w, "typeDefinitionId", q->type_count ? q->types[0].node : SLICE("i=2041"));
    else
        put_selects(q, &w);
    if (q->where)
        put_where(p, q->where, &w);
    json_end_object(&w);
    for (size_t i = 0; i < p->count; i++)
        buffer_clear(&p->elements[i]);
    return q->failed;
}
