/*
 * A start-up file: calls of the module's methods, one after the other, as OPC Publisher's
 * publishednodes.init has them (2.9.12 and later). Pure.
 *
 *     # comments and // comments; in them @no-log, @timeout 10, @retries 3, @delay 2,
 *     # @on-error, @continue-on-error
 *     POST AddOrUpdateEndpoints_V1 HTTP/1.1
 *     Content-Type: application/json
 *
 *     [{ … }]
 *     ###
 *
 * Of the request line the method's name counts alone; a body goes to the next line with ###.
 */
#pragma once

#include "base/slice.h"

#define INIT_REQUESTS_MAX 10000 /* of one file */
#define INIT_RETRIES_MAX 1000
#define INIT_SECONDS_MAX 86400

struct init_request {
    struct slice text; /* all of it, as it stands */
    struct slice method, body;
    unsigned line;                 /* of the request line, from 1 */
    uint64_t timeout_ms, delay_ms; /* 0: not said */
    unsigned retries;
    bool no_log;            /* its answer is not written into the log */
    bool on_error;          /* only when the one before it failed */
    bool continue_on_error; /* the next one comes whatever becomes of it */
};

struct init_reader {
    struct slice left;
    unsigned line;
};

struct init_reader init_reader(struct slice text);
/* False at the end. A part without a request line is passed over. */
bool init_next(struct init_reader *r, struct init_request *out);
