#include "services/connecting.h"

#include <stdlib.h>

#include "base/memory.h"
#include "json/write.h"

struct one {
    size_t calls;
    size_t len;
    uint8_t id[];
};

void connecting_begin(struct connecting *c, struct slice id)
{
    struct one *o = map_get(&c->by_id, id);
    if (o == NULL) {
        o = memory_new(sizeof *o + id.len);
        o->calls = 0;
        o->len = id.len;
        memcpy(o->id, id.at, id.len);
        map_put(&c->by_id, slice_from(o->id, o->len), o);
    }
    o->calls++;
}

void connecting_end(struct connecting *c, struct slice id)
{
    struct one *o = map_get(&c->by_id, id);
    if (o == NULL || --o->calls > 0)
        return;
    map_remove(&c->by_id, id);
    free(o);
}

void connecting_put(const struct connecting *c, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    size_t at = 0;
    json_array(&w);
    for (struct map_entry *e; (e = map_next(&c->by_id, &at));) {
        const struct one *o = e->value;
        json_put_string(&w, slice_from(o->id, o->len));
    }
    json_end_array(&w);
}

void connecting_clear(struct connecting *c)
{
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&c->by_id, &at));)
        free(e->value);
    map_clear(&c->by_id);
}
