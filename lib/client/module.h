/*
 * The module side of a connection: what publisher, twin and discovery have in common. Roles of one
 * process register their direct methods in one table and share one connection (client/device.h).
 *
 * A method's name on the wire is the table's name with its version, in any case: "Browse_V2". Every
 * call is answered exactly once: by its handler, or here when its time is over. What is larger than
 * a direct method comes in pieces (client/module_pieces.h). All on one loop.
 */
#pragma once

#include "base/arena.h"
#include "client/device.h"
#include "json/json.h"
#include "rest/model.h"

struct module;
struct module_call;

#define MODULE_CALLS_MAX 256             /* under way; more are answered with 429 */
#define MODULE_PAYLOAD_MAX (128u << 10)  /* of a request; more is 413 */
#define MODULE_RESPONSE_MAX (127u << 10) /* IoT Hub takes 128 KB; more becomes 413 */
#define MODULE_CALL_ID_MAX 37            /* of a call's id, with its zero */
#define MODULE_TIMEOUT_MS 25000          /* shorter than the 30 s that callers wait by default */
#define MODULE_INVOKE_MAX (32u << 20)    /* of a request within the program; more is 413 */

enum module_version { MODULE_V1 = 1, MODULE_V2 = 2, MODULE_PLAIN = 4 };

typedef void module_method_fn(struct module_call *c);

struct module_method {
    const char *name;  /* "Browse" */
    unsigned versions; /* of enum module_version, together */
    module_method_fn *run;
    uint32_t timeout_ms; /* 0: the module's */
};

struct module_role_ops {
    const char *type; /* "__type__" in the reported twin: "supervisor", "discoverer", "publisher"; NULL: none */
    const struct module_method *methods;
    size_t method_count;
    /* The rest may be NULL. */
    void (*on_connected)(void *app, bool connected);
    void (*on_desired)(void *app,
                       const struct json *desired); /* all of it after connecting, then patches */
    void (*on_reported)(void *app, const struct json *reported); /* as it was when it connected */
    void (*on_sent)(void *app, uint64_t token, enum status why);
    void (*on_room)(void *app); /* module_send() that answered FULL may be tried again */
};

struct module_role; /* a role that was added */

struct module_config {
    struct device_client_config
        device;          /* events and arg are filled in here; texts are copied by the client */
    const char *site;    /* "__siteid__"; NULL: what the desired twin says, or none */
    const char *version; /* "__version__"; NULL: this program's */
    uint32_t timeout_ms; /* of a call; 0: MODULE_TIMEOUT_MS */
};

struct module *module_new(const struct module_config *config);
/* Before module_start(). `ops` and `app` outlive the module. A method name that is taken is a bug.
 */
struct module_role *module_add(struct module *m, const struct module_role_ops *ops, void *app);
/* Connects, again and again. */
void module_start(struct module *m);
/* Ends calls that are under way (their `ended` is called) and unsent messages (on_sent: CANCELLED).
 */
void module_free(struct module **m);

struct loop *module_loop(const struct module *m);
const char *module_site(const struct module *m); /* "" for none */
const char *module_device_id(const struct module *m);
const char *module_id(const struct module *m); /* "" for a device */

/* ---- what roles send ---- */

/* Copies. FULL: wait for on_room, and for on_connected before the start. `token` is the role's own, below 2^56; on_sent follows. */
CHECKED enum status module_send(struct module_role *r, const struct iot_message *message,
                                uint64_t token);

/* A merge patch for the reported properties. Kept while there is no connection, and joined. */
void module_report(struct module *m, struct slice patch);

/* ---- calls from within the program: over HTTP, out of a file, out of pieces ---- */

/* The answer, as a caller at the hub would get it, but for its size. */
typedef void module_answer_fn(void *arg, int status, struct slice json);

/* Exactly one fn(), after this returned; at the latest when the module is freed (410). `timeout_ms`
 * 0: the method's. `who` is static: "api-key", …; NULL: it came from the hub after all. */
void module_invoke(struct module *m, const char *who, struct slice name, struct slice payload,
                   uint32_t timeout_ms, module_answer_fn *fn, void *arg);

/*
 * The same for whom an answer may be longer than memory: pieces of it as they are made, one at a time,
 * and after each module_piece_taken() from him, later; then the answer with what is left. A status of 400 or more
 * there, after a piece, says that the pieces are not all. Methods that know no pieces just answer.
 */
typedef void module_piece_fn(void *arg, struct module_call *c, struct slice json);
void module_invoke_pieces(struct module *m, const char *who, struct slice name, struct slice payload,
                          module_piece_fn *piece, module_answer_fn *fn, void *arg);
/* `gone`: nobody wants the rest; the call ends (410). */
void module_piece_taken(struct module_call *c, bool gone);

/* ---- who looks on ---- */

/* Told of each call that is accepted, before its handler runs, and of its answer. */
struct module_witness {
    void (*on_call)(void *arg, const struct module_call *c);
    void (*on_answer)(void *arg, const struct module_call *c, int status);
    void *arg;
};
/* Copies; before module_start(). */
void module_watch(struct module *m, const struct module_witness *w);
/* Somebody does: what is changed is worth a look before. */
bool module_is_watched(const struct module *m);

/* What a call changed, for who looks on: JSON, or empty. Until on_answer() returns. */
struct module_change {
    struct slice old;    /* what was there before */
    struct slice result; /* what came of it, without secrets */
};
/* Before the call is answered; borrowed until then. */
void module_call_changed(struct module_call *c, const struct module_change *change);
struct module_change module_call_change(const struct module_call *c);

/* ---- who looks at payloads ---- */

/* Whether `payload` (NULL: none) is what the method takes, by its name in the table; else `why` says
 * what is not, and where: "request.nodeId: not a string". */
typedef bool module_check_fn(struct slice method, const struct json *payload,
                             char why[REST_MODEL_WHY_MAX]);
/* Asked before a handler runs, whatever way the call came: false is answered with 400 and that
 * member. Before module_start(). */
void module_set_check(struct module *m, module_check_fn *check);

/* ---- a call ---- */

void *module_call_app(const struct module_call *c);
/* Names it in every log line: "callId" of the payload, as the services put it there, or one made
 * here. */
const char *module_call_id(const struct module_call *c);
/* The payload, read: NULL when it was empty. Lives as long as the call. */
const struct json *module_call_payload(const struct module_call *c);
/* The same with its document, which is the caller's from now on: for work on another thread. */
struct json_doc *module_call_take(struct module_call *c);
uint64_t module_call_left_ms(const struct module_call *c);

/* A handler that has not answered when it returns must have called this. `ended` is called when the
 * module answers in its place (408), or stops: the call is gone then. */
void module_call_wait(struct module_call *c, void (*ended)(void *arg), void *arg);

/* "hub", or who invoked it within the program. */
const char *module_call_who(const struct module_call *c);

/* The name that it was called by, as sent. */
struct slice module_call_name(const struct module_call *c);

/* Whether who called takes pieces: of a 200's body, in order, before module_reply() with the rest. `taken` is
 * called, later, when the next may come, and the call's time begins anew then; while a piece is with the
 * caller it stands still. Only for calls that wait (module_call_wait()). */
bool module_call_takes_pieces(const struct module_call *c);
void module_reply_piece(struct module_call *c, struct slice json, void (*taken)(void *arg), void *arg);

/* One of these ends the call. */
void module_reply(struct module_call *c, int status, struct slice json);
/* {"title":…,"status":…,"detail":…} with the status of `why`; `detail` may be NULL. */
void module_reply_error(struct module_call *c, enum status why, const char *detail);

/* 404 for NOT_FOUND and so on: what a module answers for an outcome. */
int module_status(enum status why);
