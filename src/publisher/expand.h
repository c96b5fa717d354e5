/*
 * What an entry means by objects and types: all variables of an object, and of every object of a
 * type, found by browsing the server once. On the OPC UA thread.
 *
 * A variable stands for itself, with `levels` for what it contains, too. An object gives one result
 * for itself and one for each object below it, of those that have variables; with a depth of 0 one
 * with all that is below. An object type gives the same for each of its instances below the Objects
 * folder, a variable type one result with all of its variables.
 */
#pragma once

#include "base/arena.h"
#include "opcua/session.h"
#include "published/plan.h"

#define EXPAND_NODES_MAX 100000 /* objects and variables of one expansion: BadTooManyOperations */
#define EXPAND_DEPTH_MAX 64

struct expand_options {
    uint32_t depth;      /* of objects below an object that have results of their own */
    uint32_t levels;     /* of variables below an object; 0: all. Below a variable: 0: none */
    bool no_subtypes;    /* instances of the type itself alone */
    bool exclude_root;   /* an object or variable that is named is left out, what is below is not */
    bool no_objects;     /* objects below an object are left out, with their variables */
    bool flatten;        /* variables of objects below an instance stand in the instance's result */
    uint32_t timeout_ms; /* for all of it */
};

struct expand_variable {
    struct slice id;   /* text */
    struct slice name; /* browse names from the object on, divided by dots */
};

struct expand_result {
    struct slice node;    /* as it was given */
    struct slice name;    /* of the object; empty: variables that were named themselves */
    UA_StatusCode status; /* not good: it could not be expanded, and has no variables */
    struct expand_variable *variables;
    size_t count, cap;
};

struct expansion {
    struct arena arena;
    struct expand_result *results;
    size_t count, cap;
    UA_StatusCode status; /* of the whole: the server, or a bound */
};

/* The result is the callee's, to be cleared. Called once, later, on the OPC UA thread. */
typedef void expand_fn(void *arg, struct expansion *result);

/* The connection and the items of the writer; copied. */
void expand_begin(struct opcua_thread *t, const struct plan_writer *what,
                  const struct expand_options *options, expand_fn *fn, void *arg);
void expansion_clear(struct expansion *e);
