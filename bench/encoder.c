/*
 * What the encoder alone costs: a data set message of 100 values with their times, again and again,
 * written by ours and by others into the same text, or as UADP.
 *
 *     bench_encoder WHO TYPE SECONDS      prints {"ns_per_value":…,"bytes_per_value":…}
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <yyjson.h>
#ifdef HAVE_CJSON
#include <cjson/cJSON.h>
#endif

#include "pubsub/encoder.h"

#define FIELDS 100
#define NOW 133500000001234567
#define BLOCK 64 /* messages between two looks at the clock */

static struct {
    UA_DataValue values[FIELDS];
    UA_Double doubles[FIELDS];
    UA_Int32 numbers[FIELDS];
    UA_Float singles[FIELDS];
    char names[FIELDS][24], heads[FIELDS][32];
    struct buffer out;
    struct encoder encoder;
    struct data_set set;
    struct encode_clock clock;
} b;

static bool make_values(const char *type)
{
    for (int i = 0; i < FIELDS; i++) {
        UA_DataValue *v = &b.values[i];
        snprintf(b.names[i], sizeof b.names[i], "Sensor%02d", i);
        snprintf(b.heads[i], sizeof b.heads[i], "\"%s\":", b.names[i]);
        b.doubles[i] = 20 + i * 0.371 + 1e-9 * i; /* most have ten digits or more */
        b.numbers[i] = i * 7919;
        b.singles[i] = (float)b.doubles[i];
        *v = (UA_DataValue){.hasValue = true,
                            .hasSourceTimestamp = true,
                            .hasServerTimestamp = true,
                            .sourceTimestamp = NOW + i * 10,
                            .serverTimestamp = NOW + i * 10 + 5};
        if (strcmp(type, "double") == 0)
            UA_Variant_setScalar(&v->value, &b.doubles[i], &UA_TYPES[UA_TYPES_DOUBLE]);
        else if (strcmp(type, "int32") == 0)
            UA_Variant_setScalar(&v->value, &b.numbers[i], &UA_TYPES[UA_TYPES_INT32]);
        else if (strcmp(type, "float") == 0)
            UA_Variant_setScalar(&v->value, &b.singles[i], &UA_TYPES[UA_TYPES_FLOAT]);
        else
            return false;
    }
    return true;
}

/* ---- ours ---- */

static void keep(void *arg, struct buffer *body)
{
    (void)arg, (void)body;
}

static void write_ours(void)
{
    struct encoder *e = &b.encoder;
    struct data_set_head head = {.frame = FRAME_KEY, .now = NOW};
    b.out.len = 0;
    e->members = 0;
    e->ops->begin(e, &b.out);
    e->ops->open(e, &b.out, &b.set, &head);
    for (uint32_t i = 0; i < FIELDS; i++, e->fields++)
        e->ops->field(e, &b.out, slice_of(b.heads[i]), i, &b.values[i]);
    e->ops->close(e, &b.out);
    e->members++;
    if (!e->uadp) /* there a message is put together once more */
        e->ops->end(e, &b.out, SIZE_MAX, keep, NULL);
}

static void begin_ours(enum message_encoding encoding)
{
    struct encoder_plan p = {.mode = MODE_PUBSUB,
                             .encoding = encoding,
                             .strict = true,
                             .publisher_id = SLICE("publisher"),
                             .group = SLICE("group"),
                             .random = 1};
    encoder_init(&b.encoder, &p);
    b.set = (struct data_set){.id = 1, .sequence = 1, .major = 1, .field_count = FIELDS};
    buffer_text(&b.set.name, "\"writer\"");
}

static void begin_json(void)
{
    begin_ours(ENCODING_JSON);
}

static void begin_reversible(void)
{
    begin_ours(ENCODING_JSON_REVERSIBLE);
}

static void begin_compact(void)
{
    begin_ours(ENCODING_JSON_COMPACT);
}

static void begin_uadp(void)
{
    begin_ours(ENCODING_UADP);
}

/* ---- others, with our text for times: none of them writes these ---- */

static void nothing(void)
{
}

static double number_of(int i)
{
    const UA_Variant *v = &b.values[i].value;
    return v->type->typeKind == UA_DATATYPEKIND_INT32   ? *(UA_Int32 *)v->data
           : v->type->typeKind == UA_DATATYPEKIND_FLOAT ? *(UA_Float *)v->data
                                                        : *(UA_Double *)v->data;
}

/* Without quotes, and with a zero at the end. */
static const char *time_text(UA_DateTime t, uint8_t room[40])
{
    struct buffer text = {.at = room, .cap = 40};
    opcua_value_json_time(t, &text);
    room[text.len - 1] = 0;
    return (const char *)room + 1;
}

static void write_yyjson(void)
{
    uint8_t room[2][40];
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    for (int i = 0; i < FIELDS; i++) {
        yyjson_mut_val *field = yyjson_mut_obj(doc);
        if (b.values[i].value.type->typeKind == UA_DATATYPEKIND_INT32)
            yyjson_mut_obj_add_int(doc, field, "Value", b.numbers[i]);
        else
            yyjson_mut_obj_add_real(doc, field, "Value", number_of(i));
        yyjson_mut_obj_add_strcpy(doc, field, "SourceTimestamp",
                                  time_text(b.values[i].sourceTimestamp, room[0]));
        yyjson_mut_obj_add_strcpy(doc, field, "ServerTimestamp",
                                  time_text(b.values[i].serverTimestamp, room[1]));
        yyjson_mut_obj_add_val(doc, root, b.names[i], field);
    }
    char *text = yyjson_mut_write(doc, 0, &b.out.len);
    free(text);
    yyjson_mut_doc_free(doc);
}

#ifdef HAVE_CJSON
static void write_cjson(void)
{
    uint8_t room[2][40];
    cJSON *root = cJSON_CreateObject();
    for (int i = 0; i < FIELDS; i++) {
        cJSON *field = cJSON_CreateObject();
        cJSON_AddNumberToObject(field, "Value", number_of(i));
        cJSON_AddStringToObject(field, "SourceTimestamp",
                                time_text(b.values[i].sourceTimestamp, room[0]));
        cJSON_AddStringToObject(field, "ServerTimestamp",
                                time_text(b.values[i].serverTimestamp, room[1]));
        cJSON_AddItemToObject(root, b.names[i], field);
    }
    char *text = cJSON_PrintUnformatted(root);
    b.out.len = strlen(text);
    cJSON_free(text);
    cJSON_Delete(root);
}
#endif

static void write_open62541(void)
{
    UA_EncodeJsonOptions options = {.useReversible = true};
    b.out.len = 0;
    for (int i = 0; i < FIELDS; i++) {
        buffer_put(&b.out, slice_of(b.heads[i]));
        UA_ByteString room = {4096, buffer_reserve(&b.out, 4096)};
        if (UA_encodeJson(&b.values[i], &UA_TYPES[UA_TYPES_DATAVALUE], &room, &options) !=
            UA_STATUSCODE_GOOD)
            abort();
        buffer_added(&b.out, room.length);
    }
}

static void write_open62541_binary(void)
{
    b.out.len = 0;
    for (int i = 0; i < FIELDS; i++) {
        UA_ByteString room = {256, buffer_reserve(&b.out, 256)};
        if (UA_encodeBinary(&b.values[i], &UA_TYPES[UA_TYPES_DATAVALUE], &room) !=
            UA_STATUSCODE_GOOD)
            abort();
        buffer_added(&b.out, room.length);
    }
}

/* ---- the clock ---- */

static const struct engine {
    const char *name;
    void (*begin)(void);
    void (*write)(void);
} engines[] = {
    {"json", begin_json, write_ours},        {"reversible", begin_reversible, write_ours},
    {"compact", begin_compact, write_ours},  {"uadp", begin_uadp, write_ours},
    {"yyjson", nothing, write_yyjson},
#ifdef HAVE_CJSON
    {"cjson", nothing, write_cjson},
#endif
    {"open62541", nothing, write_open62541}, {"open62541-binary", nothing, write_open62541_binary},
};

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void run(const struct engine *e, double seconds)
{
    double start, spent = 0;
    uint64_t messages = 0;
    e->begin();
    e->write();
    for (start = cpu_ns(); spent < seconds * 1e9; spent = cpu_ns() - start)
        for (int i = 0; i < BLOCK; i++, messages++)
            e->write();
    printf("{\"ns_per_value\":%.1f,\"bytes_per_value\":%.1f}\n",
           spent / ((double)messages * FIELDS), (double)b.out.len / FIELDS);
}

int main(int argc, char **argv)
{
    double seconds = argc > 3 ? atof(argv[3]) : 1;
    for (size_t i = 0; argc > 2 && i < sizeof engines / sizeof engines[0]; i++)
        if (strcmp(argv[1], engines[i].name) == 0 && make_values(argv[2])) {
            run(&engines[i], seconds);
            return 0;
        }
    fprintf(stderr, "bench_encoder WHO double|int32|float SECONDS; who:");
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++)
        fprintf(stderr, " %s", engines[i].name);
    fprintf(stderr, "\n");
    return 2;
}
