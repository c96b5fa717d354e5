#include "writers/writer_metadata.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/types.h"
#include "pubsub/uadp.h"

#define MAJOR 1
#define RETRY_MS 2000 /* after what was not told, doubled up to */
#define RETRY_MS_MAX 300000
#define DOTNET_EPOCH 504911232000000000 /* ticks from year 1 to 1601 */

struct writer_metadata {
    struct writer_metadata_config config;
    struct batch *batch; /* NULL: no messages of it are sent */
    size_t field_count;  /* when the server told last what it is */
    bool shapes, needed; /* the group wants to know, or can write no value before */
    struct metadata_load *load;
    UA_NodeId *structures; /* of fields; to be known before values are written */
    size_t structure_count;
    UA_NodeId structure; /* that is asked for, or was last */
    struct opcua_types_load *asked;
    bool steps; /* through them */
    UA_DataSetMetaDataType *look; /* to be told to the group when they are known; NULL: it was */
    bool unknown; /* some were not told, for now */
    bool told;    /* the group knows what it looks like, as far as that was known */
    bool whole;   /* and that was all */
    struct opcua_session *session; /* that was asked last */
    char *name, *description;
    UA_Guid class_id;
    uint64_t again_ms;            /* 0: only when it changes */
    uint64_t hash;                /* of what was sent last, without its version; 0: nothing yet */
    bool described;               /* what was sent is what messages' fields are */
    uint64_t asked_fields;        /* the hash of those that were asked about last */
    UA_DataSetMetaDataType *sent; /* kept when it is to be sent again */
    struct loop_timer again, patience, retry;
    unsigned tries; /* in which something was not told */
    bool waiting;
};

/* Until the server says more its fields are taken for variants. */
static void guess(struct writer_metadata *m)
{
    struct metadata_fields fields = {0};
    m->config.fields(m->config.arg, opcua_session_namespaces(m->session), &fields);
    if (m->hash && fields.count == m->field_count) { /* it is as it was */
        metadata_fields_clear(&fields);
        return;
    }
    UA_FieldMetaData *of = UA_Array_new(fields.count, &UA_TYPES[UA_TYPES_FIELDMETADATA]);
    UA_DataSetMetaDataType data = {.name = UA_STRING(m->name), .fields = of};
    for (; of != NULL && data.fieldsSize < fields.count; data.fieldsSize++) {
        UA_FieldMetaData *f = &of[data.fieldsSize];
        UA_String_copy(&fields.at[data.fieldsSize].name, &f->name);
        f->dataType = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATATYPE);
        f->valueRank = UA_VALUERANK_ANY;
    }
    group_shape(m->config.group, m->config.set, &data, NULL);
    UA_Array_delete(of, data.fieldsSize, &UA_TYPES[UA_TYPES_FIELDMETADATA]);
    metadata_fields_clear(&fields);
    m->hash = 0; /* what comes is another one */
}

static void forget_look(struct writer_metadata *m)
{
    if (m->look)
        UA_DataSetMetaDataType_delete(m->look);
    m->look = NULL;
}

static void keep_look(struct writer_metadata *m, const UA_DataSetMetaDataType *data)
{
    forget_look(m);
    m->look = UA_DataSetMetaDataType_new();
    UA_DataSetMetaDataType_copy(data, m->look);
}

/* With what is known of its structures by now. */
static void tell_look(struct writer_metadata *m)
{
    if (m->look) {
        group_shape(m->config.group, m->config.set, m->look, opcua_session_types(m->session));
        m->told = true;
        m->whole = m->structure_count == 0 && !m->asked && !m->unknown;
    }
    forget_look(m);
}

/* ---- once more, while the server is there ---- */

static void on_retry(void *arg)
{
    struct writer_metadata *m = arg;
    m->config.again(m->config.arg);
}

static void retry_later(struct writer_metadata *m)
{
    uint64_t ms = (uint64_t)RETRY_MS << (m->tries < 16 ? m->tries : 16);
    m->tries++;
    loop_timer_start(m->config.loop, &m->retry, ms < RETRY_MS_MAX ? ms : RETRY_MS_MAX, on_retry, m);
}

static void stop_waiting(void *arg)
{
    struct writer_metadata *m = arg;
    loop_timer_stop(&m->patience);
    tell_look(m);
    if (m->waiting && m->load && m->needed) /* it took too long */
        guess(m);
    if (m->waiting) {
        m->waiting = false;
        m->config.done(m->config.arg);
    }
}

static void send(struct writer_metadata *m, const UA_DataSetMetaDataType *data)
{
    if (!m->batch)
        return;
    group_metadata(m->config.group, m->batch, m->config.set, data,
                   opcua_session_namespaces(m->session));
}

static void on_again(void *arg)
{
    struct writer_metadata *m = arg;
    send(m, m->sent);
    loop_timer_start(m->config.loop, &m->again, m->again_ms, on_again, m);
}

static void keep(struct writer_metadata *m, const UA_DataSetMetaDataType *data)
{
    if (m->again_ms == 0 || !m->batch)
        return;
    if (m->sent)
        UA_DataSetMetaDataType_delete(m->sent);
    m->sent = UA_DataSetMetaDataType_new();
    UA_DataSetMetaDataType_copy(data, m->sent);
    loop_timer_start(m->config.loop, &m->again, m->again_ms, on_again, m);
}

static uint64_t hash_of(const UA_DataSetMetaDataType *data)
{
    struct buffer bytes = {0};
    uadp_put(&bytes, data, &UA_TYPES[UA_TYPES_DATASETMETADATATYPE]);
    uint64_t hash = slice_hash(buffer_slice(&bytes));
    buffer_clear(&bytes);
    return hash | 1;
}

/* The low half of the time as .NET counts it: OPC Publisher's minor version. */
static uint32_t new_version(const struct data_set *d)
{
    uint32_t version = (uint32_t)((uint64_t)UA_DateTime_now() + DOTNET_EPOCH);
    return version == d->minor ? version + 1 : version;
}

static UA_String text_of(const char *text)
{
    UA_String s = UA_STRING_NULL;
    if (text[0])
        s = UA_String_fromChars(text);
    return s;
}

/* What two fields have in common with no other one: who has it and its name. */
static UA_Guid field_id(const struct writer_metadata *m, UA_String name)
{
    UA_Guid id;
    uint64_t halves[2] = {slice_hash(slice_of(m->name)), slice_hash(opcua_slice(name))};
    memcpy(&id, halves, sizeof id);
    return id;
}

static void complete(struct writer_metadata *m, UA_DataSetMetaDataType *data)
{
    data->name = text_of(m->name);
    data->description.text = text_of(m->description);
    data->dataSetClassId = m->class_id;
    static const UA_Guid none;
    for (size_t i = 0; i < data->fieldsSize; i++)
        if (UA_Guid_equal(&data->fields[i].dataSetFieldId, &none))
            data->fields[i].dataSetFieldId = field_id(m, data->fields[i].name);
}

/* ---- structures ---- */

static void leave_structures(struct writer_metadata *m)
{
    opcua_types_cancel(&m->asked);
    UA_Array_delete(m->structures, m->structure_count, &UA_TYPES[UA_TYPES_NODEID]);
    m->structures = NULL;
    m->structure_count = 0;
}

static void list_structures(struct writer_metadata *m, const UA_DataSetMetaDataType *data)
{
    leave_structures(m);
    m->structures = UA_Array_new(data->fieldsSize, &UA_TYPES[UA_TYPES_NODEID]);
    for (size_t i = 0; m->structures && i < data->fieldsSize; i++)
        if (data->fields[i].dataType.namespaceIndex != 0 &&
            data->fields[i].builtInType == UA_DATATYPEKIND_EXTENSIONOBJECT + 1)
            UA_NodeId_copy(&data->fields[i].dataType, &m->structures[m->structure_count++]);
}

static void ask_structures(struct writer_metadata *m);

/* Known now, or never, or not for now. */
static void on_structure(void *arg, const UA_DataType *type)
{
    struct writer_metadata *m = arg;
    const struct opcua_types *types = opcua_session_types(m->session);
    bool passes = !type && (opcua_session_state(m->session) != OPCUA_SESSION_READY ||
                            (types && opcua_types_was_refused(types, &m->structure)));
    m->unknown = m->unknown || passes;
    if (!m->steps)
        ask_structures(m);
}

static void ask_structure(struct writer_metadata *m, struct opcua_types *types)
{
    UA_NodeId_clear(&m->structure);
    m->structure = m->structures[--m->structure_count];
    opcua_types_load(types, m->session,
                     &(struct opcua_types_question){.id = &m->structure,
                                                    .timeout_ms = WRITER_METADATA_MS,
                                                    .fn = on_structure,
                                                    .arg = m,
                                                    .out = &m->asked});
}

/* One after the other, the last first; what is known is told at once. */
static void ask_structures(struct writer_metadata *m)
{
    struct opcua_types *types = opcua_session_types(m->session);
    m->steps = true;
    while (m->structure_count > 0 && types && !m->asked)
        ask_structure(m, types);
    m->steps = false;
    if (m->asked)
        return;
    leave_structures(m);
    if (m->told && m->unknown)
        forget_look(m); /* it says no more than before */
    stop_waiting(m);
    if (m->shapes && m->hash && !m->whole)
        retry_later(m);
}

/* ---- asking ---- */

void writer_metadata_changed(struct writer_metadata *m)
{
    if (m->described)
        m->config.set->minor = new_version(m->config.set);
    m->described = false;
}

/* That of the messages that wait for it, unless they are none, or it is another one without them being so. */
static void set_version(struct writer_metadata *m)
{
    struct data_set *d = m->config.set;
    d->major = MAJOR;
    if (m->described || d->minor == 0)
        d->minor = new_version(d);
    m->described = true;
}

static void on_loaded(void *arg, UA_DataSetMetaDataType *data)
{
    struct writer_metadata *m = arg;
    m->load = NULL;
    m->unknown = false;
    if (data) {
        complete(m, data);
        uint64_t hash = hash_of(data);
        bool is_new = hash != m->hash || !m->described;
        if (is_new) {
            m->told = false;
            m->tries = 0;
            m->hash = hash;
            m->field_count = data->fieldsSize;
            set_version(m);
        }
        data->configurationVersion.majorVersion = m->config.set->major;
        data->configurationVersion.minorVersion = m->config.set->minor;
        if (m->shapes && (!m->told || !m->whole))
            keep_look(m, data);
        if (is_new) {
            send(m, data);
            keep(m, data);
        }
        list_structures(m, data);
    } else {
        log_warn("publisher metadata unknown: the server was not able to tell url=%.*s writer=%s",
                 SLICE_FMT(opcua_session_url(m->session)), m->name);
        if (m->needed)
            guess(m);
        stop_waiting(m);
        retry_later(m);
        return;
    }
    ask_structures(m);
}

static uint64_t hash_of_fields(const struct metadata_fields *f)
{
    struct buffer bytes = {0};
    for (size_t i = 0; i < f->count; i++) {
        uadp_put_text(&bytes, opcua_slice(f->at[i].name));
        uadp_put(&bytes, &f->at[i].node, &UA_TYPES[UA_TYPES_NODEID]);
    }
    uint64_t hash = slice_hash(buffer_slice(&bytes));
    buffer_clear(&bytes);
    return hash;
}

bool writer_metadata_ask(struct writer_metadata *m, struct opcua_session *s)
{
    struct metadata_fields fields = {0};
    metadata_cancel(&m->load);
    leave_structures(m);
    loop_timer_stop(&m->retry);
    m->config.fields(m->config.arg, opcua_session_namespaces(s), &fields);
    if (fields.count == 0) {
        metadata_fields_clear(&fields);
        stop_waiting(m);
        return false;
    }
    uint64_t asked_fields = hash_of_fields(&fields);
    if (asked_fields != m->asked_fields)
        writer_metadata_changed(m);
    m->asked_fields = asked_fields;
    m->session = s;
    m->load = metadata_load(s, &fields, on_loaded, m);
    if ((m->hash == 0 || m->needed) && !m->waiting) { /* it comes before data set messages */
        m->waiting = true;
        loop_timer_start(m->config.loop, &m->patience, WRITER_METADATA_MS, stop_waiting, m);
    }
    return m->waiting;
}

void writer_metadata_stop(struct writer_metadata *m)
{
    metadata_cancel(&m->load);
    m->unknown = m->unknown || m->asked || m->structure_count; /* asked for with the next connection */
    leave_structures(m);
    loop_timer_stop(&m->retry);
    m->tries = 0; /* the next connection is soon asked again */
    stop_waiting(m);
}

struct writer_metadata *writer_metadata_new(const struct writer_metadata_config *config,
                                            const struct plan_writer *plan, bool messages)
{
    bool needed;
    bool shapes = group_wants_shapes(config->group, &needed);
    struct batch *batch = messages ? group_metadata_batch(config->group, plan) : NULL;
    if (!batch && !shapes)
        return NULL;
    struct writer_metadata *m = MEMORY_NEW(struct writer_metadata);
    m->config = *config;
    m->shapes = shapes;
    m->needed = needed;
    m->batch = batch;
    m->name = slice_dup(plan->data_set.len ? plan->data_set : plan->name);
    m->description = slice_dup(plan->description);
    m->again_ms = plan->metadata_ms > 0 ? (uint64_t)plan->metadata_ms : 0;
    uadp_guid_parse(plan->class_id, &m->class_id);
    return m;
}

void writer_metadata_route(struct writer_metadata *m, const struct plan_writer *plan)
{
    if (m->batch)
        m->batch = group_metadata_batch(m->config.group, plan);
}

void writer_metadata_free(struct writer_metadata **metadata, bool forget)
{
    struct writer_metadata *m = *metadata;
    if (!m)
        return;
    if (m->batch)
        batch_leave(m->batch, forget);
    metadata_cancel(&m->load);
    leave_structures(m);
    loop_timer_stop(&m->again);
    loop_timer_stop(&m->patience);
    loop_timer_stop(&m->retry);
    UA_NodeId_clear(&m->structure);
    forget_look(m);
    if (m->sent)
        UA_DataSetMetaDataType_delete(m->sent);
    free(m->name);
    free(m->description);
    free(m);
    *metadata = NULL;
}
