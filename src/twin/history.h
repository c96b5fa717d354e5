/* What is read of histories: in which shape it is told, and a token for the rest. */
#pragma once

#include "twin/request.h"

enum history_shape {
    HISTORY_RAW,    /* as the server gave it: {"TypeId","Encoding","Body"} */
    HISTORY_VALUES, /* an array of HistoricValue */
    HISTORY_EVENTS, /* an array of HistoricEvent */
};

/* ---- history_put.c ---- */

/* The values or events, without the array's brackets; how many there were. The shape of the
 * values is 2.8's or 2.9's as the request is. */
size_t history_put_elements(struct twin_request *r, enum history_shape shape,
                            const UA_ExtensionObject *data);
/* The extension object, or null. */
void history_put_raw(struct twin_request *r, const UA_ExtensionObject *data);

/* ---- history_token.c ---- */

/* A token is all that the server has to be asked again, so that nothing is kept here: the request
 * with the server's continuation point in it, encoded. */
void history_token_print(const UA_HistoryReadRequest *ask, struct buffer *out);
/* BAD_FORMAT: not such a token. The caller clears *out. */
CHECKED enum status history_token_parse(struct slice text, UA_HistoryReadRequest *out);
