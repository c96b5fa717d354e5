/*
 * What schemas beside messages cost at a start: one writer of a group after another is told what it
 * looks like, and a message of each of them follows.
 *
 *     bench_schemas avro|json WRITERS FIELDS
 *
 * prints the processor's time in all, the longest turn of the loop, and how many schemas of how many bytes
 * there were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "outbox/outgoing.h"
#include "writers/group.h"

static struct {
    struct group *group;
    struct group_counts counts;
    struct data_set *sets;
    uint64_t schema_bytes, longest_ns;
} b;

/* ---- in the place of outbox/outbox.c ---- */

struct outbox_route *outbox_route_ua(struct outbox *o, enum plan_transport transport,
                                     struct slice connection, uint32_t partitions)
{
    (void)o, (void)transport, (void)connection, (void)partitions;
    return NULL;
}

bool outbox_retains_ua(const struct outbox *o, const struct outbox_route *r)
{
    (void)o, (void)r;
    return true;
}

void outbox_put_ua(struct outbox *o, struct outgoing *m)
{
    (void)o;
    b.schema_bytes += m->schema ? m->body.len : 0;
    outgoing_free(&m);
}

/* ---- turns ---- */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t note(uint64_t since)
{
    uint64_t now = now_ns();
    if (now - since > b.longest_ns)
        b.longest_ns = now - since;
    return now;
}

static void put(struct data_set *d)
{
    UA_Double number = 21.5;
    UA_DataValue v = {.hasValue = true};
    struct data_set_head h = {.frame = FRAME_DELTA, .now = 133500000001234567};
    UA_Variant_setScalar(&v.value, &number, &UA_TYPES[UA_TYPES_DOUBLE]);
    group_begin(b.group, d, &h, NULL);
    group_field(b.group, SLICE("\"Sensor0\":"), 0, &v);
    group_end(b.group);
}

static void run(size_t writers, UA_DataSetMetaDataType *m)
{
    uint64_t at = now_ns();
    for (size_t i = 0; i < writers; i++) {
        group_shape(b.group, &b.sets[i], m, NULL);
        at = note(at);
        put(&b.sets[i]);
        at = note(at);
    }
    group_flush(b.group);
    note(at);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "bench_schemas avro|json WRITERS FIELDS\n");
        return 2;
    }
    size_t writers = strtoul(argv[2], NULL, 10), fields = strtoul(argv[3], NULL, 10);
    struct group_sink sink = {.loop = loop_new(), .counts = &b.counts, .id = 1};
    struct plan_group plan = {.name = SLICE("group"),
                              .publisher_id = SLICE("publisher"),
                              .mode = MODE_PUBSUB,
                              .encoding = argv[1][0] == 'a' ? ENCODING_AVRO : ENCODING_JSON,
                              .schemas = true,
                              .batch_size = 1000};
    struct plan_writer writer = {.name = SLICE("writer")};
    UA_DataSetMetaDataType m = {.name = UA_STRING("pumps"),
                                .fields = memory_new((fields + 1) * sizeof *m.fields),
                                .fieldsSize = fields};
    for (size_t i = 0; i < fields; i++) {
        char name[32];
        snprintf(name, sizeof name, "Sensor%zu", i);
        m.fields[i] = (UA_FieldMetaData){.name = UA_String_fromChars(name),
                                         .dataType = UA_TYPES[UA_TYPES_DOUBLE].typeId,
                                         .valueRank = UA_VALUERANK_SCALAR};
    }
    b.group = group_new(&sink, &plan);
    b.sets = memory_new((writers + 1) * sizeof *b.sets);
    for (size_t i = 0; i < writers; i++) {
        b.sets[i] = (struct data_set){.id = (uint32_t)i, .major = 1};
        buffer_text(&b.sets[i].name, "\"writer\"");
        group_join(b.group, &b.sets[i], &writer);
    }
    uint64_t from = now_ns();
    run(writers, &m);
    printf("{\"ms\":%.1f,\"longest_ms\":%.2f,\"schemas\":%llu,\"bytes\":%llu,\"left_out\":%llu}\n",
           (double)(now_ns() - from) / 1e6, (double)b.longest_ns / 1e6,
           (unsigned long long)b.counts.schemas, (unsigned long long)b.schema_bytes,
           (unsigned long long)(b.counts.too_large + b.counts.undescribed));
    for (size_t i = 0; i < writers; i++)
        buffer_clear(&b.sets[i].name);
    group_free(&b.group);
    free(b.sets);
    loop_free(&sink.loop);
    return 0;
}
