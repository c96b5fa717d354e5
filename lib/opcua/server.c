#include "opcua/server_priv.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <open62541/plugin/accesscontrol_default.h>
#include <open62541/plugin/historydata/history_data_backend_memory.h>
#include <open62541/plugin/historydata/history_data_gathering_default.h>
#include <open62541/plugin/historydata/history_database_default.h>
#include <open62541/server_config_default.h>

#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "opcua/endpoint.h"
#include "opcua/log.h"
#include "opcua/pki.h"

#define NONE_URI OPCUA_POLICY_PREFIX "None"
#define BASIC256SHA256_URI OPCUA_POLICY_PREFIX "Basic256Sha256"
#define POLICY_URI_MAX 128
#define REVERSE_MS 500 /* between its tries to connect to a client */
#define URL_MAX 512
#define QUEUE_SIZE_MAX 10000
#define SAMPLING_MS_MIN 5

struct opcua_server {
    UA_Server *server;
    pthread_t thread;
    bool started;
    _Atomic bool running;
    char host[256];
    char url[URL_MAX], reverse_url[URL_MAX];
    struct list contexts; /* of nodes and timers; freed with the server */
    UA_HistoryDataGathering gathering; /* .context NULL: nothing is kept */
    UA_HistoryDataBackend history;     /* of all nodes that are kept */
    UA_DataTypeArray *structures;      /* NULL: none of its own */
    uint32_t references_per_node;
    int port; /* as configured */
};

struct context {
    struct link link;
    struct opcua_server *owner;
    void *arg;
    union {
        opcua_server_read_fn *read;
        opcua_server_method_fn *method;
        opcua_server_fn *every;
    };
};

static struct context *context_new(struct opcua_server *s, void *arg)
{
    struct context *c = MEMORY_NEW(struct context);
    c->owner = s;
    c->arg = arg;
    list_push(&s->contexts, &c->link);
    return c;
}

/* ---- setting up ---- */

typedef UA_StatusCode add_policy_fn(UA_ServerConfig *config, const UA_ByteString *certificate,
                                    const UA_ByteString *key);

static const struct policy {
    const char *uri;
    add_policy_fn *add;
} policies[] = {
    {BASIC256SHA256_URI, UA_ServerConfig_addSecurityPolicyBasic256Sha256},
    {OPCUA_POLICY_PREFIX "Aes128_Sha256_RsaOaep", UA_ServerConfig_addSecurityPolicyAes128Sha256RsaOaep},
    {OPCUA_POLICY_PREFIX "Aes256_Sha256_RsaPss", UA_ServerConfig_addSecurityPolicyAes256Sha256RsaPss},
};

#define POLICY_COUNT (sizeof policies / sizeof policies[0])

static UA_StatusCode add_endpoints(const struct opcua_server_config *config, UA_ServerConfig *to)
{
    UA_ByteString certificate = UA_BYTESTRING_NULL, key = UA_BYTESTRING_NULL;
    if (config->pki) {
        struct opcua_pki_own own = opcua_pki_own(config->pki);
        certificate = (UA_ByteString){own.certificate.len, (UA_Byte *)(uintptr_t)own.certificate.at};
        key = (UA_ByteString){own.key.len, (UA_Byte *)(uintptr_t)own.key.at};
    }
    UA_StatusCode status =
        UA_ServerConfig_addSecurityPolicyNone(to, config->pki ? &certificate : NULL);
    if (!config->refuse_none)
        status |= UA_ServerConfig_addEndpoint(to, UA_STRING(NONE_URI), UA_MESSAGESECURITYMODE_NONE);
    if (!config->pki)
        return status;
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        UA_String uri = UA_STRING((char *)(uintptr_t)policies[i].uri);
        status |= policies[i].add(to, &certificate, &key);
        status |= UA_ServerConfig_addEndpoint(to, uri, UA_MESSAGESECURITYMODE_SIGN);
        status |= UA_ServerConfig_addEndpoint(to, uri, UA_MESSAGESECURITYMODE_SIGNANDENCRYPT);
    }
    return status;
}

static UA_StatusCode add_users(const struct opcua_server_config *config, UA_ServerConfig *to)
{
    UA_UsernamePasswordLogin login = {UA_STRING((char *)(uintptr_t)config->user),
                                      UA_STRING((char *)(uintptr_t)config->password)};
    const char *name = config->pki ? "Basic256Sha256" : "None";
    char uri[POLICY_URI_MAX];
    snprintf(uri, sizeof uri, "%s%s", OPCUA_POLICY_PREFIX,
             config->user_policy ? config->user_policy : name);
    UA_String policy = UA_STRING(uri);
    to->allowNonePolicyPassword = config->plain_password;
    return UA_AccessControl_default(to, !config->refuse_anonymous, &policy, config->user ? 1 : 0,
                                    &login);
}

static void describe(const struct opcua_server_config *config, UA_ServerConfig *to)
{
    const char *name = config->application_name ? config->application_name : "millrace plant";
    UA_ApplicationDescription *d = &to->applicationDescription;
    UA_LocalizedText_clear(&d->applicationName);
    d->applicationName = UA_LOCALIZEDTEXT_ALLOC("en", name);
    UA_String_clear(&d->applicationUri);
    const char *own = config->pki ? opcua_pki_application_uri(config->pki) : "urn:millrace:plant";
    d->applicationUri = UA_STRING_ALLOC(config->application_uri ? config->application_uri : own);
    if (config->discovery)
        d->applicationType = UA_APPLICATIONTYPE_DISCOVERYSERVER;
    to->shutdownDelay = 0;
    to->reverseReconnectInterval = REVERSE_MS;
    to->maxSessions = config->sessions_max ? config->sessions_max : 100;
    to->publishingIntervalLimits.min = 1;
    to->samplingIntervalLimits.min = SAMPLING_MS_MIN;
    to->queueSizeLimits.max = QUEUE_SIZE_MAX;
    to->maxNotificationsPerPublish =
        config->notifications_per_publish ? config->notifications_per_publish : 1000;
}

static void set_url(const struct opcua_server_config *config, UA_ServerConfig *to)
{
    char url[URL_MAX];
    snprintf(url, sizeof url, "opc.tcp://%s:%d", config->host ? config->host : "", config->port);
    UA_Array_delete(to->serverUrls, to->serverUrlsSize, &UA_TYPES[UA_TYPES_STRING]);
    to->serverUrls = UA_String_new();
    to->serverUrls[0] = UA_STRING_ALLOC(url);
    to->serverUrlsSize = 1;
}

static UA_StatusCode configure(const struct opcua_server_config *config, UA_ServerConfig *to)
{
    to->logging = opcua_logger();
    UA_StatusCode status = UA_ServerConfig_setBasics_withPort(to, (UA_UInt16)config->port);
    if (status != UA_STATUSCODE_GOOD)
        return status;
    set_url(config, to);
    describe(config, to);
    if (config->pki) {
        opcua_pki_set_up_verification(config->pki, &to->secureChannelPKI);
        opcua_pki_set_up_users(config->pki, &to->sessionPKI);
    }
    status = add_endpoints(config, to);
    return status == UA_STATUSCODE_GOOD ? add_users(config, to) : status;
}

enum status opcua_server_open(const struct opcua_server_config *config, struct opcua_server **out)
{
    UA_ServerConfig set_up = {0};
    UA_StatusCode status = configure(config, &set_up);
    UA_Server *server = status == UA_STATUSCODE_GOOD ? UA_Server_newWithConfig(&set_up) : NULL;
    if (!server) {
        log_error("opcua server not made status=%s", UA_StatusCode_name(status));
        UA_ServerConfig_clean(&set_up);
        return IO_FAILED;
    }
    struct opcua_server *s = MEMORY_NEW(struct opcua_server);
    s->server = server;
    list_init(&s->contexts);
    s->references_per_node = config->references_per_node;
    s->port = config->port;
    snprintf(s->host, sizeof s->host, "%s", config->host ? config->host : "");
    *out = s;
    return OK;
}

/* ---- running ---- */

/* The stack knows the port only after it listens; it writes it into its discovery URLs. */
static void learn_url(struct opcua_server *s)
{
    const UA_ApplicationDescription *d = &UA_Server_getConfig(s->server)->applicationDescription;
    for (size_t i = d->discoveryUrlsSize; i-- > 0;) {
        snprintf(s->url, sizeof s->url, "%.*s", (int)d->discoveryUrls[i].length,
                 d->discoveryUrls[i].data);
        if (!strstr(s->url, ":0") || s->url[strlen(s->url) - 2] != ':')
            return;
    }
}

static void on_reverse_state(UA_Server *server, UA_UInt64 handle, UA_SecureChannelState state,
                             void *context)
{
    (void)server, (void)handle, (void)state, (void)context;
}

static void connect_to_client(struct opcua_server *s)
{
    UA_UInt64 handle;
    if (s->reverse_url[0] &&
        UA_Server_addReverseConnect(s->server, UA_STRING(s->reverse_url), on_reverse_state, NULL,
                                    &handle) != UA_STATUSCODE_GOOD)
        log_error("opcua server cannot connect to its client url=%s", s->reverse_url);
}

static void *run(void *arg)
{
    struct opcua_server *s = arg;
    while (atomic_load(&s->running))
        UA_Server_run_iterate(s->server, true);
    return NULL;
}

enum status opcua_server_start(struct opcua_server *s)
{
    UA_StatusCode status = UA_Server_run_startup(s->server);
    if (status != UA_STATUSCODE_GOOD) {
        log_error("opcua server cannot listen host=%s port=%d status=%s do=\"set another port, or end "
                  "what listens there\"",
                  s->host, s->port, UA_StatusCode_name(status));
        return IO_FAILED;
    }
    learn_url(s);
    connect_to_client(s);
    UA_Server_getConfig(s->server)->maxReferencesPerNode =
        s->references_per_node; /* not for the stack itself while it makes its nodes */
    atomic_store(&s->running, true);
    if (pthread_create(&s->thread, NULL, run, s) != 0)
        return IO_FAILED;
    pthread_setname_np(s->thread, "opcua-server");
    s->started = true;
    return OK;
}

void opcua_server_close(struct opcua_server **server)
{
    struct opcua_server *s = *server;
    if (!s)
        return;
    atomic_store(&s->running, false);
    if (s->started) {
        pthread_join(s->thread, NULL);
        UA_Server_run_shutdown(s->server);
    }
    UA_Server_delete(s->server);
    if (s->gathering.context)
        UA_HistoryDataBackend_Memory_clear(&s->history);
    struct link *l;
    while ((l = list_pop(&s->contexts)))
        free(LIST_OF(l, struct context, link));
    free(s->structures);
    free(s);
    *server = NULL;
}

static UA_StatusCode read_level(UA_Server *server, const UA_NodeId *session, void *session_context,
                                const UA_NodeId *node, void *context, UA_Boolean with_time,
                                const UA_NumericRange *range, UA_DataValue *out)
{
    (void)server, (void)session, (void)session_context, (void)node, (void)with_time, (void)range;
    UA_Byte level = atomic_load((const _Atomic uint8_t *)context);
    out->hasValue = true;
    return UA_Variant_setScalarCopy(&out->value, &level, &UA_TYPES[UA_TYPES_BYTE]);
}

static void set_value(struct opcua_server *s, UA_UInt32 node, UA_Variant *value)
{
    UA_NodeId id = UA_NODEID_NUMERIC(0, node);
    UA_VariableAttributes attributes = UA_VariableAttributes_default;
    attributes.value = *value;
    UA_UInt32 any = 0;
    attributes.valueRank = value->arrayLength ? 1 : -1;
    attributes.arrayDimensionsSize = value->arrayLength ? 1 : 0;
    attributes.arrayDimensions = &any;
    attributes.dataType = value->type->typeId;
    UA_Server_deleteNode(s->server, id, true);
    UA_StatusCode status = UA_Server_addVariableNode(
        s->server, id, UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER_SERVERREDUNDANCY),
        UA_NODEID_NUMERIC(0, UA_NS0ID_HASPROPERTY), UA_QUALIFIEDNAME(0, "Redundancy"),
        UA_NODEID_NUMERIC(0, UA_NS0ID_PROPERTYTYPE), attributes, NULL, NULL);
    if (status != UA_STATUSCODE_GOOD)
        log_error("opcua server redundancy not set status=%s", UA_StatusCode_name(status));
}

void opcua_server_redundant(struct opcua_server *s, const char *const *uris, size_t count,
                            const _Atomic uint8_t *level)
{
    UA_Variant support, array;
    UA_Int32 warm = UA_REDUNDANCYSUPPORT_WARM;
    UA_String *texts = UA_Array_new(count, &UA_TYPES[UA_TYPES_STRING]);
    for (size_t i = 0; i < count; i++)
        texts[i] = UA_STRING_ALLOC(uris[i]);
    UA_Variant_setScalar(&support, &warm, &UA_TYPES[UA_TYPES_INT32]);
    UA_Variant_setArray(&array, texts, count, &UA_TYPES[UA_TYPES_STRING]);
    set_value(s, UA_NS0ID_SERVER_SERVERREDUNDANCY_REDUNDANCYSUPPORT, &support);
    set_value(s, UA_NS0ID_SERVER_SERVERREDUNDANCY_SERVERURIARRAY, &array);
    UA_Array_delete(texts, count, &UA_TYPES[UA_TYPES_STRING]);
    UA_NodeId id = UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER_SERVICELEVEL);
    UA_Server_setNodeContext(s->server, id, (void *)(uintptr_t)level);
    UA_Server_setVariableNode_dataSource(s->server, id, (UA_DataSource){.read = read_level});
}

void opcua_server_reverse(struct opcua_server *s, const char *client_url)
{
    snprintf(s->reverse_url, sizeof s->reverse_url, "%s", client_url);
}

const char *opcua_server_url(const struct opcua_server *s)
{
    return s->url;
}

/* ---- address space ---- */

static UA_NodeId node_of(struct opcua_place at)
{
    return at.id ? UA_NODEID_STRING(at.space, (char *)(uintptr_t)at.id)
                 : UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER);
}

static UA_QualifiedName name_of(struct opcua_place at, const char *name)
{
    return UA_QUALIFIEDNAME(at.space, (char *)(uintptr_t)name);
}

static void check(UA_StatusCode status, const char *name)
{
    if (status != UA_STATUSCODE_GOOD)
        log_warn("opcua server node refused name=%s status=%s", name, UA_StatusCode_name(status));
}

UA_Server *opcua_server_stack(struct opcua_server *s)
{
    return s->server;
}

uint16_t opcua_server_namespace(struct opcua_server *s, const char *uri)
{
    return UA_Server_addNamespace(s->server, uri);
}

void opcua_server_add_structures(struct opcua_server *s, const UA_DataType *types, size_t count)
{
    const UA_DataTypeArray own = {.typesSize = count, .types = types};
    s->structures = memory_new(sizeof(own));
    memcpy(s->structures, &own, sizeof(own));
    UA_Server_getConfig(s->server)->customDataTypes = s->structures;
    for (size_t i = 0; i < count; i++) {
        check(UA_Server_addDataTypeNode(
                  s->server, types[i].typeId, UA_NODEID_NUMERIC(0, UA_NS0ID_STRUCTURE),
                  UA_NODEID_NUMERIC(0, UA_NS0ID_HASSUBTYPE),
                  UA_QUALIFIEDNAME(types[i].typeId.namespaceIndex,
                                   (char *)(uintptr_t)types[i].typeName),
                  UA_DataTypeAttributes_default, NULL, NULL),
              types[i].typeName);
        check(opcua_server_add_encoding(s->server, types[i].typeId, types[i].binaryEncodingId),
              types[i].typeName);
    }
}

void opcua_server_add_folder(struct opcua_server *s, struct opcua_place parent,
                             struct opcua_place at, const char *name)
{
    UA_ObjectAttributes a = UA_ObjectAttributes_default;
    a.displayName = UA_LOCALIZEDTEXT("en", (char *)(uintptr_t)name);
    check(UA_Server_addObjectNode(s->server, node_of(at), node_of(parent),
                                  UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES), name_of(at, name),
                                  UA_NODEID_NUMERIC(0, UA_NS0ID_FOLDERTYPE), a, NULL, NULL),
          name);
}

void opcua_server_keep_history(struct opcua_server *s, struct opcua_place variable, size_t page)
{
    UA_NodeId node = node_of(variable);
    if (!s->gathering.context) {
        s->gathering = UA_HistoryDataGathering_Default(1);
        s->history = UA_HistoryDataBackend_Memory(1, 100);
        UA_Server_getConfig(s->server)->historyDatabase = UA_HistoryDatabase_default(s->gathering);
    }
    UA_HistorizingNodeIdSettings settings = {
        .historizingBackend = s->history,
        .maxHistoryDataResponseSize = page,
        .historizingUpdateStrategy = UA_HISTORIZINGUPDATESTRATEGY_VALUESET,
    };
    UA_Byte access = 0;
    check(UA_Server_readAccessLevel(s->server, node, &access), variable.id);
    access |= UA_ACCESSLEVELMASK_HISTORYREAD | UA_ACCESSLEVELMASK_HISTORYWRITE;
    check(UA_Server_writeAccessLevel(s->server, node, access), variable.id);
    check(UA_Server_writeHistorizing(s->server, node, true), variable.id);
    check(s->gathering.registerNodeId(s->server, s->gathering.context, &node, settings),
          variable.id);
}

void opcua_server_remove(struct opcua_server *s, struct opcua_place at)
{
    check(UA_Server_deleteNode(s->server, node_of(at), true), at.id);
}

static UA_VariableAttributes attributes_of(const char *name, const UA_DataType *type, bool writable)
{
    UA_VariableAttributes a = UA_VariableAttributes_default;
    a.displayName = UA_LOCALIZEDTEXT("en", (char *)(uintptr_t)name);
    a.dataType = type->typeId;
    a.valueRank = UA_VALUERANK_SCALAR;
    a.accessLevel = UA_ACCESSLEVELMASK_READ | (writable ? UA_ACCESSLEVELMASK_WRITE : 0);
    return a;
}

void opcua_server_add_variable(struct opcua_server *s, struct opcua_place parent,
                               struct opcua_place at, const char *name, const void *value,
                               const UA_DataType *type, bool writable)
{
    UA_VariableAttributes a = attributes_of(name, type, writable);
    UA_Variant_setScalar(&a.value, (void *)(uintptr_t)value, type);
    check(UA_Server_addVariableNode(s->server, node_of(at), node_of(parent),
                                    UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES), name_of(at, name),
                                    UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATAVARIABLETYPE), a, NULL,
                                    NULL),
          name);
}

static UA_StatusCode read_source(UA_Server *server, const UA_NodeId *session, void *session_context,
                                 const UA_NodeId *node, void *node_context,
                                 UA_Boolean with_source_time, const UA_NumericRange *range,
                                 UA_DataValue *out)
{
    (void)server, (void)session, (void)session_context, (void)node, (void)with_source_time;
    struct context *c = node_context;
    if (range)
        return UA_STATUSCODE_BADINDEXRANGEINVALID;
    c->read(c->arg, out);
    return UA_STATUSCODE_GOOD;
}

void opcua_server_add_source(struct opcua_server *s, struct opcua_place parent,
                             struct opcua_place at, const char *name, const UA_DataType *type,
                             opcua_server_read_fn *read, void *arg)
{
    struct context *c = context_new(s, arg);
    UA_VariableAttributes a = attributes_of(name, type, false);
    a.minimumSamplingInterval = SAMPLING_MS_MIN; /* with 0 the stack waits for writes, in vain */
    c->read = read;
    check(UA_Server_addDataSourceVariableNode(
              s->server, node_of(at), node_of(parent), UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES),
              name_of(at, name), UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATAVARIABLETYPE), a,
              (UA_DataSource){.read = read_source}, c, NULL),
          name);
}

static UA_StatusCode run_method(UA_Server *server, const UA_NodeId *session, void *session_context,
                                const UA_NodeId *method, void *method_context,
                                const UA_NodeId *object, void *object_context, size_t input_count,
                                const UA_Variant *input, size_t output_count, UA_Variant *output)
{
    (void)server, (void)session, (void)session_context, (void)method, (void)object,
        (void)object_context;
    struct context *c = method_context;
    return c->method(c->arg, input_count ? input : NULL, output_count ? output : NULL);
}

static UA_Argument argument_of(const char *name, const UA_DataType *type)
{
    UA_Argument a = {.name = UA_STRING((char *)(uintptr_t)name), .valueRank = UA_VALUERANK_SCALAR};
    if (type)
        a.dataType = type->typeId;
    return a;
}

void opcua_server_add_method(struct opcua_server *s, struct opcua_place parent,
                             struct opcua_place at, const char *name, const UA_DataType *input,
                             const UA_DataType *output, opcua_server_method_fn *run_it, void *arg)
{
    struct context *c = context_new(s, arg);
    c->method = run_it;
    UA_Argument in = argument_of("Input", input), out = argument_of("Output", output);
    UA_MethodAttributes a = UA_MethodAttributes_default;
    a.displayName = UA_LOCALIZEDTEXT("en", (char *)(uintptr_t)name);
    a.executable = a.userExecutable = true;
    check(UA_Server_addMethodNode(s->server, node_of(at), node_of(parent),
                                  UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT), name_of(at, name), a,
                                  run_method, input ? 1 : 0, &in, output ? 1 : 0, &out, c, NULL),
          name);
}

/* ---- while it runs ---- */

void opcua_server_write(struct opcua_server *s, struct opcua_place at, const void *value,
                        const UA_DataType *type, UA_StatusCode status)
{
    UA_DataValue v = {.hasStatus = status != UA_STATUSCODE_GOOD,
                      .status = status,
                      .hasSourceTimestamp = true,
                      .sourceTimestamp = UA_DateTime_now()};
    if (value) {
        UA_Variant_setScalar(&v.value, (void *)(uintptr_t)value, type);
        v.hasValue = true;
    }
    check(UA_Server_writeDataValue(s->server, node_of(at), v), at.id);
}

static void set_property(UA_Server *server, UA_NodeId event, const char *name, const void *value,
                         int type)
{
    UA_Server_writeObjectProperty_scalar(
        server, event, UA_QUALIFIEDNAME(0, (char *)(uintptr_t)name), value, &UA_TYPES[type]);
}

void opcua_server_event(struct opcua_server *s, uint16_t severity, const char *source_name,
                        const char *message)
{
    UA_NodeId event;
    UA_StatusCode status =
        UA_Server_createEvent(s->server, UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE), &event);
    if (status != UA_STATUSCODE_GOOD) {
        check(status, "event");
        return;
    }
    UA_DateTime now = UA_DateTime_now();
    UA_LocalizedText text = UA_LOCALIZEDTEXT("en", (char *)(uintptr_t)message);
    UA_String source = UA_STRING((char *)(uintptr_t)source_name);
    set_property(s->server, event, "Time", &now, UA_TYPES_DATETIME);
    set_property(s->server, event, "Severity", &severity, UA_TYPES_UINT16);
    set_property(s->server, event, "Message", &text, UA_TYPES_LOCALIZEDTEXT);
    set_property(s->server, event, "SourceName", &source, UA_TYPES_STRING);
    check(
        UA_Server_triggerEvent(s->server, event, UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER), NULL, true),
        "event");
}

static void run_every(UA_Server *server, void *arg)
{
    (void)server;
    struct context *c = arg;
    c->every(c->arg);
}

void opcua_server_every(struct opcua_server *s, double interval_ms, opcua_server_fn *fn, void *arg)
{
    struct context *c = context_new(s, arg);
    c->every = fn;
    check(UA_Server_addRepeatedCallback(s->server, run_every, c, interval_ms, NULL), "timer");
}
