/*
 * The words of a query. A path is one word, with its steps. For query.c alone.
 */
#pragma once

#include "iot/query.h"

enum iot_query_token_kind {
    IOT_TOKEN_END,
    IOT_TOKEN_NAME, /* a path; with one plain step it may be a keyword or a function */
    IOT_TOKEN_STRING,
    IOT_TOKEN_NUMBER,
    IOT_TOKEN_SYMBOL,
    IOT_TOKEN_BAD, /* `why` says what is wrong */
};

struct iot_query_token {
    enum iot_query_token_kind kind;
    struct slice text; /* as it is written; the symbol itself */
    size_t at;         /* from 1 */
    struct iot_query_path path;
    bool plain; /* NAME: one step without brackets or braces */
    struct slice string;
    double number;
    const char *why;
};

struct iot_query_lexer {
    struct arena *arena;
    struct slice text;
    size_t at; /* from 0 */
};

struct iot_query_token iot_query_lex(struct iot_query_lexer *l);
