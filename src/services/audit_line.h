/* A line of the audit log, made and read. Pure. */
#pragma once

#include "base/buffer.h"
#include "rest/route.h"

#define AUDIT_HASH_LEN 64

struct audit_place { /* of the next line */
    uint64_t number;
    char previous[AUDIT_HASH_LEN + 1]; /* 64 zeros before the first */
};

struct audit_line {
    const char *event;                  /* "asked", "answered", "forbidden", "cut" */
    const struct rest_request *request; /* NULL for "cut" */
    int status;                         /* 0: not told */
    uint64_t wall_ms;
    uint64_t bytes; /* of "cut" */
};

/* Appends the line with its end, and moves the place on. Passwords and secrets of the body are left
 * out. */
void audit_line_put(const struct audit_line *line, struct audit_place *place, struct buffer *out);

/* Whether `line` (without its end) is the next one; then the place moves on. *why says what is
 * wrong. */
bool audit_line_check(struct slice line, struct audit_place *place, const char **why);

/* Takes the place behind `line`, unlooked at but for its own hash. */
bool audit_line_follow(struct slice line, struct audit_place *place);
