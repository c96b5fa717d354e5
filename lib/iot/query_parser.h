/*
 * A query being read: its words one after the other, and conditions, which stand in every kind of
 * query. For query.c alone. After the first mistake nothing more is taken.
 */
#pragma once

#include "iot/query_lex.h"

struct iot_query_parser {
    struct arena *arena;
    struct iot_query_lexer lexer;
    struct iot_query_token now;
    const char *why;    /* the first thing that was wrong; all that follows is undone */
    struct slice alias; /* of the source */
    enum iot_query_source source;
    bool has_source;
    bool has_clauses; /* SELECT, FROM and their like are keywords: not in a bare condition */
};

/* "position 15: expected FROM, found 'devices'"; and what is wrong with something that was read. */
void iot_query_expect(struct iot_query_parser *p, const char *expected);
void iot_query_refuse(struct iot_query_parser *p, size_t at, const char *what);

void iot_query_advance(struct iot_query_parser *p);
bool iot_query_at_word(const struct iot_query_parser *p, const char *word); /* in any case */
bool iot_query_at_symbol(const struct iot_query_parser *p, const char *symbol);
bool iot_query_take_word(struct iot_query_parser *p, const char *word);
bool iot_query_take_symbol(struct iot_query_parser *p, const char *symbol);
bool iot_query_at_keyword(const struct iot_query_parser *p);

/* `devices.tags.x` and `c.tags.x` are `tags.x`. */
struct iot_query_path iot_query_without_source(const struct iot_query_parser *p,
                                               struct iot_query_path path);

const struct iot_query_expr *iot_query_condition(struct iot_query_parser *p);
