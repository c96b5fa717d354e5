/*
 * open62541 as the subscriber of our UADP: its server gets the golden messages as datagrams on the
 * loopback, and what its decoder made of them stands in the variables that the data set reader
 * writes to. (Delta frames it decodes, and then says that it keeps key frames alone.)
 *
 *     uadp_subscriber FILE      ends with 0 when all is as it should be
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <open62541/server.h>
#include <open62541/server_config_default.h>
#include <open62541/server_pubsub.h>

#define FIELDS 22
#define TURNS_MAX 500 /* of the server's loop, until a message has come */
#define NUMBER 3      /* the field that the frames change */

static UA_Server *server;
static UA_NodeId variables[FIELDS];

static void must(UA_StatusCode s, const char *what)
{
    if (s == UA_STATUSCODE_GOOD)
        return;
    fprintf(stderr, "%s: %s\n", what, UA_StatusCode_name(s));
    exit(1);
}

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        exit(1);
    close(fd);
    return ntohs(a.sin_port);
}

static void add_variables(void)
{
    for (int i = 0; i < FIELDS; i++) {
        UA_VariableAttributes a = UA_VariableAttributes_default;
        char name[32];
        snprintf(name, sizeof name, "Field%d", i);
        a.valueRank = UA_VALUERANK_ANY;
        a.dataType = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATATYPE);
        a.accessLevel = UA_ACCESSLEVELMASK_READ | UA_ACCESSLEVELMASK_WRITE;
        must(UA_Server_addVariableNode(
                 server, UA_NODEID_NULL, UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER),
                 UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES), UA_QUALIFIEDNAME(1, name),
                 UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATAVARIABLETYPE), a, NULL, &variables[i]),
             "variable");
    }
}

static UA_NodeId add_connection(int port)
{
    char url[64];
    snprintf(url, sizeof url, "opc.udp://127.0.0.1:%d/", port);
    UA_NetworkAddressUrlDataType address = {UA_STRING_NULL, UA_STRING(url)};
    UA_PubSubConnectionConfig c = {
        .name = UA_STRING("messages"),
        .enabled = true,
        .publisherIdType = UA_PUBLISHERIDTYPE_UINT16,
        .publisherId = {.uint16 = 1},
        .transportProfileUri =
            UA_STRING("http://opcfoundation.org/UA-Profile/Transport/pubsub-udp-uadp"),
    };
    UA_Variant_setScalar(&c.address, &address, &UA_TYPES[UA_TYPES_NETWORKADDRESSURLDATATYPE]);
    UA_NodeId id;
    must(UA_Server_addPubSubConnection(server, &c, &id), "connection");
    return id;
}

static UA_NodeId add_reader(UA_NodeId group)
{
    UA_String publisher = UA_STRING("publisher");
    UA_FieldMetaData fields[FIELDS] = {0};
    UA_UadpDataSetReaderMessageDataType settings = {0};
    for (int i = 0; i < FIELDS; i++) {
        fields[i].builtInType = UA_DATATYPEKIND_VARIANT + 1;
        fields[i].dataType = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATATYPE);
        fields[i].valueRank = UA_VALUERANK_ANY;
    }
    UA_DataSetReaderConfig r = {
        .name = UA_STRING("reader"),
        .writerGroupId = 3,
        .dataSetWriterId = 7,
        .dataSetMetaData = {.name = UA_STRING("set"), .fieldsSize = FIELDS, .fields = fields},
        .dataSetFieldContentMask = UA_DATASETFIELDCONTENTMASK_STATUSCODE |
                                   UA_DATASETFIELDCONTENTMASK_SOURCETIMESTAMP |
                                   UA_DATASETFIELDCONTENTMASK_SERVERTIMESTAMP,
    };
    UA_Variant_setScalar(&r.publisherId, &publisher, &UA_TYPES[UA_TYPES_STRING]);
    UA_ExtensionObject_setValue(&r.messageSettings, &settings,
                                &UA_TYPES[UA_TYPES_UADPDATASETREADERMESSAGEDATATYPE]);
    UA_NodeId id;
    must(UA_Server_addDataSetReader(server, group, &r, &id), "reader");
    return id;
}

static void set_up(int port)
{
    UA_ServerConfig config = {0};
    must(UA_ServerConfig_setMinimal(&config, 0, NULL), "configuration");
    server = UA_Server_newWithConfig(&config);
    add_variables();
    UA_NodeId connection = add_connection(port), group;
    UA_ReaderGroupConfig g = {.name = UA_STRING("group")};
    must(UA_Server_addReaderGroup(server, connection, &g, &group), "group");
    UA_NodeId reader = add_reader(group);
    UA_FieldTargetVariable targets[FIELDS] = {0};
    for (int i = 0; i < FIELDS; i++) {
        targets[i].targetVariable.attributeId = UA_ATTRIBUTEID_VALUE;
        targets[i].targetVariable.targetNodeId = variables[i];
    }
    must(UA_Server_DataSetReader_createTargetVariables(server, reader, FIELDS, targets), "targets");
    must(UA_Server_run_startup(server), "start");
    must(UA_Server_setReaderGroupOperational(server, group), "operational");
}

static void send_line(const char *line, int port)
{
    uint8_t bytes[65536];
    size_t len = 0;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (unsigned byte; sscanf(line + 2 * len, "%2x", &byte) == 1; len++)
        bytes[len] = (uint8_t)byte;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (sendto(fd, bytes, len, 0, (struct sockaddr *)&to, sizeof to) != (ssize_t)len)
        exit(1);
    close(fd);
}

/* ---- what has come ---- */

static UA_DataValue read_field(int i)
{
    UA_ReadValueId id = {.nodeId = variables[i], .attributeId = UA_ATTRIBUTEID_VALUE};
    return UA_Server_read(server, &id, UA_TIMESTAMPSTORETURN_BOTH);
}

static bool has_number(UA_Int32 want)
{
    UA_DataValue v = read_field(NUMBER);
    bool has = UA_Variant_hasScalarType(&v.value, &UA_TYPES[UA_TYPES_INT32]) &&
               *(UA_Int32 *)v.value.data == want;
    UA_DataValue_clear(&v);
    return has;
}

static void wait_for_number(UA_Int32 want)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        UA_Server_run_iterate(server, true);
        if (has_number(want))
            return;
    }
    fprintf(stderr, "no message with %d has come\n", want);
    exit(1);
}

static int wrong;

static void expect(int i, const char *want)
{
    UA_DataValue v = read_field(i);
    UA_String text = UA_STRING_NULL;
    UA_print(&v.value, &UA_TYPES[UA_TYPES_VARIANT], &text);
    char got[512];
    snprintf(got, sizeof got, "%.*s", (int)text.length, text.data);
    if (!strstr(got, want)) {
        fprintf(stderr, "field %d is %s, and should be %s\n", i, got, want);
        wrong++;
    }
    UA_String_clear(&text);
    UA_DataValue_clear(&v);
}

static void expect_status(int i, UA_StatusCode want)
{
    UA_DataValue v = read_field(i);
    if (v.status != want) {
        fprintf(stderr, "field %d has status %s\n", i, UA_StatusCode_name(v.status));
        wrong++;
    }
    UA_DataValue_clear(&v);
}

static void check_fields(void)
{
    static const char *const want[FIELDS] = {"true",
                                             "-5",
                                             "65535",
                                             NULL,
                                             "-9007199254740993",
                                             "18446744073709551615",
                                             "0.1",
                                             "21.5",
                                             NULL,
                                             NULL,
                                             "2024-01-17",
                                             "hot",
                                             "12345678-9ABC-DEF0-0102-030405060708",
                                             NULL,
                                             "ns=2;s=Pump",
                                             "2148139008",
                                             "Speed",
                                             "on",
                                             NULL,
                                             "2.5",
                                             "6",
                                             NULL};
    for (int i = 0; i < FIELDS; i++)
        if (want[i])
            expect(i, want[i]);
    expect_status(7, UA_STATUSCODE_UNCERTAININITIALVALUE);
}

int main(int argc, char **argv)
{
    static char line[1 << 17];
    FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (!f)
        return 2;
    int port = free_port();
    set_up(port);
    for (UA_Int32 number = 7; fgets(line, sizeof line, f); number++) {
        send_line(line, port);
        wait_for_number(number);
        check_fields();
    }
    fclose(f);
    UA_Server_run_shutdown(server);
    UA_Server_delete(server);
    return wrong != 0;
}
