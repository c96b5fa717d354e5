/*
 * Reads HTTP/1.1 messages off a connection (RFC 9112), one after the other. No I/O.
 *
 *     while ((s = http_parser_feed(p, &bytes)) == OK) {
 *         answer(http_parser_message(p));   // at leisure: the message stays until
 * http_parser_next() http_parser_next(p);
 *     }
 *
 * What is refused (a length given twice, a length and chunks, bare line feeds) is what lets one
 * connection's request be taken for two.
 */
#pragma once

#include "http/message.h"

#define HTTP_HEAD_BYTES_MAX                                                                        \
    (32u << 10)                  /* start line, names and values, trailers: TOO_LARGE beyond */
#define HTTP_FIELD_COUNT_MAX 100 /* TOO_LARGE beyond */

enum http_parser_kind { HTTP_PARSER_REQUESTS, HTTP_PARSER_RESPONSES };

struct http_parser;

/* A body longer than `body_bytes_max` is TOO_LARGE, as soon as it is known. */
struct http_parser *http_parser_new(enum http_parser_kind kind, size_t body_bytes_max);
void http_parser_free(struct http_parser **p);

/* Takes from *bytes up to the end of one message and leaves the rest there.
 *   OK          a whole message: see http_parser_message(). Of an upgrade: the rest is not HTTP,
 *               unless http_parser_next() is called, which means that it was declined.
 *   AGAIN       all bytes were taken, the message goes on
 *   BAD_FORMAT  answer 400 and close
 *   TOO_LARGE   answer 431 while http_parser_head() is NULL, else 413, and close
 * After an error it stays there. After OK call http_parser_next() first. */
CHECKED enum status http_parser_feed(struct http_parser *p, struct slice *bytes);

/* The connection ended. OK: it was the end of a message (a response without a length), AGAIN: it
 * stood between two messages, BAD_FORMAT: inside one. */
CHECKED enum status http_parser_end(struct http_parser *p);

/* The complete message; its slices are alive until http_parser_next() or http_parser_free(). */
const struct http_message *http_parser_message(const struct http_parser *p);

/* What is known before the body is complete; NULL before the head is. */
const struct http_message *http_parser_head(const struct http_parser *p);

/* True once for a request that waits for "100 Continue" before it sends its body. Ask after AGAIN.
 */
bool http_parser_wants_continue(struct http_parser *p);

/* Drops the message and makes ready for the next one. */
void http_parser_next(struct http_parser *p);

/*
 * Bodies in pieces. Asked when the head of a message that has a body is complete: 0 gathers the
 * body as ever; else it may be so many bytes long, and feed() stops behind the head: OK, while
 * http_parser_complete() is false. What the calls after that took of the body is in
 * http_parser_body() until http_parser_body_drop().
 */
typedef uint64_t http_parser_head_fn(void *arg, const struct http_message *m);
void http_parser_on_head(struct http_parser *p, http_parser_head_fn *fn, void *arg);
bool http_parser_complete(const struct http_parser *p);
struct slice http_parser_body(const struct http_parser *p);
void http_parser_body_drop(struct http_parser *p);

/* For responses: the next one answers a HEAD request, and has no body whatever its head says. */
void http_parser_no_body(struct http_parser *p);

/* Nothing of a message has come yet: a connection that may be closed for idleness. */
bool http_parser_idle(const struct http_parser *p);

/* For log lines: what llhttp did not like. Never NULL. */
const char *http_parser_why(const struct http_parser *p);
