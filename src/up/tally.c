#include "up/tally.h"

#include <stdlib.h>

#include "base/memory.h"
#include "json/json.h"

struct series {
    char *name;
    uint64_t last;
};

static struct series *series_of(struct tally *t, struct slice name, bool *fresh)
{
    struct series *s = map_get(&t->series, name);
    *fresh = s == NULL;
    if (s == NULL) {
        s = MEMORY_NEW(struct series);
        s->name = slice_dup(name);
        map_put(&t->series, slice_of(s->name), s);
    }
    return s;
}

/* The plant's own counters; other nodes may hold or jump. A counter that starts over is a restarted plant. */
static void count_up(struct tally *t, struct slice name, const struct json *value)
{
    uint64_t n;
    bool fresh;
    if (!slice_starts(name, SLICE("Load")) || !json_u64(value, &n))
        return;
    struct series *s = series_of(t, name, &fresh);
    if (!fresh && n > s->last + 1)
        t->missing += n - s->last - 1;
    s->last = n;
}

static void read_payload(struct tally *t, const struct json *payload)
{
    for (struct json_walk w = json_walk(payload); json_next(&w);) {
        t->values++;
        count_up(t, w.name, json_get(w.value, "Value"));
    }
}

static void read_network_message(struct tally *t, const struct json *m)
{
    const struct json *messages = json_get(m, "Messages");
    if (messages == NULL)
        t->broken++;
    for (struct json_walk w = json_walk(messages); json_next(&w);)
        read_payload(t, json_get(w.value, "Payload"));
}

static void read_body(struct tally *t, struct slice body)
{
    struct json_doc *doc = NULL;
    if (json_parse(body, JSON_STRICT, &doc, NULL) != OK) {
        t->broken++;
        return;
    }
    const struct json *root = json_root(doc);
    if (json_is(root, JSON_ARRAY)) {
        for (struct json_walk w = json_walk(root); json_next(&w);)
            read_network_message(t, w.value);
    } else {
        read_network_message(t, root);
    }
    json_free(&doc);
}

/* True when the message is new. */
static bool check_number(struct tally *t, const struct iot_message *m)
{
    struct slice source, epoch, sequence;
    uint64_t n;
    bool fresh;
    if (!iot_property_find(m->properties, SLICE("millrace-source"), &source) ||
        !iot_property_find(m->properties, SLICE("millrace-epoch"), &epoch) ||
        !iot_property_find(m->properties, SLICE("millrace-sequence"), &sequence) || !slice_to_u64(sequence, &n))
        return true;
    struct buffer name = {0};
    buffer_printf(&name, "%.*s %.*s", SLICE_FMT(source), SLICE_FMT(epoch));
    struct series *s = series_of(t, buffer_slice(&name), &fresh);
    buffer_clear(&name);
    if (!fresh && n <= s->last) {
        t->doubles++;
        return false;
    }
    if (!fresh)
        t->missing += n - s->last - 1;
    s->last = n;
    return true;
}

/* The stream has discovery events and others too. */
static bool is_network_message(const struct iot_message *m)
{
    struct slice schema;
    return iot_property_find(m->properties, SLICE("$$MessageSchema"), &schema) &&
           slice_eq(schema, SLICE("application/x-network-message-json-v1"));
}

void tally_message(struct tally *t, const struct iot_message *m)
{
    if (!is_network_message(m))
        return;
    if (!check_number(t, m))
        return;
    t->messages++;
    read_body(t, m->body);
}

void tally_clear(struct tally *t)
{
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&t->series, &at));) {
        struct series *s = e->value;
        free(s->name);
        free(s);
    }
    map_clear(&t->series);
    *t = (struct tally){0};
}
