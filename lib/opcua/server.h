/*
 * An OPC UA server on a thread of its own: for the simulated plant (src/plant) and for tests of the
 * client side. The address space is built after opcua_server_open() and before
 * opcua_server_start(); after that, nodes are only touched from its callbacks, which run on its
 * thread.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"
#include "opcua/stack.h"

struct opcua_pki;
struct opcua_server;

struct opcua_server_config {
    const char
        *host; /* to listen on, and in the endpoints' URLs; NULL: all, and the machine's name */
    int port;  /* 0: any free one, see opcua_server_url() */
    const char *application_name; /* NULL: "millrace plant" */
    const char *application_uri;  /* NULL: the certificate's, or "urn:millrace:plant" */
    struct opcua_pki *pki; /* NULL: security None only; otherwise each policy, signed, and encrypted,
                              too. Not owned */
    const char *user, *password; /* NULL: no user names */
    const char *user_policy; /* for passwords and user certificates; NULL: Basic256Sha256, or None
                                without a pki */
    bool refuse_none;            /* no endpoint without security; needs a pki */
    bool refuse_anonymous;
    bool discovery; /* other servers may register with it, and its FindServers tells of them */
    bool plain_password; /* user names on the endpoint without security when there is no pki; for
                            tests */
    uint32_t notifications_per_publish; /* 0: 1000 */
    uint32_t references_per_node;       /* in one answer; 0: no bound */
    uint16_t sessions_max;              /* 0: 100 */
};

CHECKED enum status opcua_server_open(const struct opcua_server_config *config,
                                      struct opcua_server **out);
/* IO_FAILED when it cannot listen; the log line says why. */
CHECKED enum status opcua_server_start(struct opcua_server *s);
/* Ends the thread, closes all connections. */
void opcua_server_close(struct opcua_server **s);

/* Says that these servers stand in for it, and that its ServiceLevel is *level, which may change. */
void opcua_server_redundant(struct opcua_server *s, const char *const *uris, size_t count,
                            const _Atomic uint8_t *level);

/* Connects to a client, "opc.tcp://host:port", and again when that was lost; before it is started. */
void opcua_server_reverse(struct opcua_server *s, const char *client_url);

/* "opc.tcp://host:port", known after opcua_server_start() returned. Belongs to the server. */
const char *opcua_server_url(const struct opcua_server *s);

/* ---- address space ---- */

/* Where something hangs: namespace and string id; `id` NULL is the Objects folder. */
struct opcua_place {
    uint16_t space;
    const char *id;
};

uint16_t opcua_server_namespace(struct opcua_server *s, const char *uri);

void opcua_server_add_folder(struct opcua_server *s, struct opcua_place parent,
                             struct opcua_place at, const char *name);

/* The variable's values are kept from now on, as many as come; clients may read and change them, at most
 * `page` at once. Before it was started. */
void opcua_server_keep_history(struct opcua_server *s, struct opcua_place variable, size_t page);

/* With all that is below it. On its thread, too, as adding is. */
void opcua_server_remove(struct opcua_server *s, struct opcua_place at);

/* A variable with a value of its own; clients may write it when `writable`. */
void opcua_server_add_variable(struct opcua_server *s, struct opcua_place parent,
                               struct opcua_place at, const char *name, const void *value,
                               const UA_DataType *type, bool writable);

/* A variable whose value is asked for each time. *out is zeroed; a value that `out` borrows is
 * marked UA_VARIANT_DATA_NODELETE. */
typedef void opcua_server_read_fn(void *arg, UA_DataValue *out);
void opcua_server_add_source(struct opcua_server *s, struct opcua_place parent,
                             struct opcua_place at, const char *name, const UA_DataType *type,
                             opcua_server_read_fn *read, void *arg);

/* With up to one input and one output argument; NULL types: none. */
typedef UA_StatusCode opcua_server_method_fn(void *arg, const UA_Variant *input,
                                             UA_Variant *output);
void opcua_server_add_method(struct opcua_server *s, struct opcua_place parent,
                             struct opcua_place at, const char *name, const UA_DataType *input,
                             const UA_DataType *output, opcua_server_method_fn *run, void *arg);

/* ---- on its thread: in callbacks, and before it was started ---- */

/* Status and source time with the value; NULL value: the status alone. */
void opcua_server_write(struct opcua_server *s, struct opcua_place at, const void *value,
                        const UA_DataType *type, UA_StatusCode status);

/* A BaseEvent from the Server object. */
void opcua_server_event(struct opcua_server *s, uint16_t severity, const char *source_name,
                        const char *message);

/* Structures of its own, below Structure, each named as its type; the types outlive the server. Once,
 * before it was started. */
void opcua_server_add_structures(struct opcua_server *s, const UA_DataType *types, size_t count);

/* A structure as servers had them before OPC UA 1.04: without a definition of its own, described in a
 * type dictionary. */
struct opcua_server_described {
    const char *name; /* in the dictionary */
    uint32_t data_type; /* a number in the dictionary's namespace, as the others */
    uint32_t encoding, description;
};

/* A type dictionary in OPC Binary, and nodes for its structures; before the server was started. */
void opcua_server_add_dictionary(struct opcua_server *s, uint16_t space, const char *xml,
                                 const struct opcua_server_described *types, size_t count);

typedef void opcua_server_fn(void *arg);
void opcua_server_every(struct opcua_server *s, double interval_ms, opcua_server_fn *fn, void *arg);
