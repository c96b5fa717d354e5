#include "published/config_pretty.h"

#include "json/write.h"

void pretty_line(struct buffer *out, struct pretty p)
{
    buffer_u8(out, '\n');
    buffer_put(out, p.base);
    for (unsigned i = 0; i < p.depth; i++)
        buffer_text(out, "  ");
}

void pretty_put(const struct json *v, struct pretty p, struct buffer *out)
{
    bool object = json_is(v, JSON_OBJECT);
    if ((!object && !json_is(v, JSON_ARRAY)) || json_count(v) == 0) {
        struct json_writer w = json_writer(out);
        json_put_value(&w, v);
        return;
    }
    bool first = true;
    buffer_u8(out, object ? '{' : '[');
    for (struct json_walk w = json_walk(v); json_next(&w); first = false) {
        if (!first)
            buffer_u8(out, ',');
        pretty_line(out, pretty_deeper(p));
        if (object) {
            json_escape(out, w.name);
            buffer_text(out, ": ");
        }
        pretty_put(w.value, pretty_deeper(p), out);
    }
    pretty_line(out, p);
    buffer_u8(out, object ? '}' : ']');
}
