/*
 * One method call on its way: made on the module's loop, worked on by the OPC UA thread, answered
 * on the loop again. Between begin and one of the endings only the OPC UA thread touches it.
 */
#pragma once

#include "opcua/result_json.h"
#include "opcua/session.h"
#include "opcua/value_json.h"
#include "twin/twin.h"
#include "json/write.h"

struct twin_request;
struct twin_owned;

typedef void twin_run_fn(struct twin_request *r);

struct twin {
    struct module *module;
    struct loop *loop;
    struct opcua_thread *thread;
    struct list requests; /* of struct twin_request; the module's loop */
    size_t request_count;
    struct list holds; /* of sessions; the OPC UA thread */
    size_t hold_count;
};

#define TWIN_PIECE_BYTES (64u << 10) /* from here on what was written is passed on */
#define TWIN_PIECES_MAX 8            /* passed on, and not with the caller yet */

#define TWIN_URLS_MAX 16 /* of one endpoint: the further ones are not tried */

enum twin_need {
    TWIN_SESSION,      /* without one the request fails */
    TWIN_CONNECTION,   /* the same, but that it cannot be had is the answer: "errorInfo" */
    TWIN_ENDPOINT,     /* the payload is the endpoint itself; there is no session */
};

struct twin_request {
    /* the module's loop */
    struct link link;
    struct twin *twin;
    struct module_call *call; /* NULL: its caller has given up */
    uint64_t budget_ms;
    bool takes_pieces; /* read by both; see flow.c */
    struct list pieces;
    bool piece_out, ended;

    /* the OPC UA thread */
    struct json_doc *doc;
    const struct json *parameters; /* all of the payload */
    const struct json *body; /* "request" beside "connection"; NULL when there is none */
    twin_run_fn *run;
    char id[MODULE_CALL_ID_MAX];
    struct arena arena; /* what run() takes; */
    struct arena names_arena;
    struct twin_owned *owned;
    struct opcua_session *session; /* ready when run() is called */
    struct opcua_session_listener listener;
    struct loop_timer patience;
    struct opcua_connection connection;
    struct slice urls[TWIN_URLS_MAX];
    size_t url_count, url;
    struct opcua_namespaces names;
    struct opcua_value_form form;
    struct opcua_types *types; /* NULL: not needed so far; see twin/types.h */
    uint64_t ends_ms;
    struct json_writer writer; /* on `out` */
    struct buffer out;
    struct buffer scratch; /* of whoever writes a text, until he has written it */
    int status;
    UA_TimestampsToReturn times; /* of what twin_read() reads */
    double max_age_ms;           /* likewise */
    bool watched;         /* somebody wants to know what was there before a change; before.h */
    bool changes;         /* and this is one: */
    struct buffer before; /* what was there, JSON; */
    struct buffer after;  /* what is there now; empty: the answer says it */
    bool hold; /* keep the session for a continuation token */
    bool of_2_8; /* the payload has 2.8's shape, and so the answer: see twin/endpoint.h */
    bool array;  /* the answer is an array, and has no place for "errorInfo": a fault is a problem */
    enum twin_need need;
    struct list pieces_sent; /* what twin_request_pass_on() gave away */
    size_t pieces_out;
    bool passed_on, abandoned;
    void (*go_on)(void *arg);
    void *go_on_arg;
    void (*on_end)(void *arg); /* NULL, or called when it ends, on the OPC UA thread */
    void *on_end_arg;
};

/* A handler of the module's: takes the call over. */
void twin_request_begin(struct module_call *c, twin_run_fn *run, enum twin_need need);

/* ---- while it runs ---- */

uint32_t twin_request_left_ms(const struct twin_request *r);

/* OPCUA_CALL on the request's session within its time. */
#define TWIN_CALL(r, NAME, request, done, arg)                                                     \
    OPCUA_CALL((r)->session, OPCUA_CALL_NOW, NAME, (request), (done), (arg),                       \
               twin_request_left_ms(r))

/* An array or value of `type` that ends with the request; returns it. */
void *twin_request_own(struct twin_request *r, void *array, size_t count, const UA_DataType *type);

/* What an id that was read points to ends with the request. */
void twin_request_own_id(struct twin_request *r, const UA_NodeId *id);

/* Where what is read lives: the request's memory, or that of a turn in what runs long. */
struct twin_keep {
    struct arena arena;
    struct twin_owned *owned;
};
void *twin_keep_own(struct arena *a, struct twin_owned **owned, void *array, size_t count,
                    const UA_DataType *type);
void twin_keep_reset(struct twin_keep *k); /* frees what was taken from it */
void twin_keep_clear(struct twin_keep *k);

/* ---- answers longer than memory (flow.c) ---- */

/*
 * Between two turns of what runs long: gives away what was written so far, where the caller takes
 * pieces. False: he has enough for now, and go_on(arg), unless NULL, is called when he takes more, or
 * has given up; then r->abandoned is set, and the request is to be ended.
 */
bool twin_request_pass_on(struct twin_request *r, void (*go_on)(void *arg), void *arg);
/* Whether it would be true once more, after what is to be written now. */
bool twin_request_has_room_for_next(const struct twin_request *r);

/* ---- how it ends: exactly one of these ---- */

/* With what r->writer wrote, and 200. */
void twin_request_done(struct twin_request *r);
/* With problem details. */
void twin_request_fail(struct twin_request *r, enum status why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A service has failed: what is between us and the server gets a status, what the server says is
 * 200 with "errorInfo" (the published contract). `text` may be NULL. */
void twin_request_fault(struct twin_request *r, UA_StatusCode code, const char *text);

/* ---- pieces of bodies ---- */

/* Nothing when it is not there. */
void twin_put_time(struct json_writer *w, const char *name, bool has, UA_DateTime t);
void twin_put_picoseconds(struct json_writer *w, const char *name, bool has, UA_UInt16 v);

/* A node id out of a text; false after the request has ended with the reason. */
bool twin_request_node_id(struct twin_request *r, struct slice text, UA_NodeId *out);

/* The member's texts, ["a","b"] or one text; count 0 when it is absent. False after it has ended.
 */
bool twin_request_texts(struct twin_request *r, const struct json *v, struct slice **out,
                        size_t *count);

/* "timestampsToReturn"; Both when it is absent. False after it has ended. */
bool twin_request_times(struct twin_request *r, UA_TimestampsToReturn *out);

void twin_put_node_id(struct twin_request *r, const char *name, const UA_NodeId *id);

/* The module's loop: what is left of an answer, after its pieces. */
void twin_request_answer(struct twin_request *r);
void twin_request_give_up(struct twin_request *r);
void twin_request_drop_pieces(struct twin_request *r); /* with what it has left */

void twin_request_drop_holds(void *twin);       /* on the OPC UA thread */
void twin_request_let_go(struct twin_request *r); /* the loop: frees all but its own memory */
void twin_request_free(struct twin_request *r);
