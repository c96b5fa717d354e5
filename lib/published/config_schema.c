#include "published/config_schema.h"

#include <assert.h>

#include "json/write.h"
#include "published/config_pretty.h"
#include "published/config_table.h"

#define SPAN_PATTERN "^(\\d+\\.)?\\d{1,2}:\\d{1,2}:\\d{1,2}(\\.\\d{1,7})?$"
#define GUID_PATTERN                                                                               \
    "^(\\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\\}?)?$"

static void put_member(struct json_writer *w, const char *name, const char *value)
{
    json_name(w, name);
    json_put_text(w, value);
}

/* Absent and null are the same everywhere. */
static void put_type(struct json_writer *w, const char *type)
{
    json_name(w, "type");
    json_array(w);
    json_put_text(w, type);
    json_put_text(w, "null");
    json_end_array(w);
}

static void put_whole(struct json_writer *w, int64_t max)
{
    put_type(w, "integer");
    json_name(w, "minimum"), json_put_i64(w, 0);
    if (max)
        json_name(w, "maximum"), json_put_i64(w, max);
}

static void put_words(struct json_writer *w, const struct word *words)
{
    json_name(w, "enum");
    json_array(w);
    for (; words->name; words++)
        if (!words->why)
            json_put_text(w, words->name);
    json_put_null(w);
    json_end_array(w);
}

/* Templates give flags in quotes. */
static void put_flag(struct json_writer *w)
{
    json_name(w, "enum");
    json_array(w);
    json_put_bool(w, true);
    json_put_bool(w, false);
    json_put_null(w);
    json_put_text(w, "true");
    json_put_text(w, "false");
    json_end_array(w);
}

static void put_properties(struct json_writer *w, const struct fields *fields);

static void put_items(struct json_writer *w, const struct field *f)
{
    put_type(w, "array");
    json_name(w, "items");
    json_object(w);
    if (f->kind == FIELD_TEXTS)
        put_member(w, "type", "string");
    else if (f->kind == FIELD_NODES)
        put_member(w, "$ref", "#/definitions/node");
    else
        put_member(w, "type", "object"), put_properties(w, f->inside);
    json_end_object(w);
}

static void put_field(struct json_writer *w, const struct field *f)
{
    json_name(w, f->name);
    json_object(w);
    put_member(w, "description", f->help);
    switch (f->kind) {
    case FIELD_TEXT:
        put_type(w, "string");
        break;
    case FIELD_GUID:
        put_type(w, "string"), put_member(w, "pattern", GUID_PATTERN);
        break;
    case FIELD_FLAG:
        put_flag(w);
        break;
    case FIELD_NUMBER:
        put_whole(w, f->max);
        break;
    case FIELD_MS:
    case FIELD_SECONDS:
        put_whole(w, 0);
        break;
    case FIELD_DECIMAL:
        put_type(w, "number");
        json_name(w, "minimum"), json_put_i64(w, 0);
        break;
    case FIELD_SPAN:
        put_type(w, "string"), put_member(w, "pattern", SPAN_PATTERN);
        break;
    case FIELD_WORD:
        put_words(w, f->words);
        break;
    case FIELD_FILTER:
        json_name(w, "type");
        json_array(w), json_put_text(w, "object"), json_put_text(w, "string"), json_end_array(w);
        put_properties(w, f->inside);
        break;
    case FIELD_OBJECT:
    case FIELD_SHAPE:
        put_type(w, "object");
        if (f->inside)
            put_properties(w, f->inside);
        break;
    case FIELD_TEXTS:
    case FIELD_NODES:
    case FIELD_SHAPES:
        put_items(w, f);
        break;
    case FIELD_VALUE:
    case FIELD_ANY:
        break;
    }
    json_end_object(w);
}

static void put_properties(struct json_writer *w, const struct fields *fields)
{
    json_name(w, "properties");
    json_object(w);
    for (size_t i = 0; i < fields->count; i++)
        put_field(w, &fields->at[i]);
    json_end_object(w);
}

static void put_required(struct json_writer *w, const char *name)
{
    json_name(w, "required");
    json_array(w);
    json_put_text(w, name);
    json_end_array(w);
}

/* What says which node it is. */
static void put_any_id(struct json_writer *w)
{
    static const char *const names[] = {"Id", "ExpandedNodeId", "BrowsePath",
                                        "ModelChangeHandling"};
    json_name(w, "anyOf");
    json_array(w);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_object(w);
        put_required(w, names[i]);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_schema(struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    put_member(&w, "$schema", "http://json-schema.org/draft-07/schema#");
    put_member(&w, "title", "publishednodes.json");
    put_member(&w, "description", "Which nodes of which OPC UA servers are published, and how");
    put_member(&w, "type", "array");
    json_name(&w, "items");
    json_object(&w);
    put_member(&w, "$ref", "#/definitions/entry");
    json_end_object(&w);
    json_name(&w, "definitions");
    json_object(&w);
    json_name(&w, "entry");
    json_object(&w);
    put_member(&w, "type", "object");
    put_required(&w, "EndpointUrl");
    put_properties(&w, &config_entry_fields);
    json_end_object(&w);
    json_name(&w, "node");
    json_object(&w);
    put_member(&w, "type", "object");
    put_any_id(&w);
    put_properties(&w, &config_node_fields);
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
}

void config_schema(struct buffer *out)
{
    struct buffer compact = {0};
    struct json_doc *doc = NULL;
    put_schema(&compact);
    enum status s = json_parse(buffer_slice(&compact), JSON_STRICT, &doc, NULL);
    assert(s == OK);
    if (s == OK)
        pretty_put(json_root(doc), (struct pretty){0}, out);
    buffer_u8(out, '\n');
    json_free(&doc);
    buffer_clear(&compact);
}
