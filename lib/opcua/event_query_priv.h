/* The inside of event queries: event_query_lex.c (words), event_query.c (sentences),
 * event_query_id.c (what a name means), event_query_put.c (the filter). */
#pragma once

#include "base/arena.h"
#include "opcua/event_query.h"

enum query_token {
    QUERY_END,
    QUERY_ID,     /* a word, a name, a node id or a path; text as it stands */
    QUERY_QUOTED, /* the same, never a keyword */
    QUERY_NUMBER,
    QUERY_STRING, /* text with its doubled quotes, without those around it */
    QUERY_URI,    /* of <…> */
    QUERY_SIGN,   /* = == > < >= <= <> != !< !> ! & | ( ) , ; * ^^ */
    QUERY_BAD,
};

struct query_lexer {
    struct slice text;
    size_t at;
    enum query_token token; /* the one that is looked at */
    struct slice word;
    size_t from; /* where it begins */
};

void query_next(struct query_lexer *l);
bool query_is_sign(const struct query_lexer *l, const char *sign);
bool query_is_word(const struct query_lexer *l, const char *keyword);

/* What stands in a where clause or is selected. */
enum query_kind { QUERY_OPERATION, QUERY_LITERAL, QUERY_FIELD };

struct query_node {
    enum query_kind kind;
    const char *operation; /* "Equals" */
    struct query_node **operands;
    size_t count;
    struct slice value, type; /* of a literal: JSON, and a name or node id */
    struct slice node;        /* of a field: its type's node id; or a node id alone */
    const struct slice *path; /* qualified names */
    size_t depth;
    uint32_t attribute; /* 0: Value */
    struct slice alias; /* of what is selected */
    bool is_node;       /* a node id alone: a literal */
};

struct query_type { /* of FROM */
    struct slice node, alias;
};

struct query_prefix {
    struct slice name, uri;
};

struct query {
    struct query_lexer lexer;
    struct arena *arena;
    struct buffer *why;
    enum status failed; /* the first failure; OK: none */
    unsigned depth;
    struct query_prefix prefixes[OPCUA_QUERY_TYPES_MAX];
    size_t prefix_count;
    struct query_type types[OPCUA_QUERY_TYPES_MAX];
    size_t type_count;
    struct query_node *fields[OPCUA_QUERY_FIELDS_MAX];
    size_t field_count;
    bool all; /* SELECT * */
    struct query_node *where;
};

/* Says where it is and what is wrong, once. Gives NULL. */
void *query_fail(struct query *q, enum status why, size_t at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What the text at `at` means: a field, or a node alone. NULL: it failed. */
struct query_node *query_field(struct query *q, struct slice text, size_t at);
/* A type's node id; empty when it failed. */
struct slice query_type_id(struct query *q, struct slice text, size_t at);
/* A data type's name or node id, after ^^. */
struct slice query_data_type(struct query *q, struct slice text, size_t at);

CHECKED enum status query_put(struct query *q, struct buffer *out);
