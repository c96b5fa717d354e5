/*
 * The program's HTTP client. curl runs on a thread of its own; calls are made and answered on one
 * loop. Connections are kept and used again. At most `active` calls run at a time, `waiting` more
 * wait for a place, and beyond that rest_client_send() answers BUSY.
 */
#pragma once

#include "io/loop.h"
#include "rest/route.h"

struct rest_client;
struct rest_answer;

/* Zero and NULL mean the default named beside it. */
struct rest_client_config {
    struct loop *loop;
    const char *ca_file; /* PEM, trusted instead of the machine's */
    const char *certificate_file, *key_file; /* PEM, to show when asked; NULL: none */
    const char *proxy;   /* URL; NULL: none, whatever the environment says */
    size_t active;       /* 64 */
    size_t waiting;      /* 4096 */
    size_t body_bytes;   /* of an answer; TOO_LARGE beyond. 4 MiB */
    uint64_t connect_ms; /* 10 s */
};

struct rest_client *rest_client_new(const struct rest_client_config *config);
/* Every call that was not answered is answered with CANCELLED before it returns. Not from inside
 * a `done`. */
void rest_client_free(struct rest_client **c);

/* OK: the server answered, whatever its status. Otherwise TIMED_OUT, OFFLINE (no connection),
 * UNAUTHORIZED (its certificate), TOO_LARGE, IO_FAILED, CANCELLED, and `a` is NULL. `a` lives until
 * the call returns. */
typedef void rest_client_fn(void *arg, enum status why, const struct rest_answer *a);

struct rest_answer {
    int status;
    struct slice body;
    struct slice headers; /* "Name: value\r\n" each: see rest_answer_header() */
};

/* Empty when absent. */
struct slice rest_answer_header(const struct rest_answer *a, const char *name);

struct rest_call {
    const char *method;               /* "GET" */
    const char *url;                  /* http:// or https://, encoded */
    const struct rest_field *headers; /* as they are to be sent */
    size_t header_count;
    struct slice body;       /* sent when it is not empty, or the method is POST, PUT or PATCH */
    uint64_t timeout_ms;     /* for all of it; 0: 30 s */
    const char *unix_socket; /* connects there instead of to the URL's host; may be NULL */
};

/* On the client's loop. Copies. BUSY; BAD_ARGUMENT for a URL that is none; CANCELLED while it is
 * freed. `done` follows after OK alone. */
CHECKED enum status rest_client_send(struct rest_client *c, const struct rest_call *call,
                                     rest_client_fn *done, void *arg);
