#include "published/config_key.h"

#include "json/write.h"
#include "published/config_table.h"

static void put_text(struct buffer *out, struct slice s)
{
    buffer_u32(out, (uint32_t)s.len);
    buffer_put(out, s);
}

static void put_json(struct buffer *out, const struct json *v)
{
    struct json_writer w = json_writer(out);
    json_put_value(&w, v);
}

static void put_double(struct buffer *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    buffer_u64(out, bits);
}

/* One member: its number in the table and its value, unless it is the blank's. */
static void put_field(const struct field *f, size_t number, const void *at, const void *blank,
                      bool loose, struct buffer *out)
{
    size_t size = f->kind == FIELD_FLAG || f->kind == FIELD_WORD ? sizeof(int)
                  : f->kind == FIELD_DECIMAL                     ? sizeof(double)
                                                                 : sizeof(int64_t);
    bool text = f->kind == FIELD_TEXT || f->kind == FIELD_GUID;
    if (text ? ((const struct slice *)at)->len == 0 : memcmp(at, blank, size) == 0)
        return;
    if (loose && f->kind == FIELD_FLAG && *(const int *)at == SAID_NO)
        return;
    buffer_u8(out, (uint8_t)number);
    if (text)
        put_text(out, *(const struct slice *)at);
    else if (f->kind == FIELD_FLAG || f->kind == FIELD_WORD)
        buffer_u32(out, (uint32_t)(*(const int *)at));
    else if (f->kind == FIELD_DECIMAL)
        put_double(out, *(const double *)at);
    else if (f->kind == FIELD_OBJECT || f->kind == FIELD_FILTER || f->kind == FIELD_TEXTS || f->kind == FIELD_NODES)
        put_json(out, *(const struct json *const *)at);
    else
        buffer_u64(out, (uint64_t)(*(const int64_t *)at));
}

/* Offsets count through the common part and on into the rare one. */
static const void *place(const void *common, const void *rare, size_t rare_at, size_t offset)
{
    return offset < rare_at ? (const char *)common + offset : (const char *)rare + offset - rare_at;
}

void config_entry_key(const struct config_entry *e, enum field_part part, bool loose,
                      struct buffer *out)
{
    const struct fields *fields = &config_entry_fields;
    size_t rare_at = offsetof(struct entry_draft, rare);
    for (size_t i = 0; i < fields->count; i++)
        if (fields->at[i].part == part)
            put_field(&fields->at[i], i, place(e, e->rare, rare_at, fields->at[i].offset),
                      (const char *)&config_entry_blank + fields->at[i].offset, loose, out);
}

void config_node_key(const struct config_node *n, bool loose, struct buffer *out)
{
    const struct fields *fields = &config_node_fields;
    size_t rare_at = offsetof(struct node_draft, rare);
    for (size_t i = 0; i < fields->count; i++)
        if (fields->at[i].part == OF_NODE)
            put_field(&fields->at[i], i, place(n, n->rare, rare_at, fields->at[i].offset),
                      (const char *)&config_node_blank + fields->at[i].offset, loose, out);
}
