/* The inside of writers/backfill.h: backfill.c (gaps), backfill_calls.c (asking the historian),
 * backfill_page.c (what it answered is told). */
#pragma once

#include "opcua/lookup.h"
#include "writers/backfill.h"

#define BACKFILL_FOR_EVER INT64_MAX

enum backfill_history { BACKFILL_HISTORY_UNKNOWN, BACKFILL_HISTORY_THERE, BACKFILL_HISTORY_NONE };

struct backfill_gap_span {
    UA_DateTime from, until; /* both were told; BACKFILL_FOR_EVER: nobody knows yet */
};

struct backfill_item {
    struct link link; /* in the queue, when it has a gap whose end is known */
    struct backfill *owner;
    struct slice node, path, index_range;
    UA_NodeId at; /* at the end of the path, on this server; null: not looked for yet */
    struct opcua_lookup *lookup;
    void *arg;
    UA_DateTime last;               /* of the values that were told; 0: none */
    struct backfill_gap_span *gaps; /* the first is read; BACKFILL_GAPS_MAX of them, or NULL */
    uint8_t gap_count;
    bool open; /* the next live value is the end of the last gap */
    uint8_t history, tries;
    UA_DateTime beyond; /* where a gap more than there may be began; 0: none */
};

struct backfill {
    struct link link;
    struct opcua_session *session;
    struct loop *loop;
    struct opcua_session_listener listener;
    struct backfill_config config;
    struct list queue;
    struct loop_timer timer;        /* until the next call */
    struct backfill_asking *out;    /* a call */
    struct backfill_page *page;     /* an answer whose values are not told yet; NULL: none */
    UA_ByteString continuation;     /* of the first item's gap */
    unsigned empty;                 /* pages of it in a row that had nothing */
    struct backfill_gap_span asked; /* the same for all pages of a continuation */
    bool said_ahead;                /* values are, of the clocks */
    unsigned refs;
};

/* ---- backfill.c ---- */

bool backfill_is_readable(const struct backfill_item *i); /* there is a gap whose end is known */
void backfill_dequeue(struct backfill_item *i);
void backfill_drop_gap(struct backfill_item *i, size_t at);
void backfill_tell_lost(struct backfill_item *i, UA_DateTime from, UA_DateTime until);

/* ---- backfill_calls.c ---- */

/* The next call, when it is its time. */
void backfill_pump_later(struct backfill *b, uint64_t ms);
void backfill_forget_node(struct backfill_item *i);
/* Nobody wants the rest: the server need not keep it. */
void backfill_release(struct opcua_session *s, UA_ByteString continuation);
void backfill_drop_continuation(struct backfill *b); /* that of the first item's gap */
/* It went with the connection, or with what asked for it: the gap is read from where it begins now. */
void backfill_lose_continuation(struct backfill *b);
/* Before the item goes: the call that is out may be about it. */
void backfill_calls_leave(struct backfill_item *i);
/* Before `b` goes. */
void backfill_calls_end(struct backfill *b);

/* ---- backfill_page.c ---- */

/* Tells the values of an answer, which is moved out of *r, as soon as what is in them is known;
 * then goes on. */
void backfill_page_take(struct backfill_item *i, UA_HistoryReadResult *r);
/* It is not told: the connection has gone, or the item goes. The gap stays as it is. */
void backfill_page_drop(struct backfill *b);
void backfill_page_leave(struct backfill_item *i);
