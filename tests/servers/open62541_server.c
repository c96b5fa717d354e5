/*
 * An OPC UA server on the stack as it comes, without lib/opcua: for tests that want a second one.
 *
 *     open62541_server PORT COUNTERS [CERTIFICATE KEY]
 *
 * Load1, Load2, … in "urn:tests:stack" go up by exactly one each time that they are sampled, so
 * that what is missing was lost on the way. With a certificate and its key (DER) there is every
 * policy, signed and encrypted, beside None; everybody is let in. Ends with SIGTERM.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <open62541/plugin/log_stdout.h>
#include <open62541/plugin/pki_default.h>
#include <open62541/server.h>
#include <open62541/server_config_default.h>

#define QUEUE_MAX 10000

static volatile sig_atomic_t running = 1;

static void stop(int signal)
{
    (void)signal;
    running = 0;
}

static UA_ByteString read_file(const char *path)
{
    UA_ByteString bytes = UA_BYTESTRING_NULL;
    FILE *f = fopen(path, "rb");
    UA_Byte buffer[8192];
    size_t len = f ? fread(buffer, 1, sizeof buffer, f) : 0;
    if (f)
        fclose(f);
    UA_ByteString whole = {len, buffer};
    if (len == 0 || UA_ByteString_copy(&whole, &bytes) != UA_STATUSCODE_GOOD) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    return bytes;
}

static UA_StatusCode read_counter(UA_Server *server, const UA_NodeId *session,
                                  void *session_context, const UA_NodeId *node, void *counter,
                                  UA_Boolean with_time, const UA_NumericRange *range,
                                  UA_DataValue *out)
{
    (void)server, (void)session, (void)session_context, (void)node, (void)with_time, (void)range;
    ++*(UA_UInt32 *)counter;
    out->hasValue = true;
    out->hasSourceTimestamp = true;
    out->sourceTimestamp = UA_DateTime_now();
    return UA_Variant_setScalarCopy(&out->value, counter, &UA_TYPES[UA_TYPES_UINT32]);
}

static void add_counter(UA_Server *server, UA_UInt16 space, unsigned number, UA_UInt32 *counter)
{
    char name[32];
    snprintf(name, sizeof name, "Load%u", number);
    UA_VariableAttributes attributes = UA_VariableAttributes_default;
    attributes.displayName = UA_LOCALIZEDTEXT("en", name);
    attributes.dataType = UA_TYPES[UA_TYPES_UINT32].typeId;
    UA_DataSource source = {.read = read_counter};
    UA_Server_addDataSourceVariableNode(
        server, UA_NODEID_STRING(space, name), UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER),
        UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES), UA_QUALIFIEDNAME(space, name),
        UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATAVARIABLETYPE), attributes, source, counter, NULL);
}

static UA_StatusCode configure(UA_ServerConfig *config, UA_UInt16 port, char **files)
{
    UA_StatusCode status;
    if (files) {
        UA_ByteString certificate = read_file(files[0]), key = read_file(files[1]);
        status = UA_ServerConfig_setDefaultWithSecurityPolicies(config, port, &certificate, &key,
                                                                NULL, 0, NULL, 0, NULL, 0);
        UA_ByteString_clear(&certificate);
        UA_ByteString_clear(&key);
        config->secureChannelPKI.clear(&config->secureChannelPKI);
        UA_CertificateVerification_AcceptAll(&config->secureChannelPKI);
    } else {
        status = UA_ServerConfig_setMinimal(config, port, NULL);
    }
    UA_String_clear(&config->applicationDescription.applicationUri);
    config->applicationDescription.applicationUri = UA_STRING_ALLOC("urn:tests:stack");
    for (size_t i = 0; i < config->endpointsSize; i++) {
        UA_String_clear(&config->endpoints[i].server.applicationUri);
        config->endpoints[i].server.applicationUri = UA_STRING_ALLOC("urn:tests:stack");
    }
    config->samplingIntervalLimits.min = 10;
    config->publishingIntervalLimits.min = 10;
    config->queueSizeLimits.max = QUEUE_MAX;
    config->shutdownDelay = 0;
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 5) {
        fprintf(stderr, "open62541_server PORT COUNTERS [CERTIFICATE KEY]\n");
        return 2;
    }
    signal(SIGTERM, stop);
    UA_ServerConfig config = {.logging = UA_Log_Stdout_new(UA_LOGLEVEL_WARNING)};
    if (configure(&config, (UA_UInt16)atoi(argv[1]), argc == 5 ? argv + 3 : NULL) !=
        UA_STATUSCODE_GOOD)
        return 1;
    UA_Server *server = UA_Server_newWithConfig(&config);
    unsigned count = (unsigned)atoi(argv[2]);
    UA_UInt32 *counters = calloc(count ? count : 1, sizeof *counters);
    UA_UInt16 space = UA_Server_addNamespace(server, "urn:tests:stack");
    for (unsigned i = 0; i < count; i++)
        add_counter(server, space, i + 1, &counters[i]);
    if (UA_Server_run_startup(server) != UA_STATUSCODE_GOOD)
        return 1;
    while (running)
        UA_Server_run_iterate(server, true);
    UA_Server_run_shutdown(server);
    UA_Server_delete(server);
    free(counters);
    return 0;
}
