/*
 * From a value's number back to its place in the text. The parser lays values out in the order of
 * their tokens, names included, so the n-th value is the n-th token; nothing is kept for it.
 */
#pragma once

#include "base/slice.h"

/* Byte offset of the n-th token of a text that was parsed before; text.len when there are not so
 * many. */
size_t json_token_at(struct slice text, size_t n);

/* Behind the comment that begins at `at`; of a line it ends before a line feed or a carriage return,
 * whichever comes first, as for the parser. */
size_t json_comment_end(struct slice text, size_t at);

/* Both from 1; the column counts characters of UTF-8. */
void json_line_column(struct slice text, size_t at, unsigned *line, unsigned *column);
