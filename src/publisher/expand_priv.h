/* The inside of publisher/expand.h: expand.c (what is told, and what it leads to), expand_ask.c
 * (asking). */
#pragma once

#include "base/map.h"
#include "opcua/browse_many.h"
#include "publisher/expand.h"

enum visit_kind {
    LOOK,     /* what the named node is */
    COLLECT,  /* an object: its variables, and the objects below */
    SUBTYPES, /* of a type */
    SEARCH,   /* below it for instances of the types found */
};

/* A node that is still to be looked at. */
struct visit {
    struct visit *next;
    enum visit_kind kind;
    UA_NodeId id;
    struct slice node;     /* as it was named */
    struct slice object;   /* name of the object that variables belong to */
    struct slice prefix;   /* of their names: objects between, when flattened */
    size_t result;         /* of that object; NO_RESULT: none yet */
    uint32_t depth, level; /* of objects; of variables in their object */
    bool is_variable;
    bool flatten, silent; /* silent: it gives no result, what is below does */
    bool looked, asked;   /* the server was: what it is (LOOK), what it refers to */
    UA_NodeClass class;   /* of LOOK, as what follows */
    struct slice name;
    UA_StatusCode status; /* it is not there, or not what is wanted */
    struct opcua_browsed found;
};

#define NO_RESULT SIZE_MAX

struct walk {
    struct opcua_session *session;
    struct loop *loop;
    struct expand_options options;
    uint64_t ends_ms;
    expand_fn *fn;
    void *arg;
    struct expansion out;
    struct visit *first, *now;
    struct visit *place; /* new visits come behind it: what a node leads to before the next node */
    struct map seen, types; /* of node ids as text; the values are of no meaning */
    size_t nodes;
    struct visit *asked[OPCUA_BROWSE_MANY_MAX]; /* with the call under way */
    size_t asked_count;
    bool reads; /* the call does; or it browses */
    bool read_many; /* a call did, of more than one */
    UA_StatusCode lost_why;
    size_t most, most_read; /* of these, when they are browsed and read; 0: as many as the server bears */
    size_t fewer; /* are read until it is known which one is refused; 0: none is */
};

/* ---- expand.c ---- */

uint32_t expand_left_ms(const struct walk *w);
/* On from `now`, as far as it goes with what was told. */
void expand_go_on(struct walk *w);
void expand_end(struct walk *w, UA_StatusCode status);
/* Whether a variable that is named stands for more than itself. */
bool expand_goes_below(const struct walk *w);

/* ---- expand_ask.c ---- */

/* Whether `now` needs no more of the server; otherwise it is asked, with as many of those that come
 * later as are one call, and expand_go_on() follows. */
bool expand_is_told(struct walk *w);
